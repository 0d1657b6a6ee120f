"""The network behind ``dns.port``: UDP with EDNS, TCP when truncated, a bounded TTL cache, shared questions.

Written over ``dns.message`` and asyncio directly: the stub resolver's generality costs a millisecond a question.
An answer counts as authenticated only when a trusted resolver set AD. Silence, SERVFAIL and REFUSED are TEMPFAIL;
SERVFAIL that goes away when validation is switched off (CD) is BOGUS. A server asked as an authority that neither
answers nor denies, but points elsewhere, is lame (RFC 8499 section 7): TEMPFAIL, never an absence.
"""

import asyncio
import secrets
import socket
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, cast
from weakref import WeakKeyDictionary

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.resolver

from domains.dns.port import Answer, Dnssec, DnsStatus, Fault

Server = tuple[str, int]

TRY_SECONDS = 3.0
TRIES = 2
UDP_PAYLOAD = 1232
ANSWER_OCTETS = 12 * 1024  # what is larger is no answer: reading it would cost a tenth of a second and more
ANSWER_RECORDS = 200
CACHE_ENTRIES = 20_000
LONGEST_TTL = 2**31 - 1  # RFC 2181 section 8
MAXIMUM_TTL = 3600  # of what is remembered here
NEGATIVE_TTL = 60
FAILURE_TTL = 5
CNAME_HOPS = 8
NAME_SERVERS = 8
TOO_LARGE = f"the answer has more than {ANSWER_OCTETS} octets or {ANSWER_RECORDS} records"
_HEADER = 12
_WITHOUT_QUESTION = (dns.rcode.FORMERR, dns.rcode.SERVFAIL, dns.rcode.NOTIMP, dns.rcode.REFUSED)


class _Question(asyncio.DatagramProtocol):
    """One UDP question; only an answer with our id from the server asked ends it."""

    def __init__(self, wire: bytes, answered: "asyncio.Future[bytes]") -> None:
        self._wire = wire
        self._answered = answered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.DatagramTransport, transport).sendto(self._wire)  # uvloop's is no subclass

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[:2] == self._wire[:2] and not self._answered.done():
            self._answered.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._answered.done():
            self._answered.set_exception(exc)


async def _ask_udp(server: Server, wire: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[bytes] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Question(wire, answered), remote_addr=server)
    try:
        async with asyncio.timeout(TRY_SECONDS):
            return await answered
    finally:
        transport.close()


async def _ask_tcp(server: Server, wire: bytes) -> bytes:
    async with asyncio.timeout(TRY_SECONDS):
        reader, writer = await asyncio.open_connection(*server)
        try:
            writer.write(len(wire).to_bytes(2) + wire)
            size = int.from_bytes(await reader.readexactly(2))
            if size > ANSWER_OCTETS:
                raise OSError(TOO_LARGE)
            return await reader.readexactly(size)
        finally:
            writer.close()


def _written(
    write: Callable[..., bytes | None],
) -> Callable[..., bytes | None]:
    """Return the library's ``Name.to_wire`` without its table of suffixes where nothing is compressed: it took time
    in the square of a name's labels whenever a record was put into a set.
    """

    def to_wire(
        name: dns.name.Name,
        file: Any = None,
        compress: Any = None,
        origin: dns.name.Name | None = None,
        canonicalize: bool = False,
    ) -> bytes | None:
        if file is None or compress is not None:
            return write(name, file, compress, origin, canonicalize)
        file.write(write(name, None, None, origin, canonicalize))
        return None

    return to_wire


dns.name.Name.to_wire = _written(dns.name.Name.to_wire)  # type: ignore[method-assign]


@lru_cache(4096)
def _question(name: str, rdtype: str) -> tuple[dns.name.Name, dns.rdatatype.RdataType, bytes]:
    """Return name, type and the wire form of question and OPT record; the same for every server that is asked."""
    owner, kind = dns.name.from_text(name), dns.rdatatype.from_text(rdtype)
    opt = b"\0" + struct.pack("!HHIH", dns.rdatatype.OPT, UDP_PAYLOAD, 0, 0)
    return owner, kind, (owner.to_wire() or b"") + struct.pack("!HH", kind, dns.rdataclass.IN) + opt


