"""``/domains/{name}/dmarc/advice``: how far a domain may go with its policy."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import shown, words
from domains.reports.advice import STEPS, Advice
from domains.reports.kinds import KINDS
from domains.services.provision import get_domain_for
from domains.services.report_advice import advice_of, apply_step
from domains.views.advice_words import reason_words

router = Router(tags=["reports"])


class AdviceReason(Schema):
    """Why no step is proposed, or what may be set early."""

    code: str = Field(description="In one word.")
    sentence: str = Field(description="In one sentence for people.")


class AdviceLoss(Schema):
    """A sender and how many of its messages would be hit."""

    sender: str = Field(description="Who it is; empty when nothing names it.")
    kind: Annotated[str, words(*KINDS)] = Field(description="Its class.")
    header_from: str = Field(description="The domain in From.")
    messages: int = Field(description="How many messages fail.")


class AdviceStep(Schema):
    """What a step of the ramp would do."""

    step: Annotated[str, words(*STEPS)] = Field(description="The step; `trial` is quarantine with `t=y`.")
    losses: list[AdviceLoss] = Field(description="Mail of the domain's own senders that it would hit.")
    forwarded: list[AdviceLoss] = Field(description="Mail passed on by others that it would hit.")
    stopped: int = Field(description="How many messages of strangers it would keep out.")


class PolicyAdvice(Schema):
    """The advice on a domain's policy, by the believed reports of the last weeks."""

    model_config = shown(
        days=28,
        messages=5120,
        reporters=9,
        changed_days=40,
        current="none",
        proposed="trial",
        refusals=[],
        early=[{"code": "np-reject", "sentence": "Names below the domain that do not exist can be refused at once."}],
        steps=[{"step": "trial", "losses": [], "forwarded": [], "stopped": 118}],
    )
    days: int = Field(description="On how many of the last 28 days there are reports.")
    messages: int = Field(description="How many messages they tell of.")
    reporters: int = Field(description="How many receivers reported.")
    changed_days: int | None = Field(description="How many days ago the policy was changed; null when it never was.")
    current: Annotated[str, words(*STEPS)] = Field(description="Where the domain stands.")
    proposed: Annotated[str, words(*STEPS)] | None = Field(
        description="The next step; null while something speaks against it."
    )
    refusals: list[AdviceReason] = Field(description="What speaks against the next step.")
    early: list[AdviceReason] = Field(description="What may be set before it: `np-reject`, `sp-reject`.")
    steps: list[AdviceStep] = Field(description="What each step would do.")


class StepWish(Schema):
    """The step to set."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"step": "np-reject"}]})
    step: Literal["none", "trial", "quarantine", "reject", "np-reject", "sp-reject"] = Field(
        description="The step that is proposed now, or one that may be set early."
    )


def show_advice(found: Advice) -> dict[str, Any]:
    """Return an advice as the schema has it."""
    return {
        "days": found.known.days,
        "messages": found.known.messages,
        "reporters": found.known.reporters,
        "changed_days": found.known.changed_days,
        "current": found.current.value,
        "proposed": found.proposed.value if found.proposed else None,
        "refusals": [{"code": one.code, "sentence": reason_words(one)} for one in found.refusals],
        "early": [{"code": one.code, "sentence": reason_words(one)} for one in found.early],
        "steps": [
            {
                "step": view.step.value,
                "losses": [_loss(loss) for loss in view.losses],
                "forwarded": [_loss(loss) for loss in view.forwarded],
                "stopped": view.stopped,
            }
            for view in found.views
        ],
    }


def _loss(loss: Any) -> dict[str, Any]:
    return {name: getattr(loss, name) for name in ("sender", "kind", "header_from", "messages")}


@router.get("/domains/{name}/dmarc/advice", response=PolicyAdvice, summary="Advise on the policy")
def read_advice(request: HttpRequest, name: str) -> dict[str, Any]:
    """Say how far the domain may go, and who would lose mail at each step."""
    return show_advice(advice_of(get_domain_for(act_of(request), name)))


@router.post("/domains/{name}/dmarc/advice/apply", response=PolicyAdvice, summary="Set the proposed step")
def apply_advice(request: HttpRequest, name: str, body: StepWish) -> dict[str, Any]:
    """Set the step as the domain's wish; the plan of its zone shows it. 422 when the reports do not bear it."""
    return show_advice(advice_of(apply_step(act_of(request), name, body.step)))
