"""How long traces are kept, and one address forgotten."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from domains.services.trace_keeping import change_keeping, forget_address, keeping
from domains.trace_forms import ForgetForm, KeepingForm
from domains.views.web import Audience, act_of_request, answered, audience, bound, done, form_page, url


@audience(Audience.SUPERADMINS)
def keep(request: HttpRequest) -> HttpResponse:
    """Set how long traces are kept."""
    act, kept = act_of_request(request), keeping()
    names = ("head_days", "event_days", "redact_days")
    form = bound(request, KeepingForm, initial={name: getattr(kept, name) for name in names})

    def change(data: dict[str, Any]) -> HttpResponse:
        change_keeping(act, **data)
        return done(request, _("Traces are kept as you say from the next hour on."), "trace-keeping")

    shown = {
        "title": _("How long traces are kept"),
        "lead": _("For the whole installation. Subjects and bodies are never in a trace."),
        "button": _("Save"),
        "back": url("messages"),
        "back_label": _("Trace"),
    }
    answer = answered(request, form, change)
    return answer or form_page(request, "domains/trace_keeping.html", form, **shown)


@audience(Audience.SUPERADMINS)
def forget(request: HttpRequest) -> HttpResponse:
    """Remove the traces of one address."""
    form = bound(request, ForgetForm)

    def remove(data: dict[str, Any]) -> HttpResponse:
        count = forget_address(act_of_request(request), data["address"])
        text = ngettext("%(count)d message is forgotten.", "%(count)d messages are forgotten.", count)
        return done(request, text % {"count": count}, "trace-keeping")

    shown = {
        "title": _("Forget an address"),
        "lead": _("When a person asks for it. The messages themselves stay in their folders; this cannot be undone."),
        "button": _("Forget it"),
        "back": url("trace-keeping"),
        "back_label": _("How long traces are kept"),
    }
    return answered(request, form, remove) or form_page(request, "components/form_page.html", form, **shown)
