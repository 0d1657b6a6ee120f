"""``/webhooks``: endpoints that are told of events; their secret is shown once."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import Instant, shown, words
from domains.api.paging import Listing, PageQuery, paginate
from domains.models import DeliveryState, Webhook, WebhookDelivery
from domains.services import webhooks as service
from domains.times import instant

router = Router(tags=["webhooks"])

STATES = ("active", "failing", "disabled")


class NewWebhook(Schema):
    """An endpoint to add."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://hooks.acme.example/mail", "domain": "acme.example"}]},
    )
    url: str = Field(max_length=500, description="Where events are posted; http or https, reachable.")
    domain: str | None = Field(default=None, description="The domain whose events it gets; none: of every domain.")


class Delivery(Schema):
    """One event on its way to an endpoint."""

    id: str = Field(description="The event's id, the same in every attempt (webhook-id).")
    type: str = Field(description="The event's type.")
    state: Annotated[str, words(*DeliveryState.values)] = Field(description="How it stands.")
    attempts: int = Field(description="How many attempts were made.")
    created_at: Instant = Field(description="When it happened.")
    attempted_at: Instant | None = Field(description="When it was last attempted.")
    next_attempt_at: Instant | None = Field(description="When it is attempted next; null when it is not.")
    status_code: int | None = Field(description="The last answer's status; null without one.")
    reason: str = Field(description="Why the last attempt failed; empty when it did not.")


_EXAMPLE = {
    "id": 7,
    "url": "https://hooks.acme.example/mail",
    "domain": "acme.example",
    "state": "active",
    "created_at": "2026-11-24T21:22:00Z",
    "failing_since": None,
}


class WebhookShown(Schema):
    """An endpoint that is told of events."""

    model_config = shown(**_EXAMPLE)
    id: int = Field(description="The number by which it is known.")
    url: str = Field(description="Where events are posted.")
    domain: str | None = Field(description="The domain whose events it gets; null: of every domain.")
    state: Annotated[str, words(*STATES)] = Field(description="disabled: it gets nothing until it is enabled.")
    created_at: Instant = Field(description="When it was added.")
    failing_since: Instant | None = Field(description="When the unbroken run of failures began.")


class WebhookWithLog(WebhookShown):
    """An endpoint with its last deliveries, newest first."""

    model_config = shown(**_EXAMPLE, deliveries=[])
    deliveries: list[Delivery] = Field(description="The last 20.")


class WebhookMade(WebhookShown):
    """An endpoint just added, with its secret."""

    model_config = shown(**_EXAMPLE | {"secret": "whsec_c2VjcmV0IG9mIHRoZSBleGFtcGxlIG9ubHk="})
    secret: str = Field(description="whsec_ and the base64 of the signing key; shown in this answer only.")


def _fields(row: Webhook) -> dict[str, object]:
    state = "disabled" if row.disabled_at else "failing" if row.failing_since else "active"
    return {
        "id": row.pk,
        "url": row.url,
        "domain": row.domain.name if row.domain else None,
        "state": state,
        "created_at": instant(row.created_at),
        "failing_since": instant(row.failing_since),
    }


def _shown(row: Webhook) -> WebhookShown:
    return WebhookShown.model_validate(_fields(row))


def _delivery(row: WebhookDelivery) -> Delivery:
    waiting = row.state == DeliveryState.WAITING
    return Delivery(
        id=row.notice_id,
        type=row.notice.type,
        state=row.state,
        attempts=row.attempts,
        created_at=instant(row.created_at) or "",
        attempted_at=instant(row.attempted_at),
        next_attempt_at=instant(row.next_attempt_at) if waiting else None,
        status_code=row.status_code,
        reason=row.reason,
    )


@router.get("/webhooks", response=Listing[WebhookShown], summary="List webhooks")
def list_webhooks(request: HttpRequest, page: PageQuery) -> Listing[WebhookShown]:
    """List the endpoints in reach, without their secrets."""
    return paginate(service.webhooks_for(act_of(request)), page, ["pk"], _shown)


@router.post("/webhooks", response={201: WebhookMade}, summary="Add a webhook")
def create_webhook(request: HttpRequest, payload: NewWebhook) -> Status[WebhookMade]:
    """Add an endpoint of a domain, or, for superadministrators, of the installation."""
    row, secret = service.create_webhook(act_of(request), payload.url, payload.domain or "")
    return Status(201, WebhookMade.model_validate(_fields(row) | {"secret": secret}))


@router.get("/webhooks/{id}", response=WebhookWithLog, summary="Read a webhook")
def read_webhook(request: HttpRequest, id: int) -> WebhookWithLog:
    """Return one endpoint with its last deliveries."""
    row = service.get_webhook_for(act_of(request), id)
    return WebhookWithLog.model_validate(
        _fields(row) | {"deliveries": [_delivery(one) for one in service.deliveries_of(row)]}
    )


@router.delete("/webhooks/{id}", response={204: None}, summary="Delete a webhook")
def delete_webhook(request: HttpRequest, id: int) -> Status[None]:
    """Delete an endpoint; what waits for it is dropped."""
    service.delete_webhook(act_of(request), id)
    return Status(204, None)


@router.post("/webhooks/{id}/test", response={202: Delivery}, summary="Send a test event")
def test_webhook(request: HttpRequest, id: int) -> Status[Delivery]:
    """Send a test event soon, and return the delivery as it begins."""
    return Status(202, _delivery(service.send_test(act_of(request), id)))


@router.post("/webhooks/{id}/enable", response=WebhookShown, summary="Enable a webhook")
def enable_webhook(request: HttpRequest, id: int) -> WebhookShown:
    """Let an endpoint that was disabled be told again from now on."""
    return _shown(service.enable_webhook(act_of(request), id))
