"""Imitates how mail programs set themselves up for a domain of ours, step by step, then calls the servers they find.

Each program's order of questions is its own; it stops where the program would. Nothing is signed in to, nothing kept.
In a lab, where MAILADMIN_STS_PORT is not 443, HTTPS is asked at that port and HTTP at MAILADMIN_HTTP_PORT.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Literal
from urllib.parse import quote, urljoin, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from publicsuffixlist import PublicSuffixList

from domains.audit import Act
from domains.autoconfig import (
    APPLE_PATH,
    OUTLOOK_JSON_PATH,
    OUTLOOK_PATH,
    THUNDERBIRD_PATHS,
    BadRequest,
    parse_address,
)
from domains.client_settings import (
    SERVICES,
    Security,
    Setting,
    Unreadable,
    outlook_request,
    read_outlook,
    read_outlook_place,
    read_profile,
    read_srv,
    read_thunderbird,
)
from domains.dns.port import Answer, Resolver
from domains.dns.resolver import BudgetedResolver, default_resolver
from domains.errors import Refused
from domains.http import Fetched, FetchFault, fetch
from domains.mail_probe import Probed, certificate_names, probe
from domains.services.allowance import one_of
from domains.services.autoconfig import offered_servers
from domains.services.provision import get_domain_for

Client = Literal["thunderbird", "outlook", "apple"]
CLIENTS: tuple[Client, ...] = ("thunderbird", "outlook", "apple")
TESTS_AN_HOUR = 120
_STEP_SECONDS = 8.0
_CLIENT_SECONDS = 60.0
_QUESTIONS = 150
_REDIRECTS = 5
_OCTETS = 64 * 1024
_HTTP, _HTTPS = 80, 443
_SHOWN = 200


class Outcome(StrEnum):
    """How a step went, for the program."""

    TAKEN = "taken"  # it has what it looks for
    ONWARD = "onward"  # it is led on
    ABSENT = "absent"  # nothing there: it goes on with its next step
    FAULT = "fault"  # something there does not work: it goes on with its next step


class Meaning(StrEnum):
    """What a program makes of an answer; the sentences are the panel's."""

    SETTINGS = "settings"
    NO_SETTINGS = "no-settings"
    NOT_THERE = "not-there"
    NO_NAME = "no-name"
    NO_ANSWER = "no-answer"
    CERTIFICATE = "certificate"
    UNREADABLE = "unreadable"
    REDIRECT = "redirect"
    REDIRECT_PLAIN = "redirect-plain"
    REDIRECT_ADDRESS = "redirect-address"
    LOOP = "loop"
    PLAIN = "plain"
    PLACE = "place"
    EXCHANGER = "exchanger"
    OFFERED = "offered"
    NOT_OFFERED = "not-offered"
    SIGNED = "signed"
    UNSIGNED = "unsigned"
    GUESSED = "guessed"
    OUT_OF_TIME = "out-of-time"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing asked: ``asked`` a URL or a DNS question, ``answer`` in short, ``address`` that was connected to."""

    asked: str
    outcome: Outcome
    meaning: Meaning
    answer: str = ""
    address: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the program found; ``chosen``: it would use this one; ``ours``: one that is offered here."""

    setting: Setting
    chosen: bool
    ours: bool
    probed: Probed


@dataclass(frozen=True, slots=True)
class ClientResult:
    """What one program finds."""

    client: Client
    steps: tuple[Step, ...]
    servers: tuple[Server, ...]

    @property
    def ok(self) -> bool:
        """True when it would set itself up, and could call its servers for reading and for sending."""
        chosen = [server for server in self.servers if server.chosen]
        ways = {server.setting.incoming for server in chosen}
        return ways == {True, False} and all(not server.probed.fault for server in chosen)


@dataclass(frozen=True, slots=True)
class ClientTest:
    """A whole test."""

    address: str
    results: tuple[ClientResult, ...]


def run_client_test(act: Act, name: str, address: str = "", clients: Sequence[Client] = CLIENTS) -> ClientTest:
    """Imitate the programs for an address of the domain, postmaster when none is given.

    Raises NotFound, Refused for an address elsewhere, TooMany.
    """
    domain = get_domain_for(act, name).name
    whose = _address_of(address, domain)
    with one_of(act, "client test", TESTS_AN_HOUR):
        results = asyncio.run(_all(domain, whose, clients))
    return ClientTest(whose, tuple(results))


