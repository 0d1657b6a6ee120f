"""The DMARC policy of a domain: its tags as questions, the record that follows, and what to know beforehand."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from domains.dmarc.advice import Caution, cautions
from domains.dmarc.record import PolicyRecord, serialise_policy_record
from domains.forms import DmarcForm
from domains.models import Domain
from domains.names import to_unicode
from domains.services.dmarc_policy import dmarc_policy_of, set_policy
from domains.services.provision import get_domain_for
from domains.services.report_volume import volume_of
from domains.views.web import act_of_request, answered, bound, done, form_page, url

REPORT_DAYS = 30

WORDS: dict[Caution, Promise] = {
    Caution.REJECT: gettext_lazy(
        "Refused mail is lost to its recipient. Forwarders and mailing lists break signatures now and then: look at "
        "the reports of some weeks first."
    ),
    Caution.TESTING_UNKNOWN: gettext_lazy(
        "Receivers that follow the old standard (RFC 7489) do not know t=y and apply the policy in full."
    ),
    Caution.SUBDOMAINS_WEAKER: gettext_lazy(
        "Subdomains are treated more mildly than the domain itself: impostors will use one."
    ),
    Caution.NONEXISTENT_UNKNOWN: gettext_lazy(
        "Receivers that follow the old standard (RFC 7489) do not know np and treat such names as any subdomain."
    ),
    Caution.STRICT_DKIM: gettext_lazy(
        "A signature of a parent or a subdomain counts no more. Services that sign with their own subdomain of yours "
        "will fail."
    ),
    Caution.STRICT_SPF: gettext_lazy(
        "A bounce address under a subdomain counts no more. Most services that send for you use one."
    ),
    Caution.FOREIGN_REPORTS: gettext_lazy(
        "Reports to another domain are sent only when that domain agrees by a record under _report._dmarc."
    ),
    Caution.TESTING_NONE: gettext_lazy("Testing changes nothing while nothing is asked for."),
}


def standing_of(domain: Domain) -> dict[str, Any]:
    """Return what the settings page says of the policy."""
    policy = dmarc_policy_of(domain)
    return {
        "policy": policy.policy,
        "testing": policy.testing,
        "record": serialise_policy_record(policy),
        "cautions": [WORDS[caution] for caution in cautions(policy, domain.name)],
    }


def _initial(policy: PolicyRecord, domain: Domain) -> dict[str, Any]:
    return {
        "policy": policy.policy,
        "testing": policy.testing,
        "subdomain_policy": policy.subdomain_policy,
        "nonexistent_policy": policy.nonexistent_policy,
        "dkim_alignment": policy.dkim_alignment,
        "spf_alignment": policy.spf_alignment,
        "report_addresses": "\n".join(policy.rua[1:]),
        "failure_reports": bool(policy.ruf),
    }


def change(request: HttpRequest, name: str) -> HttpResponse:
    """Show the tags as questions and set them."""
    act = act_of_request(request)
    domain = get_domain_for(act, name)
    form = bound(request, DmarcForm, initial=_initial(dmarc_policy_of(domain), domain))

    def store(data: dict[str, Any]) -> HttpResponse:
        set_policy(act, domain.name, **data | {"report_addresses": data["report_addresses"].splitlines()})
        text = _("The policy of %(name)s is set. Publish its record, then check.")
        return done(request, text % {"name": to_unicode(domain.name)}, "domain-settings", domain.name)

    shown = {
        "title": _("DMARC policy of %(name)s") % {"name": to_unicode(domain.name)},
        "lead": _("What receivers are asked to do with mail that only pretends to come from this domain (RFC 9989)."),
        "button": _("Set the policy"),
        "back": url("domain-settings", domain.name),
        "back_label": _("Settings"),
        "reported": reported(domain),
        "reports": url("domain-reports", domain.name),
    }
    return answered(request, form, store) or form_page(request, "domains/dmarc_change.html", form, **shown)


def reported(domain: Domain) -> str:
    """Return in one sentence what a stricter policy would have hit, by the reports of the last weeks."""
    today = timezone.now().date()
    total = volume_of(domain, today - timedelta(days=REPORT_DAYS - 1), today).total
    messages, failed = total.messages, total.messages - total.passed
    if not messages:
        return _("No report of the last %(days)d days is here yet: nobody can say who would lose mail.") % {
            "days": REPORT_DAYS
        }
    text = ngettext(
        "By the reports of the last %(days)d days, %(failed)s of %(count)s message failed DMARC: a stricter policy "
        "would have hit it.",
        "By the reports of the last %(days)d days, %(failed)s of %(count)s messages failed DMARC: a stricter policy "
        "would have hit those that failed.",
        messages,
    )
    counts = {
        "failed": number_format(failed, force_grouping=True),
        "count": number_format(messages, force_grouping=True),
    }
    return text % {"days": REPORT_DAYS, **counts}
