"""Forms on the keeping of traces."""

from django import forms
from django.utils.translation import gettext_lazy as _

from domains.forms import PanelForm
from domains.services.trace_keeping import MOST_DAYS


class KeepingForm(PanelForm):
    """How long traces are kept, and when persons are taken out of them."""

    head_days = forms.IntegerField(
        label=_("Days that a message is remembered"),
        min_value=1,
        max_value=MOST_DAYS,
        help_text=_("Who, when, and what became of it. Older ones are gone for good with the next hour."),
    )
    event_days = forms.IntegerField(
        label=_("Days that its details are kept"),
        min_value=1,
        max_value=MOST_DAYS,
        help_text=_("Every stage with its reasons and DNS answers: most of the space that traces take."),
    )
    redact_days = forms.IntegerField(
        label=_("Days after which persons are taken out"),
        required=False,
        min_value=0,
        max_value=MOST_DAYS,
        help_text=_(
            "Then addresses of others keep only their domain, clients only their network, and DNS answers go. "
            "0: within seconds of arrival. Empty: never."
        ),
    )


class ForgetForm(PanelForm):
    """Whose traces are removed."""

    address = forms.CharField(
        label=_("Address"),
        max_length=320,
        help_text=_(
            "Every message that this address sent or was sent is forgotten whole, also for its other parties."
        ),
        widget=forms.EmailInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
