"""DMARC aggregate reports: XML ↔ types (RFC 9990 appendix A; RFC 7489 appendix C), read generously, bounded.

``open_report`` streams: octets in, rows out, memory that does not grow. ``parse_report`` keeps all of it.
Invariants: any octets give a report or raise BadReport; ``parse_report(serialise_report(x)) == x``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from itertools import chain
from xml.sax.saxutils import escape

from domains.dmarc.report_reader import Reader, read_batches
from domains.dmarc.report_types import (
    DISPOSITIONS,
    DKIM_RESULTS,
    POLICY_TAGS,
    RFC_9990,
    SPF_RESULTS,
    AggregateReport,
    AuthPattern,
    BadReport,
    DkimResult,
    Outcome,
    PolicyReason,
    ReportHead,
    ReportRow,
    SpfResult,
)
from domains.dmarc.report_values import MAXIMUM_MESSAGES, NAMESPACE
from domains.dmarc.xml_text import safe_text

__all__ = [
    "DISPOSITIONS",
    "DKIM_RESULTS",
    "MAXIMUM_MESSAGES",
    "SPF_RESULTS",
    "AggregateReport",
    "AuthPattern",
    "BadReport",
    "DkimResult",
    "Outcome",
    "PolicyReason",
    "ReportHead",
    "ReportRow",
    "SpfResult",
    "open_report",
    "parse_report",
    "serialise_report",
]

MAXIMUM_RECORDS = 100_000
MAXIMUM_OWN_RECORDS = 2_000_000  # of a file that an administrator laid on the disk
MAXIMUM_HEADLESS_RECORDS = 100_000

_PIECE = 64 * 1024


def open_report(
    chunks: Iterable[bytes], maximum_records: int | None = None
) -> tuple[ReportHead, Iterator[ReportRow]]:
    """Return the head of a report and its rows, which are read from ``chunks`` while they are asked for.

    Both this call and the rows raise BadReport: only a report whose rows came to their end is one. Rows before the
    head (a report may end with it) are kept until it was seen, at most ``MAXIMUM_HEADLESS_RECORDS``.
    ``maximum_records`` is ``MAXIMUM_RECORDS`` unless an administrator's own file may have more.
    """
    reader = Reader(MAXIMUM_RECORDS if maximum_records is None else maximum_records)
    batches = read_batches(safe_text(chunks), reader)
    early: list[ReportRow] = []
    for batch in batches:
        early += batch
        if early and reader.collector.has_head:
            break
        if len(early) > MAXIMUM_HEADLESS_RECORDS:
            raise BadReport(f"More than {MAXIMUM_HEADLESS_RECORDS} records stand before the report says what it is.")
    return reader.collector.head(), chain(early, chain.from_iterable(batches))


def parse_report(octets: bytes, maximum_records: int | None = None) -> AggregateReport:
    """Return the report, whole; raises BadReport."""
    pieces = (octets[start : start + _PIECE] for start in range(0, len(octets), _PIECE))
    head, rows = open_report(pieces, maximum_records)
    values = {field.name: getattr(head, field.name) for field in fields(head)}
    return AggregateReport(**values, rows=tuple(rows))


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
