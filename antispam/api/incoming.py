"""``/domains/{name}/incoming``: what a domain does with mail from outside; ``/dmarc-evaluations``: what was found."""

import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from antispam.disposition.rows import EDITABLE, ROWS, Disposition
from antispam.models import DmarcEvaluation as EvaluationRow
from antispam.services.evaluations import evaluations_for
from antispam.services.policy import FORWARDERS, FULL_MAILBOX_REPLIES, Incoming, change_incoming, incoming_of
from domains.api.act import act_of
from domains.api.answers import shown, words
from domains.api.paging import Listing, PageQuery, paginate

router = Router(tags=["domains"])


class IncomingRow(Schema):
    """One row of the decision table; the first that holds decides."""

    row: Annotated[str, words(*[row.name for row in ROWS])] = Field(description="The row's name.")
    disposition: Annotated[str, words(*Disposition)] = Field(description="What happens to the message.")
    default: Annotated[str, words(*Disposition)] = Field(description="What happens unless the domain chose.")
    choices: list[Annotated[str, words(*Disposition)]] = Field(description="What can be chosen.")
    messages: int = Field(description="How many messages the row took in the last seven days.")


class IncomingMail(Schema):
    """What holds for mail to a domain."""

    model_config = shown(
        domain="acme.example",
        rows=[
            {
                "row": "dmarc-fail-reject",
                "disposition": "refuse",
                "default": "refuse",
                "choices": ["refuse", "junk", "inbox"],
                "messages": 12,
            }
        ],
        forwarders=["alumni.example"],
        full_mailbox_reply=452,
    )
    domain: str = Field(description="Whose choices these are: the target's for an alias domain.")
    rows: list[IncomingRow] = Field(description="The decision table in its order.")
    forwarders: list[str] = Field(description="Domains whose valid signature counts as a known forwarder's.")
    full_mailbox_reply: Annotated[int, Field(json_schema_extra={"enum": list(FULL_MAILBOX_REPLIES)})] = Field(
        description="The code of the reply for a mailbox without room."
    )


class IncomingChange(Schema):
    """What can change; what is not given stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"dispositions": {"dmarc-fail-reject": "junk"}, "full_mailbox_reply": 552}]},
    )
    dispositions: dict[str, str | None] | None = Field(
        default=None,
        max_length=len(EDITABLE),
        description="A disposition by the row's name; null goes back to the default.",
    )
    forwarders: list[str] | None = Field(
        default=None,
        max_length=FORWARDERS,
        description="All domains that count as forwarders, beside the usual ones.",
    )
    full_mailbox_reply: int | None = Field(
        default=None, description="452 lets the sender try again, 552 tells the author at once."
    )


class EvaluationQuery(Schema):
    """Which evaluations are asked for."""

    day: datetime.date | None = Field(default=None, description="The day in UTC; today unless given.")
    domain: str = Field(default="", max_length=253, description="Only those under this domain's policy, in A-labels.")


class DmarcEvaluation(Schema):
    """Messages that were evaluated alike on one day: one row of the aggregate report that its owner is owed."""

    model_config = shown(
        day="2026-11-24",
        policy_domain="bank.example",
        source_ip="192.0.2.7",
        header_from="bank.example",
        envelope_from="bounce.example",
        disposition="quarantine",
        dkim_aligned=False,
        spf_aligned=False,
        dkim_results=[{"domain": "lists.example", "selector": "s1", "result": "pass"}],
        spf_results=[{"domain": "bounce.example", "scope": "mfrom", "result": "pass"}],
        published={"p": "reject", "adkim": "r", "aspf": "r", "testing": "n", "fo": "0", "rua": ["d@bank.example"]},
        discovery_method="treewalk",
        reasons=[{"type": "mailing_list", "comment": "dev.lists.example"}],
        messages=3,
    )
    day: datetime.date = Field(description="The day in UTC.")
    policy_domain: str = Field(description="Whose policy was in force.")
    source_ip: str = Field(description="Who delivered.")
    header_from: str = Field(description="The author domain.")
    envelope_from: str = Field(description="The domain of MAIL FROM; empty for the null sender.")
    disposition: Annotated[str, words("none", "pass", "quarantine", "reject")] = Field(description="What was done.")
    dkim_aligned: bool = Field(description="Whether DMARC passed by DKIM.")
    spf_aligned: bool = Field(description="Whether DMARC passed by SPF.")
    dkim_results: list[dict[str, str]] = Field(description="`domain`, `selector` and `result` of each signature.")
    spf_results: list[dict[str, str]] = Field(description="`domain`, `scope` and `result`.")
    published: dict[str, str | list[str]] = Field(description="The tags of the record, and where to report.")
    discovery_method: str = Field(description="How the record was found.")
    reasons: list[dict[str, str]] = Field(description="Why what was done is not what the record asks for.")
    messages: int = Field(description="How many messages.")


def _show(incoming: Incoming) -> IncomingMail:
    rows = [
        IncomingRow(
            row=choice.row.name,
            disposition=choice.disposition,
            default=choice.row.default,
            choices=list(choice.row.choices),
            messages=choice.taken,
        )
        for choice in incoming.rows
    ]
    return IncomingMail(
        domain=incoming.owner,
        rows=rows,
        forwarders=list(incoming.forwarders),
        full_mailbox_reply=incoming.full_mailbox_reply,
    )


@router.get("/domains/{name}/incoming", response=IncomingMail, summary="Read what happens to incoming mail")
def read_incoming(request: HttpRequest, name: str) -> IncomingMail:
    """Return the decision table of a domain with what each row does."""
    return _show(incoming_of(act_of(request), name))


@router.patch("/domains/{name}/incoming", response=IncomingMail, summary="Change what happens to incoming mail")
def change_incoming_mail(request: HttpRequest, name: str, payload: IncomingChange) -> IncomingMail:
    """Change what is given, from the next message on."""
    return _show(change_incoming(act_of(request), name, **payload.dict(exclude_unset=True)))


@router.get(
    "/dmarc-evaluations", response=Listing[DmarcEvaluation], summary="List DMARC evaluations", tags=["reports"]
)
def list_dmarc_evaluations(
    request: HttpRequest, query: Annotated[EvaluationQuery, Query()], page: PageQuery
) -> Listing[DmarcEvaluation]:
    """List what was evaluated on a day, for the reports to send; for superadministrators."""
    day = query.day or datetime.datetime.now(datetime.UTC).date()
    rows = evaluations_for(act_of(request), day, query.domain)
    return paginate(rows, page, ["policy_domain", "id"], show_evaluation)


def show_evaluation(row: EvaluationRow) -> DmarcEvaluation:
    """Return one row."""
    return DmarcEvaluation(**{name: getattr(row, name) for name in DmarcEvaluation.model_fields})