async def ask_server(server: Server, name: str, rdtype: str, recursive: bool = True) -> Answer:
    """Ask one server one question; never raises for a remote fault. TCP follows a truncated answer."""
    try:
        _question(name, rdtype)
    except (dns.exception.DNSException, ValueError) as error:
        return Answer(name, rdtype, DnsStatus.NXDOMAIN, reason=f"not a name that the DNS can hold: {error}")
    flags = dns.flags.AD | (dns.flags.RD if recursive else 0)
    label = f"{server[0]}:{server[1]}"
    reason = "no answer"
    for _ in range(TRIES):
        try:
            response = await _exchange(server, name, rdtype, flags)
        except (OSError, TimeoutError, EOFError, dns.exception.DNSException) as error:
            reason = f"{label}: {str(error) or 'no answer in time'}"
            continue
        failed = recursive and response.rcode() == dns.rcode.SERVFAIL
        if failed and await _answers_unchecked(server, name, rdtype, flags):
            reason = f"{label}: DNSSEC validation fails"
            return Answer(name, rdtype, DnsStatus.BOGUS, reason=reason, server=label)
        return read_answer(name, rdtype, response, label, recursive)
    return Answer(name, rdtype, DnsStatus.TEMPFAIL, reason=reason, server=label, fault=Fault.SILENT)


async def _answers_unchecked(server: Server, name: str, rdtype: str, flags: int) -> bool:
    """True when a server that failed answers the same question without validation (RFC 4035 section 3.2.2)."""
    try:
        response = await _exchange(server, name, rdtype, flags | dns.flags.CD)
    except (OSError, TimeoutError, EOFError, dns.exception.DNSException):
        return False
    return response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)


async def _exchange(server: Server, name: str, rdtype: str, flags: int) -> dns.message.Message:
    """Return the answer to our question; written and read by hand where the library takes its time."""
    owner, kind, question = _question(name, rdtype)
    wire = secrets.token_bytes(2) + struct.pack("!HHHHH", flags, 1, 0, 0, 1) + question
    response = _message(await _ask_udp(server, wire), raise_on_truncation=False)
    if response.flags & dns.flags.TC:
        response = _message(await _ask_tcp(server, wire))
    if not _is_response(response, int.from_bytes(wire[:2]), owner, kind):
        raise OSError("the answer is not to our question")
    return response


def _message(wire: bytes, raise_on_truncation: bool = True) -> dns.message.Message:
    """Return the message; what stands beside an answer, the zone's servers and their addresses, is left unread."""
    if len(wire) > ANSWER_OCTETS or int.from_bytes(wire[6:8]) > ANSWER_RECORDS:
        raise OSError(TOO_LARGE)
    if len(wire) >= _HEADER and wire[6:8] != b"\0\0":
        wire = wire[:8] + bytes(4) + wire[12:]
    return dns.message.from_wire(wire, ignore_trailing=True, raise_on_truncation=raise_on_truncation)


def _is_response(
    response: dns.message.Message, number: int, owner: dns.name.Name, kind: dns.rdatatype.RdataType
) -> bool:
    if response.id != number or not response.flags & dns.flags.QR:
        return False
    if not response.question:
        return response.rcode() in _WITHOUT_QUESTION
    asked = response.question[0]
    return len(response.question) == 1 and asked.name == owner and asked.rdtype == kind


def read_answer(name: str, rdtype: str, response: dns.message.Message, server: str, recursive: bool = True) -> Answer:
    """Return what a response says about the name and type asked for."""
    rcode = response.rcode()
    failed = Answer(name, rdtype, DnsStatus.TEMPFAIL, server=server)
    texts, ttl, canonical = _follow(name, rdtype, response)
    if texts is None:  # servers answer it with NOERROR or with SERVFAIL
        return replace(failed, reason=f"{name}: a chain of aliases without end", fault=Fault.LOOP)
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return replace(failed, reason=f"{server} answered {dns.rcode.to_text(rcode)}", fault=Fault.REFUSED)
    authenticated = bool(response.flags & dns.flags.AD)
    if texts:
        return Answer(name, rdtype, DnsStatus.FOUND, texts, ttl, authenticated, canonical, server=server)
    if not recursive and not response.answer and _points_elsewhere(response):
        reason = f"{server} is no authority for {name}"
        return replace(failed, reason=reason, fault=Fault.LAME, canonical_name=_delegated(response))
    status = DnsStatus.NXDOMAIN if rcode == dns.rcode.NXDOMAIN else DnsStatus.NODATA
    return Answer(name, rdtype, status, (), _negative_ttl(response), authenticated, canonical, server=server)


