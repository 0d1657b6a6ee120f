"""The parts of a message by offsets (RFC 2045, RFC 2046).

One pass over the octets, iterative, linear in their size: boundaries in force are a dictionary, so a line costs the
same at any depth. No octets make it raise. What exceeds a cap of ``limits`` is one opaque part: text/plain after a
header that is too large, application/octet-stream for a composite that is too deep.
"""

from dataclasses import dataclass, field
from itertools import pairwise

from domains.octets import Octets
from mailboxes.mime.headers import Field, first_value, header_octets, read_block
from mailboxes.mime.limits import BOUNDARY_LINES, BOUNDARY_OCTETS, LEVELS, PARSED_OCTETS, PARTS
from mailboxes.mime.media import (
    MESSAGE,
    OCTET_STREAM,
    OPAQUE_TEXT,
    TEXT_PLAIN,
    MediaType,
    parse_media_type,
)

_IDENTITY = (b"", b"7bit", b"8bit", b"binary")


@dataclass(slots=True, eq=False)
class Part:
    """One part: header ``start`` to ``body_start``, body to ``end``; ``lines`` are the body's line ends.

    A multipart's children are its parts; an embedded message's one child is the message in it. ``message`` is True
    where the header is a message's own: at the root and inside message/rfc822.
    """

    start: int
    body_start: int
    end: int
    fields: tuple[Field, ...]
    media: MediaType
    parent: "Part | None"
    message: bool
    within: bool = True
    lines: int = 0
    children: list["Part"] = field(default_factory=list)

    @property
    def encoding(self) -> bytes:
        """The Content-Transfer-Encoding in lower case, 7bit when not said."""
        value = first_value(self.fields, b"content-transfer-encoding")
        return (value or b"7bit").split(b";")[0].strip().lower() or b"7bit"

    @property
    def is_multipart(self) -> bool:
        """True for a multipart with its parts found."""
        return self.media.main == b"multipart"

    @property
    def is_message(self) -> bool:
        """True for an embedded message that was read."""
        return self.media.main == b"message" and self.media.sub in (b"rfc822", b"global")


@dataclass(frozen=True, slots=True)
class _Delimiter:
    """A boundary line: its first octet, the next line's, the depth of its multipart, whether it closes."""

    start: int
    following: int
    depth: int
    closing: bool


