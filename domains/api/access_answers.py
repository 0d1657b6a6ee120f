"""What the calls on administrators and tokens answer; nobody sees a token's text twice."""

from collections.abc import Iterable
from typing import Annotated

from ninja import Schema
from pydantic import Field

from domains.api.answers import Instant, moment, shown, words
from domains.models import Actor, ApiToken, Domain, DomainState, Role
from domains.times import instant


class Administrator(Schema):
    """A person who administers."""

    model_config = shown(email="dora@operator.example", role="domain_admin", domains=["acme.example"])
    email: str = Field(description="The address to sign in with.")
    role: Annotated[str, words(Role.SUPERADMIN, Role.DOMAIN_ADMIN)] = Field(description="What the person may do.")
    domains: list[str] = Field(description="The domains of a domain administrator.")


class Token(Schema):
    """A token without its text, which nobody can read again."""

    id: int = Field(description="What the token is deleted by.")
    name: str = Field(description="What it is for.")
    role: Annotated[str, words(*Role.values)] = Field(description="What it may do, never more than its maker.")
    domains: list[str] = Field(description="The domains of a domain administrator's token.")
    created_at: Instant = Field(description="When it was made.")
    last_used_at: Instant | None = Field(description="When it was last used, to the minute; null before.")


class NewTokenShown(Token):
    """A token just made, with its text."""

    model_config = shown(
        id=7,
        name="provisioning",
        role="domain_admin",
        domains=["acme.example"],
        created_at="2026-11-24T21:22:00Z",
        last_used_at=None,
        token="ma_…",  # noqa: S106
    )
    token: str = Field(description="The text to send as `Authorization: Bearer`; shown in this answer only.")


def _names(domains: Iterable[Domain]) -> list[str]:
    return sorted(domain.name for domain in domains if domain.state != DomainState.DELETED)


def show_actor(actor: Actor) -> Administrator:
    """Return an administrator; the domains are prefetched."""
    return Administrator(email=actor.email, role=actor.role, domains=_names(actor.domains.all()))


def show_token(token: ApiToken) -> Token:
    """Return a token without its text; the domains are prefetched."""
    return Token(
        id=token.pk,
        name=token.name,
        role=token.role,
        domains=_names(token.domains.all()),
        created_at=moment(token.created_at),
        last_used_at=instant(token.last_used_at),
    )


def show_new_token(token: ApiToken, text: str) -> NewTokenShown:
    """Return a token with its text, this once."""
    return NewTokenShown(**show_token(token).dict(), token=text)
