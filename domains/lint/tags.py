"""Lists of tags with their places: what is common to DKIM, DMARC, MTA-STS, TLS-RPT and BIMI records."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from domains.lint.finding import Code, Finding, Span, error, note, warning

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SPACE = " \t\r\n"
_COMPARED = 20


@dataclass(frozen=True, slots=True)
class Tag:
    """One ``name=value``; ``span`` is that of the whole, ``value_span`` that of the value."""

    name: str
    value: str
    span: Span
    value_span: Span


@dataclass(frozen=True, slots=True)
class TagText:
    """The tags of a text in order, the first of each name, and what is wrong with the list itself."""

    tags: dict[str, Tag]
    findings: tuple[Finding, ...]

    def value(self, name: str) -> str:
        """Return a tag's value, empty without the tag."""
        return self.tags[name].value if name in self.tags else ""


def _parts(text: str) -> Iterator[Span]:
    """Yield the places between semicolons, without the white space around."""
    start = 0
    for part in text.split(";"):
        inner = part.strip(_SPACE)
        begin = start + part.find(inner) if inner else start
        yield Span(begin, begin + len(inner))
        start += len(part) + 1


def read_tags(text: str) -> TagText:
    """Return the tags; never raises."""
    tags: dict[str, Tag] = {}
    findings: list[Finding] = []
    places = list(_parts(text))
    if places and places[-1].start == places[-1].end:
        places.pop()
    for place in places:
        part = text[place.start : place.end]
        if part.endswith("\\"):
            findings.append(error(Code.TAG_BACKSLASH, Span(place.end - 1, place.end)))
            part = part[:-1]
        name, equals, value = part.partition("=")
        name = name.strip(_SPACE)
        if not equals or not _NAME.fullmatch(name):
            findings.append(error(Code.TAG_SYNTAX, place, part=part))
        elif name in tags:
            findings.append(error(Code.TAG_TWICE, place, tag=name))
        else:
            inner = value.strip(_SPACE)
            begin = place.start + part.index("=") + 1 + (value.find(inner) if inner else 0)
            tags[name] = Tag(name, inner, place, Span(begin, begin + len(inner)))
    return TagText(tags, tuple(findings))


def check_version(found: TagText, wanted: str) -> Iterator[Finding]:
    """Yield an error unless the list begins with this version, exactly so."""
    first = next(iter(found.tags.values()), None)
    if first is None or first.name != "v" or first.value != wanted:
        place = found.tags["v"].span if "v" in found.tags else Span(0, 0)
        yield error(Code.VERSION, place, wanted=f"v={wanted}")


def check_unknown(found: TagText, known: Sequence[str], needed: Sequence[str] = ()) -> Iterator[Finding]:
    """Yield what is said of tags that the standard does not know: they are ignored, and may be slips.

    ``needed`` are tags whose absence makes a look-alike a likely slip.
    """
    for tag in found.tags.values():
        if tag.name in known:
            continue
        name = tag.name.lower()
        absent = [one for one in known if one not in found.tags and (len(one) > 1 or one in needed)]
        meant = get_close_matches(name, absent, 1, 0.6) if len(name) <= _COMPARED else []
        if meant:
            yield warning(Code.TAG_MISSPELT, tag.span, tag=tag.name, meant=meant[0])
        else:
            yield note(Code.TAG_UNKNOWN, tag.span, tag=tag.name)


def split_places(tag: Tag, separator: str) -> Iterator[tuple[str, Span]]:
    """Yield the items of a value with their places, without the white space around."""
    start = tag.value_span.start
    for part in tag.value.split(separator):
        inner = part.strip(_SPACE)
        begin = start + (part.find(inner) if inner else 0)
        yield inner, Span(begin, begin + len(inner))
        start += len(part) + len(separator)
