"""Who may send in a domain's name: the list, what the SPF record made from it costs, and changes to it."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from domains.audit import Act
from domains.errors import Refused
from domains.forms import ConfirmForm, CustomSenderForm, PanelForm, RelaySenderForm, SenderForm, ServiceSenderForm
from domains.models import Domain, Sender, SenderKind
from domains.names import to_unicode
from domains.services import senders as service
from domains.services.provision import get_domain_for
from domains.services.publication_spf import others_lookups, own_lookups, own_terms, spf_value, term_of
from domains.services.spf_reading import last_reading, read_spf
from domains.spf.budget import MAXIMUM_LOOKUPS, MAXIMUM_VOID, Budget, Trouble, walk
from domains.spf.merge import Obstacle
from domains.spf.services import BY_SLUG
from domains.views.frame import domain_page, frame_of
from domains.views.web import act_of_request, answered, bound, confirm, done, form_page, url

FORMS: dict[str, type[SenderForm]] = {
    SenderKind.SERVICE.value: ServiceSenderForm,
    SenderKind.RELAY.value: RelaySenderForm,
    SenderKind.CUSTOM.value: CustomSenderForm,
}
_TITLES: dict[str, Promise] = {
    "service": gettext_lazy("Add a service for %(name)s"),
    "relay": gettext_lazy("Add a server for %(name)s"),
    "custom": gettext_lazy("Add an include for %(name)s"),
}
_LEADS: dict[str, Promise] = {
    "service": gettext_lazy("A service that sends in this domain's name: a newsletter, a helpdesk, an office suite."),
    "relay": gettext_lazy("A server or a network, not of this installation, that sends in this domain's name."),
    "custom": gettext_lazy(
        "A service that is not in the list, by the SPF include that it names in its instructions."
    ),
}
_OBSTACLES: dict[str, Promise] = {
    Obstacle.DUPLICATE: gettext_lazy(
        "Several SPF records are published: receivers take them all for broken. Leave one, then look again."
    ),
    Obstacle.BAD_RECORD: gettext_lazy(
        "The published record has a syntax error (%(detail)s): receivers ignore it. Correct it, then look again."
    ),
    Obstacle.EXCLUDED: gettext_lazy(
        "The published record says no to our servers by %(detail)s. Take that out, then look again."
    ),
    Obstacle.SILENT: gettext_lazy(
        "The DNS did not answer about %(detail)s: what the record takes is not known. Look again later."
    ),
    Obstacle.BUDGET: gettext_lazy(
        "Together with what is published, the record would take %(detail)s look-ups. Take out of the published "
        "record what no longer sends, then look again."
    ),
}


@dataclass(frozen=True, slots=True)
class SenderLine:
    """One row of the list; ``aliases`` are the CNAMEs that a service asks for, by name."""

    sender: Sender
    term: str
    selectors: list[str]
    aliases: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class TreeLine:
    """A term of the tree with what is wrong with it, in words."""

    term: str
    lookups: int
    fault: str
    below: list["TreeLine"]


def _line(sender: Sender, domain: Domain) -> SenderLine:
    known = BY_SLUG.get(sender.value) if sender.kind == SenderKind.SERVICE else None
    aliases = [
        (f"{selector}._domainkey.{domain.name}", target.replace("{domain}", domain.name))
        for selector, target in (known.aliases if known else ())
    ]
    return SenderLine(sender, term_of(sender), service.selectors_of(sender), aliases)


# ---- The record --------------------------------------------------------------------------------------------------


def _tree(nodes: list[dict[str, Any]]) -> list[TreeLine]:
    return [
        TreeLine(
            node["term"],
            node["lookups"],
            service.trouble_text(node["trouble"], node["target"]),
            _tree(node["terms"]),
        )
        for node in nodes
    ]


def _faults(nodes: list[dict[str, Any]]) -> list[str]:
    """Return in words what makes receivers give up, and what could not be looked up."""
    faults = []
    for node in nodes:
        if node["trouble"] not in (Trouble.NONE, Trouble.VOID):
            faults.append(service.trouble_text(node["trouble"], node["target"]))
        faults += _faults(node["terms"])
    return list(dict.fromkeys(faults))


def _cost(record: dict[str, Any]) -> dict[str, Any]:
    return record | {
        "tree": _tree(record["terms"]),
        "faults": _faults(record["terms"]),
        "too_many": record["lookups"] > MAXIMUM_LOOKUPS,
        "too_void": record["voids"] > MAXIMUM_VOID,
    }


def _reading(domain: Domain) -> dict[str, Any]:
    """Return what the part about the record shows: the last reading, and whether the senders changed since."""
    desired = spf_value(domain)
    content = last_reading(domain)
    shown = {"desired": desired, "most": MAXIMUM_LOOKUPS, "most_void": MAXIMUM_VOID, "reading": None}
    if content is None:
        return shown
    record, published = _cost(content["record"]), content["published"]
    obstacle = content["obstacle"]
    return shown | {
        "reading": content,
        "stale": content["desired"] != desired,
        "record": record,
        "published": _cost(published) if published and published["text"] != record["text"] else None,
        "as_published": bool(published) and published["text"] == record["text"],
        "obstacle": str(_OBSTACLES[obstacle]) % {"detail": content["detail"]} if obstacle else "",
    }


# ---- Pages -------------------------------------------------------------------------------------------------------


def senders(request: HttpRequest, name: str) -> HttpResponse:
    """Show who may send, and the record made from it; asks the DNS nothing."""
    domain = get_domain_for(act_of_request(request), name)
    value = spf_value(domain)
    return domain_page(
        request,
        "domains/senders.html",
        domain,
        "domain-senders",
        own_name=settings.MAILADMIN.hostname,
        own_terms=[term for term in own_terms() if term in value.split()],
        own_lookups=own_lookups(value),
        lines=[_line(sender, domain) for sender in service.senders_of(domain)],
        offers=service.offers_of(domain),
        **_reading(domain),
    )


@require_POST
def read(request: HttpRequest, name: str) -> HttpResponse:
    """Read the SPF record and all that it leads to now; htmx gets that part, a plain form the page."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    read_spf(act, domain.name)
    if request.headers.get("HX-Request"):
        fresh = get_domain_for(act, domain.name)
        return render(request, "domains/_spf.html", frame_of(request, fresh, "domain-senders") | _reading(fresh))
    return done(request, _("The SPF record was read."), "domain-senders", domain.name)


