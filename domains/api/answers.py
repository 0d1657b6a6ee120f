"""What the calls on domains answer, and what all answers share: explicit fields, never a model's own.

The schemas are the contract, field by field, and what the OpenAPI document shows. Words that come from a model's
choices are documented by them and not judged again here: what is stored is shown.
"""

from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import ConfigDict, Field

from domains.dmarc.advice import Caution, cautions
from domains.dmarc.record import POLICIES, serialise_policy_record
from domains.dns.port import Dnssec, Fault
from domains.dns.remark import Cause
from domains.models import (
    DkimKey,
    DomainKind,
    DomainState,
    KeyAlgorithm,
    KeyState,
    MtaSts,
    RecordStatus,
)
from domains.models import Domain as DomainRow
from domains.services.check import RecordState
from domains.services.dmarc_policy import dmarc_policy_of
from domains.services.plan import Action, Risk
from domains.services.plan import PlanStep as Step
from domains.services.removal import kept_until
from domains.times import instant
from domains.views.remarks import sentence_of

PURPOSES = (
    *("ownership", "mx", "spf", "dkim", "dmarc", "dmarc-report", "mta-sts", "tls-rpt", "tlsa"),
    *("srv", "autoconfig", "caa", "bimi", "ptr", "host"),
)
HEALTH = ("good", "attention", "bad", "unchecked", "pending", "suspended", "deleted")
DNSSEC = tuple(Dnssec)
FAULTS = tuple(Fault)


def words(*allowed: str) -> Any:
    """Return a text field documented by its words."""
    return Field(json_schema_extra={"enum": list(allowed)})


def shown(**example: Any) -> ConfigDict:
    """Return a schema's configuration with one example."""
    return ConfigDict(json_schema_extra={"examples": [example]})


Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]


class Domain(Schema):
    """A domain served here."""

    model_config = shown(
        name="xn--bcher-kva.example",
        unicode_name="bücher.example",
        state="active",
        health="good",
        rotation_days=365,
        key_zone="",
        mta_sts="testing",
        kind="mail",
        alias_of=None,
        reports_to="",
        created_at="2026-11-24T21:22:00Z",
        kept_until=None,
    )
    name: str = Field(description="The name in A-labels, lower case, without the final dot.")
    unicode_name: str = Field(description="The same name in U-labels.")
    state: Annotated[str, words(*DomainState.values)] = Field(
        description="Only an active domain accepts and signs mail; a pending one waits for its ownership record, "
        "a deleted one is kept for seven days."
    )
    health: Annotated[str, words(*HEALTH)] = Field(description="How the domain stands by its last check.")
    rotation_days: int = Field(description="How old a DKIM key gets before its successor is made; 0 for ever.")
    key_zone: str = Field(description="The zone of the installation in which its keys are published, or empty.")
    mta_sts: Annotated[str, words(*MtaSts.values)] = Field(
        description="What servers that deliver here are asked by MTA-STS (RFC 8461); none: it is being withdrawn."
    )
    kind: Annotated[str, words(*DomainKind.values)] = Field(
        description="parked: it takes and sends no mail; alias: it has the mailboxes of another."
    )
    alias_of: str | None = Field(description="The domain whose mailboxes an alias has; null for other kinds.")
    reports_to: str = Field(description="Where reports about a parked domain go; empty for nowhere.")
    created_at: Instant = Field(description="When it was added.")
    kept_until: Instant | None = Field(
        description="Until when one that is being deleted can be restored; null for any other."
    )


class Seen(Schema):
    """What one server answered at the last check."""

    model_config = shown(
        server="192.0.2.53:53",
        host="ns1.provider.example",
        authoritative=True,
        status="wrong",
        texts=["v=DMARC1; p=none"],
        ttl=300,
        dnssec="unknown",
        reason="",
    )
    server: str = Field(description="The address and port asked.")
    host: str = Field(description="Its name in the NS set; empty for a resolver.")
    authoritative: bool = Field(description="Whether it is one of the zone's own servers.")
    status: Annotated[str, words(*RecordStatus.values)] = Field(description="How its answer alone compares.")
    texts: list[str] = Field(description="What it has at this name and type, as it stands there.")
    ttl: int | None = Field(description="How long the answer may be remembered, in seconds; null without one.")
    dnssec: Annotated[str, words(*DNSSEC)] = Field(description="What a trusted resolver says of the signatures.")
    reason: Annotated[str, words(*FAULTS)] = Field(description="Why there is no answer; else empty.")


class Difference(Schema):
    """What the texts seen lack and what they have too many, in terms, tags or hosts."""

    model_config = shown(missing=["ip4:203.0.113.5"], extra=[])
    missing: list[str]
    extra: list[str]


