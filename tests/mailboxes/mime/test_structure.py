"""ENVELOPE, BODY and BODYSTRUCTURE: the RFCs' examples, odd mail, and the caps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailboxes.mime.headers import parse_addresses, split_fields
from mailboxes.mime.limits import ADDRESSES, LEVELS, PARTS
from mailboxes.mime.parts import parse_parts
from mailboxes.mime.structure import describe

RFC3501_HEADER = b"""\
Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
From: Terry Gray <gray@cac.washington.edu>
Subject: IMAP4rev1 WG mtg summary and minutes
To: imap@cac.washington.edu
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>
Message-Id: <B27397-0100000@cac.washington.edu>
MIME-Version: 1.0
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII

""".replace(b"\n", b"\r\n")
GRAY = b'(("Terry Gray" NIL "gray" "cac.washington.edu"))'


def message(content_type: str, body: str) -> bytes:
    return f"Content-Type: {content_type}\n\n{body}".replace("\n", "\r\n").encode()


def test_the_example_of_rfc_9051_section_7_5_2() -> None:
    body = b"x" * 76 + b"\r\n"
    found = describe(RFC3501_HEADER + body)
    assert found.envelope == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
        + b" ".join([GRAY] * 3)
        + b' ((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")'
        b'("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "<B27397-0100000@cac.washington.edu>")'
    )
    assert found.body == b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 78 1)'
    assert found.header_octets == len(RFC3501_HEADER)


def test_the_example_of_rfc_2046_section_5_1_1() -> None:
    octets = message(
        'multipart/mixed; boundary="simple boundary"',
        "This is the preamble.\n\n--simple boundary\n\nThis is implicitly typed plain US-ASCII text.\n"
        "It does NOT end with a linebreak.\n--simple boundary\nContent-type: text/plain; charset=us-ascii\n\n"
        "This is explicitly typed plain US-ASCII text.\nIt DOES end with a linebreak.\n\n--simple boundary--\n\n"
        "This is the epilogue.\n",
    )
    _, first, second = parse_parts(octets)
    assert octets[first.body_start : first.end].endswith(b"NOT end with a linebreak.")
    assert octets[second.body_start : second.end].endswith(b"DOES end with a linebreak.\r\n")
    assert describe(octets).body == (
        b'(("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 80 1)'
        b'("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 78 2) "MIXED")'
    )


def test_an_embedded_message_has_an_envelope_and_its_own_parts() -> None:
    inner = 'Subject: inner\nFrom: b@example.org\nContent-Type: multipart/alternative; boundary="y"\n\n'
    octets = message(
        'multipart/mixed; boundary="x"',
        f"--x\nContent-Type: message/rfc822\n\n{inner}--y\n\na\n--y\nContent-Type: text/html\n\n<b>\n--y--\n--x--\n",
    )
    body = describe(octets).body
    assert b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" ' in body
    assert b'(NIL "inner" ((NIL NIL "b" "example.org"))' in body
    assert body.endswith(b'"ALTERNATIVE") 11) "MIXED")')


@pytest.mark.parametrize(
    ("value", "expected", "why"),
    [
        (b"a@b.example", [(None, "a@b.example")], "bare"),
        (b'"Doe, Jane" <j@b.example>', [(b"Doe, Jane", "j@b.example")], "comma inside quotes"),
        (b"j@b.example (Jane Doe)", [(b"Jane Doe", "j@b.example")], "name as a comment"),
        (b"Jane (not <x@y>) Doe <j@b.example>", [(b"Jane Doe", "j@b.example")], "comment inside the phrase"),
        (b'"a\\"b" <"odd local"@b.example>', [(b'a"b', "odd local@b.example")], "quoted pairs, quoted local part"),
        (b"<@one,@two:j@b.example>, k@c.example", [(None, "j@b.example"), (None, "k@c.example")], "source route"),
        (b"a@b.example,, ,c@d.example", [(None, "a@b.example"), (None, "c@d.example")], "empty elements"),
        (b"<>", [(None, "")], "empty path"),
        (b"((((((", [], "comments without end"),
        (b'"unclosed <a@b.example>', [(None, "")], "quoted string without end"),
    ],
)
def test_addresses(value: bytes, expected: list[tuple[bytes | None, str]], why: str) -> None:
    assert [(found.name, found.text) for found in parse_addresses(value)] == expected, why


def test_groups_are_marked() -> None:
    found = parse_addresses(b"Friends: a@b.example, B <b@c.example>;, z@d.example")
    assert [(a.mailbox, a.host) for a in found] == [
        (b"Friends", None), (b"a", b"b.example"), (b"b", b"c.example"), (None, None), (b"z", b"d.example"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("octets", "body", "why"),
    [
        (b"", b'("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 0 0)', "nothing at all"),
        (message("multipart/mixed", "x\n"), b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1)', "no boundary"),
        (message("multipart/mixed; boundary=b", "x\n"), b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1)', "no part"),
        (message("nonsense", "x\n"), b'("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 3 1)', "no media type"),
        (
            message("multipart/mixed; boundary=b", "--b\nContent-Type: text/html\n--b--\n"),
            b'(("TEXT" "HTML" NIL NIL NIL "7BIT" 0 0) "MIXED")',
            "a part that is a header only",
        ),
    ],
)
def test_odd_mail_is_described_all_the_same(octets: bytes, body: bytes, why: str) -> None:
    assert describe(octets).body == body, why


def test_strings_that_cannot_be_quoted_are_literals() -> None:
    found = describe(b"Subject: caf\xc3\xa9\r\n\r\n").envelope
    assert found.startswith(b"(NIL {5}\r\ncaf\xc3\xa9 NIL ")


# --- Caps --------------------------------------------------------------------------------------------------------


def test_a_thousand_open_parentheses_in_a_header() -> None:
    found = describe(b"From: " + b"(" * 1000 + b"\r\nTo: " + b"(" * 60_000 + b"\r\nSubject: s\r\n\r\nx")
    assert found.envelope == b'(NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL)'


def test_a_subject_of_280_kb_of_encoded_words_is_opaque() -> None:
    octets = b"Subject: " + b"=?utf-8?q?a?= " * 20_000 + b"\r\nFrom: a@b.example\r\n\r\nbody\r\n"
    found = describe(octets)
    assert found.envelope.startswith(b"(NIL NIL ")
    assert found.body == b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 6 1)'
    assert found.header_octets == len(octets) - 6


def test_a_twenty_octet_message_id() -> None:
    assert describe(b"Message-ID: <[]\r\n\r\n").envelope.endswith(b'"<[]")')


def test_levels_beyond_the_cap_are_one_opaque_part() -> None:
    octets = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(200))
    found = describe(octets)
    assert found.body.count(b'"APPLICATION" "OCTET-STREAM"') == 1
    assert found.body.count(b'"MIXED"') == LEVELS - 1


def test_parts_beyond_the_cap_are_not_listed() -> None:
    octets = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 5000
    assert len(parse_parts(octets)) == PARTS


def test_addresses_and_parameters_beyond_their_caps() -> None:
    assert len(parse_addresses(b"a@b," * 5000)) == ADDRESSES
    octets = b"Content-Type: text/plain" + b"".join(b"; p%d=v" % n for n in range(1000)) + b"\r\n\r\n"
    assert describe(octets).body.count(b'"v"') == 200


@pytest.mark.parametrize("size", [1_000, 2_000])
def test_the_work_is_linear(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that look like boundaries cost one comparison each, whatever the depth."""
    from mailboxes.mime import parts

    calls = 0
    original = parts._Reader._match

    def counted(self: parts._Reader, start: int) -> object:
        nonlocal calls
        calls += 1
        return original(self, start)

    monkeypatch.setattr(parts._Reader, "_match", counted)
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(20))
    describe(nested + b"\r\n" + b"--bx\r\n" * size)
    assert calls <= size + 50


HOSTILE = st.lists(
    st.sampled_from(
        [b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n", b"\r\n", b"--b\r\n",
         b"--b--\r\n", b"From: (", b'"', b"<@", b"\n", b"\r", b": ;", b"\xff\0", b"--b", b" folded\r\n",
         b"Subject: x\r\n"]
    ),
    max_size=40,
).map(b"".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(HOSTILE | st.binary(max_size=300))
def test_any_octets_have_a_description(octets: bytes) -> None:
    found = describe(octets)
    assert 0 <= found.header_octets <= len(octets)
    assert found.body_structure.count(b"(") >= 1
    for part in parse_parts(octets):
        assert 0 <= part.start <= part.body_start <= part.end <= len(octets)


@settings(max_examples=200, deadline=None)
@given(HOSTILE)
def test_fields_join_to_the_header(octets: bytes) -> None:
    joined = b"".join(field.raw for field in split_fields(octets))
    assert octets.startswith(joined)
