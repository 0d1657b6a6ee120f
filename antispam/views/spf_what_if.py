"""Another SPF record tried on the mail of a domain: what was reported, and what came in here."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from antispam.forms import SpfRecordForm
from antispam.services.spf_what_if import try_spf_record
from antispam.views.received import received_values
from domains.errors import Refused
from domains.models import Domain
from domains.reports.advice import LOOKED_DAYS
from domains.reports.span import day_before
from domains.services.provision import get_domain_for
from domains.spf.record import is_spf_record
from domains.views.frame import domain_page
from domains.views.web import act_of_request

FLIPS = 200


def try_record(request: HttpRequest, name: str) -> HttpResponse:
    """Show what another SPF record would have done; nothing is published."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    today = datetime.now(UTC).date()
    form = SpfRecordForm(request.GET if "record" in request.GET else None, initial={"record": _published(domain)})
    values: dict[str, Any] = {"form": form, "days": LOOKED_DAYS}
    if form.is_bound and form.is_valid():
        try:
            days = (day_before(today, LOOKED_DAYS - 1), today)
            tried = try_spf_record(act, domain, form.cleaned_data["record"], *days)
            found = tried.reported
            values |= received_values(act, tried.received)
            values |= {"found": found, "flips": found.flips[:FLIPS], "lost": found.lost, "gained": found.gained}
        except Refused as refusal:
            for text in refusal.errors.values():
                form.add_error("record", text)
    return domain_page(request, "antispam/spf_what_if.html", domain, "domain-reports", **values)


def _published(domain: Domain) -> str:
    """Return the SPF record as last seen, empty without one."""
    seen = [text for row in domain.observations.filter(purpose="spf") for text in row.found if is_spf_record(text)]
    return seen[0] if seen else ""
