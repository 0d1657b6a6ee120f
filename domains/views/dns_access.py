"""Where a zone may be changed by RFC 2136: of a domain, and of the installation's own names."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domains.dns.update import ALGORITHMS
from domains.errors import NotFound
from domains.forms import ConfirmForm, PanelForm
from domains.models import DnsAccount
from domains.names import to_unicode
from domains.services.dns_access import account_of, delete_account, installation_accounts, set_account
from domains.services.hosted_keys import offer_hosting
from domains.services.provision import get_domain_for
from domains.views.web import Audience, act_of_request, answered, audience, bound, confirm, done, form_page, url

_PLAIN = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}


class AccessForm(PanelForm):
    """A primary server and a TSIG key; tried out at the server, so it is not sent twice for nothing."""

    once = None  # type: ignore[assignment]
    server = forms.CharField(
        label=gettext_lazy("Primary server"),
        max_length=255,
        help_text=gettext_lazy("Its host name or address. It must be reachable over TCP from here."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    port = forms.IntegerField(label=gettext_lazy("Port"), initial=53, min_value=1, max_value=65535)
    zone = forms.CharField(
        label=gettext_lazy("Zone"),
        max_length=255,
        required=False,
        help_text=gettext_lazy("Left empty, it is the domain itself."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    key_name = forms.CharField(
        label=gettext_lazy("Name of the key"), max_length=255, widget=forms.TextInput(attrs=_PLAIN)
    )
    algorithm = forms.ChoiceField(label=gettext_lazy("Algorithm"), choices=[(name, name) for name in ALGORITHMS])
    secret = forms.CharField(
        label=gettext_lazy("Secret"),
        max_length=1000,
        required=False,
        help_text=gettext_lazy("In base64, as tsig-keygen writes it. Left empty, the one that is kept stays."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )


class ZoneForm(AccessForm):
    """A zone of the installation."""

    hosts_keys = forms.BooleanField(
        label=gettext_lazy("Domains may have their DKIM keys published here"),
        required=False,
        help_text=gettext_lazy("They publish aliases once; the panel replaces the keys behind them by itself."),
    )


def _bound(request: HttpRequest, form: type[AccessForm], row: DnsAccount | None) -> AccessForm:
    names = ("server", "port", "zone", "key_name", "algorithm", "hosts_keys")
    filled: AccessForm = bound(request, form, initial={name: getattr(row, name) for name in names} if row else {})
    return filled


def _lead() -> str:
    return _(
        "With a key for dynamic updates (RFC 2136) the panel publishes records by itself. "
        "The key is tried out first, which changes nothing, and kept sealed."
    )


def access(request: HttpRequest, name: str) -> HttpResponse:
    """Set where the domain's zone is changed."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    row = account_of(domain)
    form = _bound(request, AccessForm, row)

    def keep(data: dict[str, Any]) -> HttpResponse:
        set_account(act, domain.name, **data)
        return done(request, _("The key works, and is kept."), "domain-plan", domain.name)

    shown = {
        "title": _("Let the panel change the zone of %(name)s") % {"name": to_unicode(domain.name)},
        "lead": _lead(),
        "button": _("Try it out and keep it"),
        "back": url("domain-plan", domain.name),
        "back_label": _("Plan"),
        "forget": url("dns-access-delete", domain.name) if row else "",
    }
    return answered(request, form, keep) or form_page(request, "domains/dns_access.html", form, **shown)


def access_delete(request: HttpRequest, name: str) -> HttpResponse:
    """Ask, then forget the key."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, ConfirmForm)

    def forget(data: dict[str, Any]) -> HttpResponse:
        delete_account(act, domain.name)
        return done(request, _("The key is forgotten. What was published stays."), "domain-plan", domain.name)

    return answered(request, form, forget) or confirm(
        request,
        form,
        title=_("Forget the key for the zone of %(name)s?") % {"name": to_unicode(domain.name)},
        text=_("The panel publishes nothing by itself any more. What is published stays."),
        button=_("Forget the key"),
        back=url("dns-access", domain.name),
    )


@audience(Audience.SUPERADMINS)
def zones(request: HttpRequest) -> HttpResponse:
    """List the zones of the installation's own names."""
    return render(request, "domains/zones.html", {"zones": list(installation_accounts(act_of_request(request)))})


@audience(Audience.SUPERADMINS)
def zone_set(request: HttpRequest) -> HttpResponse:
    """Set the access to a zone of the installation; one that is kept already is replaced."""
    act = act_of_request(request)
    row = installation_accounts(act).filter(zone=request.GET.get("zone", "")[:253]).first()
    form = _bound(request, ZoneForm, row)
    form.fields["zone"].required = True
    form.fields["zone"].help_text = _("Such as keys.example.net: the zone in which the panel may write.")

    def keep(data: dict[str, Any]) -> HttpResponse:
        hosts_keys = data.pop("hosts_keys")
        kept = set_account(act, None, **data)
        offer_hosting(act, kept.zone, hosts_keys)
        return done(request, _("The key works, and is kept."), "zones")

    shown = {
        "title": _("A zone of the installation"),
        "lead": _lead(),
        "button": _("Try it out and keep it"),
        "back": url("zones"),
        "back_label": _("Zones"),
        "forget": "",
    }
    return answered(request, form, keep) or form_page(request, "domains/dns_access.html", form, **shown)


@audience(Audience.SUPERADMINS)
def zone_delete(request: HttpRequest, zone: str) -> HttpResponse:
    """Ask, then forget the key of a zone of the installation."""
    act = act_of_request(request)
    form = bound(request, ConfirmForm)
    if not installation_accounts(act).filter(zone=zone).exists():
        raise NotFound(_("No access to the zone is kept."))

    def forget(data: dict[str, Any]) -> HttpResponse:
        delete_account(act, None, zone)
        return done(request, _("The key is forgotten. What was published stays."), "zones")

    return answered(request, form, forget) or confirm(
        request,
        form,
        title=_("Forget the key for the zone of %(name)s?") % {"name": zone},
        text=_("The panel publishes nothing by itself any more. What is published stays."),
        button=_("Forget the key"),
        back=url("zones"),
    )
