"""The tester of set-up: what each mail program asks, gets and makes of it, and whether its servers answer.

With htmx each program's result comes by itself, one after the other; a plain form gets all of them on one page.
"""

from typing import Any, NamedTuple

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domains.client_settings import Security, Setting
from domains.errors import Refused, ServiceError
from domains.forms import PanelForm
from domains.services.client_imitations import CLIENTS
from domains.services.client_steps import Outcome, Step
from domains.services.client_test import ClientResult, Server, run_client_test
from domains.services.provision import get_domain_for
from domains.views.client_words import CLIENTS as NAMES
from domains.views.client_words import sentence_of
from domains.views.frame import domain_page, frame_of
from domains.views.web import act_of_request, bound

_OUTCOMES: dict[Outcome, tuple[str, str]] = {
    Outcome.TAKEN: ("●", "good"),
    Outcome.ONWARD: ("→", "plain"),
    Outcome.ABSENT: ("○", "plain"),
    Outcome.FAULT: ("▲", "bad"),
}
_PROTOCOLS = {"imap": "IMAP", "pop3": "POP3", "smtp": "SMTP"}
_SECURITIES: dict[Security, Promise] = {
    Security.TLS: gettext_lazy("TLS from the start"),
    Security.STARTTLS: gettext_lazy("STARTTLS"),
    Security.PLAIN: gettext_lazy("not encrypted"),
}


class ClientTestForm(PanelForm):
    """Whose set-up is tried."""

    address = forms.CharField(
        label=gettext_lazy("Address to set up"),
        max_length=320,
        required=False,
        help_text=gettext_lazy("Any of this domain; no mailbox is opened and no password is needed."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )


class StepLine(NamedTuple):
    """One step as the page shows it."""

    step: Step
    shape: str
    tone: str
    sentence: str


class ServerLine(NamedTuple):
    """One server as the page shows it."""

    server: Server
    protocol: str
    security: str


class ResultBlock(NamedTuple):
    """One program's result as the page shows it."""

    result: ClientResult
    name: str
    steps: list[StepLine]
    servers: list[ServerLine]


def _block(result: ClientResult) -> ResultBlock:
    steps = [StepLine(step, *_OUTCOMES[step.outcome], sentence_of(step)) for step in result.steps]
    return ResultBlock(result, NAMES[result.client], steps, [_server(server) for server in result.servers])


def _server(server: Server) -> ServerLine:
    setting: Setting = server.setting
    return ServerLine(server, _PROTOCOLS[setting.protocol], str(_SECURITIES[setting.security]))


def client_test(request: HttpRequest, name: str) -> HttpResponse:
    """Show the form, and after it was sent what each program finds."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, ClientTestForm, initial={"address": f"postmaster@{domain.name}"})
    chosen = request.POST.get("client", "")
    clients = [client for client in CLIENTS if client == chosen] or CLIENTS
    shown: dict[str, Any] = {"form": form, "first": CLIENTS[0]}
    if request.method == "POST" and form.is_valid():
        try:
            test = run_client_test(act, domain.name, form.cleaned_data["address"], clients)
        except Refused as error:
            form.add_error("address", " ".join(error.errors.values()))
        except ServiceError as error:
            form.add_error(None, str(error))
        else:
            shown |= {"results": [_block(result) for result in test.results], "whose": test.address}
            following = CLIENTS[CLIENTS.index(clients[-1]) + 1 :]
            shown |= {"following": following[0], "following_name": NAMES[following[0]]} if following else {}
    if request.headers.get("HX-Request"):
        problem = " ".join(str(text) for texts in form.errors.values() for text in texts)
        values = frame_of(request, domain, "domain-client-test") | shown | {"problem": problem}
        return render(request, "domains/_client_test.html", values)
    shown["title"] = _("Set-up of mail programs")
    return domain_page(request, "domains/client_test.html", domain, "domain-client-test", **shown)
