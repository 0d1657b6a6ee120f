"""What is known of a source of reports, in words: its class, the evidence, what to mend."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

Values = Mapping[str, Any]

KIND_WORDS: dict[str, Promise] = {
    "own": lazy("Own server"),
    "service-aligned": lazy("Known, set up right"),
    "service-misaligned": lazy("Known, set up wrong"),
    "forwarder": lazy("Forwarded"),
    "unknown": lazy("Unknown"),
    "impostor": lazy("Impostor"),
}

_EVIDENCE: dict[str, Callable[[], str]] = {
    "correction": lambda: _("%(by)s said so of %(network)s."),
    "own-address": lambda: _("%(address)s is an address of this installation."),
    "own-name": lambda: _("The address has the name %(name)s, which leads back to it."),
    "by-network": lambda: _("The address is in %(name)s, which stands in the list of senders."),
    "by-domain": lambda: _("Mail of %(name)s passed SPF or DKIM."),
    "by-reverse": lambda: _("The address has the name %(name)s, which leads back to it."),
    "by-selector": lambda: _("The signature by %(name)s passed."),
    "receiver-says": lambda: _("The receiver says that it was passed on (%(reason)s)."),
    "known-forwarder": lambda: _("%(name)s passes mail on for others."),
    "signed-by": lambda: _("A signature of %(domain)s (selector %(selector)s) passed."),
    "broken-signature": lambda: _("A signature of this domain (selector %(selector)s) did not pass."),
    "envelope-of": lambda: _("SPF passed for the envelope of %(domain)s."),
    "reverse-name": lambda: _("The name of the address is %(name)s."),
    "reverse-name-unproven": lambda: _("The address calls itself %(name)s, which does not lead back to it."),
    "network-of": lambda: _("The network belongs to %(name)s."),
    "spf-lets-it": lambda: _("The SPF record of this domain lets %(address)s send."),
    "not-listed": lambda: _(
        "%(name)s does not stand in the list of senders of %(domain)s. Add it there when you use it."
    ),
    "foreign": lambda: _("A proper mail server of %(name)s: a service that you use, or a stranger."),
    "somebodys-account": lambda: _("Somebody's account at %(name)s, writing in this domain's name."),
    "nothing-proven": lambda: _("Nothing ties it to this domain: no signature, no SPF, no known service."),
}
_FIXES: dict[str, Callable[[], str]] = {
    "own-sign": lambda: _("Publish the DKIM keys of %(domain)s: this server signs once they are seen."),
    "own-spf": lambda: _("Add %(address)s to the SPF record of %(domain)s."),
    "sign-server": lambda: _(
        "Let %(name)s sign with DKIM in this domain's name: SPF alone breaks when mail is forwarded."
    ),
    "align-server": lambda: _("Let %(name)s sign with DKIM in this domain's name, and add it to the SPF record."),
}


def evidence_words(evidence: Values) -> str:
    """Return one sentence for a piece of evidence as it is stored."""
    return _sentence(_EVIDENCE, evidence)


def fix_words(fix: Values | None) -> str:
    """Return what to mend, empty when there is nothing."""
    if not fix:
        return ""
    if str(fix.get("code", "")).endswith("-service"):
        return _service(fix)
    return _sentence(_FIXES, fix)


def _sentence(words: Mapping[str, Callable[[], str]], said: Values) -> str:
    code = str(said.get("code", ""))
    return words[code]() % {name: said.get(name, "?") for name in said} if code in words else code


def _service(fix: Values) -> str:
    """Say exactly which records a service needs."""
    values = {name: fix.get(name, "") for name in ("name", "include", "records")}
    lines = [_("Turn on DKIM for this domain at %(name)s.") % values]
    if values["records"]:
        lines.append(_("Publish what it says at %(records)s.") % values)
    if values["include"]:
        lines.append(_("Let the SPF record have include:%(include)s.") % values)
    if fix["code"] == "align-service" and not values["include"]:
        lines.append(_("It uses an envelope of its own, so only its signature can make DMARC pass."))
    return " ".join(lines)
