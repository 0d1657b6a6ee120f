"""DMARC aggregate reports: XML ↔ types (RFC 9990 appendix A; RFC 7489 appendix C), read generously, bounded.

The XML library gets only text that ``xml_text`` made safe, and builds no tree: ``_Collector`` receives events and
keeps one record at a time. What identifies a report or counts its messages must be right; what merely describes
may be missing, empty or of another type.
Invariants: any octets give a report or raise BadReport; ``parse_report(serialise_report(x)) == x``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from domains.dmarc.report_types import (
    DISPOSITIONS,
    DKIM_RESULTS,
    POLICY_TAGS,
    RFC_7489,
    RFC_9990,
    SPF_RESULTS,
    AggregateReport,
    BadReport,
    DkimResult,
    PolicyReason,
    ReportRow,
    SpfResult,
)
from domains.dmarc.xml_text import safe_text
from domains.names import DomainName

__all__ = [
    "AggregateReport",
    "BadReport",
    "DkimResult",
    "PolicyReason",
    "ReportRow",
    "SpfResult",
    "parse_report",
    "serialise_report",
]

NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"
MAXIMUM_RECORDS = 100_000
MAXIMUM_RESULTS = 100
MAXIMUM_ELEMENTS = 5_000
MAXIMUM_DEPTH = 20
MAXIMUM_TEXT = 2_000
MAXIMUM_MESSAGES = 10**12
MAXIMUM_PERIOD = timedelta(days=366)
EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)

NAME_LENGTH = 300
ADDRESS_LENGTH = 320
DOMAIN_LENGTH = 255
WORD_LENGTH = 64
SENTENCE_LENGTH = 500

_OLD_WORDS = {"hardfail": "fail", "error": "temperror", "unknown": "permerror"}
_NEW_TAGS = ("np", "testing", "discovery_method")

_PERIOD_END = timedelta(days=1) - timedelta(seconds=1)


def parse_report(octets: bytes) -> AggregateReport:
    """Return the report; raises BadReport."""
    collector = _Collector()
    target: Any = collector  # the stubs ask for callbacks that take octets too, which lxml never calls with
    parser = etree.XMLParser(
        target=target,
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        recover=False,
    )
    try:
        for text in safe_text(octets):
            parser.feed(text.encode())
        parser.close()
    except etree.XMLSyntaxError as error:
        line, _ = error.position if error.position else (0, 0)
        raise BadReport(f"The file is not well-formed XML (line {line}).") from error
    return collector.report()


@dataclass(slots=True)
class _Node:
    """One element: its text, at most ``MAXIMUM_TEXT`` characters, and its children by local name in lower case."""

    texts: list[str] = field(default_factory=list)
    length: int = 0
    children: dict[str, list["_Node"]] = field(default_factory=dict)

    def all(self, name: str) -> Sequence["_Node"]:
        """Return the children of this name."""
        return self.children.get(name, ())

    def first(self, name: str) -> "_Node":
        """Return the first child of this name, or an empty element."""
        found = self.children.get(name)
        return found[0] if found else _Node()

    def text(self, name: str, limit: int) -> str:
        """Return the text of the first child of this name, white space folded, at most ``limit`` characters."""
        found = self.children.get(name)
        return " ".join("".join(found[0].texts).split())[:limit].rstrip() if found else ""

    def word(self, name: str, limit: int = WORD_LENGTH) -> str:
        """Return the text of the child in lower case."""
        return self.text(name, limit).lower()[:limit]


class _Collector:
    """The parser's target: keeps the elements below the root one at a time, counts, and turns records into rows."""

    def __init__(self) -> None:
        self._stack: list[_Node] = []
        self._elements = 0
        self._depth = 0
        self._namespace = ""
        self._metadata = _Node()
        self._policy: _Node | None = None
        self._rows: list[ReportRow] = []

    def start(self, tag: str, attributes: Any) -> None:
        """An element begins."""
        namespace, _, name = tag.rpartition("}")
        self._depth += 1
        if self._depth == 1:
            self._root(name.lower())
        if self._depth > MAXIMUM_DEPTH:
            raise BadReport(f"The file nests elements more than {MAXIMUM_DEPTH} deep.")
        if self._depth == 2:
            self._elements = 0
        self._elements += 1
        if self._elements > MAXIMUM_ELEMENTS:
            raise BadReport(f"One part of the report has more than {MAXIMUM_ELEMENTS} elements.")
        self._namespace = self._namespace or namespace[1:]
        if self._depth > 1:
            self._open(name.lower())

    def _root(self, name: str) -> None:
        if name == "html":
            raise BadReport("The file is a web page, not a report.")
        if name != "feedback":
            raise BadReport(f"The root element is {name[:40]!r}; an aggregate report has 'feedback'.")

    def _open(self, name: str) -> None:
        node = _Node()
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

    def _take(self, name: str, node: _Node) -> None:
        if name == "record":
            if len(self._rows) >= MAXIMUM_RECORDS:
                raise BadReport(f"The report has more than {MAXIMUM_RECORDS} records.")
            self._rows.append(_row(node, len(self._rows) + 1))
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

    def report(self) -> AggregateReport:
        """Return what was collected; raises BadReport when a part that identifies the report is missing."""
        if self._policy is None:
            raise BadReport("The report does not say which domain it is about (policy_published).")
        metadata, policy = self._metadata, self._policy
        email = metadata.text("email", ADDRESS_LENGTH)
        org_name = metadata.text("org_name", NAME_LENGTH) or email.rpartition("@")[2]
        report_id = metadata.text("report_id", NAME_LENGTH)
        if not org_name or not report_id:
            raise BadReport("The report lacks org_name or report_id.")
        begin, end = _period(metadata.first("date_range"))
        tags = {tag: policy.text(tag, WORD_LENGTH) for tag in POLICY_TAGS}
        published = {tag: text for tag, text in tags.items() if text}
        domain = _domain(policy.text("domain", MAXIMUM_TEXT))
        schema = self._schema(metadata, published)
        return AggregateReport(org_name, email, report_id, begin, end, domain, published, schema, tuple(self._rows))

    def _schema(self, metadata: _Node, published: dict[str, str]) -> str:
        newer = any(tag in published for tag in _NEW_TAGS) or bool(metadata.all("generator"))
        return RFC_9990 if newer or self._namespace == NAMESPACE else RFC_7489