def _points_elsewhere(response: dns.message.Message) -> bool:
    """True when an answer without records denies nothing: no authority speaks, and no SOA bounds the absence."""
    bounded = any(rrset.rdtype == dns.rdatatype.SOA for rrset in response.authority)
    return not bounded and not response.flags & dns.flags.AA


def _delegated(response: dns.message.Message) -> str:
    owners = [rrset.name for rrset in response.authority if rrset.rdtype == dns.rdatatype.NS]
    return owners[0].to_text(True).lower() if owners else ""


def _follow(name: str, rdtype: str, response: dns.message.Message) -> tuple[tuple[str, ...] | None, int, str]:
    """Return the texts at the CNAME chain's end, the smallest TTL and the last name; None for an endless chain."""
    sets = {(rrset.name, rrset.rdtype): rrset for rrset in response.answer}
    owner, wanted, _wire = _question(name, rdtype)
    ttl = LONGEST_TTL
    for _ in range(CNAME_HOPS + 1):
        found = sets.get((owner, wanted))
        if found is not None:
            texts = tuple(text_of(rdata) for rdata in found)
            return texts, min(ttl, found.ttl), owner.to_text(True).lower()
        alias = sets.get((owner, dns.rdatatype.CNAME))
        if alias is None:
            return (), ttl, owner.to_text(True).lower()
        ttl = min(ttl, alias.ttl)
        owner = alias[0].target
    return None, 0, ""


def text_of(rdata: dns.rdata.Rdata) -> str:
    """Return presentation text as ``dns.port`` promises it."""
    if rdata.rdtype == dns.rdatatype.TXT:
        return b"".join(rdata.strings).decode("latin-1")  # type: ignore[attr-defined]
    text = rdata.to_text()
    if rdata.rdtype in (
        dns.rdatatype.MX,
        dns.rdatatype.SRV,
        dns.rdatatype.NS,
        dns.rdatatype.CNAME,
        dns.rdatatype.PTR,
    ):
        return (text.removesuffix(".") if not text.endswith(" .") else text).lower()
    return text


def _negative_ttl(response: dns.message.Message) -> int:
    for rrset in response.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            return int(min(rrset.ttl, rrset[0].minimum, MAXIMUM_TTL))
    return NEGATIVE_TTL


def system_resolvers() -> tuple[Server, ...]:
    """Return the resolvers that the system is configured with."""
    try:
        found = dns.resolver.Resolver(configure=True)
    except dns.exception.DNSException:
        return ()
    return tuple((str(address), 53) for address in found.nameservers)[:2]


class NetworkResolver:
    """Asks the configured resolvers in turn and remembers answers for their TTL; one a process and event loop."""

    def __init__(
        self,
        servers: Sequence[Server],
        trusted: Sequence[IPv4Network | IPv6Network] = (),
        cache_entries: int = CACHE_ENTRIES,
    ) -> None:
        self.servers = tuple(servers)
        self._trusted = {server for server in self.servers if any(ip_address(server[0]) in net for net in trusted)}
        self._entries = cache_entries
        self._cache: OrderedDict[tuple[str, str], tuple[float, Answer]] = OrderedDict()
        self._running: dict[tuple[str, str], asyncio.Task[Answer]] = {}

    async def lookup(self, name: str, rdtype: str) -> Answer:
        """Return the answer, from the cache while its TTL lasts; the same question in flight is asked once."""
        key = (name.lower().rstrip("."), rdtype)
        cached = self._cache.get(key)
        if cached is not None and cached[0] > time.monotonic():
            return cached[1]
        running = self._running.get(key)
        if running is None:
            running = asyncio.create_task(self._ask(key))
            self._running[key] = running
            running.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(running)

    async def lookup_uncached(self, name: str, rdtype: str) -> Answer:
        """Return a fresh answer and remember it."""
        return await self._ask((name.lower().rstrip("."), rdtype))

    async def ask(self, server: Server, name: str, rdtype: str) -> Answer:
        """Return what one of the resolvers answers now, AD as far as it is believed; remembers nothing."""
        return self._believed(await ask_server(server, name, rdtype), server)

    async def _ask(self, key: tuple[str, str]) -> Answer:
        answer = Answer(*key, DnsStatus.TEMPFAIL, reason="no resolver is configured", fault=Fault.SILENT)
        for server in self.servers:
            answer = await self.ask(server, *key)
            if answer.status is not DnsStatus.TEMPFAIL:
                break
        self._remember(key, answer)
        return answer

    def _believed(self, answer: Answer, server: Server) -> Answer:
        """Return the answer with its DNSSEC state, without AD unless the resolver is one whose AD bit is believed."""
        if answer.status is DnsStatus.BOGUS:
            return replace(answer, dnssec=Dnssec.BOGUS)
        if server not in self._trusted:
            return replace(answer, authenticated=False)
        if answer.status is DnsStatus.TEMPFAIL:
            return answer
        return replace(answer, dnssec=Dnssec.SECURE if answer.authenticated else Dnssec.INSECURE)

    def _remember(self, key: tuple[str, str], answer: Answer) -> None:
        ttl = FAILURE_TTL if answer.status in (DnsStatus.TEMPFAIL, DnsStatus.BOGUS) else answer.ttl
        if ttl <= 0:
            return
        self._cache[key] = (time.monotonic() + min(ttl, MAXIMUM_TTL), answer)
        self._cache.move_to_end(key)
        while len(self._cache) > self._entries:
            self._cache.popitem(last=False)


