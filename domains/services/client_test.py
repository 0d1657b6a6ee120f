"""Tests how mail programs set themselves up for a domain of ours: each is imitated, then its servers are called.

Nothing is signed in to, nothing kept.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from domains.audit import Act
from domains.autoconfig import BadRequest, parse_address
from domains.client_settings import Security, Setting
from domains.dns.port import Resolver
from domains.dns.resolver import BudgetedResolver, default_resolver
from domains.errors import Refused
from domains.mail_probe import Probed, probe
from domains.services.allowance import one_of
from domains.services.autoconfig import offered_servers
from domains.services.client_imitations import CLIENTS, IMITATIONS, Client
from domains.services.client_steps import CLIENT_SECONDS, Run, Step, chosen_of
from domains.services.provision import get_domain_for

TESTS_AN_HOUR = 120
_QUESTIONS = 150


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
    resolver = BudgetedResolver(default_resolver(), _QUESTIONS, CLIENT_SECONDS)
    probes: dict[Setting, asyncio.Task[Probed]] = {}
    return await asyncio.gather(*(_one(client, domain, address, resolver, probes) for client in clients))


async def _one(
    client: Client, domain: str, address: str, resolver: Resolver, probes: dict[Setting, "asyncio.Task[Probed]"]
) -> ClientResult:
    run = Run(domain, address, resolver)
    found = await IMITATIONS[client](run)
    chosen = chosen_of(found)
    ours = {(row.protocol, row.host, row.port, row.tls) for row in offered_servers()}
    keys = [replace(setting, username="") for setting in found]
    for key in keys:
        if key not in probes:
            probes[key] = asyncio.create_task(probe(key.host, key.port, key.protocol, key.security, resolver))
    called = await asyncio.gather(*(probes[key] for key in keys))
    servers = []
    for setting, probed in zip(found, called, strict=True):
        place = (setting.protocol, setting.host, setting.port, setting.security is Security.TLS)
        servers.append(Server(setting, setting in chosen, place in ours, probed))
    return ClientResult(client, tuple(run.steps), tuple(servers))
