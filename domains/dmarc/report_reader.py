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
from collections.abc import Iterable, Iterator, Sequence

from domains.dmarc.report_elements import Collector, ElementReader, NotWellFormed
from domains.dmarc.report_types import Outcome, ReportRow
from domains.dmarc.report_values import (
    MAXIMUM_TEXT,
    NAMESPACE,
    Findings,
    Node,
    Results,
    join,
    one_spelling,
    read_address,
    read_findings,
    read_results,
)

LONGEST_HEAD = 256 * 1024
LONGEST_RECORD = 256 * 1024
LONGEST_TAIL = MAXIMUM_TEXT
DEEPEST = 10
FEW_ODD_RECORDS = 50
REMEMBERED_CHARACTERS = 4_000_000
REMEMBERED_OUTCOMES = 30_000

_OPENING = re.compile(r"(?:<\?xml[^<>]{0,200}\?>)?\s*(<([A-Za-z][\w.:-]{0,99})(?:\s[^<>]{0,2000})?>)")
_PLAIN_OPENING = re.compile(
    r'(?:<\?xml version="1\.0"(?: encoding="(?:[Uu][Tt][Ff]-8)")? ?\?>)?\s*<feedback'
    rf'(?: xmlns="({NAMESPACE}|http://dmarc\.org/dmarc-xml/0\.1)")?'
    r'(?: xmlns:xsd="http://www\.w3\.org/2001/XMLSchema" xmlns:xsi="http://www\.w3\.org/2001/XMLSchema-instance")?>'
)
_RECORD = "<record>"
_RECORD_END = "</record>"
_RESULTS = "<auth_results>"
_FRONT = re.compile(
    r"\s*<record>\s*<row>\s*<source_ip>\s*([0-9A-Fa-f.:]{2,45})\s*</source_ip>\s*<count>\s*([0-9]{1,12})\s*</count>",
    re.ASCII,
)
_NAME = "([a-z_][a-z0-9_]*)"
_TAG = re.compile(rf"<(?:{_NAME}>([^<>&]*)</\1>|{_NAME}(/?)>|/{_NAME}>)([^<>&]*)", re.ASCII)