class BudgetedResolver:
    """One message's share of the DNS: at most so many questions and seconds; keeps every answer for the trace."""

    def __init__(self, resolver: "NetworkResolver", questions: int = 50, seconds: float = 20.0) -> None:
        self._resolver = resolver
        self._left = questions
        self._until = time.monotonic() + seconds
        self.answers: list[Answer] = []

    async def lookup(self, name: str, rdtype: str) -> Answer:
        """Return the answer, or TEMPFAIL once the budget is used up."""
        self._left -= 1
        remaining = self._until - time.monotonic()
        if self._left < 0 or remaining <= 0:
            answer = Answer(
                name, rdtype, DnsStatus.TEMPFAIL, reason="this message's budget of DNS questions is used up"
            )
        else:
            try:
                async with asyncio.timeout(remaining):
                    answer = await self._resolver.lookup(name, rdtype)
            except TimeoutError:
                answer = Answer(name, rdtype, DnsStatus.TEMPFAIL, reason="this message's time for the DNS is used up")
        self.answers.append(answer)
        return answer


@dataclass(frozen=True, slots=True)
class NameServer:
    """One of a zone's own servers: its name in the NS set and one address of it."""

    host: str
    server: Server


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone as its parents know it: the names in its NS set, and their addresses as far as they were found."""

    name: str
    hosts: tuple[str, ...] = ()
    servers: tuple[NameServer, ...] = ()


async def zone_of(name: str, resolver: NetworkResolver, addresses: bool = True) -> Zone:
    """Return the zone that holds a name, found by walking up to the first NS set; an empty one when none answers."""
    labels = name.split(".")
    for start in range(len(labels) - 1):
        owner = ".".join(labels[start:])
        answer = await resolver.lookup(owner, "NS")
        if answer.status in (DnsStatus.TEMPFAIL, DnsStatus.BOGUS):
            return Zone(owner)
        if answer.found:
            hosts = answer.records[:NAME_SERVERS]
            return Zone(owner, hosts, await _addresses(hosts, resolver) if addresses else ())
    return Zone(name)


async def _addresses(hosts: Sequence[str], resolver: NetworkResolver) -> tuple[NameServer, ...]:
    rdtypes = ("A", "AAAA") if _has_ipv6() else ("A",)
    questions = [(host, rdtype) for host in hosts for rdtype in rdtypes]
    answers = await asyncio.gather(*(resolver.lookup(host, rdtype) for host, rdtype in questions))
    return tuple(
        NameServer(host, (address, 53))
        for (host, _), answer in zip(questions, answers, strict=True)
        if answer.found
        for address in answer.records
    )


def _has_ipv6() -> bool:
    """True when this host has a road to IPv6 addresses; connecting UDP sends nothing."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("2001:500:2::c", 53))  # a root server
    except OSError:
        return False
    return True


_resolvers: WeakKeyDictionary[asyncio.AbstractEventLoop, NetworkResolver] = WeakKeyDictionary()


def default_resolver() -> NetworkResolver:
    """Return this event loop's resolver, made from the settings at first use."""
    from django.conf import settings

    loop = asyncio.get_running_loop()
    if loop not in _resolvers:
        config = settings.MAILADMIN
        _resolvers[loop] = NetworkResolver(config.resolvers or system_resolvers(), config.trusted_resolvers)
    return _resolvers[loop]
