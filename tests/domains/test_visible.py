"""What hides in foreign text is shown, and what is only foreign stays readable."""

import pytest

from domains.visible import all_visible, looks_like, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("bücher.example", "bücher.example"),
        ("привет", "привет"),
        ("p\u0430ypal", "p\u0430⟨U+0430⟩ypal"),  # a Cyrillic letter between Latin ones
        ("a\u202egpj.exe", "a⟨U+202E⟩gpj.exe"),
        ("a\u200bb\0", "a⟨U+200B⟩b⟨U+0000⟩"),
        ("one\r\nline", "one  line"),
        ("e" + "\u0301" * 40, "e" + "\u0301" * 3),
        ("<b>", "<b>"),  # escaping is the template's business
    ],
)
def test_text_is_shown_as_it_is(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_long_text_is_cut() -> None:
    assert visible("x" * 3000, 10) == "x" * 10 + "…"
    assert visible("é" * 3000, 10) == "é" * 10 + "…"


def test_every_text_of_a_value_is_shown() -> None:
    assert all_visible({"\u202e": ["\u200b", 1, None, {"a": "\0"}]}) == {
        "⟨U+202E⟩": ["⟨U+200B⟩", 1, None, {"a": "⟨U+0000⟩"}]
    }


@pytest.mark.parametrize(
    ("name", "plain"),
    [("xn--pypal-4ve.example", "paypal.example"), ("xn--bcher-kva.example", ""), ("paypal.example", "")],
)
def test_a_look_alike_name_is_told(name: str, plain: str) -> None:
    assert looks_like(name) == plain
