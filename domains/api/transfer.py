"""``/domains/{name}/transfer``, ``/transfers`` and ``/domains/{name}/administrators``: who runs a domain."""

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import moment
from domains.api.paging import Listing, PageQuery, paginate, paginate_list
from domains.models import Actor, DomainOffer
from domains.services import transfer

router = Router(tags=["domains"])


class NewTransfer(Schema):
    """To whom a domain is offered."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"email": "erin@other.example"}]})
    email: str = Field(description="The address that an administrator signs in with.")


class Transfer(Schema):
    """An offer to hand a domain over; until it is accepted nothing changes."""

    domain: str = Field(description="The domain's name.", examples=["acme.example"])
    email: str = Field(description="To whom it is offered.", examples=["erin@other.example"])
    offered_by: str = Field(description="Who offers it.", examples=["dora@acme.example"])
    expires_at: str = Field(description="Until when it can be accepted.", examples=["2026-12-01T21:22:00Z"])


class DomainAdministrators(Schema):
    """Who administers a domain, besides the superadministrators."""

    model_config = ConfigDict(extra="forbid")
    administrators: list[str] = Field(description="The addresses that they sign in with.", max_length=200)


class DomainAdministrator(Schema):
    """Somebody who administers the domain."""

    email: str = Field(description="The address to sign in with.", examples=["dora@acme.example"])


def _show(offer: DomainOffer) -> Transfer:
    return Transfer(
        domain=offer.domain.name,
        email=offer.email,
        offered_by=offer.giver_name,
        expires_at=moment(transfer.expires_at(offer)),
    )


def _person(actor: Actor) -> DomainAdministrator:
    return DomainAdministrator(email=actor.email)


@router.post("/domains/{name}/transfer", response={201: Transfer}, summary="Offer a domain")
def offer_domain(request: HttpRequest, name: str, payload: NewTransfer) -> Status[Transfer]:
    """Offer a domain to another administrator, who has seven days to accept."""
    return Status(201, _show(transfer.offer_domain(act_of(request), name, payload.email)))


@router.get("/domains/{name}/transfer", response=Transfer, summary="Read the offer of a domain")
def read_offer(request: HttpRequest, name: str) -> Transfer:
    """Return to whom a domain is offered; 404 without an offer."""
    return _show(transfer.get_offer_for(act_of(request), name))


@router.delete("/domains/{name}/transfer", response={204: None}, summary="Withdraw the offer of a domain")
def withdraw_offer(request: HttpRequest, name: str) -> Status[None]:
    """Take the offer back."""
    transfer.withdraw_offer(act_of(request), name)
    return Status(204, None)


@router.get("/transfers", response=Listing[Transfer], summary="What is offered to you")
def list_offers(request: HttpRequest, page: PageQuery) -> Listing[Transfer]:
    """List the domains that are offered to the person who asks."""
    return paginate(transfer.offers_to(act_of(request)), page, ["domain__name"], _show)


@router.post("/transfers/{name}/accept", response={204: None}, summary="Accept a domain")
def accept_domain(request: HttpRequest, name: str) -> Status[None]:
    """Take the place of who offered the domain; of all its administrators when a superadministrator did."""
    transfer.accept_offer(act_of(request), name)
    return Status(204, None)


@router.delete("/transfers/{name}", response={204: None}, summary="Decline a domain")
def decline_domain(request: HttpRequest, name: str) -> Status[None]:
    """Say no to an offer."""
    transfer.decline_offer(act_of(request), name)
    return Status(204, None)


@router.get(
    "/domains/{name}/administrators", response=Listing[DomainAdministrator], summary="Who administers a domain"
)
def list_domain_administrators(request: HttpRequest, name: str, page: PageQuery) -> Listing[DomainAdministrator]:
    """List the domain's administrators; only for superadministrators."""
    return paginate_list(transfer.administrators_of(act_of(request), name), page, _person)


@router.put(
    "/domains/{name}/administrators", response=Listing[DomainAdministrator], summary="Set who administers a domain"
)
def set_administrators(
    request: HttpRequest, name: str, payload: DomainAdministrators, page: PageQuery
) -> Listing[DomainAdministrator]:
    """Set the domain's administrators; who is not among them loses it, with the tokens that they made for it."""
    people = transfer.set_administrators(act_of(request), name, payload.administrators)
    return paginate_list(people, page, _person)
