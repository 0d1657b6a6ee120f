"""Another DMARC record tried on the mail of a domain: what was reported, and what came in here."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from antispam.services.received import try_policy_on_received
from antispam.views.received import received_values
from domains.dmarc.advice import cautions
from domains.dmarc.record import serialise_policy_record
from domains.errors import Refused
from domains.forms import WhatIfForm
from domains.reports.advice import LOOKED_DAYS
from domains.reports.span import day_before
from domains.services.dmarc_policy import dmarc_policy_of
from domains.services.provision import get_domain_for
from domains.services.report_advice import what_if
from domains.views.dmarc import WORDS
from domains.views.frame import domain_page
from domains.views.web import act_of_request

FLIPS = 100


def replay(request: HttpRequest, name: str) -> HttpResponse:
    """Show what another record would have done to the mail of the last weeks; nothing is published."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    today = datetime.now(UTC).date()
    published = serialise_policy_record(dmarc_policy_of(domain))
    form = WhatIfForm(request.GET if "record" in request.GET else None, initial={"record": published})
    values: dict[str, Any] = {"form": form, "days": LOOKED_DAYS}
    if form.is_bound and form.is_valid():
        record, days = form.cleaned_data["record"], (day_before(today, LOOKED_DAYS - 1), today)
        try:
            wanted, found = what_if(domain, record, *days)
            values |= {"found": found, "flips": found.flips[:FLIPS], "wanted": serialise_policy_record(wanted)}
            values["cautions"] = [WORDS[caution] for caution in cautions(wanted, domain.name)]
            values |= received_values(act, try_policy_on_received(act, domain, record, *days))
        except Refused as refusal:
            for text in refusal.errors.values():
                form.add_error("record", text)
    return domain_page(request, "antispam/dmarc_what_if.html", domain, "domain-reports", **values)
