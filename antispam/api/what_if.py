"""``/messages/{id}/what-if``: one message judged again with one thing changed."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from antispam.replay import Change
from antispam.services.what_if import VALUES, WhatIf, what_if
from domains.api.act import act_of
from domains.trace import Event

router = Router(tags=["messages"])


class WhatIfRequest(Schema):
    """What is different: a record, or a fact; nothing at all replays the message as it was."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "_dmarc.shop.example", "type": "TXT", "values": ["v=DMARC1; p=reject"]},
                {"client_address": "192.0.2.7"},
            ]
        },
    )
    name: str = Field(default="", max_length=260, description="The record's name, an FQDN in A-labels.")
    type: str = Field(default="TXT", max_length=8, description="The record's type: TXT, A, AAAA, MX or PTR.")
    values: list[str] = Field(
        default=[], max_length=VALUES, description="What the record would say; empty: there is no such record."
    )
    client_address: str = Field(default="", max_length=60, description="Another address of the client.")
    trusted_sealer: str = Field(default="", max_length=260, description="A domain whose ARC seal would be believed.")


class JudgedStep(Schema):
    """One stage of judging as it was and as it would be."""

    stage: str = Field(description="The stage in one word: `spf`, `dkim`, `dmarc`, `verdict`, …")
    changed: bool = Field(description="Whether anything of it is different.")
    before: str = Field(description="How it ended then.")
    after: str = Field(description="How it would have ended.")
    reason: str = Field(description="Why, in one sentence for people.")
    detail: dict[str, Any] = Field(description="What else would have been known, as in the trace.")


class UnaskedQuestion(Schema):
    """A question that was not asked then: it counts as no answer."""

    name: str = Field(description="The name.")
    type: str = Field(description="The type of record.")


class WhatIfAnswer(Schema):
    """What would have happened."""

    before: str = Field(description="The disposition of then: `inbox`, `junk`, `refuse`.")
    after: str = Field(description="The disposition that it would have been.")
    row: str = Field(description="The row of the table that would have decided.")
    steps: list[JudgedStep] = Field(description="The stages in order.")
    unasked: list[UnaskedQuestion] = Field(description="What was not known; empty when all was.")
    notes: list[str] = Field(description="For each signature, how its result can be told.")
    verified: bool = Field(description="Whether the signatures were checked again on the stored message.")


@router.post("/messages/{id}/what-if", response=WhatIfAnswer, summary="Judge one message again")
def judge_message_again(request: HttpRequest, id: str, body: WhatIfRequest) -> WhatIfAnswer:
    """Evaluate a message again from its trace with one record or one fact changed; nothing is asked or kept."""
    asked = Change(body.name, body.type, tuple(body.values), body.client_address, body.trusted_sealer)
    nothing = not (body.name or body.client_address or body.trusted_sealer)
    return show_what_if(what_if(act_of(request), id, None if nothing else asked))


def show_what_if(found: WhatIf) -> WhatIfAnswer:
    """Return a replay as the API answers it."""
    pairs = zip(found.before, found.after, strict=True)
    return WhatIfAnswer(
        before=found.verdict_before,
        after=found.verdict.disposition.value,
        row=found.verdict.row,
        steps=[_step(one, other, one.stage in found.changed) for one, other in pairs],
        unasked=[UnaskedQuestion(name=name, type=rdtype) for name, rdtype in found.unasked],
        notes=[note for note in found.notes if note],
        verified=found.verified,
    )


def _step(before: Event, after: Event, changed: bool) -> JudgedStep:
    told = after.as_json()
    return JudgedStep(
        stage=after.stage,
        changed=changed,
        before=before.outcome,
        after=after.outcome,
        reason=told["reason"],
        detail=told["detail"],
    )
