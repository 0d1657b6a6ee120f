"""The alignment picture as numbers to draw: From above, what SPF and DKIM proved below, a line to each (pure).

Two shapes of the same picture: side by side for a wide page, under each other for a narrow one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

LETTER = 7.9  # width of a letter of the 13 px type
PADDING = 14
BOX_HEIGHT = 52
WIDE, NARROW = 720, 340
WIDE_DROP, NARROW_STEP, INDENT = 86, 84, 30
SIDE_BY_SIDE = 3


@dataclass(frozen=True, slots=True)
class Identity:
    """A domain that a method looked at. ``state``: ``agrees``, ``differs``, or ``failed`` its own check."""

    method: str
    domain: str
    state: str
    label: str


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with two lines of text, ``full`` when the second is cut."""

    x: int
    y: int
    width: int
    title: str
    text: str
    full: str
    state: str
    height: int = BOX_HEIGHT

    @property
    def text_x(self) -> int:
        """Where its text begins."""
        return self.x + PADDING


@dataclass(frozen=True, slots=True)
class Line:
    """A path from From to an identity, with its label beside it."""

    path: str
    state: str
    label: str
    label_x: int
    label_y: int
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Picture:
    """All there is to draw."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def cut_middle(text: str, width: int) -> str:
    """Return the text with its middle left out when it is wider than the box."""
    most = max(6, int((width - 2 * PADDING) / LETTER))
    if len(text) <= most:
        return text
    head = (most - 1) // 3
    return f"{text[:head]}…{text[head + 1 - most :]}"


def _box(x: int, y: int, width: int, title: str, domain: str, state: str) -> Box:
    return Box(x, y, width, title, cut_middle(domain, width), domain, state)


def draw(author: str, title: str, identities: Sequence[Identity]) -> tuple[Picture, Picture]:
    """Return the wide and the narrow picture; ``title`` stands over the author domain."""
    wide = _side_by_side if len(identities) <= SIDE_BY_SIDE else _stacked
    return wide(author, title, identities, WIDE), _stacked(author, title, identities, NARROW)


def _side_by_side(author: str, title: str, identities: Sequence[Identity], width: int) -> Picture:
    count = max(1, len(identities))
    gap = 24
    each = min(336, (width - gap * (count - 1)) // count)
    left = (width - each * count - gap * (count - 1)) // 2
    top = _box((width - 336) // 2, 2, 336, title, author, "author")
    boxes, lines = [top], []
    y = BOX_HEIGHT + WIDE_DROP
    for number, identity in enumerate(identities):
        box = _box(left + number * (each + gap), y, each, identity.method, identity.domain, identity.state)
        middle = box.x + each // 2
        middle += (width // 2 - middle) // 4  # nearer to From, which leaves room for the label
        start = width // 2 + (middle - width // 2) // 4
        bend = BOX_HEIGHT + WIDE_DROP // 2
        path = f"M{start} {BOX_HEIGHT + 2} C{start} {bend} {middle} {bend} {middle} {y}"
        boxes.append(box)
        label_x, anchor = _beside(box, middle, width)
        lines.append(Line(path, identity.state, identity.label, label_x, y - 14, anchor))
    return Picture(width, y + BOX_HEIGHT + 2, tuple(boxes), tuple(lines))


def _beside(box: Box, middle: int, width: int) -> tuple[int, str]:
    """Return where a line's label stands, and which of its ends: on the side that the line does not come from."""
    if middle < width // 2:
        return box.x + 2, "start"
    return (middle + 10, "start") if middle == width // 2 else (box.x + box.width - 2, "end")


def _stacked(author: str, title: str, identities: Sequence[Identity], width: int) -> Picture:
    top = _box(1, 2, width - 2, title, author, "author")
    boxes, lines = [top], []
    y = 2
    for identity in identities:
        y += NARROW_STEP
        box = _box(INDENT, y, width - INDENT - 1, identity.method, identity.domain, identity.state)
        path = f"M14 {BOX_HEIGHT + 2} L14 {y + BOX_HEIGHT // 2} L{INDENT} {y + BOX_HEIGHT // 2}"
        boxes.append(box)
        lines.append(Line(path, identity.state, identity.label, INDENT, y - 10))
    return Picture(width, y + BOX_HEIGHT + 2, tuple(boxes), tuple(lines))
