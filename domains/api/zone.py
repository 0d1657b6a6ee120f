"""``/domains/{name}/plan``, what was applied, and the access to a zone by RFC 2136."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import Instant, PlanStep, show_plan_step, shown, words
from domains.api.paging import Listing, PageQuery, paginate, paginate_list
from domains.dns.update import ALGORITHMS
from domains.errors import NotFound
from domains.models import DnsAccount, ZoneChange, ZoneChangeState
from domains.services import dns_access, zone_apply
from domains.services.dns_access import account_of, installation_accounts
from domains.services.hosted_keys import offer_hosting
from domains.services.planning import plan_now, proposal_text, propose_from_outside
from domains.services.provision import get_domain_for
from domains.times import instant

router = Router(tags=["zone"])

Consent = Literal["moves-mail", "ends-mail", "leftover-mx", "weakens"]
Algorithm = Literal["hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1"]


class NewAccess(Schema):
    """A zone's primary server and the TSIG key that may change it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"server": "ns.acme.example", "key_name": "panel-key", "secret": "c2VjcmV0IG9mIHRoZSBrZXk="}]
        },
    )
    server: str = Field(description="Host name or address of the primary server.")
    port: int = Field(default=53, description="Its TCP port.")
    zone: str = Field(default="", description="The zone; empty is the domain itself.")
    key_name: str = Field(description="The name of the key.")
    algorithm: Algorithm = Field(default="hmac-sha256", description="The algorithm of the key.")
    secret: str = Field(default="", description="The secret in base64; empty keeps the one that is there.")


class Access(Schema):
    """The access to a zone, without its secret."""

    model_config = shown(
        zone="acme.example", server="ns.acme.example", port=53, key_name="panel-key", algorithm="hmac-sha256",
        proven_at="2026-11-24T21:22:00Z",
    )  # fmt: skip
    zone: str = Field(description="The zone that may be changed.")
    server: str = Field(description="Its primary server.")
    port: int = Field(description="The TCP port.")
    key_name: str = Field(description="The name of the key.")
    algorithm: Annotated[str, words(*ALGORITHMS)] = Field(description="The algorithm of the key.")
    proven_at: Instant = Field(description="When a change was last tried out with it.")


class NewZone(NewAccess):
    """The access to a zone of the installation, and whether domains may have their keys published there."""

    hosts_keys: bool = Field(default=False, description="Whether domains may have their DKIM keys published here.")


class Zone(Access):
    """A zone of the installation."""

    model_config = shown(
        zone="keys.example.net", server="ns.example.net", port=53, key_name="panel-key", algorithm="hmac-sha256",
        proven_at="2026-11-24T21:22:00Z", hosts_keys=True, fault="",
    )  # fmt: skip
    hosts_keys: bool = Field(description="Whether domains may have their DKIM keys published here.")
    fault: str = Field(description="Why the last writing of keys failed; empty when it did not.")


