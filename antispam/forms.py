"""The form of *What would have happened if…*."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from antispam.replay import Change
from antispam.services.what_if import TYPES
from domains.forms import PanelForm

_PLAIN = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}


class RecordForm(PanelForm):
    """Another record than the one of then. Without a once: nothing is done, so nothing can be done twice."""

    once = None  # type: ignore[assignment]
    name = forms.CharField(label=_("Name of the record"), max_length=260, widget=forms.TextInput(attrs=_PLAIN))
    type = forms.ChoiceField(label=_("Type"), choices=[(one, one) for one in TYPES])
    values = forms.CharField(
        label=_("What it would say"),
        required=False,
        max_length=20_000,
        help_text=_("One record a line. Empty: there is no such record."),
        widget=forms.Textarea(attrs=_PLAIN | {"rows": 4}),
    )

    def change(self) -> Change:
        """Return what was asked for."""
        data: dict[str, Any] = self.cleaned_data
        return Change(data["name"], data["type"], tuple(data["values"].splitlines()))


class ClientForm(PanelForm):
    """Another client than the one that called."""

    once = None  # type: ignore[assignment]
    client_address = forms.CharField(
        label=_("Address of the client"),
        max_length=60,
        help_text=_("What was not asked of the DNS for the client of then is not known for this one."),
        widget=forms.TextInput(attrs=_PLAIN),
    )

    def change(self) -> Change:
        """Return what was asked for."""
        return Change(client_address=self.cleaned_data["client_address"])


class SealerForm(PanelForm):
    """A server on the way whose seal would be believed."""

    once = None  # type: ignore[assignment]
    trusted_sealer = forms.CharField(
        label=_("Domain of the sealer"),
        max_length=260,
        help_text=_("As if the domain stood on the list of trusted sealers."),
        widget=forms.TextInput(attrs=_PLAIN),
    )

    def change(self) -> Change:
        """Return what was asked for."""
        return Change(trusted_sealer=self.cleaned_data["trusted_sealer"])
