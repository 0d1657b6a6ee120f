"""Media types, dispositions and their parameters (RFC 2045 §5.1, RFC 2183), bounded and never raising."""

import re
from dataclasses import dataclass

from mailboxes.mime.headers import skip_comment, unquote
from mailboxes.mime.limits import PARAMETERS

_TOKEN = rb'[^\x00-\x20()<>@,;:\\"/\[\]?=\x7f]+'
_MEDIA = re.compile(rb"[ \t]*(" + _TOKEN + rb")[ \t]*(?:/[ \t]*(" + _TOKEN + rb"))?", re.DOTALL)
_PARAMETER = re.compile(
    rb"([^\x00-\x20()<>@,;:\\\"/=\x7f]+)[ \t]*=[ \t]*(\"(?:[^\"\\]|\\.)*\"?|[^ \t;()\"]+)", re.DOTALL
)
_LEADING = re.compile(rb"[ \t;\r\n]+")
_NEXT = re.compile(rb"[;(]")

Parameters = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class MediaType:
    """``main`` and ``sub`` are in lower case; parameter names in lower case, values unquoted, RFC 2231 ones raw."""

    main: bytes
    sub: bytes
    parameters: Parameters = ()

    def parameter(self, name: bytes) -> bytes | None:
        """Return the first parameter of that name."""
        return next((value for key, value in self.parameters if key == name), None)


TEXT_PLAIN = MediaType(b"text", b"plain", ((b"charset", b"us-ascii"),))
OPAQUE_TEXT = MediaType(b"text", b"plain")
OCTET_STREAM = MediaType(b"application", b"octet-stream")
MESSAGE = MediaType(b"message", b"rfc822")


def parse_parameters(value: bytes, position: int) -> Parameters:
    """Return ``*(";" attribute "=" value)`` from ``position`` on, at most ``PARAMETERS``; faults are passed over."""
    found: list[tuple[bytes, bytes]] = []
    while position < len(value) and len(found) < PARAMETERS:
        leading = _LEADING.match(value, position)
        if leading is not None:
            position = leading.end()
        elif value[position : position + 1] == b"(":
            position = skip_comment(value, position)
        elif (parameter := _PARAMETER.match(value, position)) is not None:
            found.append((parameter[1].lower(), unquote(parameter[2])))
            position = parameter.end()
        else:
            following = _NEXT.search(value, position + 1)
            position = len(value) if following is None else following.start()
    return tuple(found)


def parse_media_type(value: bytes | None, default: MediaType) -> MediaType:
    """Return the Content-Type; ``default`` when there is none, text/plain when it cannot be read (RFC 2045 §5.2)."""
    if value is None:
        return default
    media = _MEDIA.match(value)
    if media is None or media[2] is None:
        return TEXT_PLAIN
    return MediaType(media[1].lower(), media[2].lower(), parse_parameters(value, media.end()))


def parse_disposition(value: bytes | None) -> tuple[bytes, Parameters] | None:
    """Return a Content-Disposition's type in lower case and its parameters; None without one."""
    token = _MEDIA.match(value) if value else None
    if token is None or value is None:
        return None
    return token[1].lower(), parse_parameters(value, token.end(1))
