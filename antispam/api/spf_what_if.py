"""``/domains/{name}/spf/what-if``: what another SPF record would have done to mail reported and received."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from antispam.api.received import RECEIVED_EXAMPLE, ReceivedMail, show_received
from antispam.services.spf_what_if import try_spf_record
from antispam.spf.evaluate import SpfResult
from antispam.spf.impact import SpfFlip
from domains.api.act import act_of
from domains.api.answers import shown, words
from domains.api.record_wish import RecordWish
from domains.reports.kinds import KINDS
from domains.services.provision import get_domain_for

router = Router(tags=["reports"])
MOST_FLIPS = 500


class SpfWish(RecordWish):
    """An SPF record to try, and on which days."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"record": "v=spf1 ip4:192.0.2.0/24 -all"}]}
    )


class SpfChange(Schema):
    """Messages of one address that would be judged otherwise."""

    source_ip: str = Field(description="The sending address.")
    kind: Annotated[str, words(*KINDS)] = Field(description="Its class.")
    sender: str = Field(description="Who it is; empty when nothing names it.")
    spf_before: bool = Field(description="Whether SPF passed, as reported.")
    spf_after: Annotated[str, words(*(result.value for result in SpfResult))] = Field(
        description="What the record says of the address."
    )
    dmarc_before: bool = Field(description="Whether they passed DMARC.")
    dmarc_after: bool = Field(description="Whether they would.")
    messages: int = Field(description="How many messages.")


class SpfTried(Schema):
    """What the record would have changed."""

    model_config = shown(
        messages=1200,
        unchanged=1150,
        undecided=0,
        flips=[
            {
                "source_ip": "192.0.2.9",
                "kind": "own",
                "sender": "mail.acme.example",
                "spf_before": True,
                "spf_after": "fail",
                "dmarc_before": True,
                "dmarc_after": False,
                "messages": 50,
            }
        ],
        received=RECEIVED_EXAMPLE,
    )
    messages: int = Field(description="How many reported messages have the domain in their envelope.")
    unchanged: int = Field(description="How many would be judged as before.")
    undecided: int = Field(description="How many nobody can tell: the DNS was silent, or their address was too many.")
    flips: list[SpfChange] = Field(description="What changes for DMARC first, then most messages; at most 500.")
    received: ReceivedMail = Field(description="What would have changed for mail that came in here.")


def _change(one: SpfFlip) -> SpfChange:
    return SpfChange(
        source_ip=one.source_ip,
        kind=one.kind,
        sender=one.sender,
        spf_before=one.spf_before,
        spf_after=one.after.value,
        dmarc_before=one.dmarc_before,
        dmarc_after=one.dmarc_after,
        messages=one.messages,
    )


@router.post("/domains/{name}/spf/what-if", response=SpfTried, summary="Try another SPF record")
def try_record(request: HttpRequest, name: str, body: SpfWish) -> SpfTried:
    """Judge reported mail and mail that came in here by a record; the DNS is asked about what it includes."""
    act, days = act_of(request), body.days()
    tried = try_spf_record(act, get_domain_for(act, name), body.record, *days)
    found = tried.reported
    return SpfTried(
        messages=found.messages,
        unchanged=found.unchanged,
        undecided=found.undecided,
        flips=[_change(one) for one in found.flips[:MOST_FLIPS]],
        received=show_received(act, tried.received),
    )
