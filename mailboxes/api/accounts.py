"""``/mailboxes`` and ``/aliases``, and the catch-all of a domain."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import shown
from domains.api.paging import Listing, PageQuery, paginate
from mailboxes.models import Account
from mailboxes.models import Alias as AliasRow
from mailboxes.services import accounts, aliases

router = Router(tags=["mailboxes"])

MAXIMUM_QUOTA = 2**53 - 1


class Search(Schema):
    """Which are asked for: those of a domain, those whose address or name holds a text."""

    domain: str = Field(default="", description="Only those of this domain.")
    q: str = Field(default="", description="Only those whose address or name holds this text.")


class NewMailbox(Schema):
    """A mailbox to add."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"address": "alice@acme.example", "password": "a long secret", "quota_bytes": 1_000_000_000}]
        },
    )
    address: str = Field(description="The full address in a domain of yours.")
    password: str = Field(description="At least 10 characters, not common, without the address.")
    display_name: str = Field(default="", description="The owner's name.")
    quota_bytes: int | None = Field(default=None, ge=0, le=MAXIMUM_QUOTA, description="Null sets no limit.")


class MailboxChange(Schema):
    """What can change in a mailbox."""

    model_config = ConfigDict(extra="forbid")
    password: str | None = Field(default=None, description="A new password; the old one ends at once.")
    display_name: str | None = Field(default=None, description="The owner's name.")
    quota_bytes: int | None = Field(default=None, ge=0, le=MAXIMUM_QUOTA, description="Null lifts the quota.")
    enabled: bool | None = Field(default=None, description="Whether the owner may sign in.")
    app_passwords_only: bool | None = Field(
        default=None, description="Whether mail programs need an app password; the owner's own opens the panel alone."
    )