class _Reader:
    """Reads one message; ``opened`` is the way from the root to the part being read."""

    def __init__(self, octets: Octets) -> None:
        self.octets = octets
        self.parts: list[Part] = []
        self.opened: list[Part] = []
        self.boundaries: dict[bytes, list[int]] = {}
        self.own: list[bytes | None] = []  # the boundary of each opened part, while in force
        self.parsed = 0
        self.compared = 0

    def read(self) -> list[Part]:
        """Return all parts, closed, the root first."""
        position = self._open(0)
        while self.boundaries and len(self.parts) < PARTS:
            delimiter = self._delimiter(position)
            if delimiter is None:
                break
            self._close_above(delimiter.depth, self._content_end(delimiter.start))
            position = delimiter.following
            if delimiter.closing:
                self._forget(delimiter.depth)
            else:
                position = self._open(delimiter.following)
        self._close_above(-1, len(self.octets))
        return self.parts

    def _open(self, start: int) -> int:
        """Open the part whose header begins at ``start``, and the message in it; return where to go on."""
        while True:
            part = self._part(start)
            self.parts.append(part)
            if part.parent is not None:
                part.parent.children.append(part)
            boundary = part.media.parameter(b"boundary") if part.is_multipart else None
            if boundary is not None:
                self.boundaries.setdefault(boundary, []).append(len(self.opened))
            self.opened.append(part)
            self.own.append(boundary)
            if not part.is_message:
                return part.body_start
            start = part.body_start

    def _part(self, start: int) -> Part:
        """Return the part with its header read; a cap passed makes it opaque."""
        parent = self.opened[-1] if self.opened else None
        message = parent is None or parent.is_message
        if self.parsed > PARSED_OCTETS:
            return Part(start, start, start, (), OPAQUE_TEXT, parent, message, within=False)
        block = read_block(self.octets, start, self._is_boundary if self.boundaries else None)
        self.parsed += block.end - start
        default = MESSAGE if parent is not None and parent.media.sub == b"digest" else TEXT_PLAIN
        media = parse_media_type(first_value(block.fields, b"content-type"), default)
        part = Part(start, block.end, block.end, block.fields, media, parent, message, block.within)
        part.media = self._allowed(part)
        return part

    def _allowed(self, part: Part) -> MediaType:
        """Return the media type to treat the part as."""
        media = part.media
        if not part.within:
            return OPAQUE_TEXT
        if not (part.is_multipart or part.is_message):
            return media
        full = len(self.opened) + 1 >= LEVELS or len(self.parts) + 1 >= PARTS
        if full or (part.is_message and part.encoding not in _IDENTITY):
            return OCTET_STREAM
        boundary = media.parameter(b"boundary") if part.is_multipart else None
        if part.is_multipart and not (boundary and len(boundary) <= BOUNDARY_OCTETS):
            return OPAQUE_TEXT
        return media

    def _match(self, start: int) -> _Delimiter | None:
        """Return the boundary line at ``start``, where ``--`` stands, if it is one in force."""
        limit = start + BOUNDARY_OCTETS + 64
        line_end = self.octets.find(b"\n", start, limit)
        if line_end < 0:
            if len(self.octets) > limit:
                return None
            line_end = len(self.octets)
        text = self.octets[start + 2 : line_end].rstrip(b" \t\r")
        for name, closing in ((text, False), (text[:-2] if text.endswith(b"--") else b"", True)):
            depths = self.boundaries.get(name)
            if depths:
                return _Delimiter(start, min(line_end + 1, len(self.octets)), depths[-1], closing)
        return None

    def _is_boundary(self, position: int) -> bool:
        """True when the line at ``position`` is a boundary in force, which ends a header without an empty line."""
        return self.octets.startswith(b"--", position) and self._match(position) is not None

    def _delimiter(self, position: int) -> _Delimiter | None:
        """Return the next boundary line in force from ``position`` on."""
        octets = self.octets
        while self.compared < BOUNDARY_LINES:
            self.compared += 1
            at_line = position == 0 or octets[position - 1 : position] == b"\n"
            if not (at_line and octets.startswith(b"--", position)):
                position = octets.find(b"\n--", position) + 1
                if position == 0:
                    return None
            found = self._match(position)
            if found is not None:
                return found
            position += 2
        return None

    def _content_end(self, line_start: int) -> int:
        """Return where content before a boundary line ends: that line end belongs to it (RFC 2046 §5.1.1)."""
        end = line_start - 1
        return end - 1 if end > 0 and self.octets[end - 1 : end] == b"\r" else max(end, 0)

    def _close_above(self, depth: int, end: int) -> None:
        """Close every opened part deeper than ``depth``; its content ends at ``end``."""
        while len(self.opened) > depth + 1:
            self._forget(len(self.opened) - 1)
            self.own.pop()
            part = self.opened.pop()
            part.end = max(part.start, end)
            part.body_start = min(part.body_start, part.end)
            if not part.within:
                part.body_start = header_octets(self.octets, part.start, part.end)
            if part.is_multipart and not part.children:
                part.media = OPAQUE_TEXT

    def _forget(self, depth: int) -> None:
        """The boundary of the part at ``depth`` is no longer in force."""
        boundary = self.own[depth]
        if boundary is None:
            return
        self.own[depth] = None
        depths = self.boundaries[boundary]
        depths.remove(depth)
        if not depths:
            del self.boundaries[boundary]


def _count_lines(octets: Octets, parts: list[Part]) -> None:
    """Set every part's ``lines``; each octet is looked at once, whatever the depth."""
    edges = sorted({offset for part in parts for offset in (part.body_start, part.end)})
    before = {edges[0]: 0}
    for left, right in pairwise(edges):
        before[right] = before[left] + octets.count(b"\n", left, right)
    for part in parts:
        part.lines = before[part.end] - before[part.body_start]


def parse_parts(octets: Octets) -> list[Part]:
    """Return all parts in the order of their headers, the root first, never none; never raises."""
    parts = _Reader(octets).read()
    _count_lines(octets, parts)
    return parts
