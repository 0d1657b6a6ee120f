"""``/mailboxes`` and ``/aliases``, and the catch-all of a domain."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.paging import PageQuery, paginate
from mailboxes.models import Account, Alias
from mailboxes.services import accounts, aliases

router = Router(tags=["mailboxes"])

MAXIMUM_QUOTA = 2**53 - 1


class Search(Schema):
    """Which are asked for: those of a domain, those whose address or name holds a text."""

    domain: str = ""
    q: str = ""


class NewMailbox(Schema):
    """A mailbox to add."""

    model_config = ConfigDict(extra="forbid")
    address: str
    password: str
    display_name: str = ""
    quota_bytes: int | None = Field(default=None, ge=0, le=MAXIMUM_QUOTA)


class MailboxChange(Schema):
    """What can change in a mailbox."""

    model_config = ConfigDict(extra="forbid")
    password: str | None = None
    display_name: str | None = None
    quota_bytes: int | None = Field(default=None, ge=0, le=MAXIMUM_QUOTA)
    enabled: bool | None = None


class NewAlias(Schema):
    """An alias to add."""

    model_config = ConfigDict(extra="forbid")
    address: str
    targets: list[str]


class AliasChange(Schema):
    """What can change in an alias."""

    model_config = ConfigDict(extra="forbid")
    targets: list[str]


class CatchAllTarget(Schema):
    """Where mail to unknown addresses goes; null refuses it."""

    model_config = ConfigDict(extra="forbid")
    target: str | None


def show_account(account: Account) -> dict[str, Any]:
    """Return a mailbox."""
    return {
        "address": account.address,
        "display_name": account.display_name,
        "quota_bytes": account.quota_bytes,
        "used_bytes": account.used_bytes,
        "messages": account.messages_count,
        "enabled": account.enabled,
    }


def show_alias(alias: Alias) -> dict[str, Any]:
    """Return an alias."""
    return {"address": alias.address, "targets": alias.targets}


KEYS = ["domain__name", "local_part"]


@router.get("/mailboxes", summary="List mailboxes")
def list_mailboxes(request: HttpRequest, search: Annotated[Search, Query()], page: PageQuery) -> dict[str, Any]:
    """List mailboxes by address."""
    rows = accounts.search_accounts(act_of(request), search.domain, search.q).select_related("domain")
    return paginate(rows, page, KEYS, show_account)


@router.post("/mailboxes", response={201: dict[str, Any]}, summary="Add a mailbox")
def create_mailbox(request: HttpRequest, payload: NewMailbox) -> tuple[int, dict[str, Any]]:
    """Add a mailbox; mail to it is accepted from the next connection on."""
    account = accounts.create_account(
        act_of(request),
        payload.address,
        payload.password,
        display_name=payload.display_name,
        quota_bytes=payload.quota_bytes,
    )
    return 201, show_account(account)


@router.get("/mailboxes/{address}", summary="Read a mailbox")
def read_mailbox(request: HttpRequest, address: str) -> dict[str, Any]:
    """Return one mailbox."""
    return show_account(accounts.get_account_for(act_of(request), address))


@router.patch("/mailboxes/{address}", summary="Change a mailbox")
def change_mailbox(request: HttpRequest, address: str, payload: MailboxChange) -> dict[str, Any]:
    """Change what is given; ``quota_bytes: null`` lifts the quota."""
    return show_account(accounts.change_account(act_of(request), address, **payload.dict(exclude_unset=True)))


@router.delete("/mailboxes/{address}", response={204: None}, summary="Delete a mailbox")
def delete_mailbox(request: HttpRequest, address: str) -> tuple[int, None]:
    """Delete a mailbox with all its messages."""
    accounts.delete_account(act_of(request), address)
    return 204, None


@router.get("/aliases", summary="List aliases")
def list_aliases(request: HttpRequest, search: Annotated[Search, Query()], page: PageQuery) -> dict[str, Any]:
    """List aliases by address."""
    rows = aliases.search_aliases(act_of(request), search.domain, search.q).select_related("domain")
    return paginate(rows, page, KEYS, show_alias)


@router.post("/aliases", response={201: dict[str, Any]}, summary="Add an alias")
def create_alias(request: HttpRequest, payload: NewAlias) -> tuple[int, dict[str, Any]]:
    """Add an alias."""
    return 201, show_alias(aliases.create_alias(act_of(request), payload.address, payload.targets))


@router.get("/aliases/{address}", summary="Read an alias")
def read_alias(request: HttpRequest, address: str) -> dict[str, Any]:
    """Return one alias."""
    return show_alias(aliases.get_alias_for(act_of(request), address))


@router.patch("/aliases/{address}", summary="Change an alias")
def change_alias(request: HttpRequest, address: str, payload: AliasChange) -> dict[str, Any]:
    """Replace the targets."""
    return show_alias(aliases.change_alias(act_of(request), address, payload.targets))


@router.delete("/aliases/{address}", response={204: None}, summary="Delete an alias")
def delete_alias(request: HttpRequest, address: str) -> tuple[int, None]:
    """Delete an alias."""
    aliases.delete_alias(act_of(request), address)
    return 204, None


@router.get("/domains/{name}/catch-all", summary="Where unknown addresses go")
def read_catch_all(request: HttpRequest, name: str) -> dict[str, Any]:
    """Return the target, null when unknown addresses are refused."""
    return {"target": aliases.get_catch_all_for(act_of(request), name)}


@router.put("/domains/{name}/catch-all", summary="Set where unknown addresses go")
def set_catch_all(request: HttpRequest, name: str, payload: CatchAllTarget) -> dict[str, Any]:
    """Set or clear the catch-all."""
    return {"target": aliases.set_catch_all(act_of(request), name, payload.target)}
