"""``/administrators`` and ``/tokens``: who may do what."""

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict

from domains.api.act import act_of
from domains.api.paging import PageQuery, paginate
from domains.api.shown import show_actor, show_token
from domains.services import actors

router = Router(tags=["access"])


class NewAdministrator(Schema):
    """An administrator to add."""

    model_config = ConfigDict(extra="forbid")
    email: str
    password: str
    role: Literal["superadmin", "domain_admin"]
    domains: list[str] = []


class NewToken(Schema):
    """A token to make."""

    model_config = ConfigDict(extra="forbid")
    name: str
    role: Literal["superadmin", "domain_admin"]
    domains: list[str] = []


@router.get("/administrators", summary="List administrators")
def list_administrators(request: HttpRequest, page: PageQuery) -> dict[str, Any]:
    """List administrators by e-mail."""
    rows = actors.administrators_for(act_of(request)).prefetch_related("domains")
    return paginate(rows, page, ["email"], show_actor)


@router.post("/administrators", response={201: dict[str, Any]}, summary="Add an administrator")
def create_administrator(request: HttpRequest, payload: NewAdministrator) -> tuple[int, dict[str, Any]]:
    """Add an administrator with a role and, for domain administrators, their domains."""
    actor = actors.create_administrator(
        act_of(request), payload.email, payload.password, payload.role, payload.domains
    )
    return 201, show_actor(actor)


@router.delete("/administrators/{email}", response={204: None}, summary="Delete an administrator")
def delete_administrator(request: HttpRequest, email: str) -> tuple[int, None]:
    """Delete an administrator; the last superadministrator stays."""
    actors.delete_administrator(act_of(request), email)
    return 204, None


@router.get("/tokens", summary="List tokens")
def list_tokens(request: HttpRequest, page: PageQuery) -> dict[str, Any]:
    """List tokens, without their texts."""
    rows = actors.tokens_for(act_of(request)).prefetch_related("domains")
    return paginate(rows, page, ["pk"], show_token)


@router.post("/tokens", response={201: dict[str, Any]}, summary="Make a token")
def create_token(request: HttpRequest, payload: NewToken) -> tuple[int, dict[str, Any]]:
    """Make a token; ``token`` is shown in this answer only."""
    row, text = actors.create_token(act_of(request), payload.name, payload.role, payload.domains)
    return 201, show_token(row) | {"token": text}


@router.delete("/tokens/{id}", response={204: None}, summary="Delete a token")
def delete_token(request: HttpRequest, id: int) -> tuple[int, None]:
    """Delete a token; it stops working at once."""
    actors.delete_token(act_of(request), id)
    return 204, None