def _address_of(text: str, domain: str) -> str:
    if not text.strip():
        return f"postmaster@{domain}"
    try:
        local_part, host = parse_address(text)
    except BadRequest as error:
        raise Refused({"address": _("This is not an address.")}) from error
    if host != domain:
        raise Refused({"address": _("The address is not one of %(name)s.") % {"name": domain}})
    return f"{local_part}@{host}"


async def _all(domain: str, address: str, clients: Sequence[Client]) -> list[ClientResult]:
    resolver = BudgetedResolver(default_resolver(), _QUESTIONS, _CLIENT_SECONDS)
    probes: dict[Setting, asyncio.Task[Probed]] = {}
    return await asyncio.gather(*(_one(client, domain, address, resolver, probes) for client in clients))


async def _one(
    client: Client, domain: str, address: str, resolver: Resolver, probes: dict[Setting, "asyncio.Task[Probed]"]
) -> ClientResult:
    run = _Run(domain, address, resolver)
    found = await _IMITATIONS[client](run)
    chosen = _chosen(found)
    ours = {(row.protocol, row.host, row.port, row.tls) for row in offered_servers()}
    servers = []
    for setting in found:
        key = Setting(setting.protocol, setting.host, setting.port, setting.security)
        if key not in probes:
            talk = probe(key.host, key.port, key.protocol, key.security, resolver)
            probes[key] = asyncio.create_task(talk)
        probed = await probes[key]
        offered = (key.protocol, key.host, key.port, key.security is Security.TLS) in ours
        servers.append(Server(setting, setting in chosen, offered, probed))
    return ClientResult(client, tuple(run.steps), tuple(servers))


def _chosen(found: Sequence[Setting]) -> list[Setting]:
    """Return the first server of each way, which every program here takes."""
    firsts = (next((row for row in found if row.incoming is way), None) for way in (True, False))
    return [setting for setting in firsts if setting is not None]


# ---- Asking -----------------------------------------------------------------------------------------------------


def _ports() -> dict[int, int]:
    config = settings.MAILADMIN
    if config.sts_port == _HTTPS:
        return {}
    return {_HTTPS: config.sts_port, _HTTP: config.http_port or _HTTP}


