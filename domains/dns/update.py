"""Changes a zone at its primary server by RFC 2136, signed with TSIG (RFC 8945), over TCP.

One message carries all changes with what was there before as prerequisites: it happens as a whole, and only when
nobody changed these record sets meanwhile. SOA and NS are never touched.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update

from domains.dns.port import Answer
from domains.dns.resolver import read_answer, text_of

Question = tuple[str, str]

SECONDS = 10.0
READING_SECONDS = 30.0  # for all questions of one reading
ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1")
PROBE_LABEL = "_mailadmin-access"
_NEVER = frozenset({"SOA", "NS"})
_WITH_NAMES = frozenset({dns.rdatatype.CNAME, dns.rdatatype.MX, dns.rdatatype.PTR, dns.rdatatype.SRV})


class UpdateTrouble(StrEnum):
    """Why a zone could not be read or changed."""

    UNREACHABLE = "unreachable"  # nothing was sent, or no connection came about
    UNKNOWN = "unknown"  # it was sent, and no answer came: it may have happened
    BAD_KEY = "bad-key"  # the server does not know the key's name or algorithm
    BAD_SIGNATURE = "bad-signature"  # the secret is another one
    BAD_TIME = "bad-time"  # the clocks differ by minutes
    CHANGED = "changed"  # a prerequisite failed: somebody changed a record meanwhile
    NOT_ZONE = "not-zone"  # the server has no such zone
    REFUSED = "refused"  # the key may not do this
    FAILED = "failed"  # another error of the server


class UpdateFault(Exception):
    """The zone could not be read or changed; ``trouble`` says why, ``str()`` in the server's words."""

    def __init__(self, trouble: UpdateTrouble, detail: str = "") -> None:
        super().__init__(detail or trouble.value)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class ZoneAccess:
    """A zone at its primary server: the address to connect to, and the key that may change it."""

    zone: str
    address: str
    port: int
    key_name: str
    algorithm: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """What the primary has at one name and type: the answer as ``dns.port`` spells it, and zone-file texts."""

    answer: Answer
    raw: tuple[str, ...] = ()
    ttl: int = 0

    def raw_of(self, text: str) -> str:
        """Return the zone-file text of one of the answer's texts; KeyError when it is not there."""
        return dict(zip(self.answer.records, self.raw, strict=True))[text]


@dataclass(frozen=True, slots=True)
class SetChange:
    """One record set: what has to be there before, and what goes and comes, as zone files spell it."""

    name: str
    type: str
    ttl: int
    before: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.type.upper() in _NEVER:
            raise ValueError(f"a record of type {self.type} is never changed")


async def read_sets(access: ZoneAccess, questions: Sequence[Question]) -> dict[Question, Held]:
    """Return what the primary itself has, by name and type; raises UpdateFault."""
    held: dict[Question, Held] = {}
    try:
        async with asyncio.timeout(READING_SECONDS), _connected(access) as channel:
            for name, rdtype in dict.fromkeys(questions):
                response = await _ask(access, channel, name, rdtype)
                if await _is_synthesised(access, channel, name, rdtype, response):
                    response.answer.clear()
                held[name, rdtype] = _held(name, rdtype, response, access)
    except TimeoutError as error:
        raise UpdateFault(UpdateTrouble.UNREACHABLE, "its answers take too long") from error
    return held


async def _ask(access: ZoneAccess, channel: Any, name: str, rdtype: str) -> dns.message.Message:
    query = dns.message.make_query(name, rdtype, use_edns=0)
    query.flags &= ~dns.flags.RD
    return await _exchange(access, channel, query)


async def _is_synthesised(
    access: ZoneAccess, channel: Any, name: str, rdtype: str, response: dns.message.Message
) -> bool:
    """True when a wildcard answers for a name that is not there (RFC 4592).

    A neighbour that nobody has gets the same answer then; prerequisites, which no wildcard meets, decide.
    """
    owner = dns.name.from_text(name)
    found = next((rrset for rrset in response.answer if rrset.name == owner), None)
    if found is None or name == access.zone:
        return False
    neighbour = f"{PROBE_LABEL}.{name.partition('.')[2]}"
    others = (await _ask(access, channel, neighbour, rdtype)).answer
    if not any(rrset.rdtype == found.rdtype and set(rrset) == set(found) for rrset in others):
        return False
    message = dns.update.UpdateMessage(access.zone)
    message.present(owner, found.rdtype)
    return (await _exchange(access, channel, message)).rcode() in (dns.rcode.NXRRSET, dns.rcode.NXDOMAIN)


async def change_zone(access: ZoneAccess, changes: Sequence[SetChange]) -> None:
    """Make all changes or none; raises UpdateFault."""
    async with _connected(access) as channel:
        response = await _exchange(access, channel, update_message(access.zone, changes))
    _require_done(response)


async def probe(access: ZoneAccess) -> None:
    """See that the key may change the zone, without changing it; raises UpdateFault.

    One record is added and taken out again in one message, which nobody else ever sees.
    """
    message = dns.update.UpdateMessage(access.zone)
    name = dns.name.from_text(f"{PROBE_LABEL}.{access.zone}")
    message.add(name, 60, "TXT", '"probe"')
    message.delete(name, "TXT", '"probe"')
    async with _connected(access) as channel:
        response = await _exchange(access, channel, message)
    _require_done(response)