class NewAlias(Schema):
    """An alias to add."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"address": "sales@acme.example", "targets": ["alice@acme.example"]}]},
    )
    address: str = Field(description="The full address in a domain of yours.")
    targets: list[str] = Field(description="Where its mail goes; here or elsewhere.")


class AliasChange(Schema):
    """What can change in an alias."""

    model_config = ConfigDict(extra="forbid")
    targets: list[str] = Field(description="Where its mail goes from now on.")


class CatchAllTarget(Schema):
    """Where mail to unknown addresses goes; null refuses it."""

    model_config = ConfigDict(extra="forbid")
    target: str | None = Field(description="An address, here or elsewhere; null refuses unknown addresses.")


class Mailbox(Schema):
    """A mailbox."""

    model_config = shown(
        address="alice@acme.example",
        display_name="Alice",
        quota_bytes=1_000_000_000,
        used_bytes=52_314,
        messages=7,
        enabled=True,
        app_passwords_only=False,
    )
    address: str = Field(description="The full address, which is also the name to sign in with.")
    display_name: str = Field(description="The owner's name.")
    quota_bytes: int | None = Field(description="How much it may hold; null without a limit.")
    used_bytes: int = Field(description="How much it holds.")
    messages: int = Field(description="How many messages it holds.")
    enabled: bool = Field(description="Whether the owner may sign in.")
    app_passwords_only: bool = Field(description="Whether mail programs need an app password.")


class Alias(Schema):
    """An alias."""

    model_config = shown(address="sales@acme.example", targets=["alice@acme.example"])
    address: str = Field(description="The full address.")
    targets: list[str] = Field(description="Where its mail goes.")


class CatchAll(Schema):
    """Where mail to unknown addresses of a domain goes."""

    target: str | None = Field(description="An address; null when unknown addresses are refused.")


def show_account(account: Account) -> Mailbox:
    """Return a mailbox."""
    return Mailbox(
        address=account.address,
        display_name=account.display_name,
        quota_bytes=account.quota_bytes,
        used_bytes=account.used_bytes,
        messages=account.messages_count,
        enabled=account.enabled,
        app_passwords_only=account.app_passwords_only,
    )


def show_alias(alias: AliasRow) -> Alias:
    """Return an alias."""
    return Alias(address=alias.address, targets=alias.targets)


KEYS = ["domain__name", "local_part"]


@router.get("/mailboxes", response=Listing[Mailbox], summary="List mailboxes")
def list_mailboxes(request: HttpRequest, search: Annotated[Search, Query()], page: PageQuery) -> Listing[Mailbox]:
    """List mailboxes by address."""
    rows = accounts.search_accounts(act_of(request), search.domain, search.q).select_related("domain")
    return paginate(rows, page, KEYS, show_account)


@router.post("/mailboxes", response={201: Mailbox}, summary="Add a mailbox")
def create_mailbox(request: HttpRequest, payload: NewMailbox) -> Status[Mailbox]:
    """Add a mailbox; mail to it is accepted from the next connection on."""
    account = accounts.create_account(
        act_of(request),
        payload.address,
        payload.password,
        display_name=payload.display_name,
        quota_bytes=payload.quota_bytes,
    )
    return Status(201, show_account(account))


@router.get("/mailboxes/{address}", response=Mailbox, summary="Read a mailbox")
def read_mailbox(request: HttpRequest, address: str) -> Mailbox:
    """Return one mailbox."""
    return show_account(accounts.get_account_for(act_of(request), address))


@router.patch("/mailboxes/{address}", response=Mailbox, summary="Change a mailbox")
def change_mailbox(request: HttpRequest, address: str, payload: MailboxChange) -> Mailbox:
    """Change what is given; ``quota_bytes: null`` lifts the quota."""
    return show_account(accounts.change_account(act_of(request), address, **payload.dict(exclude_unset=True)))


@router.delete("/mailboxes/{address}", response={204: None}, summary="Delete a mailbox")
def delete_mailbox(request: HttpRequest, address: str) -> Status[None]:
    """Delete a mailbox with all its messages."""
    accounts.delete_account(act_of(request), address)
    return Status(204, None)


@router.get("/aliases", response=Listing[Alias], summary="List aliases")
def list_aliases(request: HttpRequest, search: Annotated[Search, Query()], page: PageQuery) -> Listing[Alias]:
    """List aliases by address."""
    rows = aliases.search_aliases(act_of(request), search.domain, search.q).select_related("domain")
    return paginate(rows, page, KEYS, show_alias)


@router.post("/aliases", response={201: Alias}, summary="Add an alias")
def create_alias(request: HttpRequest, payload: NewAlias) -> Status[Alias]:
    """Add an alias."""
    return Status(201, show_alias(aliases.create_alias(act_of(request), payload.address, payload.targets)))


@router.get("/aliases/{address}", response=Alias, summary="Read an alias")
def read_alias(request: HttpRequest, address: str) -> Alias:
    """Return one alias."""
    return show_alias(aliases.get_alias_for(act_of(request), address))


@router.patch("/aliases/{address}", response=Alias, summary="Change an alias")
def change_alias(request: HttpRequest, address: str, payload: AliasChange) -> Alias:
    """Replace the targets."""
    return show_alias(aliases.change_alias(act_of(request), address, payload.targets))


@router.delete("/aliases/{address}", response={204: None}, summary="Delete an alias")
def delete_alias(request: HttpRequest, address: str) -> Status[None]:
    """Delete an alias."""
    aliases.delete_alias(act_of(request), address)
    return Status(204, None)


@router.get("/domains/{name}/catch-all", response=CatchAll, summary="Where unknown addresses go")
def read_catch_all(request: HttpRequest, name: str) -> CatchAll:
    """Return the target, null when unknown addresses are refused."""
    return CatchAll(target=aliases.get_catch_all_for(act_of(request), name))


@router.put("/domains/{name}/catch-all", response=CatchAll, summary="Set where unknown addresses go")
def set_catch_all(request: HttpRequest, name: str, payload: CatchAllTarget) -> CatchAll:
    """Set or clear the catch-all."""
    return CatchAll(target=aliases.set_catch_all(act_of(request), name, payload.target))