class _Run:
    """One program at work: what it asked so far, within its time."""

    def __init__(self, domain: str, address: str, resolver: Resolver) -> None:
        self.domain = domain
        self.address = address
        self.resolver = resolver
        self.steps: list[Step] = []
        self._until = time.monotonic() + _CLIENT_SECONDS

    def note(
        self, asked: str, outcome: Outcome, meaning: Meaning, answer: str = "", address: str = "", **values: str
    ) -> None:
        """Keep a step."""
        shown = {name: value[:_SHOWN] for name, value in values.items()}
        self.steps.append(Step(asked[:500], outcome, meaning, answer[:_SHOWN], address, shown))

    async def ask(self, url: str, body: bytes = b"") -> Fetched | None:
        """Ask a web server and return its answer of 200, following redirects as steps of their own; else None."""
        visited: set[str] = set()
        while True:
            verb = "POST" if body else "GET"
            asked = f"{verb} {url}"
            if url in visited or len(visited) > _REDIRECTS:
                self.note(asked, Outcome.FAULT, Meaning.LOOP)
                return None
            visited.add(url)
            answer = await self.fetched(asked, url, body)
            if answer is None or answer.status == 200:
                return answer
            target = _target(answer)
            shown = f"HTTP {answer.status}"
            if not target:
                self.note(asked, Outcome.ABSENT, Meaning.NOT_THERE, shown, answer.address)
                return None
            if url.startswith("https:") and not target.startswith("https:"):
                self.note(asked, Outcome.FAULT, Meaning.REDIRECT_PLAIN, shown, answer.address)
                return None
            self.note(asked, Outcome.ONWARD, Meaning.REDIRECT, shown, answer.address, url=target)
            url = target

    async def fetched(self, asked: str, url: str, body: bytes = b"") -> Fetched | None:
        """Return an answer of whatever status; None, with the reason noted, when there is none."""
        if time.monotonic() > self._until:
            self.note(asked, Outcome.FAULT, Meaning.OUT_OF_TIME)
            return None
        host = urlsplit(url).hostname or ""
        answers = [await self.resolver.lookup(host, rdtype) for rdtype in ("A", "AAAA")]
        if all(answer.absent for answer in answers):
            self.note(asked, Outcome.ABSENT, Meaning.NO_NAME, name=host)
            return None
        try:
            return await asyncio.to_thread(_fetch, url, body)
        except FetchFault as fault:
            await self._fault(asked, url, fault.reason, answers)
        return None

    async def _fault(self, asked: str, url: str, reason: str, answers: Sequence[Answer]) -> None:
        """Note why there was no answer; for a certificate, whose it is."""
        parts = urlsplit(url)
        address = next((text for answer in answers if answer.found for text in answer.records), "")
        if "plain HTTP" in reason:
            self.note(asked, Outcome.FAULT, Meaning.REDIRECT_PLAIN, address=address)
        elif "certificate" not in reason:
            self.note(asked, Outcome.FAULT, Meaning.NO_ANSWER, address=address, reason=reason)
        else:
            port = parts.port or _HTTPS
            names = await certificate_names(parts.hostname or "", address, _ports().get(port, port))
            shown = ", ".join(names) or "?"
            self.note(asked, Outcome.FAULT, Meaning.CERTIFICATE, address=address, reason=reason, names=shown)

    async def srv(self, name: str) -> Answer:
        """Ask for SRV records; absence and silence are noted."""
        answer = await self.resolver.lookup(name, "SRV")
        if answer.absent:
            self.note(f"SRV {name}", Outcome.ABSENT, Meaning.NOT_THERE)
        elif not answer.found:
            self.note(f"SRV {name}", Outcome.FAULT, Meaning.NO_ANSWER, reason=answer.reason)
        return answer

    def read(self, asked: str, answer: Fetched, reader: Callable[[bytes], Sequence[Setting]]) -> list[Setting]:
        """Return the servers of a file that came, and note what the program makes of it."""
        try:
            found = list(reader(answer.body))
        except Unreadable as error:
            self.note(
                asked,
                Outcome.FAULT,
                Meaning.UNREADABLE,
                "HTTP 200",
                answer.address,
                fault=error.fault,
                detail=error.detail,
            )
            return []
        if len(_chosen(found)) < 2:
            self.note(asked, Outcome.FAULT, Meaning.NO_SETTINGS, "HTTP 200", answer.address)
            return []
        meaning = Meaning.SETTINGS if answer.url.startswith("https:") else Meaning.PLAIN
        self.note(asked, Outcome.TAKEN, meaning, "HTTP 200", answer.address, name=urlsplit(answer.url).hostname or "")
        return found


def _fetch(url: str, body: bytes) -> Fetched:
    return fetch(
        url,
        "POST" if body else "GET",
        body,
        {"Content-Type": "text/xml; charset=utf-8"} if body else None,
        deadline=_STEP_SECONDS,
        limit=_OCTETS,
        redirects=0,
        ports=_ports(),
    )


def _target(answer: Fetched) -> str:
    """Return the URL that an answer leads to, empty for one that does not."""
    place = next((value for name, value in answer.headers.items() if name.lower() == "location"), "")
    if answer.status not in (301, 302, 303, 307, 308) or not place:
        return ""
    try:
        target = urljoin(answer.url, place)
        return target if urlsplit(target).scheme in ("http", "https") and urlsplit(target).hostname else ""
    except ValueError:
        return ""


# ---- Thunderbird ------------------------------------------------------------------------------------------------


async def _thunderbird(run: _Run) -> list[Setting]:
    """Ask as Thunderbird does: the domain's own files by HTTPS and HTTP, those of its mail host's domain, SRV."""
    own, well_known = THUNDERBIRD_PATHS
    query = f"?emailaddress={quote(run.address)}"
    places = [
        f"https://autoconfig.{run.domain}{own}{query}",
        f"https://{run.domain}{well_known}{query}",
        f"http://autoconfig.{run.domain}{own}{query}",
        f"http://{run.domain}{well_known}{query}",
    ]
    for url in places:
        found = await _thunderbird_file(run, url)
        if found:
            return found
    for parent in await _exchanger_domains(run):
        found = await _thunderbird_file(run, f"https://autoconfig.{parent}{own}{query}")
        if found:
            return found
    found = await _by_srv(run)
    return found if found else await _guessed(run)


