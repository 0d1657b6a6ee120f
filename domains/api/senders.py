"""``/domains/{name}/senders``: who may send in a domain's name; ``/domains/{name}/spf``: what its record costs."""

from typing import Annotated, Any, Literal

from django.conf import settings
from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import Instant, moment, shown, words
from domains.api.paging import Listing, PageQuery, paginate_list
from domains.models import Domain, DomainKind, SenderKind
from domains.models import Sender as SenderRow
from domains.services import senders
from domains.services.provision import get_domain_for, require_administrator
from domains.services.publication_spf import own_lookups, own_terms, spf_value, term_of
from domains.services.spf_reading import read_spf
from domains.spf.budget import MAXIMUM_LOOKUPS, MAXIMUM_VOID, Trouble
from domains.spf.merge import Obstacle
from domains.spf.services import SERVICES
from domains.spf.services import Service as ServiceRow
from domains.times import instant

router = Router(tags=["senders"])
KINDS = ("own", *SenderKind.values)


class NewSender(Schema):
    """A sender to add."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"kind": "service", "value": "fastmail", "note": "Sales"}]}
    )
    kind: Literal["relay", "service", "custom"] = Field(description="What it is.")
    value: str = Field(
        description="A relay's address, network or host name; a service's slug; the name in a custom include."
    )
    name: str = Field(default="", description="What people call it; empty: as the value says.")
    selectors: list[str] = Field(default=[], description="Selectors of its DKIM signatures besides the known ones.")
    note: str = Field(default="", description="One line for people.")


class SenderChange(Schema):
    """What can change in a sender."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "Ends in March"}]})
    name: str | None = Field(default=None, description="What people call it.")
    selectors: list[str] | None = Field(default=None, description="All of its further selectors.")
    note: str | None = Field(default=None, description="One line for people.")


class Sender(Schema):
    """A legitimate sender of a domain."""

    model_config = shown(
        id=3,
        kind="service",
        value="fastmail",
        name="Fastmail",
        terms=["include:spf.messagingengine.com"],
        lookups=1,
        selectors=["fm1", "fm2", "fm3"],
        note="Sales",
        since="2026-11-24T21:22:00Z",
    )
    id: int | None = Field(description="What it is changed and deleted by; null for our own hosts, which stay.")
    kind: Annotated[str, words(*KINDS)] = Field(description="What it is; own: the hosts of this installation.")
    value: str = Field(description="What it is known by.")
    name: str = Field(description="What people call it.")
    terms: list[str] = Field(description="What it adds to the SPF record; empty with an envelope domain of its own.")
    lookups: int = Field(description="How many DNS look-ups that takes, as last seen.")
    selectors: list[str] = Field(description="The selectors of its DKIM signatures, as far as they are known.")
    note: str = Field(description="One line for people.")
    since: Instant | None = Field(description="When it was added; null when nothing was added yet.")


class SenderService(Schema):
    """A well-known service; what it does not fix for all customers is empty."""

    model_config = shown(
        slug="fastmail",
        name="Fastmail",
        kind="office",
        include="spf.messagingengine.com",
        selectors=["fm1", "fm2", "fm3"],
        aliases={"fm1": "fm1.{domain}.dkim.fmhosted.com"},
    )
    slug: str = Field(description="The value of a sender of this service.")
    name: str = Field(description="Its name.")
    kind: str = Field(description="What it is for, in one word.")
    include: str = Field(description="The name of its SPF include; empty when it has an envelope domain of its own.")
    selectors: list[str] = Field(description="The selectors of its DKIM signatures.")
    aliases: dict[str, str] = Field(description="The CNAME target of a selector, `{domain}` for the domain's name.")


class SpfTerm(Schema):
    """A term that takes a look-up, with those below it."""

    term: str = Field(description="As it stands in the record.")
    target: str = Field(description="The name that is asked about.")
    lookups: int = Field(description="The look-ups of the term and of all below it.")
    voids: int = Field(description="How many of them find nothing.")
    trouble: Annotated[str, words(*Trouble)] = Field(description="Why it does not work; may be empty.")
    terms: list["SpfTerm"] = Field(description="The terms of the record that it leads to.")


class SpfCost(Schema):
    """A record and what reading it takes."""

    text: str = Field(description="The record.")
    lookups: int = Field(description="The look-ups that it takes at most.")
    voids: int = Field(description="How many of them find nothing.")
    within: bool = Field(description="Whether receivers read it to its end.")
    trouble: Annotated[str, words(*Trouble)] = Field(
        description="What is wrong with the record itself; may be empty."
    )
    overlapping: list[str] = Field(description="Names whose record is read more than once, each time at full cost.")
    terms: list[SpfTerm] = Field(description="The terms that take look-ups, as a tree.")


