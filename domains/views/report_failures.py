"""Failure reports of a domain: single messages that failed at a receiver, and how long such details are kept."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domains.forms import PanelForm
from domains.services import failure_reports as service
from domains.services.dmarc_policy import dmarc_policy_of
from domains.services.provision import get_domain_for
from domains.views.frame import domain_page
from domains.views.web import (
    Audience,
    act_of_request,
    answered,
    audience,
    bound,
    done,
    form_page,
    page_of,
    typed,
    url,
)


class ReportKeepingForm(PanelForm):
    """Days."""

    file_days = forms.IntegerField(
        label=gettext_lazy("Days that report files are kept"),
        min_value=1,
        max_value=service.MOST_DAYS,
        help_text=gettext_lazy("Also those that could not be read. What was read from them stays."),
    )
    failure_days = forms.IntegerField(
        label=gettext_lazy("Days that failure reports are kept"), min_value=1, max_value=service.MOST_DAYS
    )
    redact_days = forms.IntegerField(
        label=gettext_lazy("Days until persons are taken out of failure reports"),
        min_value=0,
        max_value=service.MOST_DAYS,
        help_text=gettext_lazy("Subjects, addresses of others and the last part of IP addresses go then."),
    )
    record_days = forms.IntegerField(
        label=gettext_lazy("Days that aggregate reports are kept"),
        min_value=1,
        max_value=service.MOST_DAYS,
        help_text=gettext_lazy("With their records, by whole months. Older ones are not taken in."),
    )
    sum_days = forms.IntegerField(
        label=gettext_lazy("Days that their sums are kept"),
        min_value=1,
        max_value=service.MOST_DAYS,
        help_text=gettext_lazy("Charts and senders are drawn from them."),
    )


def failures(request: HttpRequest, name: str) -> HttpResponse:
    """List the failure reports of a domain, newest first."""
    domain = get_domain_for(act_of_request(request), name)
    text = typed(request, "q")
    shown = {
        "page": page_of(request, service.failures_of(domain, text)),
        "text": text,
        "kept": service.keeping(),
        "asked_for": bool(dmarc_policy_of(domain).ruf),
    }
    return domain_page(request, "domains/report_failures.html", domain, "domain-reports", **shown)


def failure(request: HttpRequest, name: str, identifier: int) -> HttpResponse:
    """Show one failure report."""
    row = service.get_failure(act_of_request(request), name, identifier)
    known = service.is_known_source(row)
    shown = {"report": row, "details": row.details, "kept": service.keeping(), "known_source": known}
    return domain_page(request, "domains/report_failure.html", row.domain, "domain-reports", **shown)


@audience(Audience.SUPERADMINS)
def keep(request: HttpRequest) -> HttpResponse:
    """Set how long report files and failure reports are kept."""
    act, kept = act_of_request(request), service.keeping()
    names = ("file_days", "failure_days", "redact_days", "record_days", "sum_days")
    form = bound(request, ReportKeepingForm, initial={name: getattr(kept, name) for name in names})

    def change(data: dict[str, Any]) -> HttpResponse:
        service.change_keeping(act, **data)
        return done(request, _("Reports are kept as you say."), "report-keeping")

    shown = {
        "title": _("How long reports are kept"),
        "lead": _("For the whole installation. Failure reports tell of single messages, so they are kept shortly."),
        "button": _("Save"),
        "back": url("report-roads"),
        "back_label": _("Roads of reports"),
    }
    return answered(request, form, change) or form_page(request, "components/form_page.html", form, **shown)