async def _thunderbird_file(run: _Run, url: str) -> list[Setting]:
    answer = await run.ask(url)
    if answer is None:
        return []
    return run.read(f"GET {answer.url}", answer, lambda octets: read_thunderbird(octets, run.address))


async def _exchanger_domains(run: _Run) -> list[str]:
    """Return the domain right above the first mail host and its registered one; none when that is this domain."""
    answer = await run.resolver.lookup(run.domain, "MX")
    if not answer.found:
        run.note(f"MX {run.domain}", Outcome.ABSENT, Meaning.NOT_THERE)
        return []
    host = min(answer.records, key=_preference).partition(" ")[2]
    run.note(f"MX {run.domain}", Outcome.ONWARD, Meaning.EXCHANGER, host, name=host)
    base = _suffixes().privatesuffix(host) or ""
    above = host.partition(".")[2]
    return [] if base in ("", run.domain) else list(dict.fromkeys([above, base] if host != base else [base]))


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _preference(record: str) -> int:
    number = record.partition(" ")[0]
    return int(number) if number.isdecimal() else 0


async def _guessed(run: _Run) -> list[Setting]:
    """Try the usual host names at the usual ports, as a program does that was told nothing."""
    found: list[Setting] = []
    for service, label, port in (("imaps", "imap", 993), ("submissions", "smtp", 465)):
        protocol, security = SERVICES[service]
        for host in (f"{label}.{run.domain}", f"mail.{run.domain}"):
            answer = await run.resolver.lookup(host, "A")
            if answer.found:
                run.note(f"A {host}", Outcome.TAKEN, Meaning.GUESSED, answer.records[0], port=str(port))
                found.append(Setting(protocol, host, port, security, run.address))
                break
            run.note(f"A {host}", Outcome.ABSENT, Meaning.NO_NAME, name=host)
    return found


async def _by_srv(run: _Run) -> list[Setting]:
    """Return the servers that SRV records offer (RFC 6186, RFC 8314), TLS from the first octet preferred."""
    found: list[Setting] = []
    for service in SERVICES:
        name = f"_{service}._tcp.{run.domain}"
        answer = await run.srv(name)
        if not answer.found:
            continue
        shown = ", ".join(answer.records)
        try:
            setting = read_srv(service, answer.records, run.address)
        except Unreadable as error:
            run.note(f"SRV {name}", Outcome.FAULT, Meaning.UNREADABLE, shown, fault=error.fault, detail=error.detail)
            continue
        if setting is None:
            run.note(f"SRV {name}", Outcome.ABSENT, Meaning.NOT_OFFERED, shown)
        else:
            run.note(f"SRV {name}", Outcome.TAKEN, Meaning.OFFERED, shown, name=setting.host, port=str(setting.port))
            found.append(setting)
    return found


# ---- Outlook ----------------------------------------------------------------------------------------------------


async def _outlook(run: _Run) -> list[Setting]:
    """Ask as Outlook does: the domain, its autodiscover host, where a plain question there leads, SRV, JSON."""
    host = f"autodiscover.{run.domain}"
    for url in (f"https://{run.domain}{OUTLOOK_PATH}", f"https://{host}{OUTLOOK_PATH}"):
        found = await _outlook_post(run, url)
        if found:
            return found
    for road in (_outlook_plain, _outlook_srv, _outlook_json):
        url = await road(run, host)
        found = await _outlook_post(run, url) if url else []
        if found:
            return found
    return []