def update_message(zone: str, changes: Sequence[SetChange]) -> dns.update.UpdateMessage:
    """Return the message, unsigned (RFC 2136 section 2)."""
    message = dns.update.UpdateMessage(zone)
    for change in changes:
        _require(message, change)
    for change in changes:
        name = dns.name.from_text(change.name)
        for text in change.removes:
            message.delete(name, change.type, text)
        for text in change.adds:
            message.add(name, change.ttl, change.type, text)
    return message


def _require(message: dns.update.UpdateMessage, change: SetChange) -> None:
    """Put the prerequisites of a change: its set as it was, and no alias in its place (section 2.4)."""
    name = dns.name.from_text(change.name)
    if change.before:
        for text in change.before:
            message.present(name, change.type, text)
    elif change.type == "CNAME":
        message.absent(name)
    else:
        message.absent(name, change.type)
        message.absent(name, "CNAME")


@asynccontextmanager
async def _connected(access: ZoneAccess) -> AsyncIterator[Any]:
    backend = dns.asyncbackend.get_default_backend()
    family = socket.AF_INET6 if ":" in access.address else socket.AF_INET
    try:
        channel = await backend.make_socket(  # type: ignore[no-untyped-call]
            family, socket.SOCK_STREAM, 0, None, (access.address, access.port), SECONDS
        )
    except (OSError, dns.exception.DNSException, TimeoutError) as error:
        raise UpdateFault(UpdateTrouble.UNREACHABLE, _words(error)) from error
    try:
        yield channel
    finally:
        await channel.close()


async def _exchange(access: ZoneAccess, channel: Any, message: dns.message.Message) -> dns.message.Message:
    """Sign, send and read one answer whose signature is right; raises UpdateFault."""
    message.use_tsig(dns.tsig.Key(access.key_name, access.secret, access.algorithm))
    sent = UpdateTrouble.UNKNOWN if isinstance(message, dns.update.UpdateMessage) else UpdateTrouble.UNREACHABLE
    try:
        async with asyncio.timeout(SECONDS):
            return await dns.asyncquery.tcp(message, access.address, SECONDS, sock=channel)
    except (dns.tsig.PeerBadKey, dns.message.UnknownTSIGKey) as error:
        raise UpdateFault(UpdateTrouble.BAD_KEY) from error
    except (dns.tsig.PeerBadSignature, dns.tsig.BadSignature) as error:
        raise UpdateFault(UpdateTrouble.BAD_SIGNATURE) from error
    except (dns.tsig.PeerBadTime, dns.tsig.BadTime) as error:
        raise UpdateFault(UpdateTrouble.BAD_TIME) from error
    except (OSError, EOFError, TimeoutError, dns.exception.DNSException) as error:
        raise UpdateFault(sent, _words(error)) from error


_TROUBLES = {
    dns.rcode.YXDOMAIN: UpdateTrouble.CHANGED,
    dns.rcode.YXRRSET: UpdateTrouble.CHANGED,
    dns.rcode.NXRRSET: UpdateTrouble.CHANGED,
    dns.rcode.NXDOMAIN: UpdateTrouble.CHANGED,
    dns.rcode.NOTAUTH: UpdateTrouble.NOT_ZONE,
    dns.rcode.NOTZONE: UpdateTrouble.NOT_ZONE,
    dns.rcode.REFUSED: UpdateTrouble.REFUSED,
}


def _require_done(response: dns.message.Message) -> None:
    rcode = response.rcode()
    if rcode != dns.rcode.NOERROR:
        raise UpdateFault(_TROUBLES.get(rcode, UpdateTrouble.FAILED), dns.rcode.to_text(rcode))


def _held(name: str, rdtype: str, response: dns.message.Message, access: ZoneAccess) -> Held:
    rcode = response.rcode()
    delegated = _is_delegated(response, access.zone)
    foreign = rcode == dns.rcode.NOERROR and not response.flags & dns.flags.AA and not delegated
    if rcode == dns.rcode.REFUSED or foreign:
        raise UpdateFault(UpdateTrouble.NOT_ZONE, f"{name} {rdtype}: {dns.rcode.to_text(rcode)}")
    answer = read_answer(name, rdtype, response, f"{access.address}:{access.port}", recursive=not delegated)
    owner, wanted = dns.name.from_text(name), dns.rdatatype.from_text(rdtype)
    rrset = response.get_rrset(response.answer, owner, dns.rdataclass.IN, wanted)
    if rrset is None:
        return Held(answer)
    pairs = {text_of(rdata): _zone_text(rdata) for rdata in rrset}
    raw = tuple(pairs.get(text, "") for text in answer.records)
    return Held(answer, raw, rrset.ttl)


def _is_delegated(response: dns.message.Message, zone: str) -> bool:
    """True when the server of a zone hands a name on to the servers of a part of it."""
    parts = [rrset.name for rrset in response.authority if rrset.rdtype == dns.rdatatype.NS]
    apex = dns.name.from_text(zone)
    return not response.answer and any(part != apex and part.is_subdomain(apex) for part in parts)


def _zone_text(rdata: dns.rdata.Rdata) -> str:
    """Return a record as zone files spell it; servers keep the case of a name as somebody once wrote it."""
    text = rdata.to_text()
    return text.lower() if rdata.rdtype in _WITH_NAMES else text


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
