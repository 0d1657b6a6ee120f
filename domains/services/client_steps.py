"""What one mail program asks while it sets itself up: each question a step, with what the program makes of it.

In a lab, where MAILADMIN_STS_PORT is not 443, HTTPS is asked at that port and HTTP at MAILADMIN_HTTP_PORT.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

from django.conf import settings

from domains.client_settings import Fault, Setting, Unreadable
from domains.dns.port import Answer, Resolver
from domains.http import Fetched, FetchFault, fetch
from domains.mail_probe import certificate_names

CLIENT_SECONDS = 60.0
REDIRECTS = 5
HTTPS = 443
_HTTP = 80
_STEP_SECONDS = 8.0
_OCTETS = 64 * 1024
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


def chosen_of(found: Sequence[Setting]) -> list[Setting]:
    """Return the first server of each way, which every program here takes."""
    firsts = (next((row for row in found if row.incoming is way), None) for way in (True, False))
    return [setting for setting in firsts if setting is not None]


# ---- Asking -----------------------------------------------------------------------------------------------------


def _ports() -> dict[int, int]:
    config = settings.MAILADMIN
    if config.sts_port == HTTPS:
        return {}
    return {HTTPS: config.sts_port, _HTTP: config.http_port or _HTTP}


class Run:
    """One program at work: what it asked so far, within its time."""

    def __init__(self, domain: str, address: str, resolver: Resolver) -> None:
        self.domain = domain
        self.address = address
        self.resolver = resolver
        self.steps: list[Step] = []
        self._until = time.monotonic() + CLIENT_SECONDS

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
            if url in visited or len(visited) > REDIRECTS:
                self.note(asked, Outcome.FAULT, Meaning.LOOP)
                return None
            visited.add(url)
            answer = await self.fetched(asked, url, body)
            if answer is None or answer.status == 200:
                return answer
            target = target_of(answer)
            shown = f"HTTP {answer.status}"
            if not target:
                self.note(asked, Outcome.ABSENT, Meaning.NOT_THERE, shown, answer.address)
                return None
            if url.startswith("https:") and target.lower().startswith("http:"):
                self.note(asked, Outcome.FAULT, Meaning.REDIRECT_PLAIN, shown, answer.address)
                return None
            self.note(asked, Outcome.ONWARD, Meaning.REDIRECT, shown, answer.address, url=target)
            url = target

    async def fetched(self, asked: str, url: str, body: bytes = b"") -> Fetched | None:
        """Return an answer of whatever status; None, with the reason noted, when there is none."""
        if time.monotonic() > self._until:
            self.note(asked, Outcome.FAULT, Meaning.OUT_OF_TIME)
            return None
        host = _host_of(url)
        if not host:
            self.note(asked, Outcome.FAULT, Meaning.UNREADABLE, fault=Fault.NO_PLACE)
            return None
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
        elif not address or not reason.startswith("The certificate "):
            self.note(asked, Outcome.FAULT, Meaning.NO_ANSWER, address=address, reason=reason)
        else:
            port = parts.port or HTTPS
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
        if len(chosen_of(found)) < 2:
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


def target_of(answer: Fetched) -> str:
    """Return the URL that an answer leads to, empty for one that does not."""
    place = next((value for name, value in answer.headers.items() if name.lower() == "location"), "")
    if answer.status not in (301, 302, 303, 307, 308) or not place:
        return ""
    try:
        return urljoin(answer.url, place)
    except ValueError:
        return place


def _host_of(url: str) -> str:
    """Return the host of a URL that a web server can be asked by, empty for another text."""
    try:
        parts = urlsplit(url)
        port = parts.port  # raises ValueError for one that cannot be
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in ("http", "https") and port != 0 else ""
