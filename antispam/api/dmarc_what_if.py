"""``/domains/{name}/dmarc/what-if``: what another DMARC record would have done to mail reported and received."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from antispam.api.received import RECEIVED_EXAMPLE, ReceivedMail, show_received
from antispam.services.received import try_policy_on_received
from domains.api.act import act_of
from domains.api.answers import shown, words
from domains.api.record_wish import RecordWish
from domains.dmarc.record import serialise_policy_record
from domains.reports.kinds import KINDS
from domains.reports.replay import Flip
from domains.services.provision import get_domain_for
from domains.services.report_advice import tried_text, what_if

router = Router(tags=["reports"])
OUTCOMES = ("pass", "none", "quarantine", "reject")


class ReplayFlip(Schema):
    """Messages that the record would have treated otherwise."""

    sender: str = Field(description="Who sent them; empty when nothing names it.")
    kind: Annotated[str, words(*KINDS)] = Field(description="Its class.")
    header_from: str = Field(description="The domain in From.")
    before: Annotated[str, words(*OUTCOMES)] = Field(description="What the record of now asks for.")
    after: Annotated[str, words(*OUTCOMES)] = Field(description="What the other one would have asked for.")
    messages: int = Field(description="How many.")


class PolicyReplay(Schema):
    """What another record would have done to mail that was reported, and to mail that came in here."""

    model_config = shown(
        record="v=DMARC1; p=reject",
        messages=5120,
        unchanged=5002,
        undecided=0,
        flips=[
            {
                "sender": "",
                "kind": "impostor",
                "header_from": "acme.example",
                "before": "none",
                "after": "reject",
                "messages": 118,
            }
        ],
        received=RECEIVED_EXAMPLE,
    )
    record: str = Field(description="The record as it was understood.")
    messages: int = Field(description="How many reported messages were looked at.")
    unchanged: int = Field(description="How many would have been treated alike.")
    undecided: int = Field(description="For how many it depends on whether their name exists.")
    flips: list[ReplayFlip] = Field(description="The others, most messages first.")
    received: ReceivedMail = Field(description="What would have changed for mail that came in here.")


def _flip(one: Flip) -> ReplayFlip:
    return ReplayFlip(
        sender=one.sender,
        kind=one.kind,
        header_from=one.header_from,
        before=one.before,
        after=one.after,
        messages=one.messages,
    )


@router.post("/domains/{name}/dmarc/what-if", response=PolicyReplay, summary="Try another record")
def replay_record(request: HttpRequest, name: str, body: RecordWish) -> PolicyReplay:
    """Apply a record to the mail that was reported and to the mail that came in here; nothing is changed."""
    act, days = act_of(request), body.days()
    domain = get_domain_for(act, name)
    record, found = what_if(domain, body.record, *days)
    received = try_policy_on_received(act, domain, tried_text(body.record), *days)
    return PolicyReplay(
        record=serialise_policy_record(record),
        messages=found.messages,
        unchanged=found.unchanged,
        undecided=found.undecided,
        flips=[_flip(one) for one in found.flips],
        received=show_received(act, received),
    )