async def _outlook_post(run: _Run, url: str) -> list[Setting]:
    """Post the question to a place, and to those it names; at most so many, none twice."""
    visited: set[tuple[str, str]] = set()
    address = run.address
    for _attempt in range(_REDIRECTS):
        if (url, address) in visited:
            run.note(f"POST {url}", Outcome.FAULT, Meaning.LOOP)
            return []
        visited.add((url, address))
        answer = await run.ask(url, outlook_request(address))
        if answer is None:
            return []
        asked = f"POST {answer.url}"
        try:
            said = read_outlook(answer.body)
        except Unreadable:
            said = None
        if said is None or not (said.redirect_url or said.redirect_address):
            return run.read(asked, answer, lambda octets: read_outlook(octets).settings)
        if said.redirect_address:
            address = said.redirect_address
            run.note(asked, Outcome.ONWARD, Meaning.REDIRECT_ADDRESS, "HTTP 200", answer.address, name=address)
            url = f"https://autodiscover.{address.rpartition('@')[2]}{OUTLOOK_PATH}"
        elif not said.redirect_url.lower().startswith("https:"):
            run.note(asked, Outcome.FAULT, Meaning.REDIRECT_PLAIN, "HTTP 200", answer.address)
            return []
        else:
            url = said.redirect_url
            run.note(asked, Outcome.ONWARD, Meaning.REDIRECT, "HTTP 200", answer.address, url=url)
    run.note(f"POST {url}", Outcome.FAULT, Meaning.LOOP)
    return []


async def _outlook_plain(run: _Run, host: str) -> str:
    """Return where a plain question leads; the program takes a redirect to HTTPS from it and nothing else."""
    url = f"http://{host}{OUTLOOK_PATH}"
    answer = await run.fetched(f"GET {url}", url)
    if answer is None:
        return ""
    target = _target(answer)
    shown = f"HTTP {answer.status}"
    if not target:
        run.note(f"GET {url}", Outcome.ABSENT, Meaning.NOT_THERE, shown, answer.address)
        return ""
    if not target.startswith("https:"):
        run.note(f"GET {url}", Outcome.FAULT, Meaning.REDIRECT_PLAIN, shown, answer.address)
        return ""
    run.note(f"GET {url}", Outcome.ONWARD, Meaning.REDIRECT, shown, answer.address, url=target)
    return target


async def _outlook_srv(run: _Run, host: str) -> str:
    name = f"_autodiscover._tcp.{run.domain}"
    answer = await run.srv(name)
    words = answer.records[0].split() if answer.found else []
    if len(words) != 4 or not words[2].isdecimal() or words[3] == ".":
        if words:
            run.note(f"SRV {name}", Outcome.ABSENT, Meaning.NOT_OFFERED, answer.records[0])
        return ""
    run.note(f"SRV {name}", Outcome.ONWARD, Meaning.OFFERED, answer.records[0], name=words[3], port=words[2])
    port = "" if int(words[2]) == _HTTPS else f":{words[2]}"
    return f"https://{words[3]}{port}{OUTLOOK_PATH}"


async def _outlook_json(run: _Run, host: str) -> str:
    url = f"https://{host}{OUTLOOK_JSON_PATH}?Email={quote(run.address)}&Protocol=AutodiscoverV1"
    answer = await run.ask(url)
    if answer is None:
        return ""
    try:
        place = read_outlook_place(answer.body)
    except Unreadable as error:
        run.note(
            f"GET {url}",
            Outcome.FAULT,
            Meaning.UNREADABLE,
            "HTTP 200",
            answer.address,
            fault=error.fault,
            detail=error.detail,
        )
        return ""
    if not place.lower().startswith("https:"):
        run.note(f"GET {url}", Outcome.FAULT, Meaning.REDIRECT_PLAIN, "HTTP 200", answer.address)
        return ""
    run.note(f"GET {url}", Outcome.ONWARD, Meaning.PLACE, "HTTP 200", answer.address, url=place)
    return place


# ---- Apple ------------------------------------------------------------------------------------------------------


async def _apple(run: _Run) -> list[Setting]:
    """Fetch the profile that an owner would install, and else go by SRV records."""
    url = f"https://autoconfig.{run.domain}{APPLE_PATH}?emailaddress={quote(run.address)}"
    answer = await run.ask(url)
    if answer is not None:
        found = run.read(f"GET {answer.url}", answer, lambda octets: read_profile(octets)[0])
        if found:
            signed = read_profile(answer.body)[1]
            run.note(f"GET {answer.url}", Outcome.TAKEN, Meaning.SIGNED if signed else Meaning.UNSIGNED)
            return found
    return await _by_srv(run)


_IMITATIONS: dict[Client, Callable[[_Run], Awaitable[list[Setting]]]] = {
    "thunderbird": _thunderbird,
    "outlook": _outlook,
    "apple": _apple,
}
