"""``/groups``: one address for several people."""

from typing import Annotated, Literal, cast

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import shown
from domains.api.paging import Listing, PageQuery, paginate
from mailboxes.models import Group as GroupRow
from mailboxes.services import groups

router = Router(tags=["mailboxes"])

KEYS = ["domain__name", "local_part"]
ABOUT_WRITERS = (
    "Who may write to it: `everybody`; the `domain`'s own people or `members`, both judged by an author that DMARC "
    "or aligned SPF proved, or by who signed in. Others are refused with 550 5.7.1."
)


class Search(Schema):
    """Which are asked for: those of a domain, those whose address, name or members hold a text."""

    domain: str = Field(default="", description="Only those of this domain.")
    q: str = Field(default="", description="Only those whose address, name or members hold this text.")


Writers = Literal["everybody", "domain", "members"]


class NewGroup(Schema):
    """A group to add."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "address": "team@acme.example",
                    "name": "The team",
                    "members": ["alice@acme.example", "bob@elsewhere.example"],
                    "writers": "members",
                }
            ]
        },
    )
    address: str = Field(description="The full address in a domain of yours.")
    members: list[str] = Field(description="Who gets its mail: addresses here or elsewhere, 1 to 500.")
    name: str = Field(default="", description="What people call it.")
    writers: Writers = Field(default="everybody", description=ABOUT_WRITERS)


class GroupChange(Schema):
    """What can change in a group; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    members: list[str] | None = Field(default=None, description="Who gets its mail from now on.")
    name: str | None = Field(default=None, description="What people call it.")
    writers: Writers | None = Field(default=None, description=ABOUT_WRITERS)


class Group(Schema):
    """A group."""

    model_config = shown(
        address="team@acme.example",
        name="The team",
        members=["alice@acme.example", "bob@elsewhere.example"],
        writers="members",
    )
    address: str = Field(description="The full address.")
    name: str = Field(description="What people call it.")
    members: list[str] = Field(description="Who gets its mail.")
    writers: Writers = Field(description=ABOUT_WRITERS)


def show_group(group: GroupRow) -> Group:
    """Return a group."""
    return Group(address=group.address, name=group.name, members=group.members, writers=cast(Writers, group.writers))


@router.get("/groups", response=Listing[Group], summary="List groups")
def list_groups(request: HttpRequest, search: Annotated[Search, Query()], page: PageQuery) -> Listing[Group]:
    """List groups by address."""
    return paginate(groups.search_groups(act_of(request), search.domain, search.q), page, KEYS, show_group)


@router.post("/groups", response={201: Group}, summary="Add a group")
def create_group(request: HttpRequest, payload: NewGroup) -> Status[Group]:
    """Add a group; mail to it is accepted from the next connection on."""
    group = groups.create_group(act_of(request), payload.address, payload.members, payload.name, payload.writers)
    return Status(201, show_group(group))


@router.get("/groups/{address}", response=Group, summary="Read a group")
def read_group(request: HttpRequest, address: str) -> Group:
    """Return one group."""
    return show_group(groups.get_group_for(act_of(request), address))


@router.patch("/groups/{address}", response=Group, summary="Change a group")
def change_group(request: HttpRequest, address: str, payload: GroupChange) -> Group:
    """Change what is given."""
    return show_group(groups.change_group(act_of(request), address, **payload.dict(exclude_unset=True)))


@router.delete("/groups/{address}", response={204: None}, summary="Delete a group")
def delete_group(request: HttpRequest, address: str) -> Status[None]:
    """Delete a group; its members keep their mailboxes."""
    groups.delete_group(act_of(request), address)
    return Status(204, None)


@router.put("/groups/{address}/members/{member}", response=Group, summary="Add a member")
def add_member(request: HttpRequest, address: str, member: str) -> Group:
    """Add one member; doing it again changes nothing."""
    return show_group(groups.add_member(act_of(request), address, member))


@router.delete("/groups/{address}/members/{member}", response={204: None}, summary="Take a member out")
def remove_member(request: HttpRequest, address: str, member: str) -> Status[None]:
    """Take one member out; the last one cannot go."""
    groups.remove_member(act_of(request), address, member)
    return Status(204, None)
