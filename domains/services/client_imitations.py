"""Each mail program's order of questions, as its makers document it; it stops where the program would."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cache
from typing import Literal
from urllib.parse import quote

from publicsuffixlist import PublicSuffixList

from domains.autoconfig import APPLE_PATH, OUTLOOK_JSON_PATH, OUTLOOK_PATH, THUNDERBIRD_PATHS
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
from domains.services.autoconfig import offered_servers
from domains.services.client_steps import HTTPS, REDIRECTS, Meaning, Outcome, Run, target_of

Client = Literal["thunderbird", "outlook", "apple"]
CLIENTS: tuple[Client, ...] = ("thunderbird", "outlook", "apple")


# ---- Thunderbird ------------------------------------------------------------------------------------------------


async def _thunderbird(run: Run) -> list[Setting]:
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


async def _thunderbird_file(run: Run, url: str) -> list[Setting]:
    answer = await run.ask(url)
    if answer is None:
        return []
    return run.read(f"GET {answer.url}", answer, lambda octets: read_thunderbird(octets, run.address))


async def _exchanger_domains(run: Run) -> list[str]:
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


async def _guessed(run: Run) -> list[Setting]:
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


async def _by_srv(run: Run) -> list[Setting]:
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


async def _outlook(run: Run) -> list[Setting]:
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


async def _outlook_post(run: Run, url: str) -> list[Setting]:
    """Post the question to a place, and to those it names; at most so many, none twice."""
    visited: set[tuple[str, str]] = set()
    address = run.address
    for _attempt in range(REDIRECTS):
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


async def _outlook_plain(run: Run, host: str) -> str:
    """Return where a plain question leads; the program takes a redirect to HTTPS from it and nothing else."""
    url = f"http://{host}{OUTLOOK_PATH}"
    answer = await run.fetched(f"GET {url}", url)
    if answer is None:
        return ""
    target = target_of(answer)
    shown = f"HTTP {answer.status}"
    if not target:
        run.note(f"GET {url}", Outcome.ABSENT, Meaning.NOT_THERE, shown, answer.address)
        return ""
    if not target.startswith("https:"):
        run.note(f"GET {url}", Outcome.FAULT, Meaning.REDIRECT_PLAIN, shown, answer.address)
        return ""
    run.note(f"GET {url}", Outcome.ONWARD, Meaning.REDIRECT, shown, answer.address, url=target)
    return target


async def _outlook_srv(run: Run, host: str) -> str:
    name = f"_autodiscover._tcp.{run.domain}"
    answer = await run.srv(name)
    words = answer.records[0].split() if answer.found else []
    if len(words) != 4 or not words[2].isdecimal() or words[3] == ".":
        if words:
            run.note(f"SRV {name}", Outcome.ABSENT, Meaning.NOT_OFFERED, answer.records[0])
        return ""
    run.note(f"SRV {name}", Outcome.ONWARD, Meaning.OFFERED, answer.records[0], name=words[3], port=words[2])
    port = "" if int(words[2]) == HTTPS else f":{words[2]}"
    return f"https://{words[3]}{port}{OUTLOOK_PATH}"


async def _outlook_json(run: Run, host: str) -> str:
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


async def _apple(run: Run) -> list[Setting]:
    """Fetch the profile that an owner would install, and else go by SRV records."""
    url = f"https://autoconfig.{run.domain}{APPLE_PATH}?emailaddress={quote(run.address)}"
    answer = await run.ask(url)
    if answer is not None:
        found = run.read(f"GET {answer.url}", answer, lambda octets: read_profile(octets)[0])
        if found:
            signed = read_profile(answer.body)[1]
            run.note(f"GET {answer.url}", Outcome.TAKEN, Meaning.SIGNED if signed else Meaning.UNSIGNED)
            return [_as_offered(setting) for setting in found]
    return await _by_srv(run)


def _as_offered(setting: Setting) -> Setting:
    """Return a server of ours with TLS as it is offered: at a port of no usual meaning the program tries both."""
    for row in offered_servers():
        if (row.protocol, row.host, row.port) == (setting.protocol, setting.host, setting.port):
            return replace(setting, security=Security.TLS if row.tls else Security.STARTTLS)
    return setting


IMITATIONS: dict[Client, Callable[[Run], Awaitable[list[Setting]]]] = {
    "thunderbird": _thunderbird,
    "outlook": _outlook,
    "apple": _apple,
}
