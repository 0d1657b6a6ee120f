"""The forms of *What would have happened if…* and of a domain's incoming mail."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from antispam.disposition.rows import EDITABLE
from antispam.replay import Change
from antispam.services.policy import Incoming
from antispam.services.what_if import TYPES
from antispam.story.table_words import ABOUT, DOES
from domains.forms import PanelForm
from domains.services.report_advice import LONGEST_RECORD

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


class SpfRecordForm(PanelForm):
    """Another SPF record to try on reported mail. Without a once: nothing is done, so nothing can be done twice."""

    once = None  # type: ignore[assignment]
    record = forms.CharField(
        label=_("SPF record"),
        max_length=LONGEST_RECORD,
        help_text=_("Such as v=spf1 mx include:_spf.example.org -all. Nothing is published."),
        widget=forms.TextInput(attrs=_PLAIN),
    )


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


class IncomingForm(PanelForm):
    """What each row of the decision table does, whose signature counts as a forwarder's, and a full mailbox."""

    forwarders = forms.CharField(
        label=_("Forwarders that you know"),
        required=False,
        max_length=20_000,
        help_text=_(
            "Domains, one a line, that forward mail to you and sign or seal it, such as that of an alumni address."
        ),
        widget=forms.Textarea(attrs=_PLAIN | {"rows": 3}),
    )
    full_mailbox_reply = forms.TypedChoiceField(
        label=_("When a mailbox is full"),
        help_text=_(
            "Those who try again give up after some days and tell the author; a refusal tells the author at once."
        ),
        coerce=int,
        choices=[
            (452, _("Let senders try again (452)")),
            (552, _("Refuse at once (552)")),
        ],
    )

    def __init__(self, *args: Any, held: Incoming, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        standing = {choice.row.name: choice.disposition.value for choice in held.rows}
        for row in EDITABLE:
            self.fields[row.name] = forms.ChoiceField(
                label=str(ABOUT[row.name][0]),
                choices=[(choice.value, DOES[choice]) for choice in row.choices],
            )
            self.initial[row.name] = standing[row.name]
        self.initial["forwarders"] = "\n".join(held.forwarders)
        self.initial["full_mailbox_reply"] = held.full_mailbox_reply

    def clean_forwarders(self) -> list[str]:
        """Return the domains as a list."""
        text = str(self.cleaned_data["forwarders"]).replace(",", "\n")
        return [part.strip() for part in text.splitlines() if part.strip()]

    @staticmethod
    def dispositions(data: dict[str, Any]) -> dict[str, str]:
        """Return what was chosen for each row."""
        return {row.name: data[row.name] for row in EDITABLE}


class LetInForm(PanelForm):
    """Who is let in again."""

    client = forms.CharField(
        label=_("Address or network"),
        max_length=60,
        widget=forms.TextInput(attrs=_PLAIN | {"placeholder": "192.0.2.7"}),
    )
