"""Forms on domains, and the base of every form: one-time, message beside the field, the first problem in focus."""

import secrets
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from domains.certificates.port import LETS_ENCRYPT, STAGING
from domains.models import AcmeAccount, KeyAlgorithm
from domains.spf.services import SERVICES
from domains.views.source_words import KIND_WORDS

REPORT_OCTETS = 20 * 1024 * 1024


_BELOW_CHOICES = [
    ("", _("The same as above")),
    ("none", _("Deliver it and report it")),
    ("quarantine", _("Treat it as suspicious")),
    ("reject", _("Refuse it")),
]
_ALIGNMENT_CHOICES = [("r", _("this domain or one related to it")), ("s", _("exactly the domain of From"))]


def _fresh() -> str:
    return secrets.token_urlsafe(12)


class PanelForm(forms.Form):
    """A form that acts once: ``once`` is drawn when it is shown and remembered when it was obeyed."""

    once = forms.CharField(required=False, max_length=32, widget=forms.HiddenInput, initial=_fresh)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.order_fields([name for name in self.fields if name != "once"])

    @property
    def first_problem(self) -> str:
        """The name of the first field with an error, which takes the focus."""
        return next((name for name in self.fields if name in self.errors), "")


class ConfirmForm(PanelForm):
    """Nothing to fill in: the button is the answer."""


class EnforceForm(PanelForm):
    """Enforcing MTA-STS without a TLS report, by somebody who answers for it."""

    clean_reports = forms.BooleanField(
        label=_("Enforce it although no TLS report says that every sender gets through."),
        help_text=_("No report of the last two weeks is here. Small domains may never get one."),
    )


