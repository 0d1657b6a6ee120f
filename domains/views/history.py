"""The history of a domain's records: one sentence an entry, with the difference in the texts."""

import re
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from domains.models import HistoryKind, RecordHistory, RecordStatus
from domains.services.history import history_for
from domains.services.provision import get_domain_for
from domains.views.dns import Part
from domains.views.frame import domain_page
from domains.views.web import act_of_request, page_of, typed
from domains.views.words import purpose_of

_TOKEN = re.compile(r"\s+|[^\s;]+;?|;")
_BY: dict[str, Promise] = {
    "dmarc": gettext_lazy("The DMARC policy was changed by %(who)s."),
    "mta-sts": gettext_lazy("MTA-STS was changed by %(who)s."),
    "dkim": gettext_lazy("The key was changed by %(who)s."),
}
_SEEN: dict[str, Promise] = {
    RecordStatus.WRONG: gettext_lazy("Changed outside."),
    RecordStatus.DUPLICATE: gettext_lazy("A second record of the kind appeared."),
    RecordStatus.CONFLICTING: gettext_lazy("Another record stands in its way."),
    RecordStatus.UNREACHABLE: gettext_lazy("No server answered."),
    RecordStatus.BOGUS: gettext_lazy("DNSSEC validation fails."),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry: what happened in a sentence, the texts that went and came, with what differs in them marked."""

    row: RecordHistory
    purpose: str
    text: str
    gone: tuple[tuple[Part, ...], ...]
    come: tuple[tuple[Part, ...], ...]


def line_of(row: RecordHistory, reader: str) -> Line:
    """Return an entry as it is shown to a reader, who is known by name."""
    gone = [text for text in row.before if text not in row.after]
    come = [text for text in row.after if text not in row.before]
    return Line(
        row,
        purpose_of(row.purpose),
        sentence_of(row, reader),
        tuple(_parts(text, come) for text in gone),
        tuple(_parts(text, gone) for text in come),
    )


def _parts(text: str, others: list[str]) -> tuple[Part, ...]:
    """Return a text in pieces, those marked that none of the others has; nothing is marked beside nothing."""
    known = {token.rstrip(";") for other in others for token in _TOKEN.findall(other)}
    tokens = _TOKEN.findall(text)
    return tuple(
        Part(token, bool(others) and not token.isspace() and token.rstrip(";") not in known) for token in tokens
    )


def sentence_of(row: RecordHistory, reader: str) -> str:
    """Return what happened in one sentence."""
    if row.kind == HistoryKind.APPLIED:
        return _("Published from here by %(who)s.") % {"who": _who(row, reader)}
    if row.kind == HistoryKind.WANTED:
        return _wanted(row, reader)
    return _folded(row) if row.times > 1 else _seen(row)


def _who(row: RecordHistory, reader: str) -> str:
    return _("you") if row.actor_name == reader else row.actor_name


def _wanted(row: RecordHistory, reader: str) -> str:
    if not row.actor_name:
        return _("The settings of the installation ask for another text now.")
    if not row.after:
        return _("It is no longer to be published, after a change by %(who)s.") % {"who": _who(row, reader)}
    text = _BY.get(row.purpose) or gettext_lazy("What is to be published was changed by %(who)s.")
    return str(text) % {"who": _who(row, reader)}


def _folded(row: RecordHistory) -> str:
    text = ngettext(
        "Changed %(count)d time within a short while.", "Changed %(count)d times within a short while.", row.times
    )
    return text % {"count": row.times}


def _seen(row: RecordHistory) -> str:
    if not row.status_before:
        return _("Looked up for the first time.")
    if row.status == RecordStatus.RIGHT:
        return _right(row)
    if row.status_before == RecordStatus.UNCHECKED and row.before == row.after:
        return _("The DNS still has what was wanted before.")
    if row.status == RecordStatus.MISSING:
        return _("Went missing.") if row.before else _("Nothing is there yet.")
    if row.status == RecordStatus.WAITING:
        return _waiting(row)
    return str(_SEEN[row.status])


def _waiting(row: RecordHistory) -> str:
    lost = row.status_before == RecordStatus.RIGHT
    text = (
        _("Went missing at %(lacking)d of %(asked)d servers.")
        if lost
        else _("%(lacking)d of %(asked)d servers lack it.")
    )
    return text % {"lacking": row.lacking, "asked": row.asked}


def _right(row: RecordHistory) -> str:
    if row.here:
        return _("Seen everywhere, as published from here.")
    if row.status_before == RecordStatus.UNREACHABLE:
        return _("The servers answer again.")
    if row.status_before == RecordStatus.RIGHT:
        return _("Changed outside; it is right all the same.")
    if row.status_before == RecordStatus.WAITING:
        return _("Every server has it.")
    return _("Put right.") if row.before else _("Published.")


def history(request: HttpRequest, name: str) -> HttpResponse:
    """List what became of the records, or of one of them."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    record, type_ = typed(request, "record", 255), typed(request, "type", 8)
    rows = history_for(act, domain.name, record, type_)
    if not record:  # what was never there is no news among all records
        rows = rows.exclude(status_before="", status=RecordStatus.MISSING)
    page = page_of(request, rows)
    shown = {
        "page": page,
        "lines": [line_of(row, act.name) for row in page],
        "record": record,
        "type": type_,
    }
    return domain_page(request, "domains/history.html", domain, "domain-dns", **shown)
