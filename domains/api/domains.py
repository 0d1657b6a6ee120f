"""``/domains``: names, the records to publish, checks and DKIM keys."""

from typing import Annotated, Literal

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import (
    DmarcPolicy,
    Domain,
    Key,
    Record,
    show_dmarc_policy,
    show_domain,
    show_key,
    show_record,
)
from domains.api.paging import Listing, PageQuery, paginate, paginate_list
from domains.models import DkimKey
from domains.models import Domain as DomainRow
from domains.names import DomainName
from domains.services import (
    dmarc_policy,
    hosted_keys,
    key_life,
    keys,
    kinds,
    mta_sts,
    provision,
    publication,
    removal,
)
from domains.services.check import check_now, health_of, record_states

router = Router(tags=["domains"])


class NewDomain(Schema):
    """A domain to add."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "acme.example"}]})
    name: str = Field(description="The name, in A-labels or in U-labels.")
    kind: Literal["mail", "parked", "alias"] = Field(
        default="mail", description="parked: it takes and sends no mail; alias: it has the mailboxes of another."
    )
    alias_of: str = Field(default="", description="The domain whose mailboxes an alias has.")
    reports_to: str | None = Field(
        default=None,
        description="Where reports about a parked domain go: an address, empty for nowhere; "
        "null for the intake of your first mail domain.",
    )


class DomainChange(Schema):
    """What can change in a domain."""

    model_config = ConfigDict(extra="forbid")
    state: Literal["active", "suspended"] | None = Field(
        default=None, description="A suspended domain neither accepts nor signs mail."
    )
    rotation_days: int | None = Field(
        default=None, description="How old a DKIM key gets, 30 to 1825 days; 0 for ever.", examples=[90]
    )
    key_zone: str | None = Field(
        default=None,
        max_length=253,
        description="The zone of the installation in which the domain's DKIM keys are published; empty for its own.",
    )
    mta_sts_without_reports: bool = Field(
        default=False,
        description="Enforce MTA-STS although no recent TLS report says that every sender gets through.",
    )
    mta_sts: Literal["off", "testing", "enforce", "none"] | None = Field(
        default=None,
        description="The mode of MTA-STS: off, testing, enforce; none withdraws it, and a week later it can be off.",
    )
    kind: Literal["mail", "parked", "alias"] | None = Field(
        default=None, description="What it is for; a domain that holds mailboxes or aliases keeps its kind (409)."
    )
    alias_of: str | None = Field(default=None, description="The domain whose mailboxes an alias has.")
    reports_to: str | None = Field(
        default=None, description="Where reports about a parked domain go; empty for nowhere."
    )


class NewKey(Schema):
    """A DKIM key to make."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"algorithm": "ed25519"}]})
    algorithm: Literal["rsa2048", "rsa4096", "ed25519"] = Field(description="What the key signs with.")
    selector: str | None = Field(default=None, description="The key's name; none gives a dated one.")
    private_key: str | None = Field(
        default=None, max_length=10_000, description="A key made elsewhere, unencrypted in PEM; none makes one."
    )