def _domain(text: str) -> str:
    try:
        return DomainName(text).ascii
    except ValueError as error:
        raise BadReport("The report's domain is not a domain name.") from error


def _period(node: _Node) -> tuple[datetime, datetime]:
    """Return begin and end; an end that is missing is a day after the begin."""
    begin = _instant(node.text("begin", WORD_LENGTH))
    if begin is None:
        raise BadReport("The report's period has no begin that can be read.")
    end = _instant(node.text("end", WORD_LENGTH)) or begin + _PERIOD_END
    if begin < EARLIEST:
        raise BadReport(f"The report's period begins in {begin.year}, before DMARC was in use.")
    if end < begin or end - begin > MAXIMUM_PERIOD:
        raise BadReport("The report's period ends before it begins or is longer than a year.")
    return begin, end


def _instant(text: str) -> datetime | None:
    """Return an instant given as seconds (or milliseconds) since 1970 or as ISO 8601, where no zone means UTC."""
    try:
        seconds = float(text)
        seconds = seconds / 1000 if seconds > 1e11 else seconds
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return _iso_instant(text)


def _iso_instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None


def _row(record: _Node, number: int) -> ReportRow:
    row = record.first("row")
    identifiers = record.first("identifiers") if record.all("identifiers") else record.first("identities")
    results = record.first("auth_results")
    evaluated = row.first("policy_evaluated")
    return ReportRow(
        source_ip=_address(row.text("source_ip", WORD_LENGTH), number),
        count=_count(row.text("count", WORD_LENGTH), number),
        disposition=_known(evaluated.word("disposition") or "none", DISPOSITIONS),
        dkim="pass" if evaluated.word("dkim") == "pass" else "fail",
        spf="pass" if evaluated.word("spf") == "pass" else "fail",
        header_from=identifiers.word("header_from", DOMAIN_LENGTH),
        envelope_from=identifiers.word("envelope_from", DOMAIN_LENGTH),
        envelope_to=identifiers.word("envelope_to", DOMAIN_LENGTH),
        dkim_results=tuple(_dkim(node) for node in results.all("dkim")[:MAXIMUM_RESULTS] if node.children),
        spf_results=tuple(_spf(node) for node in results.all("spf")[:MAXIMUM_RESULTS] if node.children),
        reasons=tuple(_reason(node) for node in evaluated.all("reason")[:MAXIMUM_RESULTS] if node.children),
    )


