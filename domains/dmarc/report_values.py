"""From the elements of a report to its values: which text is taken, how it is put right, and what cannot be.

What identifies a report or counts its messages must be right; what merely describes may be missing, empty or of
another type.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from domains.dmarc.report_types import (
    DISPOSITIONS,
    DKIM_RESULTS,
    POLICY_TAGS,
    RFC_7489,
    RFC_9990,
    SPF_RESULTS,
    AuthPattern,
    BadReport,
    DkimResult,
    Outcome,
    PolicyReason,
    ReportHead,
    ReportRow,
    SpfResult,
)
from domains.names import DomainName

NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"
MAXIMUM_RESULTS = 100
MAXIMUM_TEXT = 4_000
MAXIMUM_MESSAGES = 10**12
MAXIMUM_PERIOD = timedelta(days=366)
EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)

NAME_LENGTH = 300
ADDRESS_LENGTH = 320
DOMAIN_LENGTH = 255
WORD_LENGTH = 64
SENTENCE_LENGTH = 500
SHARED_PATTERNS = 5_000  # a hostile one may hold a hundred results

_OLD_WORDS = {"hardfail": "fail", "error": "temperror", "unknown": "permerror"}
_NEW_TAGS = ("np", "testing", "discovery_method")
_PERIOD_END = timedelta(days=1) - timedelta(seconds=1)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)  # in its one spelling
_IN_BRACKETS = re.compile(r"<[^<>\s@]+@[^<>\s@]+>")
_PLAIN_COUNT = re.compile(r"[0-9]{1,12}", re.ASCII)


class Node:
    """One element: its text, about ``MAXIMUM_TEXT`` characters at most, and its children by lower-case local name."""

    __slots__ = ("children", "length", "texts")

    def __init__(self, text: str = "") -> None:
        self.texts = [text]
        self.length = len(text)
        self.children: dict[str, list[Node]] = {}

    def all(self, name: str) -> Sequence["Node"]:
        """Return the children of this name."""
        return self.children.get(name, ())

    def first(self, name: str) -> "Node":
        """Return the first child of this name, or an empty element."""
        found = self.children.get(name)
        return found[0] if found else _EMPTY

    def text(self, name: str, limit: int) -> str:
        """Return the text of the first child of this name, white space folded, at most ``limit`` characters."""
        found = self.children.get(name)
        if not found:
            return ""
        texts = found[0].texts
        text = " ".join((texts[0] if len(texts) == 1 else "".join(texts)).split())
        return text if len(text) <= limit else text[:limit].rstrip()

    def word(self, name: str, limit: int = WORD_LENGTH) -> str:
        """Return the text of the child in lower case."""
        return self.text(name, limit).lower()[:limit]


_EMPTY = Node()


def read_head(metadata: Node, policy: Node | None, namespace: str) -> ReportHead:
    """Return the head; raises BadReport when a part that identifies the report is missing."""
    if policy is None:
        raise BadReport("The report does not say which domain it is about (policy_published).")
    email = metadata.text("email", ADDRESS_LENGTH)
    email = email[1:-1] if _IN_BRACKETS.fullmatch(email) else email
    org_name = metadata.text("org_name", NAME_LENGTH) or email.rpartition("@")[2]
    report_id = metadata.text("report_id", NAME_LENGTH)
    if not org_name or not report_id:
        raise BadReport("The report lacks org_name or report_id.")
    begin, end = _period(metadata.first("date_range"))
    tags = {tag: policy.text(tag, WORD_LENGTH) for tag in POLICY_TAGS}
    published = {tag: text for tag, text in tags.items() if text}
    domain = _domain(policy.text("domain", MAXIMUM_TEXT))
    newer = any(tag in published for tag in _NEW_TAGS) or bool(metadata.all("generator"))
    schema = RFC_9990 if newer or namespace == NAMESPACE else RFC_7489
    return ReportHead(org_name, email, report_id, begin, end, domain, published, schema)


def _domain(text: str) -> str:
    try:
        return DomainName(text).ascii
    except ValueError as error:
        raise BadReport("The report's domain is not a domain name.") from error


def _period(node: Node) -> tuple[datetime, datetime]:
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


def read_row(record: Node, number: int) -> ReportRow:
    """Return the row of a ``record`` element; raises BadReport when its source or its count cannot be read."""
    row = record.first("row")
    source_ip = read_address(row.text("source_ip", WORD_LENGTH), number)
    return ReportRow.of(source_ip, read_count(row.text("count", WORD_LENGTH), number), read_outcome(record))


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What a record says beside its authentication results; known by being the same object."""

    disposition: str
    dkim: str
    spf: str
    header_from: str
    envelope_from: str
    envelope_to: str
    reasons: tuple[PolicyReason, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """The authentication results of a record; known by being the same object."""

    dkim: tuple[DkimResult, ...]
    spf: tuple[SpfResult, ...]


def read_outcome(record: Node) -> Outcome:
    """Return everything that a ``record`` element says but for source and count."""
    return join(read_findings(record), read_results(record))


def read_findings(record: Node) -> Findings:
    """Return what ``policy_evaluated`` and ``identifiers`` of a record say."""
    identifiers = record.first("identifiers") if record.all("identifiers") else record.first("identities")
    evaluated = record.first("row").first("policy_evaluated")
    return Findings(
        disposition=_known(evaluated.word("disposition") or "none", DISPOSITIONS),
        dkim="pass" if evaluated.word("dkim") == "pass" else "fail",
        spf="pass" if evaluated.word("spf") == "pass" else "fail",
        header_from=identifiers.word("header_from", DOMAIN_LENGTH),
        envelope_from=identifiers.word("envelope_from", DOMAIN_LENGTH),
        envelope_to=identifiers.word("envelope_to", DOMAIN_LENGTH),
        reasons=tuple(_reason(node) for node in evaluated.all("reason")[:MAXIMUM_RESULTS] if node.children),
    )


def read_results(record: Node) -> Results:
    """Return what ``auth_results`` of a record say."""
    results = record.first("auth_results")
    return Results(
        tuple(_dkim(node) for node in results.all("dkim")[:MAXIMUM_RESULTS] if node.children),
        tuple(_spf(node) for node in results.all("spf")[:MAXIMUM_RESULTS] if node.children),
    )


def join(found: Findings, results: Results) -> Outcome:
    """Return the outcome of a record, its pattern shared with equal ones."""
    identities = (found.header_from, found.envelope_from, found.envelope_to)
    pattern = _shared(AuthPattern(*identities, results.dkim, results.spf, found.reasons))
    return Outcome(found.disposition, found.dkim, found.spf, pattern)


_patterns: dict[AuthPattern, AuthPattern] = {}


def _shared(pattern: AuthPattern) -> AuthPattern:
    """Return the one object that stands for all patterns equal to this one, forgotten when there are many."""
    if len(_patterns) >= SHARED_PATTERNS:
        _patterns.clear()
    return _patterns.setdefault(pattern, pattern)


def _known(word: str, words: Sequence[str]) -> str:
    word = _OLD_WORDS.get(word, word)
    return word if word in words else "unknown"


def _dkim(node: Node) -> DkimResult:
    return DkimResult(
        node.word("domain", DOMAIN_LENGTH),
        node.text("selector", DOMAIN_LENGTH),
        _known(node.word("result") or "none", DKIM_RESULTS),
        node.text("human_result", SENTENCE_LENGTH),
    )


def _spf(node: Node) -> SpfResult:
    scope = node.word("scope")
    return SpfResult(
        node.word("domain", DOMAIN_LENGTH),
        scope if scope in ("mfrom", "helo") else "",
        _known(node.word("result") or "none", SPF_RESULTS),
        node.text("human_result", SENTENCE_LENGTH),
    )


def _reason(node: Node) -> PolicyReason:
    return PolicyReason(node.word("type") or "other", node.text("comment", SENTENCE_LENGTH))


def read_address(text: str, number: int) -> str:
    """Return the address in its one spelling; an IPv4 address mapped into IPv6 is the IPv4 address."""
    try:
        return one_spelling(text)
    except ValueError as error:
        raise BadReport(f"Record {number} has no source address that can be read.") from error


@lru_cache(maxsize=16_384)
def one_spelling(text: str) -> str:
    """Return the address that the text names, in brackets or with a zone or not; raises ValueError."""
    if _IPV4.fullmatch(text):
        return text
    address = ip_address(text.strip("[]").partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def read_count(text: str, number: int) -> int:
    """Return a number of messages, which some write as a decimal fraction."""
    if _PLAIN_COUNT.fullmatch(text):
        return int(text)
    try:
        count = float(text)
        whole = int(count)
    except (ValueError, OverflowError) as error:
        raise BadReport(f"Record {number} has no message count that can be read.") from error
    if not 0 <= whole <= MAXIMUM_MESSAGES or whole != count:
        raise BadReport(f"Record {number} has a message count that cannot be.")
    return whole
