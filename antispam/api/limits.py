"""``/incoming-limits``: what one client may bring to the MX, who is over it right now, and letting one in again."""

import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema, Status
from ninja.errors import HttpError
from pydantic import ConfigDict, Field

from antispam.limits.figures import FIGURES, Kind
from antispam.services.incoming_limits import LET_IN_SECONDS, Limited, RedisAway, let_in, limited_now
from domains.api.act import act_of
from domains.api.answers import shown, words
from domains.api.paging import Listing, PageQuery, paginate_list
from domains.errors import Forbidden

router = Router(tags=["messages"])


class IncomingFigure(Schema):
    """The most of one kind."""

    model_config = shown(kind="connections", address=300, network=1200, seconds=60)
    kind: Annotated[str, words(*Kind)] = Field(description="What is counted.")
    address: int = Field(description="The most of one address; of one /64 for IPv6.")
    network: int = Field(description="The most of one network: a /24, for IPv6 a /48.")
    seconds: int = Field(description="Within so many seconds; 0: at one time.")


class IncomingLimits(Schema):
    """The figures in force."""

    model_config = shown(figures=[{"kind": "connections", "address": 300, "network": 1200, "seconds": 60}])
    figures: list[IncomingFigure] = Field(description="One of each kind.")


class LimitedClient(Schema):
    """Who is refused, or was within the last minute."""

    model_config = shown(
        client="192.0.2.7",
        kind="unknown",
        limit=100,
        since="2026-11-24T21:22:00Z",
        until="2026-11-24T21:30:00Z",
    )
    client: str = Field(description="An address or a network.")
    kind: Annotated[str, words(*Kind)] = Field(description="The figure that it is over.")
    limit: int = Field(description="The figure.")
    since: datetime.datetime = Field(description="When it was last refused.")
    until: datetime.datetime = Field(description="When it is let in by itself.")


class LetInWish(Schema):
    """Who is let in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"client": "192.0.2.7"}]})
    client: str = Field(max_length=60, description="An address, or a network as it stands in the list.")


class LetIn(Schema):
    """Who was let in, as it is counted."""

    model_config = shown(client="192.0.2.7", seconds=LET_IN_SECONDS)
    client: str = Field(description="The address or network.")
    seconds: int = Field(description="For how long no figure holds for it.")


@router.get("/incoming-limits", response=IncomingLimits, summary="Read the limits of incoming mail")
def read_incoming_limits(request: HttpRequest) -> IncomingLimits:
    """Return the figures in force; superadministrators only."""
    if not act_of(request).is_superadmin:
        raise Forbidden("Only a superadministrator reads the limits of incoming mail.")
    rows = [
        IncomingFigure(kind=row.kind, address=row.address, network=row.network, seconds=row.seconds)
        for row in FIGURES.values()
    ]
    return IncomingLimits(figures=rows)


@router.get("/incoming-limits/limited", response=Listing[LimitedClient], summary="List who is limited now")
def list_limited_clients(request: HttpRequest, page: PageQuery) -> Listing[LimitedClient]:
    """List the clients that all workers refuse now, the latest first; superadministrators only."""
    try:
        return paginate_list(limited_now(act_of(request)), page, _show)
    except RedisAway as fault:
        raise HttpError(503, "Redis is away: each worker counts alone, and nobody can say for all.") from fault


@router.post("/incoming-limits/let-in", response={202: LetIn}, summary="Let a client in again")
def let_client_in(request: HttpRequest, payload: LetInWish) -> Status[LetIn]:
    """Lift every figure for one client for an hour, at every worker within a few seconds."""
    try:
        client = let_in(act_of(request), payload.client)
    except RedisAway as fault:
        raise HttpError(503, "Redis is away: each worker counts alone, and none can be told.") from fault
    return Status(202, LetIn(client=client, seconds=LET_IN_SECONDS))


def _show(row: Limited) -> LimitedClient:
    return LimitedClient(client=row.client, kind=row.kind, limit=row.limit, since=row.since, until=row.until)
