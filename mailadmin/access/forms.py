"""Forms of sign-in, first start, administrators, tokens and one's own settings."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from domains.forms import PanelForm
from domains.models import Role
from domains.names import to_unicode

ADMINISTRATOR_ROLES = [
    (Role.DOMAIN_ADMIN.value, Role.DOMAIN_ADMIN.label),
    (Role.SUPERADMIN.value, Role.SUPERADMIN.label),
]
MAIL_ABOUT = {
    Role.DOMAIN_ADMIN.value: [("own", _("my domains, when something changes")), ("none", _("nothing"))],
    Role.SUPERADMIN.value: [
        ("own", _("domains that nobody else administers, and the installation")),
        ("all", _("all domains, and the installation")),
        ("none", _("nothing")),
    ],
}
NEW_PASSWORD = {"autocomplete": "new-password", "minlength": "10"}


def _zones() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(available_timezones()) if "/" in name or name == "UTC"]


class SignInForm(PanelForm):
    """Address and password."""

    username = forms.CharField(
        label=_("E-mail address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    once = None  # type: ignore[assignment]


class SetupForm(PanelForm):
    """The first administrator."""

    email = forms.CharField(
        label=_("E-mail address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        help_text=_("At least 10 characters, not a common one, and not holding the address."),
        widget=forms.PasswordInput(attrs=NEW_PASSWORD),
    )


class _Scope(PanelForm):
    """A role, and the domains of a domain administrator."""

    role = forms.ChoiceField(label=_("Role"), choices=ADMINISTRATOR_ROLES)
    domains = forms.MultipleChoiceField(
        label=_("Domains"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("For a domain administrator: the domains in reach. A superadministrator sees all."),
    )

    def __init__(
        self, *args: Any, domains: list[str], roles: list[tuple[str, Any]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._choices("domains", [(name, to_unicode(name)) for name in domains])
        self._choices("role", roles or ADMINISTRATOR_ROLES)
        if not domains:
            del self.fields["domains"]

    def _choices(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices


class AdministratorForm(_Scope):
    """An administrator to add."""

    email = forms.CharField(
        label=_("E-mail address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        help_text=_("At least 10 characters, not a common one, and not holding the address."),
        widget=forms.PasswordInput(attrs=NEW_PASSWORD),
    )
    field_order = ["email", "password", "role", "domains"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(self.field_order)


class TokenForm(_Scope):
    """A token to make."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("What it is for, such as the script's name."))
    field_order = ["name", "role", "domains"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(self.field_order)


class ProfileForm(PanelForm):
    """How one is named and addressed."""

    display_name = forms.CharField(label=_("Name"), required=False, max_length=200)
    language = forms.ChoiceField(label=_("Language"), required=False)
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)
    mail_about = forms.ChoiceField(label=_("Mail me about"))
    weekly_summary = forms.BooleanField(
        label=_("Mail me a summary of the reports each week"),
        required=False,
        help_text=_("On Monday, about the same domains, when anything was ever reported."),
    )

    def __init__(self, *args: Any, role: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        about = self.fields["mail_about"]
        assert isinstance(about, forms.ChoiceField)
        about.choices = MAIL_ABOUT.get(role, [])
        if role == Role.OWNER:
            del self.fields["mail_about"], self.fields["weekly_summary"]
        language, zone = self.fields["language"], self.fields["time_zone"]
        assert isinstance(language, forms.ChoiceField)
        assert isinstance(zone, forms.ChoiceField)
        language.choices = [("", _("As the browser says")), *settings.LANGUAGES]
        zone.choices = [("", "UTC"), *_zones()]


class PasswordForm(PanelForm):
    """A new password for oneself."""

    old = forms.CharField(
        label=_("Present password"),
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label=_("New password"),
        max_length=1024,
        strip=False,
        help_text=_("At least 10 characters, not a common one, and not holding the address."),
        widget=forms.PasswordInput(attrs=NEW_PASSWORD),
    )
    repeated = forms.CharField(
        label=_("New password again"), max_length=1024, strip=False, widget=forms.PasswordInput(attrs=NEW_PASSWORD)
    )

    def clean(self) -> dict[str, Any]:
        """Both new passwords are the same."""
        data = super().clean() or self.cleaned_data
        if "new" in data and "repeated" in data and data["new"] != data["repeated"]:
            self.add_error("repeated", _("The two new passwords differ."))
        return data
