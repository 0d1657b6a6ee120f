"""The advice on a DMARC policy in words."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from domains.reports.advice import Reason, Step

STEP_WORDS: dict[str, Promise] = {
    Step.NONE: lazy("Only watch"),
    Step.TRIAL: lazy("Quarantine on trial"),
    Step.QUARANTINE: lazy("Quarantine"),
    Step.REJECT: lazy("Reject"),
}
STEP_TEXTS: dict[str, Promise] = {
    Step.NONE: lazy("Receivers deliver what fails, and report it."),
    Step.TRIAL: lazy(
        "Receivers of RFC 9989 still deliver what fails (t=y) and say what they would have done; "
        "older ones put it into junk at once."
    ),
    Step.QUARANTINE: lazy("Receivers put what fails into junk."),
    Step.REJECT: lazy("Receivers refuse what fails."),
}
_REASONS: dict[str, Callable[[], str]] = {
    "at-the-top": lambda: _("Receivers are asked to refuse already: there is no further step."),
    "too-few-days": lambda: _(
        "There are reports of %(days)s of the last %(of)s days; at least %(least)s are needed."
    ),
    "too-few-reporters": lambda: _("%(reporters)s receivers reported; at least %(least)s are needed."),
    "too-few-messages": lambda: _(
        "%(messages)s messages of known senders passed; at least %(least)s are needed to judge by."
    ),
    "changed-lately": lambda: _("The policy was changed %(days)s days ago; watch it for %(least)s days first."),
    "mend-first": lambda: _("%(sender)s is set up wrong: %(messages)s of its messages would be hit. Mend it first."),
    "too-much-lost": lambda: _("%(share)s %% of your own mail would be hit; at most %(most)s %% may be."),
    "look-first": lambda: _(
        "%(messages)s failing messages come from senders that are not on your list, more than %(most)s %%. "
        "Say first who they are."
    ),
    "np-reject": lambda: _("Names below the domain that do not exist can be refused at once (np=reject)."),
    "sp-reject": lambda: _(
        "No name below the domain sends, and %(messages)s messages forged one: refuse them at once (sp=reject)."
    ),
}


def reason_words(reason: Reason) -> str:
    """Return one sentence."""
    values: Mapping[str, Any] = reason.values
    return _REASONS[reason.code]() % values
