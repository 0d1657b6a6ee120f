"""Text of an aggregate report → rows, in batches, in memory that does not grow with the report.

Nearly all records of nearly all reports are spelled alike: source and count, then a tail that says what thousands of
records say. ``Reader`` cuts such records out by their plain spelling and knows their tails by heart; everything else
goes to ``ElementReader``, the XML library, which is right for any spelling. Both give the same rows.

Why cutting is exact: a piece that is well-formed once the root's end tag is put behind it ends directly below the
root, in no comment and no CDATA. So the head is read by the library in that way, and a record after it is cut only
when it is *plain*: tags without attributes, balanced, and text without ``<``, ``>`` and ``&``. Another record is
given to the library with the root's tags around it; when that is not well-formed, the library gets the rest.
Invariant: rows, head and refusals do not depend on the road taken nor on how the text was cut.
"""

import re
from collections.abc import Iterable, Iterator

from domains.dmarc.report_elements import Collector, ElementReader, NotWellFormed
from domains.dmarc.report_types import Outcome, ReportRow
from domains.dmarc.report_values import MAXIMUM_TEXT, Node, read_address, read_outcome

LONGEST_HEAD = 256 * 1024
LONGEST_RECORD = 256 * 1024
LONGEST_TAIL = MAXIMUM_TEXT
DEEPEST = 10
REMEMBERED_CHARACTERS = 4_000_000

_OPENING = re.compile(r"(?:<\?xml[^<>]{0,200}\?>)?\s*(<([A-Za-z][\w.:-]{0,99})(?:\s[^<>]{0,2000})?>)")
_RECORD = "<record>"
_RECORD_END = "</record>"
_FRONT = re.compile(
    r"\s*<record>\s*<row>\s*<source_ip>\s*([0-9A-Fa-f.:]{2,45})\s*</source_ip>\s*<count>\s*([0-9]{1,12})\s*</count>",
    re.ASCII,
)
_TAG = re.compile(r"<(/?)([a-z_][a-z0-9_]*)(/?)>([^<>&]*)", re.ASCII)


class Reader:
    """Takes text in pieces (``feed``, ``close``) and returns the rows they complete; ``collector`` has the head."""

    def __init__(self, maximum_records: int) -> None:
        self.collector = Collector(maximum_records)
        self._held = ""
        self._lines = 0
        self._opening = ""
        self._closing = ""
        self._elements: ElementReader | None = None

    def feed(self, text: str) -> list[ReportRow]:
        """Return the rows that the next piece completes; raises BadReport."""
        if self._elements is not None:
            self._elements.feed(text)
            return self._collected()
        self._held += text
        if not self._opening and not self._read_opening():
            return self._collected()
        return self._read_records()

    def close(self) -> list[ReportRow]:
        """Return the rows that the end completes; raises BadReport when the file is not whole."""
        if self._elements is None and self._opening and self._held.strip() == self._closing:
            return []
        if self._elements is None:
            self._give_up()
        if self._elements is not None:
            self._elements.close()
        return self._collected()

    def _collected(self) -> list[ReportRow]:
        rows, self.collector.rows = self.collector.rows, []
        return rows

    def _read_opening(self) -> bool:
        """Have the library read everything before the first record; True when records may be cut from here on."""
        end = self._held.find(_RECORD)
        if end < 0:
            if len(self._held) > LONGEST_HEAD:
                self._give_up()
            return False
        head = self._held[:end]
        root = _OPENING.match(head)
        if root is None or not self._read_alone(head + f"</{root[2]}>"):
            self._give_up()
            return False
        self._opening, self._closing = root[1], f"</{root[2]}>"
        self._pass(end)
        return True

    def _read_alone(self, document: str) -> bool:
        """Read a piece of the report as a document of its own; False, and nothing taken, when it is none."""
        before = self.collector.copy()
        self.collector.restart()
        elements = ElementReader(self.collector)
        try:
            elements.feed(document)
            elements.close()
        except NotWellFormed:
            self.collector = before
            return False
        return True

    def _read_records(self) -> list[ReportRow]:
        """Take in the complete records that are held."""
        rows = self._collected()  # what stood before the first plain record
        passed = 0
        for part in self._held.split(_RECORD_END)[:-1]:
            row = self._plain_row(part)
            if row is not None:
                rows.append(row)
            elif self._read_alone(self._opening + part + _RECORD_END + self._closing):
                rows += self._collected()
            else:
                self._pass(passed)
                self._give_up()
                return rows + self._collected()
            passed += len(part) + len(_RECORD_END)
        self._pass(passed)
        if len(self._held) > LONGEST_RECORD:
            self._give_up()
            rows += self._collected()
        return rows

    def _plain_row(self, part: str) -> ReportRow | None:
        """Return the row of a record of plain spelling, given without its end tag; None when it is not plain."""
        front = _FRONT.match(part)
        if front is None:
            return None
        tail = part[front.end() :]
        outcome = _memory.outcomes.get(tail) or _memory.learn(tail)
        if outcome is None:
            return None
        number = self.collector.count_record()
        return ReportRow.of(read_address(front[1], number), int(front[2]), outcome)

    def _pass(self, length: int) -> None:
        """Leave what was read behind, counting its lines."""
        self._lines += self._held.count("\n", 0, length)
        self._held = self._held[length:]

    def _give_up(self) -> None:
        """Leave the rest of the file to the library."""
        self.collector.restart()
        self._elements = ElementReader(self.collector, self._lines - self._opening.count("\n"))
        text, self._held = self._opening + self._held, ""
        self._elements.feed(text)


class _Memory:
    """The tails met lately, letter by letter, and what they say; all are forgotten when they grow long together."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self._characters = 0

    def learn(self, tail: str) -> Outcome | None:
        """Return what a new tail says; None when it is not plain."""
        record = _plain_record(tail)
        if record is None:
            return None
        outcome = read_outcome(record)
        self._characters += len(tail)
        if self._characters > REMEMBERED_CHARACTERS:
            self.outcomes.clear()
            self._characters = len(tail)
        self.outcomes[tail] = outcome
        return outcome


_memory = _Memory()


def _plain_record(tail: str) -> Node | None:
    """Return the record that ``<record><row>``, the tail and ``</record>`` spell; None when the tail is not plain."""
    tags = _TAG.findall(tail) if len(tail) <= LONGEST_TAIL else ()
    if not tags or "&" in tail or not tail.count("<") == tail.count(">") == len(tags):
        return None
    row = Node()
    record = Node(children={"row": [row]})
    open_elements = [("record", record), ("row", row)]
    for closes, name, empty, text in tags:
        if closes:
            if empty or len(open_elements) < 2 or open_elements.pop()[0] != name:
                return None
        else:
            node = Node()
            open_elements[-1][1].children.setdefault(name, []).append(node)
            if not empty:
                open_elements.append((name, node))
            if len(open_elements) > DEEPEST:
                return None
        open_elements[-1][1].texts.append(text)
    return record if len(open_elements) == 1 else None


def read_batches(pieces: Iterable[str], reader: Reader) -> Iterator[list[ReportRow]]:
    """Yield the rows of a whole report as they become complete."""
    for piece in pieces:
        yield reader.feed(piece)
    yield reader.close()
