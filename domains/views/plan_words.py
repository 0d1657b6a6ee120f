"""What the plan of a zone says: each risk and each obstacle in one sentence, with what to do."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domains.services.plan import PlanStep, Risk

RISKS: dict[Risk, Promise] = {
    Risk.NONE: _("The rest of what stands there stays as it is."),
    Risk.MOVES_MAIL: _("From then on mail for this domain comes here, and no longer to the old server."),
    Risk.ENDS_MAIL: _(
        "The domain is parked: from then on no mail comes to it, and none is believed to come from it."
    ),
    Risk.LEFTOVER_MX: _("An old server stands beside this one and may still get mail. It is taken out."),
    Risk.WEAKENS: _(
        "The record there asks for more than the domain's policy here (%(detail)s). To keep it, set the policy here "
        "first."
    ),
    Risk.REPLACES: _("It takes the place of what stands there."),
    Risk.DUPLICATE: _(
        "Several records of this kind stand there, and receivers then obey none. Take out the old ones."
    ),
    Risk.ALIAS: _("The name is an alias of %(detail)s. Nothing can stand beside an alias: take it out first."),
    Risk.EXCLUDES: _("Other authorities may not issue certificates for any name of the domain any more."),
    Risk.OTHER_ZONE: _("It belongs to the zone %(detail)s. Publish it there."),
    Risk.UNSETTLED: _("The servers of the zone do not agree yet. Wait until the last change is everywhere."),
    Risk.UNREACHABLE: _("No server answered, so nothing is known. Look again in some minutes."),
    Risk.BOGUS: _("The DNSSEC signatures of the zone are wrong. Mend them at the DNS provider first."),
    Risk.FOREIGN: _("Something else stands there (%(detail)s). Take it out if it is not needed any more."),
    Risk.SPF_BAD_RECORD: _("The SPF record there cannot be read: %(detail)s. Correct it first."),
    Risk.SPF_EXCLUDED: _("The SPF record there says no to this server, by %(detail)s. Take that out first."),
    Risk.SPF_BUDGET: _(
        "The SPF record would need %(detail)s look-ups, and receivers give up after ten. Take out a sender that is "
        "not used any more."
    ),
}

CONSENTS: dict[Risk, Promise] = {
    Risk.MOVES_MAIL: _("Yes, mail for this domain is to come here from now on."),
    Risk.ENDS_MAIL: _("Yes, this domain is to have no mail any more."),
    Risk.EXCLUDES: _("Yes, no other authority issues certificates for this domain."),
    Risk.LEFTOVER_MX: _("Yes, the old server is to get no more mail."),
    Risk.WEAKENS: _("Yes, the weaker policy is wanted."),
}


def sentence_of(step: PlanStep) -> str:
    """Return what to know of a step; empty for one that is done."""
    if step.risk is Risk.NONE and not step.removes:
        return ""
    return str(RISKS[step.risk]) % {"detail": step.detail}