class Application(Schema):
    """Which steps of the plan to apply."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"dry_run": True}]})
    steps: list[str] | None = Field(
        default=None, description="Ids of steps; null takes all that need no consent or have it."
    )
    consent: list[Consent] = Field(default=[], description="Risks that somebody has agreed to.")
    dry_run: bool = Field(default=False, description="Only say what would be done.")


class SetOfRecords(Schema):
    """One record set that is changed, its texts as zone files spell them."""

    model_config = shown(
        name="acme.example", type="MX", ttl=3600, removes=["10 mx.old.example."], adds=["10 mail.acme.example."]
    )
    name: str = Field(description="The full name.")
    type: str = Field(description="The records' type.")
    ttl: int = Field(description="The time to live of what comes.")
    removes: list[str] = Field(description="Texts that go.")
    adds: list[str] = Field(description="Texts that come.")


class Change(Schema):
    """A change of a zone; ``id`` is null for one that was only tried out."""

    model_config = shown(
        id=7, at="2026-11-24T21:22:00Z", by="alice@acme.example", state="applied", reason="",
        undoes=None, records=[], kept=[],
    )  # fmt: skip
    id: int | None = Field(description="Its number; null for a dry run, and when there was nothing to do.")
    at: Instant | None = Field(description="When it was sent.")
    by: str = Field(description="Who asked for it.")
    state: Annotated[str, words("proposed", *ZoneChangeState.values)] = Field(
        description="unknown: the server never answered; it is judged at the next look."
    )
    reason: str = Field(description="Why it was not applied.")
    undoes: int | None = Field(description="The change that it takes back.")
    records: list[SetOfRecords] = Field(description="What goes and comes.")
    kept: list[str] = Field(description="Names that an undoing leaves, as mail is signed with their keys.")


def _access(row: DnsAccount) -> Access:
    return Access(
        zone=row.zone,
        server=row.server,
        port=row.port,
        key_name=row.key_name,
        algorithm=row.algorithm,
        proven_at=instant(row.proven_at) or "",
    )


def _zone(row: DnsAccount) -> Zone:
    return Zone(**_access(row).dict(), hosts_keys=row.hosts_keys, fault=row.fault)


def _set(change: dict[str, Any]) -> SetOfRecords:
    return SetOfRecords(**{name: change[name] for name in ("name", "type", "ttl", "removes", "adds")})


def _change(row: ZoneChange) -> Change:
    return Change(
        id=row.pk,
        at=instant(row.at),
        by=row.actor_name,
        state=row.state,
        reason=row.reason,
        undoes=row.undoes_id,
        records=[_set(change) for change in row.changes],
        kept=[],
    )


def _proposed(by: str, changes: list[Any], kept: list[str] | None = None) -> Change:
    records = [
        SetOfRecords(name=row.name, type=row.type, ttl=row.ttl, removes=list(row.removes), adds=list(row.adds))
        for row in changes
    ]
    return Change(
        id=None, at=None, by=by, state="proposed", reason="", undoes=None, records=records, kept=kept or []
    )  # fmt: skip


@router.get(
    "/domains/{name}/plan",
    response=Listing[PlanStep],
    summary="Plan the zone",
    openapi_extra={"responses": {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}},
)
def plan_domain(
    request: HttpRequest,
    name: str,
    page: PageQuery,
    format: Annotated[Literal["json", "zone", "nsupdate", "octodns", "terraform"], Query()] = "json",
    consent: Annotated[tuple[Consent, ...], Query()] = (),
) -> HttpResponse | Listing[PlanStep]:
    """Ask the DNS now and list the steps from what is there to what is desired; nothing is changed.

    Another format gives what would be done as text for that tool, without the steps that need a consent not given.
    """
    act = act_of(request)
    if format == "json":
        return paginate_list(plan_now(act, name), page, show_plan_step)
    text = proposal_text(propose_from_outside(act, name, None, consent), format)
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@router.post("/domains/{name}/plan/apply", response=Change, summary="Apply the plan")
def apply_plan(request: HttpRequest, name: str, payload: Application) -> Change:
    """Apply steps to the zone by RFC 2136 in one message, all or none, and look at every server again."""
    act = act_of(request)
    if payload.dry_run:
        return _proposed(act.name, zone_apply.propose(act, name, payload.steps, payload.consent).changes)
    row = zone_apply.apply_plan(act, name, payload.steps, payload.consent)
    return _change(row) if row is not None else _proposed(act.name, [])


@router.get("/domains/{name}/zone-changes", response=Listing[Change], summary="What was applied")
def list_changes(request: HttpRequest, name: str, page: PageQuery) -> Listing[Change]:
    """List what the panel changed in the zone, the latest first."""
    return paginate(zone_apply.changes_for(act_of(request), name), page, ["at", "id"], _change, descending=True)


@router.post("/domains/{name}/zone-changes/{int:id}/undo", response=Change, summary="Undo a change")
def undo_change(request: HttpRequest, name: str, id: int, dry_run: bool = False) -> Change:
    """Take back what a change did, unless somebody changed it since; keys that sign stay published."""
    act = act_of(request)
    if dry_run:
        reversal = zone_apply.propose_undo(act, name, id)
        return _proposed(act.name, reversal.changes, reversal.left)
    return _change(zone_apply.undo_change(act, name, id))


@router.get("/domains/{name}/dns-access", response=Access, summary="Read the access to the zone")
def read_access(request: HttpRequest, name: str) -> Access:
    """Return where the zone is changed, without the secret; 404 while none is kept."""
    row = account_of(get_domain_for(act_of(request), name))
    if row is None:
        raise NotFound("No access to the zone is kept.")
    return _access(row)


@router.put("/domains/{name}/dns-access", response=Access, summary="Set the access to the zone")
def write_access(request: HttpRequest, name: str, payload: NewAccess) -> Access:
    """Try the key out at the server, which changes nothing, and keep it sealed."""
    return _access(dns_access.set_account(act_of(request), name, **payload.dict()))


@router.delete("/domains/{name}/dns-access", response={204: None}, summary="Forget the access to the zone")
def delete_access(request: HttpRequest, name: str) -> Status[None]:
    """Forget the server and its key."""
    dns_access.delete_account(act_of(request), name)
    return Status(204, None)


@router.get("/zones", response=Listing[Zone], summary="List the zones of the installation")
def list_zones(request: HttpRequest, page: PageQuery) -> Listing[Zone]:
    """List the zones of the installation's own names that the panel may change."""
    return paginate(installation_accounts(act_of(request)), page, ["zone"], _zone)


@router.put("/zones/{zone}", response=Zone, summary="Set the access to a zone of the installation")
def write_zone(request: HttpRequest, zone: str, payload: NewZone) -> Zone:
    """Try the key out at the server, which changes nothing, and keep it sealed."""
    act = act_of(request)
    access = payload.dict(exclude={"hosts_keys"}) | {"zone": zone}
    row = dns_access.set_account(act, None, **access)
    return _zone(offer_hosting(act, row.zone, payload.hosts_keys))


@router.delete("/zones/{zone}", response={204: None}, summary="Forget a zone of the installation")
def delete_zone(request: HttpRequest, zone: str) -> Status[None]:
    """Forget the server and its key."""
    dns_access.delete_account(act_of(request), None, zone)
    return Status(204, None)