class AuthorityForm(PanelForm):
    """The certificate authority, and what it wants to know of its customer.

    Without a once: it is asked outside any transaction, and who sends the same twice has the same account.
    """

    once = None  # type: ignore[assignment]
    authority = forms.ChoiceField(
        label=_("Authority"),
        required=False,
        choices=[
            (LETS_ENCRYPT, _("Let’s Encrypt – free, trusted everywhere")),
            (STAGING, _("Let’s Encrypt staging – for trials, trusted by nobody")),
            ("", _("Another, by its directory")),
        ],
    )
    directory_url = forms.CharField(
        label=_("Directory of another authority"),
        required=False,
        max_length=500,
        help_text=_("Its ACME address, such as https://ca.example/directory."),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}),
    )
    contact = forms.CharField(
        label=_("Contact address"),
        required=False,
        max_length=320,
        help_text=_("May stay empty. Some authorities write to it when something is wrong."),
        widget=forms.EmailInput,
    )
    key_id = forms.CharField(
        label=_("Key identifier"),
        required=False,
        max_length=200,
        help_text=_("Only for authorities that give their customers one (external account binding)."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )
    secret = forms.CharField(
        label=_("Key"),
        required=False,
        max_length=1000,
        help_text=_("What belongs to the identifier; it is used once and not kept."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    agree = forms.BooleanField(
        label=_("I have read the terms of the authority and agree to them."),
        required=False,
        help_text=_("Those of Let’s Encrypt are at https://letsencrypt.org/repository/."),
    )

    def __init__(self, *args: Any, held: AcmeAccount | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["authority"] = LETS_ENCRYPT
        if held is not None:
            known = held.directory_url in (LETS_ENCRYPT, STAGING)
            self.initial["authority"] = held.directory_url if known else ""
            self.initial["directory_url"] = "" if known else held.directory_url
            self.initial["contact"] = held.contact


class DomainForm(PanelForm):
    """A domain to add."""

    name = forms.CharField(
        label=_("Domain name"),
        max_length=300,
        help_text=_("Such as example.org, in letters of any script."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )
    kind = forms.ChoiceField(
        label=_("What is it for?"),
        choices=[
            ("mail", _("Mail, with mailboxes of its own")),
            ("alias", _("Mail, with the mailboxes of another domain")),
            ("parked", _("No mail: nobody is to send in its name")),
        ],
        initial="mail",
        required=False,
        widget=forms.RadioSelect,
    )
    alias_of = forms.CharField(
        label=_("The other domain"),
        required=False,
        max_length=300,
        help_text=_("Only for the mailboxes of another domain: which one, such as example.org."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_kind(self) -> str:
        """Take mail unless something else was chosen."""
        return self.cleaned_data["kind"] or "mail"


class ParkForm(PanelForm):
    """A domain to park, which takes no reports itself."""

    reports_to = forms.CharField(
        label=_("Reports about mail in its name go to"),
        required=False,
        max_length=320,
        help_text=_("An address in another domain; left empty, there are no reports."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )


class BimiForm(PanelForm):
    """The logo of a domain, and what vouches for it."""

    logo_url = forms.CharField(
        label=_("Address of the logo"),
        required=False,
        max_length=500,
        help_text=_("An SVG file (SVG Tiny PS) such as https://example.org/logo.svg; left empty, there is no logo."),
        widget=forms.URLInput(attrs={"spellcheck": "false"}),
    )
    certificate_url = forms.CharField(
        label=_("Address of its certificate"),
        required=False,
        max_length=500,
        help_text=_("A mark certificate (VMC or CMC) in PEM, if there is one."),
        widget=forms.URLInput(attrs={"spellcheck": "false"}),
    )


class AliasOfForm(PanelForm):
    """The domain whose mailboxes an alias domain has."""

    alias_of = forms.CharField(
        label=_("The other domain"),
        max_length=300,
        help_text=_("The domain whose mailboxes it shares, such as example.org."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )


class WebhookForm(PanelForm):
    """An address that is told of events."""

    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_("Such as https://hooks.example.org/mail. It must be reachable from the internet."),
        widget=forms.URLInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )


class KeyForm(PanelForm):
    """A DKIM key to make."""

    algorithm = forms.ChoiceField(
        label=_("Algorithm"),
        choices=KeyAlgorithm.choices,
        help_text=_("Every receiver verifies RSA; Ed25519 is shorter and verified by some."),
    )
    selector = forms.CharField(
        label=_("Selector"),
        required=False,
        max_length=100,
        help_text=_("Left empty, it is named after today's date."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )


class ImportKeyForm(KeyForm):
    """A DKIM key that was made elsewhere."""

    private_key = forms.CharField(
        label=_("Private key"),
        max_length=10_000,
        help_text=_("In PEM, as it begins with -----BEGIN PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----."),
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
    )


class PasswordForm(PanelForm):
    """The password once more, before something that cannot be taken back."""

    password = forms.CharField(
        label=_("Your password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class RotationForm(PanelForm):
    """How old a DKIM key gets."""

    rotation_days = forms.TypedChoiceField(
        label=_("Replace keys"),
        coerce=int,
        choices=[
            (90, _("every 90 days")),
            (180, _("every 180 days")),
            (365, _("every year")),
            (730, _("every two years")),
            (0, _("never by themselves")),
        ],
    )

    def __init__(self, *args: Any, days: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["rotation_days"]
        if isinstance(field, forms.TypedChoiceField):
            known = dict(field.choices)  # type: ignore[arg-type]
            if days not in known:  # set by a script
                field.choices = [*field.choices, (days, _("every %(days)d days") % {"days": days})]  # type: ignore[misc]
        self.initial["rotation_days"] = days


class HostingForm(PanelForm):
    """Where the domain's DKIM keys are published."""

    zone = forms.ChoiceField(label=_("Publish the keys in"), required=False)

    def __init__(self, *args: Any, zones: list[str], current: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["zone"]
        if isinstance(field, forms.ChoiceField):
            names = dict.fromkeys([*zones, *([current] if current else [])])
            field.choices = [("", _("the domain's own zone")), *((name, name) for name in names)]
        self.initial["zone"] = current


_PLAIN = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
_SERVICE_KINDS = {
    "mailing": _("Newsletters"),
    "transactional": _("Mail that programs send"),
    "helpdesk": _("Helpdesks"),
    "crm": _("Customers and sales"),
    "office": _("Office suites and mailboxes"),
    "hosting": _("Hosting"),
    "gateway": _("Gateways"),
}


def _service_choices() -> list[tuple[Any, Any]]:
    groups = {
        kind: [(service.slug, service.name) for service in SERVICES if service.kind == kind]
        for kind in _SERVICE_KINDS
    }
    return [("", _("Choose one")), *((_SERVICE_KINDS[kind], rows) for kind, rows in groups.items())]


class SenderForm(PanelForm):
    """What is said of a sender."""

    name = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=100,
        help_text=_("What people call it, such as Newsletter; not needed."),
    )
    selectors = forms.CharField(
        label=_("DKIM selectors"),
        required=False,
        max_length=700,
        help_text=_("Those that it signs with in this domain, where they are known. By them reports are told apart."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    note = forms.CharField(label=_("Note"), required=False, max_length=500)


class ServiceSenderForm(SenderForm):
    """A well-known service to add."""

    value = forms.ChoiceField(label=_("Service"), choices=_service_choices)
    field_order = ("value", "name", "selectors", "note")


class RelaySenderForm(SenderForm):
    """A server or a network to add."""

    value = forms.CharField(
        label=_("Address, network or host name"),
        max_length=300,
        help_text=_(
            "Such as 198.51.100.7, 198.51.100.0/24, 2001:db8:7::/48 or relay.example.org. Names take a look-up."
        ),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    field_order = ("value", "name", "selectors", "note")


class CustomSenderForm(SenderForm):
    """Any other service to add, by its include."""

    value = forms.CharField(
        label=_("Name in the include"),
        max_length=300,
        help_text=_("As its provider says it, such as _spf.example.org."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    field_order = ("value", "name", "selectors", "note")


class DmarcForm(PanelForm):
    """What a domain asks of receivers about mail that fails DMARC; each field is a tag of its record."""

    policy = forms.ChoiceField(
        label=_("Mail that fails (p)"),
        choices=[
            ("none", _("Deliver it and report it")),
            ("quarantine", _("Treat it as suspicious")),
            ("reject", _("Refuse it")),
        ],
        help_text=_("Begin with reports; tighten when they show that all your senders pass."),
    )
    testing = forms.BooleanField(
        label=_("Only test this (t=y)"),
        required=False,
        help_text=_("Receivers apply one step less: suspicious instead of refused, delivered instead of suspicious."),
    )
    subdomain_policy = forms.ChoiceField(
        label=_("Mail from subdomains that fails (sp)"), required=False, choices=_BELOW_CHOICES
    )
    nonexistent_policy = forms.ChoiceField(
        label=_("Mail from subdomains that do not exist (np)"),
        required=False,
        choices=_BELOW_CHOICES,
        help_text=_("Nobody sends from names that do not exist: refusing is safe early."),
    )
    dkim_alignment = forms.ChoiceField(label=_("Signatures must name (adkim)"), choices=_ALIGNMENT_CHOICES)
    spf_alignment = forms.ChoiceField(label=_("Envelope senders must be of (aspf)"), choices=_ALIGNMENT_CHOICES)
    report_addresses = forms.CharField(
        label=_("Further report addresses (rua)"),
        required=False,
        max_length=1500,
        help_text=_("One a line. The panel's own address stands in the record anyway."),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "none"}),
    )
    failure_reports = forms.BooleanField(
        label=_("Ask for reports on single messages (ruf, fo)"),
        required=False,
        help_text=_("Few receivers send them. Each tells of one person's mail, so they are kept shortly."),
    )


class DeleteDomainForm(PanelForm):
    """The name typed again, so that no domain goes by a slip."""

    name = forms.CharField(
        label=_("Type the domain's name to delete it"),
        max_length=300,
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, names: tuple[str, ...] = (), **kwargs: Any) -> None:
        self.names = names
        super().__init__(*args, **kwargs)

    def clean_name(self) -> str:
        """Accept either spelling of the name."""
        name = str(self.cleaned_data["name"]).strip().lower()
        if name not in self.names:
            raise forms.ValidationError(_("This is not the name of the domain."))
        return name


class OfferForm(PanelForm):
    """To whom a domain is offered."""

    email = forms.CharField(
        label=_("E-mail address of the other administrator"),
        max_length=320,
        help_text=_("The address that this person signs in with."),
        widget=forms.EmailInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )


class AdministratorsForm(PanelForm):
    """Who administers a domain, among those who may."""

    administrators = forms.MultipleChoiceField(
        label=_("Administrators"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, people: list[str], present: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["administrators"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(email, email) for email in people]
        self.initial["administrators"] = present


class CorrectionForm(PanelForm):
    """Who a network in the reports is."""

    network = forms.CharField(
        label=_("Address or network"),
        max_length=43,
        help_text=_("Such as 203.0.113.7 or 203.0.113.0/24."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    kind = forms.ChoiceField(label=_("Its mail is"), choices=lambda: list(KIND_WORDS.items()))
    name = forms.CharField(label=_("Name"), required=False, max_length=100)
    note = forms.CharField(label=_("Note"), required=False, max_length=500)


class WhatIfForm(PanelForm):
    """Another DMARC record to try on reported mail."""

    record = forms.CharField(
        label=_("DMARC record"),
        max_length=4096,
        help_text=_("Such as v=DMARC1; p=reject; adkim=s. Nothing is published."),
        widget=forms.TextInput(attrs=_PLAIN),
    )


class MuteForm(PanelForm):
    """Why to be quiet about an alert."""

    note = forms.CharField(label=_("Why"), required=False, max_length=500)
