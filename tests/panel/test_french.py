"""The French catalogue: complete, its place-holders whole, and compiled without msgfmt."""

import ast
import gettext
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

from mailadmin.catalogue import BadCatalogue, compile_catalogues, parse_catalogue, serialise_catalogue

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("domains", "mailboxes", "antispam", "mailadmin")
CALLS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
PLACE = re.compile(r"%\(\w+\)[sd]")
TEMPLATE_CALL = re.compile(r"\b(_|gettext|ngettext)\(u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")


def _catalogue() -> dict[str, str]:
    path = ROOT / "mailadmin" / "locale" / "fr" / "LC_MESSAGES" / "django.po"
    return parse_catalogue(path.read_text(encoding="utf-8"))


def _in_python() -> Iterator[str]:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in CALLS:
                    continue
                if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                    yield node.args[0].value


def _in_templates() -> Iterator[str]:
    for path in (ROOT / "templates").rglob("*.html"):
        for found in TEMPLATE_CALL.finditer(templatize(path.read_text(encoding="utf-8"))):
            yield ast.literal_eval(found[2]).replace("%%", "%")


def test_every_text_has_its_french() -> None:
    known = {key.split("\0")[0] for key in _catalogue()}
    wanted = set(_in_python()) | set(_in_templates())
    assert len(wanted) > 400
    assert sorted(wanted - known) == []


def test_place_holders_are_the_same_in_both_languages() -> None:
    for key, value in _catalogue().items():
        if key:
            expected = set(PLACE.findall(key))
            for form in value.split("\0"):
                assert set(PLACE.findall(form)) == expected, key


def test_what_is_written_is_what_gettext_reads() -> None:
    text = (
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n\n'
        'msgid "a"\n"b\\n"\nmsgstr "é"\n"ç"\n\nmsgid "one"\nmsgid_plural "many"\n'
        'msgstr[0] "un"\nmsgstr[1] "des"\n\n'
        '#, fuzzy\nmsgid "guess"\nmsgstr "wrong"\n\nmsgid "empty"\nmsgstr ""\n'
    )
    read = gettext.GNUTranslations(BytesIO(serialise_catalogue(parse_catalogue(text))))
    assert read.gettext("ab\n") == "éç"
    assert [read.ngettext("one", "many", count) for count in (1, 2)] == ["un", "des"]
    assert read.gettext("guess") == "guess"
    assert read.gettext("empty") == "empty"


def test_a_broken_catalogue_names_its_line() -> None:
    with pytest.raises(BadCatalogue, match="line 2"):
        parse_catalogue('msgid "a"\nnonsense "b"\n')


def test_only_what_is_due_is_compiled(tmp_path: Path) -> None:
    source = tmp_path / "fr" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    source.write_text('msgid "a"\nmsgstr "b"\n')
    assert compile_catalogues(tmp_path) == [source.with_suffix(".mo")]
    assert compile_catalogues(tmp_path) == []
    assert compile_catalogues(tmp_path, force=True) == [source.with_suffix(".mo")]