class Record(Schema):
    """A record to publish, and what the last check found in its place."""

    model_config = shown(
        name="_dmarc.acme.example",
        zone="acme.example",
        type="TXT",
        ttl=3600,
        value="v=DMARC1; p=none; rua=mailto:dmarc-reports@acme.example",
        purpose="dmarc",
        about="Says what receivers do with mail that only pretends to come from this domain (RFC 9989).",
        required=True,
        status="missing",
        found=[],
        checked_at="2026-11-24T21:22:00Z",
        right_since=None,
        seen=[],
        difference={"missing": [], "extra": []},
        cause="nothing",
        advice="Nothing of this kind stands at `_dmarc.acme.example`. Add the record.",
    )
    name: str = Field(description="The full name in A-labels without the final dot.")
    zone: str = Field(description="The zone that it belongs to.")
    type: str = Field(description="The record's type.")
    ttl: int = Field(description="The time to live, in seconds.")
    value: str = Field(description="One unquoted, unsplit text.")
    purpose: Annotated[str, words(*PURPOSES)] = Field(description="What the record is for.")
    about: str = Field(description="One sentence for people.")
    required: bool = Field(description="Whether mail needs it.")
    status: Annotated[str, words(*RecordStatus.values)] = Field(description="How what was found compares.")
    found: list[str] = Field(description="What the DNS has at this name and type.")
    checked_at: Instant | None = Field(description="When it was last looked up; null before the first check.")
    right_since: Instant | None = Field(description="Since when every look found it right; null when it is not.")
    seen: list[Seen] = Field(description="What each server answered, the resolvers first.")
    difference: Difference = Field(description="How what was found differs from the value.")
    cause: Annotated[str, words("", *Cause)] = Field(description="Why it is not right; empty when it is.")
    advice: str = Field(description="One sentence: what is so, then what to do.")


class PlanStep(Schema):
    """One step from what the DNS answers to what is desired; ``removes`` and ``adds`` are texts at the name."""

    model_config = shown(
        id="5f0c2b9d8e71",
        name="acme.example",
        zone="acme.example",
        type="TXT",
        ttl=3600,
        purpose="spf",
        action="change",
        removes=["v=spf1 include:_spf.example ~all"],
        adds=["v=spf1 include:_spf.example mx ip4:192.0.2.25 ~all"],
        risk="",
        detail="",
        needs_consent=False,
    )
    id: str = Field(description="Names the step by what it does, to apply it.")
    name: str = Field(description="The full name in A-labels without the final dot.")
    zone: str = Field(description="The zone that it belongs to.")
    type: str = Field(description="The record's type.")
    ttl: int = Field(description="The time to live, in seconds.")
    purpose: Annotated[str, words(*PURPOSES)] = Field(description="What the record is for.")
    action: Annotated[str, words(*Action)] = Field(description="blocked: somebody has to decide or wait first.")
    removes: list[str] = Field(description="Texts that go.")
    adds: list[str] = Field(description="Texts that come; all others at the name stay.")
    risk: Annotated[str, words(*Risk)] = Field(description="What to know before, or why it is blocked; may be empty.")
    detail: str = Field(description="The term, name or fault that the risk is about.")
    needs_consent: bool = Field(description="Whether it is applied only when its risk is agreed to.")


class Key(Schema):
    """A DKIM key without its private part."""

    model_config = shown(
        selector="ed20261124",
        algorithm="ed25519",
        state="awaiting_dns",
        record_name="ed20261124._domainkey.acme.example",
        record_value="v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        created_at="2026-11-24T21:22:00Z",
        replaces="",
        hosted_in="",
        activated_at=None,
        retired_at=None,
        revoked_at=None,
        wait_until=None,
    )
    selector: str = Field(description="The name of the key in its domain.")
    algorithm: Annotated[str, words(*KeyAlgorithm.values)] = Field(description="What it signs with.")
    state: Annotated[str, words(*KeyState.values)] = Field(description="Only an active key signs.")
    record_name: str = Field(description="The full name of the key's TXT record.")
    record_value: str = Field(description="The text of that record.")
    created_at: Instant = Field(description="When it was made.")
    replaces: str = Field(description="The selector that it is to replace, or empty.")
    hosted_in: str = Field(
        description="The zone of the installation in which the panel publishes it behind an alias, or empty."
    )
    activated_at: Instant | None = Field(description="When it began to sign.")
    retired_at: Instant | None = Field(description="When its successor took over; its record must stay for a week.")
    revoked_at: Instant | None = Field(description="When its record became an empty p=.")
    wait_until: Instant | None = Field(description="Until when other servers may remember that its record was away.")


