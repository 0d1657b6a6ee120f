"""``/trace-keeping``: how long traces are kept, when persons are taken out of them, and one address forgotten."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import shown
from domains.errors import Forbidden
from domains.models import TraceKeeping
from domains.services import trace_keeping as service

router = Router(tags=["messages"])

_EXAMPLE: dict[str, Any] = {"head_days": 90, "event_days": 30, "redact_days": 7}


class Keeping(Schema):
    """How long traces are kept."""

    model_config = shown(**_EXAMPLE)
    head_days: int = Field(description="Days that a message is remembered.")
    event_days: int = Field(description="Days that its stages are kept, at most as long.")
    redact_days: int | None = Field(
        description="Days after which addresses of others, client addresses and DNS answers go; null: never."
    )


class KeepingWish(Schema):
    """How long traces are to be kept."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    head_days: int = Field(ge=1, le=service.MOST_DAYS, description="Days that a message is remembered.")
    event_days: int = Field(ge=1, le=service.MOST_DAYS, description="Days that its stages are kept, at most as long.")
    redact_days: int | None = Field(
        default=None, ge=0, le=service.MOST_DAYS, description="Days until redaction; 0: at once; null: never."
    )


class ForgetWish(Schema):
    """Whose traces are removed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"address": "bob@far.example"}]})
    address: str = Field(max_length=320, description="The address of a sender or recipient.")


class Forgotten(Schema):
    """What was removed."""

    model_config = shown(removed=12)
    removed: int = Field(description="How many messages are forgotten.")


def _shown(row: TraceKeeping) -> Keeping:
    return Keeping(head_days=row.head_days, event_days=row.event_days, redact_days=row.redact_days)


@router.get("/trace-keeping", response=Keeping, summary="Read how long traces are kept")
def read_trace_keeping(request: HttpRequest) -> Keeping:
    """Return what holds for the installation; superadministrators only."""
    if not act_of(request).is_superadmin:
        raise Forbidden("Only a superadministrator reads how long traces are kept.")
    return _shown(service.keeping())


@router.put("/trace-keeping", response=Keeping, summary="Set how long traces are kept")
def set_trace_keeping(request: HttpRequest, payload: KeepingWish) -> Keeping:
    """Set all of it; what is too old then goes within the hour."""
    act = act_of(request)
    return _shown(service.change_keeping(act, payload.head_days, payload.event_days, payload.redact_days))


@router.post("/trace-keeping/forget", response=Forgotten, summary="Forget an address")
def forget_trace_address(request: HttpRequest, payload: ForgetWish) -> Forgotten:
    """Remove every trace that has to do with an address, whole; this cannot be undone."""
    return Forgotten(removed=service.forget_address(act_of(request), payload.address))
