"""The DNS page of a domain: what to publish, what was seen, wrong ones first, and the check."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from domains.models import Domain, RecordStatus
from domains.services.check import RecordState, check_now, record_states
from domains.services.provision import get_domain_for
from domains.services.publication import DesiredRecord, desired_records, zone_text
from domains.views.frame import domain_page, frame_of
from domains.views.web import act_of_request, done
from domains.views.words import purpose_of

_TOKEN = re.compile(r"\s+|[^\s;]+;?|;")
_LAST = {RecordStatus.RIGHT: 3, RecordStatus.WAITING: 1, RecordStatus.UNCHECKED: 2}


class Part(NamedTuple):
    """A piece of a value, and whether the one it is compared with lacks it."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class RecordLine:
    """One row of the table; ``split`` is the value as quoted strings when one is longer than 255 octets.

    ``wanted`` marks what was not seen, ``found`` what was seen but is not wanted.
    """

    state: RecordState
    purpose: str
    split: str
    wanted: tuple[Part, ...]
    found: tuple[tuple[Part, ...], ...]

    @property
    def record(self) -> DesiredRecord:
        """What should be published."""
        return self.state.record


def _line(state: RecordState) -> RecordLine:
    row = state.record
    strings = row.strings if row.type == "TXT" else []
    split = " ".join(f'"{text}"' for text in strings) if len(strings) > 1 else ""
    found = () if state.status == RecordStatus.RIGHT else state.found
    wanted = parts_of(row.value, " ".join(found)) if found else (Part(row.value, False),)
    return RecordLine(
        state, purpose_of(row.purpose), split, wanted, tuple(parts_of(text, row.value) for text in found)
    )


def parts_of(found: str, desired: str) -> tuple[Part, ...]:
    """Return a value in pieces, those marked that the other one does not have; linear in both."""
    known = {token.rstrip(";") for token in _TOKEN.findall(desired)}
    tokens = _TOKEN.findall(found)
    return tuple(Part(token, not token.isspace() and token.rstrip(";") not in known) for token in tokens)


def lines_of(states: list[RecordState]) -> list[RecordLine]:
    """Return the rows: wrong first, required before recommended, right last."""
    return [_line(state) for state in sorted(states, key=_rank)]


def _rank(state: RecordState) -> tuple[int, bool]:
    return _LAST.get(RecordStatus(state.status), 0), not state.record.required


def _shown(domain: Domain, states: list[RecordState]) -> dict[str, object]:
    wrong = [state for state in states if state.status not in (RecordStatus.RIGHT, RecordStatus.UNCHECKED)]
    return {
        "lines": lines_of(states),
        "right": sum(state.status == RecordStatus.RIGHT for state in states),
        "wrong": len(wrong),
        "all": len(states),
        "checked_at": max((state.checked_at for state in states if state.checked_at), default=None),
        "outside": sorted({state.record.zone for state in states if state.record.zone != domain.name}),
    }


def dns(request: HttpRequest, name: str) -> HttpResponse:
    """Show the records to publish."""
    domain = get_domain_for(act_of_request(request), name)
    return domain_page(request, "domains/dns.html", domain, "domain-dns", **_shown(domain, record_states(domain)))


@require_POST
def check(request: HttpRequest, name: str) -> HttpResponse:
    """Look every record up now; htmx gets the table, a plain form the page."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    states = check_now(act, domain.name)
    if request.headers.get("HX-Request"):
        fresh = get_domain_for(act, domain.name)
        values = frame_of(request, fresh, "domain-dns") | _shown(fresh, states)
        return render(request, "domains/_records.html", values)
    return done(request, _("Every record was looked up."), "domain-dns", domain.name)


def zone(request: HttpRequest, name: str) -> HttpResponse:
    """Hand out the records of this zone as text to include in a zone file."""
    domain = get_domain_for(act_of_request(request), name)
    text = zone_text(desired_records(domain), domain.name)
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{domain.name}.zone"'
    return response
