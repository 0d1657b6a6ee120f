"""Alerts from the reports of a domain: what holds now, what was, and being quiet about one."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from domains.errors import NotFound
from domains.forms import MuteForm
from domains.models import ReportAlert
from domains.services import report_alerts as service
from domains.services.provision import get_domain_for
from domains.views.frame import domain_page
from domains.views.web import act_of_request, answered, bound, done, form_page, page_of, url


def alerts(request: HttpRequest, name: str) -> HttpResponse:
    """Show open and past alerts."""
    domain = get_domain_for(act_of_request(request), name)
    rows = service.alerts_of_domain(domain)
    return domain_page(
        request,
        "domains/report_alerts.html",
        domain,
        "domain-reports",
        waiting=[_line(row) for row in rows.filter(closed_at=None)],
        page=page_of(request, rows.exclude(closed_at=None)),
    )


def _line(row: ReportAlert) -> dict[str, Any]:
    records = url("report-records", row.domain.name)
    hrefs = {
        "new-source": url("report-source", row.domain.name, row.key) if row.code == "new-source" else "",
        "impostor-wave": f"{records}?kind=impostor",
        "own-held": url("report-advice", row.domain.name),
        "silence": url("domain-dns", row.domain.name),
        "no-reports": url("domain-dns", row.domain.name),
        "key-failures": url("domain-keys", row.domain.name),
        "tls-failures": url("report-tls", row.domain.name),
    }
    return {
        "row": row,
        "text": service.sentence_of(row),
        "href": hrefs.get(row.code) or url("domain-reports", row.domain.name),
    }


def mute(request: HttpRequest, name: str, identifier: int) -> HttpResponse:
    """Ask why, then be quiet about one until it ends."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    row = service.alerts_of_domain(domain).filter(pk=identifier, closed_at=None).first()
    if row is None:
        raise NotFound(_("There is no such open alert."))
    form = bound(request, MuteForm)

    def store(data: dict[str, Any]) -> HttpResponse:
        service.mute_alert(act, domain.name, identifier, data["note"])
        return done(request, _("The alert is quiet until it ends."), "report-alerts", domain.name)

    shown = {
        "title": _("Be quiet about this?"),
        "lead": service.sentence_of(row),
        "button": _("Be quiet"),
        "back": url("report-alerts", domain.name),
        "back_label": _("Alerts"),
    }
    return answered(request, form, store) or form_page(request, "components/form_page.html", form, **shown)