class Reader:
    """Takes text in pieces (``feed``, ``close``) and returns the rows they complete; ``collector`` has the head."""

    def __init__(self, maximum_records: int) -> None:
        self.collector = Collector(maximum_records)
        self._held = ""
        self._lines = 0
        self._opening = ""
        self._closing = ""
        self._odd = 0
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
        if root is None or not (self._read_plain_head(head) or self._read_alone(head + f"</{root[2]}>")):
            self._give_up()
            return False
        self._opening, self._closing = root[1], f"</{root[2]}>"
        self._pass(end)
        return True

    def _read_plain_head(self, head: str) -> bool:
        """Read a head of plain spelling as the library would, at a third of the cost; False when it is not plain."""
        opening = _PLAIN_OPENING.match(head)
        node = _plain(head[opening.end() :], in_row=False) if opening else None
        if opening is None or node is None or "record" in node.children:
            return False
        self.collector.take_head(opening[1] or "", node)
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
        parts = self._held.split(_RECORD_END)[:-1]
        done = 0
        while done < len(parts):
            plain = self._read_plain(parts, done)
            rows += plain
            done += len(plain)
            if done < len(parts):
                record = self._opening + parts[done] + _RECORD_END + self._closing
                if self._is_all_odd() or not self._read_alone(record):
                    break
                self._odd += 1
                rows += self._collected()
                done += 1
        self._pass(sum(map(len, parts[:done])) + done * len(_RECORD_END))
        if done < len(parts) or len(self._held) > LONGEST_RECORD:
            self._give_up()
            rows += self._collected()
        return rows

    def _is_all_odd(self) -> bool:
        """True when so many records are not plain that the library reads the rest sooner in one go."""
        return self._odd > FEW_ODD_RECORDS and self._odd * 4 > self.collector.records

    def _read_plain(self, parts: Sequence[str], start: int) -> list[ReportRow]:
        """Return the rows of the records from ``start`` on, given without their end tags, until one is not plain."""
        rows: list[ReportRow] = []
        match, outcome_of, make = _FRONT.match, _memory.outcome_of, ReportRow.of
        first = self.collector.records + 1
        for part in parts[start:] if start else parts:
            front = match(part)
            outcome = outcome_of(part, front.end()) if front else None
            if front is None or outcome is None:
                break
            address, count = front.groups()
            try:
                rows.append(make(one_spelling(address), int(count), outcome))
            except ValueError:
                self.collector.count_records(len(rows) + 1)
                read_address(address, first + len(rows))
        self.collector.count_records(len(rows))
        return rows

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
    """What the tails met lately say: their halves letter by letter, and an outcome for each pair of halves.

    Half of a tail is what was found, the other half the authentication results; there are few of each, while their
    combinations are many. When the halves grow long together, or the pairs many, everything is forgotten.
    """

    def __init__(self) -> None:
        self._findings: dict[str, Findings] = {}
        self._results: dict[str, Results] = {}
        self._outcomes: dict[tuple[Findings, Results], Outcome] = {}
        self._characters = 0

    def outcome_of(self, record: str, start: int) -> Outcome | None:
        """Return what the tail says that begins at ``start``; None when it is not plain."""
        place = record.find(_RESULTS, start)
        first, second = (record[start:place], record[place:]) if place >= 0 else (record[start:], "")
        findings = self._findings.get(first) or self._learn_findings(first)
        results = self._results.get(second) or self._learn_results(second)
        if findings is None or results is None:
            return None
        outcome = self._outcomes.get((findings, results))
        if outcome is None:
            outcome = self._outcomes[findings, results] = join(findings, results)
        return outcome

    def _learn_findings(self, text: str) -> Findings | None:
        node = _plain(text, in_row=True)
        if node is None or "auth_results" in node.children:
            return None
        self._make_room(len(text))
        found = self._findings[text] = read_findings(node)
        return found

    def _learn_results(self, text: str) -> Results | None:
        node = _plain(text, in_row=False)
        if node is None or node.children.keys() - {"auth_results"}:
            return None
        self._make_room(len(text))
        results = self._results[text] = read_results(node)
        return results

    def _make_room(self, characters: int) -> None:
        self._characters += characters
        if self._characters > REMEMBERED_CHARACTERS or len(self._outcomes) > REMEMBERED_OUTCOMES:
            self._findings.clear()
            self._results.clear()
            self._outcomes.clear()
            self._characters = characters


_memory = _Memory()


def _plain(text: str, *, in_row: bool) -> Node | None:
    """Return the children of a record that a text spells, which begins in its ``row`` or beside it.

    None when the text is not plain, or does not end directly in the record.
    """
    if len(text) > LONGEST_TAIL or "&" in text:
        return None
    record = parent = Node()
    parents: list[tuple[str, Node]] = []
    if in_row:
        parents.append(("row", record))
        parent = Node()
        record.children["row"] = [parent]
    brackets = 0
    for leaf, content, name, empty, closed, after in _TAG.findall(text):
        brackets += 1
        if leaf:
            brackets += 1
            parent.children.setdefault(leaf, []).append(Node(content))
        elif closed:
            if not parents or parents[-1][0] != closed:
                return None
            parent = parents.pop()[1]
        else:
            node = Node()
            parent.children.setdefault(name, []).append(node)
            if not empty:
                parents.append((name, parent))
                parent = node
                if len(parents) > DEEPEST:
                    return None
        if after:
            parent.texts.append(after)
    return record if not parents and text.count("<") == text.count(">") == brackets else None


def read_batches(pieces: Iterable[str], reader: Reader) -> Iterator[list[ReportRow]]:
    """Yield the rows of a whole report as they become complete."""
    for piece in pieces:
        yield reader.feed(piece)
    yield reader.close()