def add(request: HttpRequest, name: str, kind: str) -> HttpResponse:
    """Add a sender; says what it would cost when that is asked."""
    if kind not in FORMS:
        raise Http404
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, FORMS[kind], initial={"value": request.GET.get("value", "")[:300]})
    shown = {
        "title": str(_TITLES[kind]) % {"name": to_unicode(domain.name)},
        "lead": str(_LEADS[kind]),
        "back": url("domain-senders", domain.name),
    }
    prepared = _prepared(act, domain, kind, form) if form.is_bound else None
    if prepared is None:
        return form_page(request, "domains/sender_add.html", form, **shown)
    draft, budget = prepared
    if "look" in request.POST:
        cost = _would_cost(domain, draft, budget)
        return form_page(request, "domains/sender_add.html", form, **shown, cost=cost)

    def store(_data: dict[str, Any]) -> HttpResponse:
        sender = service.store(act, domain.name, draft)
        text = _("%(name)s may send. Publish the SPF record as it is now, then check.")
        return done(request, text % {"name": sender.name}, "domain-senders", domain.name)

    return answered(request, form, store) or form_page(request, "domains/sender_add.html", form, **shown)


def _prepared(act: Act, domain: Domain, kind: str, form: PanelForm) -> tuple[Sender, Budget] | None:
    """Return what the form asks for, looked up outside any transaction; None with the errors beside their fields."""
    if not form.is_valid():
        return None
    data = form.cleaned_data
    selectors = service.split_selectors(data["selectors"])
    wanted = service.Wanted(kind, data["value"], data["name"], selectors, data["note"])
    try:
        return service.prepare(act, domain.name, wanted)
    except Refused as error:
        for field, text in error.errors.items():
            form.add_error(field if field in form.fields else None, text)
    return None


def _would_cost(domain: Domain, draft: Sender, budget: Budget) -> dict[str, Any]:
    """Return what adding a sender would mean."""
    nodes = [(node.term, node.lookups) for node in walk(budget.tree)]
    own = own_lookups(spf_value(domain))
    return {
        "name": draft.name,
        "term": term_of(draft),
        "lookups": draft.lookups,
        "after": min(own + others_lookups(domain) + draft.lookups, MAXIMUM_LOOKUPS),
        "most": MAXIMUM_LOOKUPS,
        "nodes": nodes[1:],
    }


def change(request: HttpRequest, name: str, identifier: int) -> HttpResponse:
    """Change what is said of a sender."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    sender = service.get_sender(domain, identifier)
    initial = {"name": sender.name, "selectors": " ".join(sender.selectors), "note": sender.note}
    form = bound(request, SenderForm, initial=initial)

    def store(data: dict[str, Any]) -> HttpResponse:
        selectors = service.split_selectors(data["selectors"])
        changed = service.change_sender(act, domain.name, sender.pk, data["name"], selectors, data["note"])
        return done(request, _("%(name)s is changed.") % {"name": changed.name}, "domain-senders", domain.name)

    shown = {
        "title": _("Change %(name)s") % {"name": sender.name},
        "lead": term_of(sender),
        "button": _("Change"),
        "back": url("domain-senders", domain.name),
        "back_label": _("Senders"),
    }
    return answered(request, form, store) or form_page(request, "components/form_page.html", form, **shown)


def delete(request: HttpRequest, name: str, identifier: int) -> HttpResponse:
    """Ask, then take a sender off the list."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    sender = service.get_sender(domain, identifier)
    form = bound(request, ConfirmForm)

    def remove(_data: dict[str, Any]) -> HttpResponse:
        service.delete_sender(act, domain.name, sender.pk)
        text = _("%(name)s is off the list. Take it out of the published record too.")
        return done(request, text % {"name": sender.name}, "domain-senders", domain.name)

    term = term_of(sender)
    text = _("It leaves the list of who may send for %(domain)s.") % {"domain": to_unicode(domain.name)}
    if term:
        text += " " + _(
            "The record to publish goes without %(term)s from then on; what is published stays until you change it. "
            "Mail that it still sends will fail SPF after that."
        ) % {"term": term}
    return answered(request, form, remove) or confirm(
        request,
        form,
        title=_("Remove %(name)s?") % {"name": sender.name},
        text=text,
        button=_("Remove"),
        back=url("domain-senders", domain.name),
    )