class Spf(Schema):
    """The SPF record of a domain as it is to be and as it stands."""

    model_config = shown(
        record={
            "text": "v=spf1 include:_spf.example mx ip4:192.0.2.25 ~all",
            "lookups": 2,
            "voids": 0,
            "within": True,
            "trouble": "",
            "overlapping": [],
            "terms": [],
        },
        desired="v=spf1 mx ip4:192.0.2.25 -all",
        published=None,
        published_texts=["v=spf1 include:_spf.example ~all"],
        silent=False,
        obstacle="",
        detail="",
        lookups_allowed=10,
        voids_allowed=2,
        read_at="2026-11-24T21:22:00Z",
    )
    record: SpfCost = Field(description="Ours merged into what is published; ours alone while an obstacle stands.")
    desired: str = Field(description="What the senders alone make.")
    published: SpfCost | None = Field(description="The record that stands; null without one, or with several.")
    published_texts: list[str] = Field(description="All SPF records at the name.")
    silent: bool = Field(description="Whether the DNS did not answer about the name itself.")
    obstacle: Annotated[str, words("", *Obstacle)] = Field(description="Why ours cannot be merged; may be empty.")
    detail: str = Field(description="The term or the fault that the obstacle is about.")
    lookups_allowed: int = Field(description="What receivers make at most (RFC 7208 section 4.6.4).")
    voids_allowed: int = Field(description="How many may find nothing.")
    read_at: Instant = Field(description="When the DNS was asked.")


def show_sender(row: SenderRow) -> Sender:
    """Return one sender."""
    term = term_of(row)
    return Sender(
        id=row.pk,
        kind=row.kind,
        value=row.value,
        name=row.name,
        terms=[term] if term else [],
        lookups=row.lookups,
        selectors=senders.selectors_of(row),
        note=row.note,
        since=instant(row.created_at),
    )


def _own(domain: Domain) -> Sender:
    """Return our own hosts as the first of the senders."""
    value = spf_value(domain)
    return Sender(
        id=None,
        kind="own",
        value=settings.MAILADMIN.hostname,
        name=settings.MAILADMIN.hostname,
        terms=[term for term in own_terms() if term in value.split()],
        lookups=own_lookups(value),
        selectors=[key.selector for key in domain.dkim_keys.all()],
        note="",
        since=moment(domain.created_at),
    )


def show_service(service: ServiceRow) -> SenderService:
    """Return one well-known service."""
    return SenderService(
        slug=service.slug,
        name=service.name,
        kind=service.kind,
        include=service.include,
        selectors=list(service.selectors),
        aliases=dict(service.aliases),
    )


@router.get("/sender-services", response=Listing[SenderService], summary="List known services")
def list_sender_services(request: HttpRequest, page: PageQuery) -> Listing[SenderService]:
    """List the services that send in others' names and that are known here."""
    require_administrator(act_of(request))
    return paginate_list(SERVICES, page, show_service)


@router.get("/domains/{name}/senders", response=Listing[Sender], summary="List who may send")
def list_senders(request: HttpRequest, name: str, page: PageQuery) -> Listing[Sender]:
    """List who may send in the domain's name, our own hosts first."""
    domain = get_domain_for(act_of(request), name)
    own = [] if domain.kind == DomainKind.PARKED else [_own(domain)]
    rows = [*own, *(show_sender(row) for row in senders.senders_of(domain))]
    return paginate_list(rows, page, lambda row: row)


@router.post("/domains/{name}/senders", response={200: Sender, 201: Sender}, summary="Add a sender")
def create_sender(
    request: HttpRequest,
    name: str,
    payload: NewSender,
    dry_run: Annotated[bool, Query(description="Say what it would cost, and add nothing.")] = False,
) -> Status[Sender]:
    """Add a sender; its terms are looked up first, and what would break the SPF record is refused."""
    act = act_of(request)
    wanted = senders.Wanted(payload.kind, payload.value, payload.name, tuple(payload.selectors), payload.note)
    draft, _cost = senders.prepare(act, name, wanted)
    if dry_run:
        return Status(200, show_sender(draft))
    return Status(201, show_sender(senders.store(act, name, draft)))


@router.get("/domains/{name}/senders/{sender}", response=Sender, summary="Read a sender")
def read_sender(request: HttpRequest, name: str, sender: int) -> Sender:
    """Return one sender."""
    return show_sender(senders.get_sender(get_domain_for(act_of(request), name), sender))


@router.patch("/domains/{name}/senders/{sender}", response=Sender, summary="Change a sender")
def change_sender(request: HttpRequest, name: str, sender: int, payload: SenderChange) -> Sender:
    """Change what is said of a sender; what it is stays."""
    row = senders.change_sender(act_of(request), name, sender, payload.name, payload.selectors, payload.note)
    return show_sender(row)


@router.delete("/domains/{name}/senders/{sender}", response={204: None}, summary="Delete a sender")
def delete_sender(request: HttpRequest, name: str, sender: int) -> Status[None]:
    """Take a sender off the list; what is published stays until its owner changes it."""
    senders.delete_sender(act_of(request), name, sender)
    return Status(204, None)


@router.get("/domains/{name}/spf", response=Spf, summary="Weigh the SPF record")
def read_spf_record(request: HttpRequest, name: str) -> dict[str, Any]:
    """Ask the DNS now: the record that stands and the one to publish, each as a tree with its cost."""
    content = read_spf(act_of(request), name)
    limits = {"lookups_allowed": MAXIMUM_LOOKUPS, "voids_allowed": MAXIMUM_VOID}
    return content | limits | {"read_at": moment(content["read_at"])}
