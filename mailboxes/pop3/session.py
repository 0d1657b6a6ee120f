"""One POP3 session without its socket: states, capabilities, and the maildrop as it was found (RFC 1939, 2449). Pure.

Invariants: numbers are fixed at sign-in, a message keeps its number and its unique id to the end; DELE only marks;
what is marked is told to nobody but RSET and the end of the session.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailboxes.pop3.commands import State
from mailboxes.pop3.port import Contents, Maildrop
from mailboxes.smtp.sasl_exchange import MECHANISMS


class NoSuchMessage(LookupError):
    """No message has the number, or it is marked as deleted; ``str()`` is one public sentence."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A status line; ``code`` is a response code (RFC 2449 §8) or empty, ``closes`` ends the session behind it."""

    text: str
    ok: bool = True
    code: str = ""
    closes: bool = False

    def serialise(self) -> bytes:
        """Return the line."""
        words = ["+OK" if self.ok else "-ERR", f"[{self.code}]" if self.code else "", self.text]
        return " ".join(word for word in words if word).encode("ascii", "replace") + b"\r\n"


def refusal(text: str, code: str = "", closes: bool = False) -> Reply:
    """Return a negative answer."""
    return Reply(text, ok=False, code=code, closes=closes)


class Listing:
    """The messages by number, from 1 on, with what is marked as deleted."""

    def __init__(self, contents: Contents) -> None:
        self._uid_validity = contents.uid_validity
        self._uids = array("Q", contents.uids)
        self._sizes = array("Q", contents.sizes)
        self._deleted: set[int] = set()
        self._deleted_octets = 0

    @property
    def count(self) -> int:
        """How many messages are not marked."""
        return len(self._uids) - len(self._deleted)

    @property
    def octets(self) -> int:
        """How many octets these have."""
        return sum(self._sizes) - self._deleted_octets

    def numbers(self) -> Iterator[int]:
        """Yield the numbers of what is not marked."""
        return (number for number in range(1, len(self._uids) + 1) if number not in self._deleted)

    def uid(self, number: int) -> int:
        """Return a message's UID; raises NoSuchMessage."""
        if not 1 <= number <= len(self._uids):
            raise NoSuchMessage("There is no message with this number")
        if number in self._deleted:
            raise NoSuchMessage("The message is marked as deleted")
        return self._uids[number - 1]

    def size(self, number: int) -> int:
        """Return how many octets a message has, dots not counted twice; raises NoSuchMessage."""
        self.uid(number)
        return self._sizes[number - 1]

    def unique_id(self, number: int) -> str:
        """Return what no other message of this maildrop ever has (RFC 1939 §7); raises NoSuchMessage."""
        return f"{self._uid_validity}.{self.uid(number)}"

    def delete(self, number: int) -> None:
        """Mark a message; raises NoSuchMessage."""
        self._deleted_octets += self.size(number)
        self._deleted.add(number)

    def reset(self) -> None:
        """Unmark all."""
        self._deleted.clear()
        self._deleted_octets = 0

    def doomed(self) -> list[int]:
        """Return the UIDs of what is marked, in ascending order."""
        return [self._uids[number - 1] for number in sorted(self._deleted)]


@dataclass(slots=True)
class Session:
    """What is true of one connection; ``maildrop`` and ``listing`` are there once somebody is signed in.

    ``channel_binding`` is the hash of the certificate that the client was shown, when SCRAM can bind to it;
    ``scram`` are the mechanisms of that kind to offer.
    """

    tls: bool = False
    channel_binding: bytes | None = None
    scram: tuple[str, ...] = ()
    tls_offered: bool = False
    utf8: bool = False
    state: State = State.AUTHORIZATION
    user: bytes = field(default=b"", repr=False)
    maildrop: Maildrop | None = None
    listing: Listing | None = None

    def capabilities(self) -> list[str]:
        """Return what is offered now (RFC 2449 §6, RFC 2595 §4, RFC 3206, RFC 5034, RFC 6856)."""
        offered = ["TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE NEVER", "UTF8 USER"]
        if self.state is not State.AUTHORIZATION:
            return [*offered, "IMPLEMENTATION mailadmin"]
        if self.tls:
            return [*offered, "USER", "SASL " + " ".join((*MECHANISMS, *self.scram))]
        return [*offered, "STLS"] if self.tls_offered else offered

    def open(self, maildrop: Maildrop, contents: Contents) -> None:
        """Somebody is signed in."""
        self.user = b""
        self.maildrop, self.listing, self.state = maildrop, Listing(contents), State.TRANSACTION
