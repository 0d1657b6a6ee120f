"""Tag=value lists of DKIM, DMARC and ARC (RFC 6376 section 3.2, RFC 9989 section 4.7). Never guesses a tag."""

import re

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
MAXIMUM_LENGTH = 64 * 1024
_SPACE = " \t\r\n"


class BadTagList(ValueError):
    """The text is not a tag list; ``str()`` says where."""


def parse_tag_list(text: str) -> dict[str, str]:
    """Return the tags in order, values stripped of the white space around them.

    Raises BadTagList for a tag without ``=``, a bad name, a tag given twice, or a text over 64 kB.
    """
    if len(text) > MAXIMUM_LENGTH:
        raise BadTagList(f"the list is longer than {MAXIMUM_LENGTH} octets")
    tags: dict[str, str] = {}
    parts = text.split(";")
    if not parts[-1].strip(_SPACE):
        parts.pop()
    for part in parts:
        name, separator, value = part.partition("=")
        name = name.strip(_SPACE)
        if not separator or not _NAME.fullmatch(name):
            raise BadTagList(f"{part.strip(_SPACE)[:60]!r} is not name=value")
        if name in tags:
            raise BadTagList(f"the tag {name} is given twice")
        tags[name] = value.strip(_SPACE)
    return tags


def serialise_tag_list(tags: dict[str, str]) -> str:
    """Return ``name=value; name=value``; raises ValueError for a name or value that would break the list."""
    for name, value in tags.items():
        if not _NAME.fullmatch(name) or ";" in value or any(c in value for c in "\r\n\0"):
            raise ValueError(f"{name}={value!r} cannot stand in a tag list")
    return "; ".join(f"{name}={value}" for name, value in tags.items())
