"""The plan of a domain's zone, from what every server answers now; changes nothing."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from domains.audit import Act
from domains.dns.port import Answer
from domains.dns.resolver import BudgetedResolver, default_resolver
from domains.dns.texts import zone_text
from domains.dns.update import Held, Question, SetChange
from domains.errors import Refused, Taken
from domains.models import Domain
from domains.services import zone_texts
from domains.services.check import answers_for
from domains.services.plan import PlanStep, plan_of
from domains.services.provision import get_domain_for
from domains.services.publication import desired_records
from domains.services.zone_changes import Set, changes_of, sets_after
from domains.spf.budget import QUESTIONS


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be done: the steps chosen, the changes of sets, and the sets as they will be.

    ``server`` is the primary that the zone was read from, empty when every server was asked from outside.
    """

    steps: list[PlanStep]
    changes: list[SetChange]
    sets: list[Set]
    zone: str
    server: str = ""


def plan_now(act: Act, name: str) -> list[PlanStep]:
    """Ask the DNS and return the steps to what is desired, in the order of the records; raises NotFound."""
    steps, _seen = _look(get_domain_for(act, name))
    return steps


def propose_from_outside(
    act: Act, name: str, chosen: Collection[str] | None = None, consent: Collection[str] = ()
) -> Proposal:
    """Return what would be done by hand, as every server answers now; raises NotFound, Refused, Taken."""
    domain = get_domain_for(act, name)
    steps, seen = _look(domain)
    held = {question: _held(question[1], answers) for question, answers in seen.items()}
    picked = chosen_steps(steps, chosen, consent)
    return Proposal(picked, changes_of(picked, held), sets_after(picked, seen), domain.name)


def proposal_text(proposal: Proposal, form: str) -> str:
    """Return a proposal as text: ``zone``, ``nsupdate``, ``octodns`` or ``terraform``."""
    if form == "nsupdate":
        return zone_texts.nsupdate_script(proposal.changes, proposal.zone)
    write = {"zone": zone_texts.zone_file, "octodns": zone_texts.octodns_text, "terraform": zone_texts.terraform_text}
    return write[form](proposal.sets, proposal.zone)


def _look(domain: Domain) -> tuple[list[PlanStep], Mapping[Question, Sequence[Answer]]]:
    records = desired_records(domain)

    async def look() -> tuple[list[PlanStep], Mapping[Question, Sequence[Answer]]]:
        resolver = default_resolver()
        seen = await answers_for(domain, records, resolver)
        return await plan_of(domain.name, records, seen, BudgetedResolver(resolver, QUESTIONS)), seen

    return asyncio.run(look())


def _held(rdtype: str, answers: Sequence[Answer]) -> Held:
    """Return what the servers agree on as if the primary had said it."""
    answer = next((answer for answer in answers if answer.found or answer.absent), answers[0])
    return Held(answer, tuple(zone_text(rdtype, text) for text in answer.records), answer.ttl)


def chosen_steps(
    steps: Sequence[PlanStep], chosen: Collection[str] | None, consent: Collection[str]
) -> list[PlanStep]:
    """Return the steps to do: those named, or without names all that need no consent or have it.

    Raises Taken when one is not in the plan any more, Refused when one needs a consent that was not given.
    """
    rows = [step for step in steps if step.applicable]
    if chosen is None:
        return [step for step in rows if not step.needs_consent or step.risk in consent]
    if set(chosen) - {step.id for step in rows}:
        raise Taken(
            {"steps": _("The zone changed since the plan was shown, and nothing was done. Look at it again.")}
        )
    picked = [step for step in rows if step.id in chosen]
    unsaid = sorted({str(step.risk) for step in picked if step.needs_consent} - set(consent))
    if unsaid:
        text = _("These steps can change where mail goes or how it is judged. Say yes to: %(risks)s.")
        raise Refused({"consent": text % {"risks": ", ".join(unsaid)}})
    return picked