def _known(word: str, words: Sequence[str]) -> str:
    word = _OLD_WORDS.get(word, word)
    return word if word in words else "unknown"


def _dkim(node: _Node) -> DkimResult:
    return DkimResult(
        node.word("domain", DOMAIN_LENGTH),
        node.text("selector", DOMAIN_LENGTH),
        _known(node.word("result") or "none", DKIM_RESULTS),
        node.text("human_result", SENTENCE_LENGTH),
    )


def _spf(node: _Node) -> SpfResult:
    scope = node.word("scope")
    return SpfResult(
        node.word("domain", DOMAIN_LENGTH),
        scope if scope in ("mfrom", "helo") else "",
        _known(node.word("result") or "none", SPF_RESULTS),
        node.text("human_result", SENTENCE_LENGTH),
    )


def _reason(node: _Node) -> PolicyReason:
    return PolicyReason(node.word("type") or "other", node.text("comment", SENTENCE_LENGTH))


def _address(text: str, number: int) -> str:
    """Return the address in its one spelling; an IPv4 address mapped into IPv6 is the IPv4 address."""
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError as error:
        raise BadReport(f"Record {number} has no source address that can be read.") from error
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _count(text: str, number: int) -> int:
    try:
        count = float(text)
        whole = int(count)
    except (ValueError, OverflowError) as error:
        raise BadReport(f"Record {number} has no message count that can be read.") from error
    if not 0 <= whole <= MAXIMUM_MESSAGES or whole != count:
        raise BadReport(f"Record {number} has a message count that cannot be.")
    return whole


def serialise_report(report: AggregateReport) -> bytes:
    """Return the report as UTF-8 XML in its own schema."""
    namespace = f' xmlns="{NAMESPACE}"' if report.schema == RFC_9990 else ""
    metadata = _element("org_name", report.org_name) + _element("email", report.org_email)
    metadata += _element("report_id", report.report_id)
    period = f"<begin>{int(report.begin.timestamp())}</begin><end>{int(report.end.timestamp())}</end>"
    published = _element("domain", report.domain)
    published += "".join(_element(tag, report.policy.get(tag, "")) for tag in POLICY_TAGS)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<feedback{namespace}><version>1.0</version>'
        f"<report_metadata>{metadata}<date_range>{period}</date_range></report_metadata>"
        f"<policy_published>{published}</policy_published>"
        f"{''.join(map(_serialise_row, report.rows))}</feedback>\n"
    ).encode()


def _element(name: str, text: str) -> str:
    """Return one element, or nothing for an empty text."""
    return f"<{name}>{escape(text)}</{name}>" if text else ""


def _serialise_row(row: ReportRow) -> str:
    reasons = "".join(
        f"<reason>{_element('type', r.type)}{_element('comment', r.comment)}</reason>" for r in row.reasons
    )
    evaluated = _element("disposition", row.disposition) + _element("dkim", row.dkim) + _element("spf", row.spf)
    names = ("header_from", "envelope_from", "envelope_to")
    identifiers = "".join(_element(name, getattr(row, name)) for name in names)
    dkim = "".join(_serialise_result("dkim", "selector", r.selector, r) for r in row.dkim_results)
    spf = "".join(_serialise_result("spf", "scope", r.scope, r) for r in row.spf_results)
    return (
        f"<record><row><source_ip>{row.source_ip}</source_ip><count>{row.count}</count>"
        f"<policy_evaluated>{evaluated}{reasons}</policy_evaluated></row>"
        f"<identifiers>{identifiers}</identifiers><auth_results>{dkim}{spf}</auth_results></record>"
    )


def _serialise_result(name: str, extra_name: str, extra: str, result: DkimResult | SpfResult) -> str:
    inner = _element("domain", result.domain) + _element(extra_name, extra) + _element("result", result.result)
    return f"<{name}>{inner}{_element('human_result', result.human_result)}</{name}>"
