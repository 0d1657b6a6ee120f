"""Incoming limits: the figures in force, who is over one now, and the button that lets one in again."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from antispam.forms import LetInForm
from antispam.limits.figures import FIGURES, Kind
from antispam.services.incoming_limits import RedisAway, let_in, limited_now
from domains.audit import Act
from domains.errors import Refused
from domains.views.web import Audience, act_of_request, answered, audience, bound, done, form_page

TITLES = {
    Kind.OPEN: gettext_lazy("Connections at one time"),
    Kind.CONNECTIONS: gettext_lazy("Connections a minute"),
    Kind.MESSAGES: gettext_lazy("Messages a minute"),
    Kind.RECIPIENTS: gettext_lazy("Recipients a minute"),
    Kind.UNKNOWN: gettext_lazy("Recipients that do not exist, in ten minutes"),
}


@audience(Audience.SUPERADMINS)
def limits(request: HttpRequest) -> HttpResponse:
    """Show the limits and let one in."""
    act = act_of_request(request)
    form = bound(request, LetInForm)

    def admit(data: dict[str, Any]) -> HttpResponse:
        try:
            client = let_in(act, data["client"])
        except RedisAway as fault:
            raise Refused({"client": _("Redis is away, so no worker can be told.")}) from fault
        return done(request, _("%(client)s is let in for an hour.") % {"client": client}, "incoming-limits")

    answer = answered(request, form, admit)
    if answer is not None:
        return answer
    figures = [(TITLES[row.kind], row) for row in FIGURES.values()]
    return form_page(request, "antispam/limits.html", form, figures=figures, **_limited(act))


def _limited(act: Act) -> dict[str, Any]:
    """Return who is limited as the page shows it."""
    try:
        return {"limited": [(TITLES[row.kind], row) for row in limited_now(act)]}
    except RedisAway:
        return {"away": True}
