"""The DNS page of a domain: what to publish, what was seen, wrong ones first, and the check."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from domains.audit import Act
from domains.dns.providers import Naming, Provider, provider_of
from domains.models import Domain, RecordStatus, ZoneObservation
from domains.services.check import RecordState, check_live, check_now, record_states
from domains.services.desired import DesiredRecord
from domains.services.provision import get_domain_for
from domains.services.publication import desired_records, zone_text
from domains.views.frame import domain_page
from domains.views.remarks import Piece, pieces_of, sentence_of
from domains.views.web import act_of_request, done
from domains.views.words import purpose_of

STREAMED = "application/x-ndjson"
_LAST = {RecordStatus.RIGHT: 3, RecordStatus.WAITING: 1, RecordStatus.UNCHECKED: 2}
_TARGETS = frozenset({"MX", "SRV", "CNAME", "PTR"})


class Part(NamedTuple):
    """A piece of a value, and whether the one it is compared with lacks it."""

    text: str
    differs: bool


class SeenLine(NamedTuple):
    """What one server answered; ``ttl`` None without an answer."""

    name: str
    server: str
    status: str
    texts: tuple[str, ...]
    ttl: int | None
    dnssec: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecordLine:
    """One row of the table; ``split`` is the value as quoted strings when one is longer than 255 octets.

    ``entry`` and ``value`` are what the provider's form takes. ``wanted`` marks what was not seen, ``found`` what was
    seen but is not wanted. ``split_first`` says that the form takes the quoted strings.
    """

    state: RecordState
    purpose: str
    entry: str
    value: str
    split: str
    split_first: bool
    wanted: tuple[Part, ...]
    found: tuple[tuple[Part, ...], ...]
    advice: tuple[Piece, ...]
    seen: tuple[SeenLine, ...]

    @property
    def record(self) -> DesiredRecord:
        """What should be published."""
        return self.state.record

    @property
    def anchor(self) -> str:
        """The same for the same record, also on a page that was made before the check."""
        row = self.record
        return "record-" + sha256(f"{row.name} {row.type} {row.value}".encode()).hexdigest()[:12]


def line_of(state: RecordState, provider: Provider | None) -> RecordLine:
    """Return one row; the provider's way of writing counts in its own zone."""
    row = state.record
    strings = row.strings if row.type == "TXT" else []
    split = " ".join(f'"{text}"' for text in strings) if len(strings) > 1 else ""
    found = () if state.status in (RecordStatus.RIGHT, RecordStatus.WAITING) else state.found
    unlike = state.difference
    dot = "." if provider and provider.final_dot and row.type in _TARGETS else ""
    return RecordLine(
        state,
        purpose_of(row.purpose),
        provider.entry(row.name, row.zone) if provider else row.relative_name,
        row.value + dot,
        split,
        provider is not None and not provider.splits,
        parts_of(row.value, unlike.missing),
        tuple(parts_of(text, unlike.extra) for text in found),
        tuple(pieces_of(sentence_of(state.remark, row, provider))) if state.remark else (),
        tuple(map(_seen_line, state.seen)),
    )


def _seen_line(seen: dict[str, Any]) -> SeenLine:
    name = seen["host"] or _("Resolver")
    return SeenLine(
        name, seen["server"], seen["status"], tuple(seen["texts"]), seen["ttl"], seen["dnssec"], seen["reason"]
    )


def parts_of(text: str, marked: Sequence[str]) -> tuple[Part, ...]:
    """Return a value in pieces, the marked ones apart; each is marked where it first stands."""
    places = sorted((text.find(piece), piece) for piece in marked if piece and piece in text)
    parts: list[Part] = []
    at = 0
    for place, piece in places:
        if place >= at:
            parts += [Part(text[at:place], False), Part(piece, True)]
            at = place + len(piece)
    return tuple(part for part in [*parts, Part(text[at:], False)] if part.text)


def lines_of(states: list[RecordState], domain: Domain, provider: Provider | None) -> list[RecordLine]:
    """Return the rows: wrong first, required before recommended, right last."""
    rows = sorted(states, key=_rank)
    return [line_of(state, provider if state.record.zone == domain.name else None) for state in rows]


def _rank(state: RecordState) -> tuple[int, bool]:
    return _LAST.get(RecordStatus(state.status), 0), not state.record.required


def _shown(domain: Domain, states: list[RecordState]) -> dict[str, Any]:
    wrong = [state for state in states if state.status not in (RecordStatus.RIGHT, RecordStatus.UNCHECKED)]
    looked = ZoneObservation.objects.filter(domain=domain).first() or ZoneObservation()
    provider = provider_of(looked.hosts)
    return {
        "lines": lines_of(states, domain, provider),
        "right": sum(state.status == RecordStatus.RIGHT for state in states),
        "wrong": len(wrong),
        "all": len(states),
        "checked_at": max((state.checked_at for state in states if state.checked_at), default=None),
        "outside": sorted(
            {state.record.zone for state in states if state.record.zone != domain.name and not state.record.managed}
        ),
        "provider": provider,
        "way": _way_of(provider) if provider else "",
        "hosts": looked.hosts,
        "wildcard": looked.wildcard,
    }


def _way_of(provider: Provider) -> str:
    if provider.naming is Naming.FULL:
        return _("Its form takes full names.")
    if provider.apex:
        return _("Its form takes names without the domain, and @ for the domain itself.")
    return _("Its form takes names without the domain; for the domain itself the field stays empty.")


def dns(request: HttpRequest, name: str) -> HttpResponse:
    """Show the records to publish."""
    domain = get_domain_for(act_of_request(request), name)
    return domain_page(request, "domains/dns.html", domain, "domain-dns", **_shown(domain, record_states(domain)))


@require_POST
def check(request: HttpRequest, name: str) -> HttpResponseBase:
    """Look every record up now; our script gets each row as soon as it is known, a plain form the page."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    if request.headers.get("Accept") == STREAMED:
        response = StreamingHttpResponse(_rows(act, domain), content_type=STREAMED)
        response["Cache-Control"] = "no-store"
        response["X-Accel-Buffering"] = "no"
        return response
    check_now(act, domain.name)
    return done(request, _("Every record was looked up."), "domain-dns", domain.name)


async def _rows(act: Act, domain: Domain) -> AsyncIterator[str]:
    """Give a line of JSON for each row, at last one with the whole table in its order."""
    language, zone = translation.get_language(), timezone.get_current_timezone()

    def written(template: str, values: dict[str, Any]) -> str:
        with translation.override(language), timezone.override(zone):
            return render_to_string(template, values)

    def row(state: RecordState) -> dict[str, str]:
        with translation.override(language):
            line = line_of(state, provider if state.record.zone == domain.name else None)
        return {"row": line.anchor, "html": written("domains/_record.html", {"line": line, "domain": domain})}

    def whole() -> dict[str, str]:
        fresh = get_domain_for(act, domain.name)
        with translation.override(language):
            values = _shown(fresh, record_states(fresh)) | {"domain": fresh}
        return {"html": written("domains/_records.html", values)}

    looked = await ZoneObservation.objects.filter(domain=domain).afirst()
    provider = provider_of(looked.hosts) if looked else None
    async for state in check_live(act, domain):
        yield json.dumps(row(state)) + "\n"
    yield json.dumps(await sync_to_async(whole)()) + "\n"


def zone(request: HttpRequest, name: str) -> HttpResponse:
    """Hand out the records of this zone as text to include in a zone file."""
    domain = get_domain_for(act_of_request(request), name)
    text = zone_text(desired_records(domain), domain.name)
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{domain.name}.zone"'
    return response
