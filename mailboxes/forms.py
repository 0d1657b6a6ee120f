"""Forms of mailboxes, app passwords, aliases, groups and the catch-all."""

from datetime import datetime, time
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from domains.forms import PanelForm
from mailboxes.models import Writers

MEGABYTE = 1024 * 1024
MAXIMUM_MEGABYTES = 2**33 - 1
PLAIN = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}


class _AddressForm(PanelForm):
    """An address in a domain: the local part is enough."""

    address = forms.CharField(label=_("Address"), max_length=320, widget=forms.TextInput(attrs=PLAIN))

    def __init__(self, *args: Any, domain: str, **kwargs: Any) -> None:
        self.domain = domain
        super().__init__(*args, **kwargs)
        self.fields["address"].help_text = _("The part before @%(domain)s is enough.") % {"domain": domain}

    def clean_address(self) -> str:
        """Return the full address."""
        text = str(self.cleaned_data["address"]).strip()
        return text if "@" in text else f"{text}@{self.domain}"


class _Quota(PanelForm):
    """The size of a mailbox in megabytes."""

    display_name = forms.CharField(label=_("Name"), required=False, max_length=200)
    quota = forms.IntegerField(
        label=_("Quota in MB"),
        required=False,
        min_value=0,
        max_value=MAXIMUM_MEGABYTES,
        help_text=_("Left empty, there is no limit."),
    )

    def clean(self) -> dict[str, Any]:
        """Give the quota in octets, None for no limit."""
        data = super().clean() or self.cleaned_data
        if "quota" in data:
            megabytes = data.pop("quota")
            data["quota_bytes"] = None if megabytes is None else megabytes * MEGABYTE
        return data

    def add_error(self, field: str | None, error: Any) -> None:
        """Put what the service says about ``quota_bytes`` beside the field that people see."""
        super().add_error("quota" if field == "quota_bytes" else field, error)


class MailboxForm(_AddressForm, _Quota):
    """A mailbox to add."""

    password = forms.CharField(
        label=_("Password"),
        max_length=1024,
        strip=False,
        help_text=_("At least 10 characters, not a common one, and not holding the address."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "minlength": "10"}),
    )
    field_order = ["address", "password", "display_name", "quota"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(self.field_order)


class MailboxChangeForm(_Quota):
    """What can change in a mailbox."""

    enabled = forms.BooleanField(
        label=_("Enabled"),
        required=False,
        help_text=_("Otherwise mail to it is refused and its owner cannot sign in."),
    )
    password = forms.CharField(
        label=_("New password"),
        required=False,
        max_length=1024,
        strip=False,
        help_text=_("Left empty, the password stays as it is."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_password(self) -> str | None:
        """None keeps the password."""
        return self.cleaned_data["password"] or None


class RenameForm(PanelForm):
    """Another name for a device."""

    name = forms.CharField(label=_("Device"), max_length=100)


class AppPasswordForm(PanelForm):
    """An app password to make; ``offered`` are the protocols that listen here."""

    name = forms.CharField(
        label=_("Device"), max_length=100, help_text=_("What you know it by, such as Phone or Office computer.")
    )
    protocols = forms.MultipleChoiceField(label=_("It may be used for"), widget=forms.CheckboxSelectMultiple)
    ends_on = forms.DateField(
        label=_("Last day"),
        required=False,
        help_text=_("Left empty, it works until it is revoked."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: Any, offered: list[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["protocols"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = offered
        self.initial["protocols"] = [name for name, _label in offered if name != "pop3"]

    def clean(self) -> dict[str, Any]:
        """Give the end of the last day, in the reader's time zone, as ``expires_at``."""
        data = super().clean() or self.cleaned_data
        if "ends_on" in data:
            day = data.pop("ends_on")
            zone = timezone.get_current_timezone()
            data["expires_at"] = None if day is None else datetime.combine(day, time.max, zone)
        return data

    def add_error(self, field: str | None, error: Any) -> None:
        """Put what the service says about ``expires_at`` beside the field that people see."""
        super().add_error("ends_on" if field == "expires_at" else field, error)


def _lines(text: str) -> list[str]:
    return [part.strip() for part in text.replace(",", "\n").splitlines() if part.strip()]


class _Targets(PanelForm):
    """Full addresses, one a line."""

    targets = forms.CharField(
        label=_("Goes to"),
        max_length=70_000,
        widget=forms.Textarea(attrs={"rows": 4} | PLAIN),
        help_text=_("Full addresses, one a line; here or elsewhere."),
    )

    def clean_targets(self) -> list[str]:
        """Return the addresses as a list."""
        return _lines(self.cleaned_data["targets"])


class AliasForm(_AddressForm, _Targets):
    """An alias to add."""

    field_order = ["address", "targets"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(self.field_order)


class AliasChangeForm(_Targets):
    """New targets for an alias."""


class _Members(PanelForm):
    """Who is in a group and who may write to it."""

    name = forms.CharField(label=_("Name"), required=False, max_length=200)
    members = forms.CharField(
        label=_("Members"),
        max_length=170_000,
        widget=forms.Textarea(attrs={"rows": 8} | PLAIN),
        help_text=_("Full addresses, one a line; here or elsewhere."),
    )
    writers = forms.ChoiceField(
        label=_("Who may write to it"),
        choices=Writers.choices,
        initial=Writers.EVERYBODY,
        help_text=_(
            "People of the domain and members are known by signing in, or by DMARC when they write from elsewhere. "
            "Others are refused while the sender is still connected."
        ),
    )

    def clean_members(self) -> list[str]:
        """Return the addresses as a list."""
        return _lines(self.cleaned_data["members"])


class GroupForm(_AddressForm, _Members):
    """A group to add."""

    field_order = ["address", "name", "members", "writers"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(self.field_order)


class GroupChangeForm(_Members):
    """What can change in a group."""


class CatchAllForm(PanelForm):
    """Where mail to unknown addresses goes."""

    target = forms.CharField(
        label=_("Address"),
        required=False,
        max_length=320,
        widget=forms.TextInput(attrs=PLAIN),
        help_text=_("Left empty, mail to unknown addresses is refused while the sender is still connected."),
    )
