"""The page that shows an administrator the weekly summary as it would be mailed now."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from domains.models import Actor, MailAbout
from domains.reports.weeks import last_week
from domains.services.notices import domains_read_by
from domains.services.weekly_figures import ever_reported
from domains.views.weekly_summary import summary_page

# A mail has its styles within it, and nothing else: no script, nothing from elsewhere.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'"


def weekly(request: HttpRequest) -> HttpResponse:
    """Show the summary of the last week; who wishes no notices sees what it would be about."""
    actor = request.user
    assert isinstance(actor, Actor)
    silent = actor.mail_about == MailAbout.NONE
    domains = domains_read_by(actor, MailAbout.OWN if silent else actor.mail_about)
    if not ever_reported(domains):
        return render(request, "domains/weekly_nothing.html")
    note = _("This is mailed to you on Monday.")
    if silent or not actor.weekly_summary:
        note = _("This is not mailed to you: your settings put it off.")
    answer = HttpResponse(summary_page(domains, last_week(datetime.now(UTC).date()), note))
    answer["Content-Security-Policy"] = POLICY
    return answer