class DmarcPolicy(Schema):
    """What a domain asks of receivers, and the record that says so."""

    model_config = shown(
        policy="quarantine",
        subdomain_policy="",
        nonexistent_policy="reject",
        testing=False,
        dkim_alignment="r",
        spf_alignment="r",
        report_addresses=["reports@acme.example"],
        failure_reports=False,
        record="v=DMARC1; p=quarantine; np=reject; rua=mailto:dmarc-reports@acme.example,mailto:reports@acme.example",
        cautions=["nonexistent-unknown"],
    )
    policy: Annotated[str, words(*POLICIES)] = Field(description="The tag p.")
    subdomain_policy: Annotated[str, words("", *POLICIES)] = Field(description="The tag sp; empty: as p.")
    nonexistent_policy: Annotated[str, words("", *POLICIES)] = Field(description="The tag np; empty: as sp.")
    testing: bool = Field(description="The tag t=y: receivers apply one step less.")
    dkim_alignment: Annotated[str, words("r", "s")] = Field(description="The tag adkim.")
    spf_alignment: Annotated[str, words("r", "s")] = Field(description="The tag aspf.")
    report_addresses: list[str] = Field(description="Addresses in rua besides the domain's own intake.")
    failure_reports: bool = Field(description="Whether failure reports are asked for (ruf, fo=1).")
    record: str = Field(description="The text to publish.")
    cautions: list[Annotated[str, words(*(caution.value for caution in Caution))]] = Field(
        description="What to know before publishing it."
    )


class FieldProblem(Schema):
    """A field that is not as it should be."""

    field: str = Field(description="The field's name, as it was sent.")
    message: str = Field(description="What is wrong with it, for people.")


class Problem(Schema):
    """Why a call did not do what was asked (RFC 9457)."""

    model_config = shown(
        type="about:blank",
        title="Unprocessable Entity",
        status=422,
        detail="The request has values that are not allowed.",
        errors=[{"field": "name", "message": "A label is empty."}],
    )
    type: str = Field(description="Always `about:blank`: the status says what kind of problem it is.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong, for people.")
    errors: list[FieldProblem] = Field(description="The fields at fault; empty when no field is.")
    counts: dict[str, int] = Field(
        default_factory=dict, description="What a domain still holds, by kind; only in a 409 of deleting it."
    )


# ---- From rows --------------------------------------------------------------------------------------------------


def show_domain(domain: DomainRow, unicode_name: str, health: str) -> Domain:
    """Return a domain."""
    return Domain(
        name=domain.name,
        unicode_name=unicode_name,
        state=domain.state,
        health=health,
        rotation_days=domain.rotation_days,
        key_zone=domain.key_zone,
        mta_sts=domain.mta_sts,
        kind=domain.kind,
        alias_of=domain.alias_of.name if domain.alias_of is not None else None,
        reports_to=domain.reports_to,
        created_at=moment(domain.created_at),
        kept_until=instant(kept_until(domain)),
    )


def show_record(state: RecordState) -> Record:
    """Return a record with what was last found."""
    advice = sentence_of(state.remark, state.record) if state.remark else ""
    return Record(**state.as_json(), advice=advice)


def show_plan_step(step: Step) -> PlanStep:
    """Return one step of a plan."""
    row = step.record
    return PlanStep(
        id=step.id,
        name=row.name,
        zone=row.zone,
        type=row.type,
        ttl=row.ttl,
        purpose=row.purpose,
        action=step.action,
        removes=list(step.removes),
        adds=list(step.adds),
        risk=step.risk,
        detail=step.detail,
        needs_consent=step.needs_consent,
    )


def show_key(key: DkimKey, record_name: str, record_value: str) -> Key:
    """Return a DKIM key without its private part."""
    return Key(
        selector=key.selector,
        algorithm=key.algorithm,
        state=key.state,
        record_name=record_name,
        record_value=record_value,
        created_at=moment(key.created_at),
        replaces=key.replaces,
        hosted_in=key.hosted_in,
        activated_at=instant(key.activated_at),
        retired_at=instant(key.retired_at),
        revoked_at=instant(key.revoked_at),
        wait_until=instant(key.wait_until),
    )


def show_dmarc_policy(domain: DomainRow) -> DmarcPolicy:
    """Return a domain's policy."""
    policy = dmarc_policy_of(domain)
    return DmarcPolicy(
        policy=policy.policy,
        subdomain_policy=policy.subdomain_policy,
        nonexistent_policy=policy.nonexistent_policy,
        testing=policy.testing,
        dkim_alignment=policy.dkim_alignment,
        spf_alignment=policy.spf_alignment,
        report_addresses=list(policy.rua[1:]),
        failure_reports=bool(policy.ruf),
        record=serialise_policy_record(policy),
        cautions=[caution.value for caution in cautions(policy, domain.name)],
    )


def moment(value: datetime) -> str:
    """Return ISO 8601 in UTC."""
    return str(instant(value))
