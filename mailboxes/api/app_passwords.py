"""``/mailboxes/{address}/app-passwords``: the passwords of an owner's devices."""

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import AwareDatetime, ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import Instant, moment, shown
from domains.api.paging import Listing, PageQuery, paginate
from domains.times import instant
from mailboxes.models import AppPassword as Row
from mailboxes.services import app_passwords

router = Router(tags=["mailboxes"])

Protocol = Literal["imap", "pop3", "submission"]


class NewAppPassword(Schema):
    """An app password to make."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Phone", "protocols": ["imap", "submission"]}]}
    )
    name: str = Field(description="The device, for its owner to tell it by.")
    protocols: list[Protocol] = Field(min_length=1, description="What it may be used for.")
    expires_at: AwareDatetime | None = Field(default=None, description="When it ends by itself; null for never.")


class AppPasswordChange(Schema):
    """What can change in an app password."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(description="The device, for its owner to tell it by.")


class AppPassword(Schema):
    """An app password without its text, which nobody can read again."""

    id: int = Field(description="What it is named by in calls.")
    name: str = Field(description="The device.")
    protocols: list[Protocol] = Field(description="What it may be used for.")
    created_at: Instant = Field(description="When it was made.")
    expires_at: Instant | None = Field(description="When it ends by itself; null for never.")
    last_used_at: Instant | None = Field(description="When it was last used, to the minute; null before.")
    last_used_address: str | None = Field(description="From where it was used then.")
    last_used_protocol: Protocol | None = Field(description="What for.")


class NewAppPasswordShown(AppPassword):
    """An app password just made, with its text."""

    model_config = shown(
        id=7,
        name="Phone",
        protocols=["imap", "submission"],
        created_at="2026-11-24T21:22:00Z",
        expires_at=None,
        last_used_at=None,
        last_used_address=None,
        last_used_protocol=None,
        password="abcd-efgh-…",  # noqa: S106
    )
    password: str = Field(description="The text to type into the mail program; shown in this answer only.")


def _fields(row: Row) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "protocols": row.protocols,
        "created_at": moment(row.created_at),
        "expires_at": instant(row.expires_at),
        "last_used_at": instant(row.last_used_at),
        "last_used_address": row.last_used_address,
        "last_used_protocol": row.last_used_protocol or None,
    }


def show_app_password(row: Row) -> AppPassword:
    """Return an app password without its text."""
    return AppPassword(**_fields(row))


@router.get("/mailboxes/{address}/app-passwords", response=Listing[AppPassword], summary="List app passwords")
def list_app_passwords(request: HttpRequest, address: str, page: PageQuery) -> Listing[AppPassword]:
    """List the app passwords of a mailbox, without their texts."""
    return paginate(app_passwords.app_passwords_for(act_of(request), address), page, ["pk"], show_app_password)


@router.post(
    "/mailboxes/{address}/app-passwords", response={201: NewAppPasswordShown}, summary="Make an app password"
)
def create_app_password(request: HttpRequest, address: str, payload: NewAppPassword) -> Status[NewAppPasswordShown]:
    """Make an app password; ``password`` is shown in this answer only. The mailbox's owner alone may."""
    act = act_of(request)
    row, text = app_passwords.create_app_password(act, address, payload.name, payload.protocols, payload.expires_at)
    return Status(201, NewAppPasswordShown(**_fields(row), password=text))


@router.patch("/mailboxes/{address}/app-passwords/{id}", response=AppPassword, summary="Rename an app password")
def rename_app_password(request: HttpRequest, address: str, id: int, payload: AppPasswordChange) -> AppPassword:
    """Give an app password another name."""
    return show_app_password(app_passwords.rename_app_password(act_of(request), address, id, payload.name))


@router.delete("/mailboxes/{address}/app-passwords/{id}", response={204: None}, summary="Revoke an app password")
def revoke_app_password(request: HttpRequest, address: str, id: int) -> Status[None]:
    """Revoke an app password; it opens nothing any more, and what it opened ends within seconds."""
    app_passwords.revoke_app_password(act_of(request), address, id)
    return Status(204, None)
