"""Elements of an aggregate report, by the XML library: exact for any spelling of XML, bounded, without a tree.

``Collector`` receives the parser's events, keeps the elements below the root one at a time, counts, and turns records
into rows. The library gets only text that ``xml_text`` made safe: no document type, no entities, nothing to fetch.
"""

from copy import copy
from typing import Any

from lxml import etree

from domains.dmarc.report_types import BadReport, ReportHead, ReportRow
from domains.dmarc.report_values import MAXIMUM_TEXT, Node, read_head, read_row

MAXIMUM_ELEMENTS = 5_000
MAXIMUM_DEPTH = 20


class Collector:
    """The parser's target: ``rows`` fills with records, ``head`` is known once both of its parts were seen."""

    def __init__(self, maximum_records: int) -> None:
        self.rows: list[ReportRow] = []
        self.records = 0
        self._maximum_records = maximum_records
        self._stack: list[Node] = []
        self._elements = 0
        self._others = 0
        self._depth = 0
        self._in_record = False
        self._namespace = ""
        self._metadata = Node()
        self._policy: Node | None = None

    @property
    def has_head(self) -> bool:
        """True when what names the report and what names its domain were both seen."""
        return self._policy is not None and bool(self._metadata.children)

    def head(self) -> ReportHead:
        """Return the head; raises BadReport when a part that identifies the report is missing."""
        return read_head(self._metadata, self._policy, self._namespace)

    def copy(self) -> "Collector":
        """Return the state to come back to, should what follows turn out to be none of the report."""
        other = copy(self)
        other.rows = list(self.rows)
        return other

    def restart(self) -> None:
        """Forget open elements: the next document is a further piece of the same report."""
        self._stack = []
        self._depth = 0

    def take_head(self, namespace: str, feedback: Node) -> None:
        """Take in a root element of this namespace that was read elsewhere, records left out."""
        self._namespace = self._namespace or namespace
        for name in ("report_metadata", "policy_published"):
            for node in feedback.all(name):
                self._take(name, node)

    def count_records(self, more: int) -> int:
        """Count so many records and return how many there are now; raises BadReport past the bound."""
        self.records += more
        if self.records > self._maximum_records:
            raise BadReport(f"The report has more than {self._maximum_records} records.")
        return self.records

    def start(self, tag: str, attributes: Any) -> None:
        """An element begins."""
        namespace, _, name = tag.rpartition("}")
        name = name.lower()
        self._depth += 1
        if self._depth == 1:
            self._root(name)
        if self._depth > MAXIMUM_DEPTH:
            raise BadReport(f"The file nests elements more than {MAXIMUM_DEPTH} deep.")
        if self._depth == 2:
            self._elements = 0
            self._in_record = name == "record"
        self._count_element()
        if not self._namespace and not self._in_record:
            self._namespace = namespace[1:]
        if self._depth > 1:
            self._open(name)

    def _root(self, name: str) -> None:
        if name == "html":
            raise BadReport("The file is a web page, not a report.")
        if name != "feedback":
            raise BadReport(f"The root element is {name[:40]!r}; an aggregate report has 'feedback'.")
        self._in_record = False

    def _count_element(self) -> None:
        if self._in_record:
            self._elements += 1
        else:
            self._others += 1
        if self._elements > MAXIMUM_ELEMENTS:
            raise BadReport(f"One record has more than {MAXIMUM_ELEMENTS} elements.")
        if self._others > MAXIMUM_ELEMENTS:
            raise BadReport(f"The report has more than {MAXIMUM_ELEMENTS} elements beside its records.")

    def _open(self, name: str) -> None:
        node = Node()
        if self._stack:
            self._stack[-1].children.setdefault(name, []).append(node)
        self._stack.append(node)

    def data(self, text: str) -> None:
        """Text of the innermost element."""
        if self._stack and self._stack[-1].length < MAXIMUM_TEXT:
            self._stack[-1].texts.append(text[:MAXIMUM_TEXT])
            self._stack[-1].length += len(text)

    def end(self, tag: str) -> None:
        """An element ends; one directly below the root is taken in."""
        self._depth -= 1
        if not self._stack:
            return
        node = self._stack.pop()
        if not self._stack:
            self._take(tag.rpartition("}")[2].lower(), node)

    def _take(self, name: str, node: Node) -> None:
        if name == "record":
            self.rows.append(read_row(node, self.count_records(1)))
        elif name == "report_metadata" and not self._metadata.children:
            self._metadata = node
        elif name == "policy_published":
            if self._policy is not None and self._policy.word("domain") != node.word("domain"):
                raise BadReport("The report names two domains.")
            self._policy = self._policy or node

    def comment(self, text: str) -> None:
        """Comments say nothing."""

    def pi(self, target: str, data: str | None = None) -> None:
        """Processing instructions say nothing."""

    def close(self) -> None:
        """The document ends."""


class NotWellFormed(BadReport):
    """The text is not XML."""


class ElementReader:
    """Feeds one collector with text in pieces; raises NotWellFormed, with the line counted from ``lines_before``."""

    def __init__(self, collector: Collector, lines_before: int = 0) -> None:
        self._lines_before = lines_before
        target: Any = collector  # the stubs ask for callbacks that take octets too, which lxml never calls with
        self._parser = etree.XMLParser(
            target=target,
            encoding="utf-8",
            resolve_entities=False,
            load_dtd=False,
            dtd_validation=False,
            no_network=True,
            huge_tree=False,
            recover=False,
        )

    def feed(self, text: str) -> None:
        """Take in the next piece."""
        try:
            self._parser.feed(text.encode())
        except etree.XMLSyntaxError as error:
            raise self._not_well_formed(error) from error

    def close(self) -> None:
        """Take in the end."""
        try:
            self._parser.close()
        except etree.XMLSyntaxError as error:
            raise self._not_well_formed(error) from error

    def _not_well_formed(self, error: etree.XMLSyntaxError) -> NotWellFormed:
        line, _ = error.position if error.position else (0, 0)
        return NotWellFormed(f"The file is not well-formed XML (line {self._lines_before + line}).")
