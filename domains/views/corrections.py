"""What administrators said of networks in a domain's reports: the list, one more, one less."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from domains.errors import NotFound
from domains.forms import ConfirmForm, CorrectionForm
from domains.services import report_corrections as service
from domains.services.provision import get_domain_for
from domains.views.frame import domain_page
from domains.views.source_words import KIND_WORDS
from domains.views.web import act_of_request, answered, bound, confirm, done, form_page, url


def corrections(request: HttpRequest, name: str) -> HttpResponse:
    """Show what was said."""
    domain = get_domain_for(act_of_request(request), name)
    rows = [{"row": row, "kind": KIND_WORDS[row.kind]} for row in service.corrections_of(domain)]
    return domain_page(request, "domains/corrections.html", domain, "domain-reports", rows=rows)


def add(request: HttpRequest, name: str) -> HttpResponse:
    """Say who a network is; the address may come with the link."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, CorrectionForm, initial={"network": request.GET.get("network", "")[:43]})

    def store(data: dict[str, Any]) -> HttpResponse:
        row = service.add_correction(act, domain.name, data["network"], data["kind"], data["name"], data["note"])
        text = _("%(network)s is remembered as: %(kind)s.")
        words = {"network": row.network, "kind": KIND_WORDS[row.kind]}
        return done(request, text % words, "corrections", domain.name)

    shown = {
        "title": _("Who is this?"),
        "lead": _("What you say wins over all other evidence, for past days too."),
        "button": _("Remember"),
        "back": url("domain-reports", domain.name),
        "back_label": _("Reports"),
    }
    return answered(request, form, store) or form_page(request, "components/form_page.html", form, **shown)


def remove(request: HttpRequest, name: str, identifier: int) -> HttpResponse:
    """Ask, then forget what was said."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    row = next((one for one in service.corrections_of(domain) if one.pk == identifier), None)
    if row is None:
        raise NotFound(_("There is no such correction."))
    network = row.network
    form = bound(request, ConfirmForm)

    def forget(_data: dict[str, Any]) -> HttpResponse:
        service.remove_correction(act, domain.name, identifier)
        return done(
            request,
            _("%(network)s is judged by its evidence again.") % {"network": network},
            "corrections",
            domain.name,
        )

    return answered(request, form, forget) or confirm(
        request,
        form,
        title=_("Forget what was said of %(network)s?") % {"network": network},
        text=_("Its mail is judged by its evidence again, on past days too."),
        button=_("Forget"),
        back=url("corrections", domain.name),
    )
