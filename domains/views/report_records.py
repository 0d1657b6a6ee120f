"""Single records of a domain's reports, by filters; as a page or a file."""

import json
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from domains.errors import Refused
from domains.services.provision import get_domain_for
from domains.services.report_records import DISPOSITIONS, Record, RecordQuery, all_records, checked, records_page
from domains.views.frame import domain_page
from domains.views.report_export import download, wanted_format
from domains.views.report_span import Span, span_of
from domains.views.source_words import KIND_WORDS
from domains.views.web import act_of_request, typed

ROWS = 50
COLUMNS = (
    "day",
    "source_ip",
    "class",
    "name",
    "messages",
    "disposition",
    "spf_aligned",
    "dkim_aligned",
    "header_from",
    "envelope_from",
    "reporter",
    "dkim",
    "spf",
    "reasons",
)
_TEXTS = ("source", "kind", "sender", "disposition", "reporter")
_ANSWERS = ("spf", "dkim", "passed", "held")


def records(request: HttpRequest, name: str) -> HttpResponseBase:
    """Show or download the records that the address asks for, the newest day first."""
    domain = get_domain_for(act_of_request(request), name)
    span = span_of(request)
    chosen = _chosen(request)
    problem = ""
    try:
        query = checked(RecordQuery(span.first_day, span.last_day, **chosen))
        page, following = records_page(domain, query, ROWS, request.GET.get("after", ""))
    except Refused as refusal:
        page, following, problem = [], "", str(refusal)
        query = RecordQuery(span.first_day, span.last_day)
    wanted = wanted_format(request)
    if wanted and not problem:
        rows = map(_cells, all_records(domain, query))
        return download(wanted, f"dmarc-records-{domain.name}", COLUMNS, rows)
    return domain_page(
        request,
        "domains/report_records.html",
        domain,
        "domain-reports",
        page=[_shown(row) for row in page],
        following=_link(span, chosen, following) if following else "",
        span=span,
        filters=[(label, _link(span, {k: v for k, v in chosen.items() if k != key})) for key, label in _told(chosen)],
        here=_link(span, chosen),
        problem=problem,
        kinds=KIND_WORDS.items(),
        dispositions=DISPOSITIONS,
        chosen=chosen,
    )


def _chosen(request: HttpRequest) -> dict[str, Any]:
    found: dict[str, Any] = {key: text for key in _TEXTS if (text := typed(request, key, 300))}
    if request.GET.get("sender") == "" and "sender" in request.GET and "kind" in found:
        found["sender"] = ""
    for key in _ANSWERS:
        if request.GET.get(key) in ("1", "0"):
            found[key] = request.GET[key] == "1"
    report = request.GET.get("report", "")
    if report.isdecimal() and len(report) < 19:
        found["report"] = int(report)
    return found


def _link(span: Span, chosen: dict[str, Any], after: str = "") -> str:
    values = {
        key: {True: "1", False: "0"}.get(value, value) if isinstance(value, bool) else value
        for key, value in chosen.items()
    }
    return "?" + urlencode(
        values | {"from": span.first_day, "to": span.last_day} | ({"after": after} if after else {})
    )


def _told(chosen: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the filters in words."""
    words = {
        "source": chosen.get("source", ""),
        "kind": str(KIND_WORDS.get(chosen.get("kind", ""), chosen.get("kind", ""))),
        "sender": chosen.get("sender") or _("without a name"),
        "disposition": chosen.get("disposition", ""),
        "reporter": _("reported by %(name)s") % {"name": chosen.get("reporter", "")},
        "report": _("of one report"),
        "spf": _("SPF aligned") if chosen.get("spf") else _("SPF not aligned"),
        "dkim": _("DKIM aligned") if chosen.get("dkim") else _("DKIM not aligned"),
        "passed": _("passed DMARC") if chosen.get("passed") else _("failed DMARC"),
        "held": _("put into junk or refused") if chosen.get("held") else _("neither put into junk nor refused"),
    }
    return [(key, words[key]) for key in words if key in chosen]


def _shown(row: Record) -> dict[str, Any]:
    details = [json.loads(text) if text else [] for text in (row.spf, row.dkim, row.reasons)]
    return {"row": row, "details": dict(zip(("spf", "dkim", "reasons"), details, strict=True))}


def _cells(row: Record) -> tuple[object, ...]:
    return (
        row.day.isoformat(),
        row.source_ip,
        row.kind or "",
        row.sender or "",
        int(row.messages),
        row.disposition,
        row.spf_aligned,
        row.dkim_aligned,
        row.header_from or "",
        row.envelope_from or "",
        row.reporter,
        row.dkim or "[]",
        row.spf or "[]",
        row.reasons or "[]",
    )
