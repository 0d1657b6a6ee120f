"""Files that came as reports: handing many in, what waits or could not be read and why, and disputes to settle.

A file is only ever handed out as a download that no browser opens.
"""

from typing import Any
from urllib.parse import quote

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from domains.errors import Refused
from domains.forms import REPORT_OCTETS, ConfirmForm
from domains.models import Domain, ReportFileState
from domains.names import to_unicode
from domains.services import report_files as service
from domains.services.provision import get_domain_for
from domains.services.report_comparison import compare
from domains.services.report_disputes import settle_dispute
from domains.views.frame import frame_of
from domains.views.report_words import in_words
from domains.views.web import act_of_request, answered, bound, confirm, done, typed, url

ROWS = 50
DISPUTES = 50
MOST_FILES = 200
ROW_HEADER = "X-One-Row"


def _frame(request: HttpRequest, name: str | None) -> tuple[Domain | None, dict[str, Any]]:
    """Return the domain and what its frame shows; without a name nothing."""
    if name is None:
        return None, {}
    domain = get_domain_for(act_of_request(request), name)
    return domain, frame_of(request, domain, "domain-reports")


def _place(domain: Domain | None, page: str) -> str:
    return url(f"domain-report-{page}", domain.name) if domain else url(f"report-{page}")


def files(request: HttpRequest, name: str | None = None) -> HttpResponse:
    """List the files that wait or were not taken, and the disputes; of one domain, or of all in reach."""
    act = act_of_request(request)
    domain, frame = _frame(request, name)
    rows = service.files_for(act, domain)
    again = service.readable_again(rows).count()
    state = typed(request, "state", 10)
    states = [state] if state in ReportFileState.values else list(service.OPEN_STATES)
    shown = {
        "page": Paginator(rows.filter(state__in=states), ROWS).get_page(request.GET.get("page")),
        "disputes": service.disputed_for(act, domain)[:DISPUTES],
        "again": again,
        "unread": rows.filter(state__in=service.UNREAD).exclude(content=b"").count(),
        "state": state,
        "states": [(one.value, one.label) for one in ReportFileState],
        "here": _place(domain, "files"),
        "upload": url("report-upload", domain.name) if domain else url("report-upload-all"),
        "retry_all": _place(domain, "files-retry"),
        "unread_states": service.UNREAD,
    }
    template = "domains/report_files.html" if domain else "domains/report_files_all.html"
    return render(request, template, frame | shown)


@require_POST
def retry_all(request: HttpRequest, name: str | None = None) -> HttpResponse:
    """Read every file that was not taken again."""
    act = act_of_request(request)
    domain, _shown = _frame(request, name)
    count = service.read_all_again(act, domain)
    text = ngettext("%(count)d file is read again.", "%(count)d files are read again.", count)
    return done(request, text % {"count": count}, _place(domain, "files"))


def download(request: HttpRequest, identifier: int) -> HttpResponse:
    """Hand out a file as it came: a download of octets, whatever it holds."""
    name, content = service.content_of(act_of_request(request), identifier)
    response = HttpResponse(content, content_type="application/octet-stream")
    safe = "".join(c if c.isalnum() or c in "-_. " else "_" for c in name)[:100].strip(". ") or f"report-{identifier}"
    response["Content-Disposition"] = f"attachment; filename=\"report\"; filename*=UTF-8''{quote(safe)}"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


@require_POST
def retry(request: HttpRequest, identifier: int) -> HttpResponse:
    """Read one file again, now, and say what became of it."""
    act = act_of_request(request)
    before = service.get_file_for(act, identifier)
    try:
        row = service.read_again(act, identifier)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(_place(before.domain, "files"))
    if row.state in service.UNREAD:
        messages.warning(request, in_words(row.reason))
    else:
        messages.success(request, _("The file is read: %(state)s.") % {"state": row.get_state_display()})
    return redirect(_place(before.domain, "files"))


def delete(request: HttpRequest, identifier: int) -> HttpResponse:
    """Ask, then remove a file."""
    act = act_of_request(request)
    row = service.get_file_for(act, identifier)
    form = bound(request, ConfirmForm)

    def remove(data: dict[str, Any]) -> HttpResponse:
        service.delete_file(act, identifier)
        return done(request, _("The file is removed."), _place(row.domain, "files"))

    return answered(request, form, remove) or confirm(
        request,
        form,
        title=_("Remove the file %(name)s?") % {"name": row.file_name or identifier},
        text=_("It cannot be read again afterwards. Reports that were read from it stay."),
        button=_("Remove"),
        back=_place(row.domain, "files"),
    )


# ---- Handing in ----------------------------------------------------------------------------------------------------


def upload(request: HttpRequest, name: str | None = None) -> HttpResponse:
    """Take in many files, each with its outcome; a script sends them one by one and is answered with one row each."""
    domain, frame = _frame(request, name)
    sent = request.FILES.getlist("file")[:MOST_FILES] if request.method == "POST" else []
    outcomes = [_taken(request, one, domain) for one in sent]
    if outcomes and request.headers.get(ROW_HEADER):
        return render(request, "domains/_upload_rows.html", {"outcomes": outcomes})
    shown = {
        "outcomes": outcomes,
        "nothing_chosen": request.method == "POST" and not outcomes,
        "files": _place(domain, "files"),
        "most_files": MOST_FILES,
        "address": f"dmarc-reports@{domain.name}" if domain else "",
        "title": _("Hand in reports for %(name)s") % {"name": to_unicode(domain.name)} if domain else "",
    }
    template = "domains/report_upload.html" if domain else "domains/report_upload_all.html"
    return render(request, template, frame | shown)


def _taken(request: HttpRequest, sent: Any, domain: Domain | None) -> service.HandedIn:
    if sent.size > REPORT_OCTETS:
        reason = _("The file is larger than 20 MB. A report is smaller.")
        return service.HandedIn(str(sent.name)[:300], ReportFileState.BROKEN, (), reason)
    return service.hand_in(act_of_request(request), sent.read(), sent.name or "", domain)


# ---- Disputes ------------------------------------------------------------------------------------------------------


def dispute(request: HttpRequest, name: str, identifier: int) -> HttpResponse:
    """Show both reports of a name, and let the disputed one count instead."""
    act = act_of_request(request)
    domain, frame = _frame(request, name)
    assert domain is not None
    found = compare(act, identifier)
    form = bound(request, ConfirmForm)

    def settle(data: dict[str, Any]) -> HttpResponse:
        settle_dispute(act, domain.name, identifier)
        return done(request, _("This report counts now; the other one is kept."), _place(domain, "files"))

    shown = {"found": found, "form": form, "files": _place(domain, "files")}
    return answered(request, form, settle) or render(request, "domains/report_dispute.html", frame | shown)
