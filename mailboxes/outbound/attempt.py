"""One attempt at one queue entry towards another host: route, addresses, dialogue; results, no database.

Hosts are tried in the order of the route, each address of a host in turn, until one of them takes part in a
transaction, but no more than ``TRIES`` of them, and no further one after ``TRYING_SECONDS``. When none does, the last
reason stands for all recipients: permanent only if no host could ever answer.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from domains.dns.port import Answer, Resolver
from domains.reach import refuse_address
from mailboxes.outbound.outcome import Outcome, RecipientResult, RemoteReply
from mailboxes.outbound.route import resolve_addresses, resolve_route
from mailboxes.outbound.transact import Envelope, HostFailed, Remote, deliver_remotely

TRIES = 10
TRYING_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Reach:
    """How this host calls others: its own names and listening places, the port, the networks allowed."""

    ehlo_name: str
    own_names: frozenset[str]
    own_places: frozenset[tuple[str, int]]
    port: int
    private_networks: Sequence[IPv4Network | IPv6Network] = ()


@dataclass(slots=True)
class Attempt:
    """What one attempt found: a result for each recipient and the DNS answers used."""

    results: Sequence[RecipientResult] = ()
    answers: list[Answer] = field(default_factory=list)


async def attempt_delivery(
    domain: str,
    envelope: Envelope,
    resolver: Resolver,
    reach: Reach,
    shuffle: Callable[[list[str]], None] = random.shuffle,
) -> Attempt:
    """Try to deliver to ``domain`` (A-labels); always returns a result for every recipient."""
    route = await resolve_route(domain, resolver, reach.own_names, shuffle)
    attempt = Attempt(answers=list(route.answers))
    reasons = [route.failure] if route.failure is not None else []
    tries, until = TRIES, asyncio.get_running_loop().time() + TRYING_SECONDS
    for host in route.hosts:
        addresses, failure, answers = await resolve_addresses(host, resolver)
        attempt.answers += answers
        reasons += [failure] if failure is not None else []
        for address in addresses[: max(tries, 0)]:
            results = await _try_address(envelope, Remote(host, address, reach.port), reach, reasons)
            if results:
                attempt.results = results
                return attempt
            tries = tries - 1 if asyncio.get_running_loop().time() < until else 0
            if not tries:
                break
        if not tries:
            break
    reply = next((reason for reason in reversed(reasons) if reason.outcome is Outcome.DEFERRED), reasons[-1])
    attempt.results = [RecipientResult(recipient, reply.outcome, reply) for recipient in envelope.recipients]
    return attempt


async def _try_address(
    envelope: Envelope, remote: Remote, reach: Reach, reasons: list[RemoteReply]
) -> Sequence[RecipientResult]:
    """Return the results of one address, or none and the reason appended to ``reasons``."""
    refusal = refuse_address(remote.address, remote.port, reach.own_places, reach.private_networks)
    if refusal:
        reasons.append(RemoteReply(550, "5.4.4", f"{remote.host}: {refusal}"))
        return ()
    try:
        return await deliver_remotely(envelope, remote, reach.ehlo_name)
    except HostFailed as error:
        reasons.append(error.reply)
        return ()
