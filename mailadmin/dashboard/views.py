"""Pages over several apps: the first page, search, the services. They change nothing but by services."""

from dataclasses import dataclass
from itertools import groupby

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from domains.audit import record
from domains.errors import NotFound
from domains.services.provision import domains_for, get_domain_for
from domains.views.web import Audience, act_of_request, audience, done, typed
from domains.views.words import word_of
from mailadmin.dashboard.figures import LINES, alerts, domain_lines, state_of
from mailadmin.runner.status import ACTIONS, ControlFault, ListenerRow, WorkerStatus, act_on, list_workers
from mailboxes.services.accounts import get_account_for
from mailboxes.services.aliases import get_alias_for

TEXT_LIMIT = 300


def home(request: HttpRequest) -> HttpResponse:
    """Say whether everything is all right, and what is next."""
    act = act_of_request(request)
    lines = domain_lines(act)
    more = len(lines) == LINES and domains_for(act).count() > LINES
    found = alerts(act, lines)
    shown = {"lines": lines, "alerts": found, "more": more, "state": state_of(lines, found)}
    return render(request, "mailadmin/home.html", shown)


def search(request: HttpRequest) -> HttpResponse:
    """Lead to what the text names: a domain, a mailbox, an alias, else the messages about it."""
    text = typed(request, "q", TEXT_LIMIT)
    act = act_of_request(request)
    try:
        return redirect("domain", get_domain_for(act, text).name)
    except NotFound:
        pass
    for get, page in ((get_account_for, "mailbox"), (get_alias_for, "alias")):
        try:
            return redirect(page, get(act, text).address)
        except (NotFound, ValueError):
            continue
    return redirect(f"{reverse('messages')}?{urlencode({'q': text})}")


@dataclass(frozen=True, slots=True)
class Service:
    """One service of a worker with its sockets."""

    name: str
    state: str
    rows: list[ListenerRow]


def _services(worker: WorkerStatus) -> list[Service]:
    found = []
    for name, rows in groupby(worker.listeners, key=lambda row: row.service):
        listed = list(rows)
        states = {row.state for row in listed}
        found.append(Service(name, states.pop() if len(states) == 1 else listed[0].state, listed))
    return found


@audience(Audience.SUPERADMINS)
def services(request: HttpRequest) -> HttpResponse:
    """Show every worker with its listeners, as they stand now."""
    listed = list_workers()
    ordered = sorted(listed.workers, key=lambda worker: (not worker.listeners, worker.worker))
    workers = [(worker, _services(worker)) for worker in ordered]
    return render(request, "mailadmin/services.html", {"workers": workers, "reason": listed.reason})


@audience(Audience.SUPERADMINS)
@require_POST
def service_act(request: HttpRequest) -> HttpResponse:
    """Start, stop, drain or reload at one worker; each act is safe to repeat."""
    worker, action = request.POST.get("worker", "")[:200], request.POST.get("action", "")
    service = request.POST.get("service", "")[:40]
    if action not in ACTIONS:
        messages.error(request, _("There is no such action."))
        return redirect("services")
    try:
        act_on(worker, action, service or None)
    except ControlFault as fault:
        messages.error(request, str(fault))
        return redirect("services")
    name = f"{service or 'all'} @ {worker}"
    record(act_of_request(request), "services.act", "service", name, changes={"action": action})
    sentence = _done_sentences()[action]
    named = word_of(service) if service else _("All services")
    return done(request, sentence % {"service": named, "worker": worker}, "services")


def _done_sentences() -> dict[str, str]:
    """Return what is so after each action."""
    return {
        "start": _("Started at %(worker)s: %(service)s."),
        "stop": _("Stopped at %(worker)s: %(service)s. The other workers go on."),
        "drain": _("Drained at %(worker)s: %(service)s. No new connection is taken until it is started again."),
        "reload_certificates": _("The certificates of %(worker)s are read again; new connections use them."),
    }
