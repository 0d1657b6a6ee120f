"""The audit log: who changed what, when, from where."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from domains.services.audit_log import search_audit
from domains.views.web import act_of_request, page_of, typed
from domains.views.words import action_of


def audit(request: HttpRequest) -> HttpResponse:
    """List the records in reach, newest first."""
    text = typed(request, "q")
    page = page_of(request, search_audit(act_of_request(request), text))
    lines = [(row, action_of(row.action)) for row in page]
    return render(request, "domains/audit.html", {"page": page, "lines": lines, "text": text})
