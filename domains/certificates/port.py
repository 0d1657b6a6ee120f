"""What an authority is asked and answers, without the library's types: order, challenge, fault."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"


class Method(StrEnum):
    """How a name is proven (RFC 8555 section 8)."""

    HTTP = "http-01"  # the panel answers under the name
    DNS = "dns-01"  # a TXT record, set by RFC 2136


class Trouble(StrEnum):
    """Why there is no certificate, or no new one."""

    NONE = ""
    ELSEWHERE = "elsewhere"  # the DNS does not lead the name here: nothing was ordered
    UNREACHABLE = "unreachable"  # the authority does not answer, or not sensibly
    RATE = "rate"  # it takes no more orders for now
    CHALLENGE = "challenge"  # it could not verify the name
    ZONE = "zone"  # the record of the challenge could not be set
    REFUSED = "refused"  # anything else it said


class AuthorityFault(Exception):
    """What was asked did not come about; ``problem`` is the authority's own document (RFC 7807), when it sent one."""

    def __init__(
        self,
        trouble: Trouble,
        detail: str,
        problem: Mapping[str, Any] | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.detail = detail
        self.problem = dict(problem or {})
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class AuthorityTerms:
    """What a directory says of itself (RFC 8555 section 7.1.1)."""

    terms_url: str
    caa_identities: tuple[str, ...]
    binding_required: bool


@dataclass(frozen=True, slots=True)
class Binding:
    """A key by which the authority knows its customer (RFC 8555 section 7.3.4); ``secret`` is base64url."""

    key_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """An account at an authority: where, its address there, its private key in PEM."""

    directory_url: str
    uri: str
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Advice:
    """When the authority wants a certificate renewed, None where it gives no advice, and when to ask again."""

    renew_at: datetime | None
    again_at: datetime


class Responder(Protocol):
    """Makes the answer to a challenge visible to the authority, and takes it back."""

    @property
    def method(self) -> Method:
        """How it proves."""
        ...

    def present(self, name: str, token: str, content: str) -> None:
        """Show the content; raises AuthorityFault."""
        ...

    def withdraw(self) -> None:
        """Take back what was shown; never raises."""
        ...