class NewDmarcPolicy(Schema):
    """The whole DMARC policy of a domain; what is left out takes its default."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"policy": "none"}]})
    policy: Literal["none", "quarantine", "reject"] = Field(description="The tag p.")
    subdomain_policy: Literal["", "none", "quarantine", "reject"] = Field(default="", description="The tag sp.")
    nonexistent_policy: Literal["", "none", "quarantine", "reject"] = Field(default="", description="The tag np.")
    testing: bool = Field(default=False, description="The tag t=y.")
    dkim_alignment: Literal["r", "s"] = Field(default="r", description="The tag adkim.")
    spf_alignment: Literal["r", "s"] = Field(default="r", description="The tag aspf.")
    report_addresses: list[str] = Field(default=[], description="Addresses in rua besides the domain's own intake.")
    failure_reports: bool = Field(default=False, description="Whether to ask for failure reports (ruf, fo=1).")


def _domain(domain: DomainRow) -> Domain:
    return show_domain(domain, DomainName(domain.name).unicode, health_of(domain).word)


def _key(key: DkimKey) -> Key:
    return show_key(key, publication.key_record_name(key), publication.key_record_value(key))


@router.get("/domains", response=Listing[Domain], summary="List domains")
def list_domains(
    request: HttpRequest,
    page: PageQuery,
    deleted: Annotated[bool, Query(description="List those that are being deleted instead.")] = False,
) -> Listing[Domain]:
    """List the domains in reach by name."""
    rows = provision.deleted_domains_for if deleted else provision.domains_for
    return paginate(rows(act_of(request)), page, ["name"], _domain)


@router.post("/domains", response={201: Domain}, summary="Add a domain")
def create_domain(request: HttpRequest, payload: NewDomain) -> Status[Domain]:
    """Add a domain with one RSA-2048 and one Ed25519 key that wait for the DNS; a parked one has none."""
    purpose = kinds.Purpose(payload.kind, payload.alias_of, payload.reports_to)
    return Status(201, _domain(kinds.add_domain(act_of(request), payload.name, purpose)))


@router.get("/domains/{name}", response=Domain, summary="Read a domain")
def read_domain(request: HttpRequest, name: str) -> Domain:
    """Return one domain."""
    return _domain(provision.get_domain_for(act_of(request), name))


@router.patch("/domains/{name}", response=Domain, summary="Change a domain")
def change_domain(request: HttpRequest, name: str, payload: DomainChange) -> Domain:
    """Suspend or resume a domain, set how old its keys get, its mode of MTA-STS or its kind; all of it or nothing."""
    act = act_of(request)
    with transaction.atomic():
        if not (payload.kind is None and payload.alias_of is None and payload.reports_to is None):
            kinds.change_purpose(act, name, payload.kind, payload.alias_of, payload.reports_to)
        domain = provision.change_domain(act, name, payload.state)
        if payload.rotation_days is not None:
            domain = key_life.set_rotation(act, name, payload.rotation_days)
        if payload.key_zone is not None:
            domain = hosted_keys.host_keys(act, name, payload.key_zone)
        if payload.mta_sts is not None:
            domain = mta_sts.change_mode(act, name, payload.mta_sts, payload.mta_sts_without_reports)
    return _domain(domain)


@router.delete("/domains/{name}", response={204: None}, summary="Delete a domain")
def delete_domain(request: HttpRequest, name: str, cascade: bool = False, now: bool = False) -> Status[None]:
    """Delete a domain; one that is not empty only with ``cascade=true``.

    It is absent at once and can be restored for seven days, then it is removed for good; at once with ``now=true``,
    which only a superadministrator may.
    """
    removal.delete_domain(act_of(request), name, cascade, now)
    return Status(204, None)


@router.post("/domains/{name}/restore", response=Domain, summary="Restore a domain")
def restore_domain(request: HttpRequest, name: str) -> Domain:
    """Bring back a domain that is being deleted, with all it held; its records are looked up first."""
    return _domain(removal.restore_domain(act_of(request), name))


@router.get(
    "/domains/{name}/records",
    response=Listing[Record],
    summary="The records to publish",
    openapi_extra={"responses": {200: {"content": {"text/dns": {"schema": {"type": "string"}}}}}},
)
def list_records(
    request: HttpRequest, name: str, page: PageQuery, format: Annotated[Literal["json", "zone"], Query()] = "json"
) -> HttpResponse | Listing[Record]:
    """List every record with its last observed status, or give zone text (RFC 1035) with ``format=zone``."""
    domain = provision.get_domain_for(act_of(request), name)
    if format == "zone":
        text = publication.zone_text(publication.desired_records(domain), domain.name)
        return HttpResponse(text, content_type="text/dns; charset=utf-8")
    return paginate_list(record_states(domain), page, show_record)


@router.post("/domains/{name}/check", response=Listing[Record], summary="Look everything up now")
def check_domain(request: HttpRequest, name: str, page: PageQuery) -> Listing[Record]:
    """Ask the DNS for every record; a DKIM key whose exact text is seen everywhere becomes active."""
    return paginate_list(check_now(act_of(request), name), page, show_record)


@router.get("/domains/{name}/dkim-keys", response=Listing[Key], summary="List DKIM keys")
def list_keys(request: HttpRequest, name: str, page: PageQuery) -> Listing[Key]:
    """List the keys of a domain."""
    domain = provision.get_domain_for(act_of(request), name)
    return paginate(keys.keys_of(domain), page, ["selector"], _key)


@router.post("/domains/{name}/dkim-keys", response={201: Key}, summary="Make a DKIM key")
def create_key(request: HttpRequest, name: str, payload: NewKey) -> Status[Key]:
    """Make a key that waits for the DNS."""
    return Status(201, _key(keys.create_key(act_of(request), name, **payload.dict())))


@router.get("/domains/{name}/dkim-keys/{selector}", response=Key, summary="Read a DKIM key")
def read_key(request: HttpRequest, name: str, selector: str) -> Key:
    """Return one key without its private part."""
    return _key(keys.get_key_for(act_of(request), name, selector))


@router.delete("/domains/{name}/dkim-keys/{selector}", response={204: None}, summary="Delete a DKIM key")
def delete_key(request: HttpRequest, name: str, selector: str) -> Status[None]:
    """Delete a key; mail already signed with it can no longer be verified once its record is gone."""
    keys.delete_key(act_of(request), name, selector)
    return Status(204, None)


@router.post("/domains/{name}/dkim-keys/{selector}/replace", response={201: Key}, summary="Replace a DKIM key")
def replace_key(request: HttpRequest, name: str, selector: str) -> Status[Key]:
    """Make a key's successor and return it; the old key signs until the new one's text is seen everywhere."""
    return Status(201, _key(key_life.replace_key(act_of(request), name, selector)))


@router.post("/domains/{name}/dkim-keys/{selector}/revoke", response={201: Key}, summary="Stop a DKIM key at once")
def revoke_key(request: HttpRequest, name: str, selector: str) -> Status[Key]:
    """Revoke a key that others may have got hold of, destroy its private part, and return its successor."""
    return Status(201, _key(key_life.revoke_key(act_of(request), name, selector)))


@router.get("/domains/{name}/dmarc/policy", response=DmarcPolicy, summary="Read the DMARC policy")
def read_dmarc_policy(request: HttpRequest, name: str) -> DmarcPolicy:
    """Return what the domain asks of receivers, the record to publish, and what to know before."""
    return show_dmarc_policy(provision.get_domain_for(act_of(request), name))


@router.put("/domains/{name}/dmarc/policy", response=DmarcPolicy, summary="Set the DMARC policy")
def write_dmarc_policy(request: HttpRequest, name: str, payload: NewDmarcPolicy) -> DmarcPolicy:
    """Set the whole policy; the record has to be published by its owner."""
    return show_dmarc_policy(dmarc_policy.set_policy(act_of(request), name, **payload.dict()))
