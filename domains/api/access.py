"""``/administrators`` and ``/tokens``: who may do what."""

from typing import Literal

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field

from domains.api.access_answers import Administrator, NewTokenShown, Token, show_actor, show_new_token, show_token
from domains.api.act import act_of
from domains.api.paging import Listing, PageQuery, paginate
from domains.services import actors

router = Router(tags=["access"])


class NewAdministrator(Schema):
    """An administrator to add."""

    model_config = ConfigDict(extra="forbid")
    email: str = Field(description="The address to sign in with.")
    password: str = Field(description="At least 10 characters, not common, without the address.")
    role: Literal["superadmin", "domain_admin"] = Field(description="What the person may do.")
    domains: list[str] = Field(default=[], description="The domains of a domain administrator.")


class NewToken(Schema):
    """A token to make."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "provisioning", "role": "domain_admin", "domains": ["acme.example"]}]
        },
    )
    name: str = Field(description="What it is for.")
    role: Literal["superadmin", "domain_admin"] = Field(description="What it may do, never more than its maker.")
    domains: list[str] = Field(default=[], description="The domains that it reaches.")


@router.get("/administrators", response=Listing[Administrator], summary="List administrators")
def list_administrators(request: HttpRequest, page: PageQuery) -> Listing[Administrator]:
    """List administrators by e-mail."""
    rows = actors.administrators_for(act_of(request)).prefetch_related("domains")
    return paginate(rows, page, ["email"], show_actor)


@router.post("/administrators", response={201: Administrator}, summary="Add an administrator")
def create_administrator(request: HttpRequest, payload: NewAdministrator) -> Status[Administrator]:
    """Add an administrator with a role and, for domain administrators, their domains."""
    actor = actors.create_administrator(
        act_of(request), payload.email, payload.password, payload.role, payload.domains
    )
    return Status(201, show_actor(actor))


@router.delete("/administrators/{email}", response={204: None}, summary="Delete an administrator")
def delete_administrator(request: HttpRequest, email: str) -> Status[None]:
    """Delete an administrator; the last superadministrator stays."""
    actors.delete_administrator(act_of(request), email)
    return Status(204, None)


@router.get("/tokens", response=Listing[Token], summary="List tokens")
def list_tokens(request: HttpRequest, page: PageQuery) -> Listing[Token]:
    """List tokens, without their texts."""
    rows = actors.tokens_for(act_of(request)).prefetch_related("domains")
    return paginate(rows, page, ["pk"], show_token)


@router.post("/tokens", response={201: NewTokenShown}, summary="Make a token")
def create_token(request: HttpRequest, payload: NewToken) -> Status[NewTokenShown]:
    """Make a token; ``token`` is shown in this answer only. It ends with its maker and this call's token."""
    row, text = actors.create_token(act_of(request), payload.name, payload.role, payload.domains)
    return Status(201, show_new_token(row, text))


@router.delete("/tokens/{id}", response={204: None}, summary="Delete a token")
def delete_token(request: HttpRequest, id: int) -> Status[None]:
    """Delete a token and the tokens made with it; they stop working at once."""
    actors.delete_token(act_of(request), id)
    return Status(204, None)
