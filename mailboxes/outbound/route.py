"""From a recipients' domain to the hosts to call, in order (RFC 5321 section 5.1, RFC 7505).

Pure but for the resolver it is given. Rules kept here: a null MX means no mail; no MX means the domain's own
address; equal preferences are shuffled; our own host among the MX removes it and all that are less preferred, and
if nothing is left the mail would loop. Silence of the DNS is transient, never "no such domain".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domains.dns.port import Answer, DnsStatus, Resolver
from mailboxes.outbound.outcome import RemoteReply, no_reply

MAXIMUM_HOSTS = 10


@dataclass(frozen=True, slots=True)
class Route:
    """The hosts to call in order, or the failure that stands in their place; ``answers`` are the DNS answers used."""

    hosts: Sequence[str] = ()
    failure: RemoteReply | None = None
    permanent: bool = False
    answers: Sequence[Answer] = field(default_factory=tuple)


def _failed(answer: Answer, enhanced: str, text: str, permanent: bool) -> Route:
    code = 550 if permanent else 0
    return Route(failure=RemoteReply(code, enhanced, text), permanent=permanent, answers=(answer,))


def parse_mx(records: Sequence[str]) -> list[tuple[int, str]]:
    """Return (preference, host) pairs from MX texts such as ``10 mail.example``; the null MX has the host ``""``."""
    pairs = []
    for record in records:
        preference, _, host = record.partition(" ")
        pairs.append((int(preference), host.strip().rstrip(".").lower()))
    return pairs


def order_hosts(pairs: Sequence[tuple[int, str]], shuffle: Callable[[list[str]], None]) -> list[str]:
    """Return the hosts by rising preference, those of equal preference shuffled, none twice."""
    ordered: list[str] = []
    for preference in sorted({preference for preference, _ in pairs}):
        equals = sorted({host for value, host in pairs if value == preference and host not in ordered})
        shuffle(equals)
        ordered += equals
    return ordered[:MAXIMUM_HOSTS]


def without_own_host(pairs: Sequence[tuple[int, str]], own_names: frozenset[str]) -> list[tuple[int, str]]:
    """Return the pairs that are more preferred than the best one that names us (RFC 5321 section 5.1)."""
    own = [preference for preference, host in pairs if host in own_names]
    return [pair for pair in pairs if not own or pair[0] < min(own)]


async def resolve_route(
    domain: str, resolver: Resolver, own_names: frozenset[str], shuffle: Callable[[list[str]], None]
) -> Route:
    """Return the hosts to call for ``domain`` (A-labels)."""
    answer = await resolver.lookup(domain, "MX")
    if answer.status is DnsStatus.NXDOMAIN:
        return _failed(answer, "5.1.2", f"The domain {domain} does not exist.", True)
    if answer.status is DnsStatus.NODATA:
        return _implicit(domain, own_names, answer)
    if not answer.found:
        return _failed(
            answer, "4.4.3", f"The DNS gave no answer about {domain}: {answer.reason or answer.status}.", False
        )
    pairs = parse_mx(answer.records)
    if all(host == "" for _, host in pairs):
        return _failed(answer, "5.1.10", f"The domain {domain} publishes that it takes no mail (null MX).", True)
    pairs = without_own_host([pair for pair in pairs if pair[1]], own_names)
    if not pairs:
        return _failed(answer, "5.4.6", f"The MX of {domain} is this host, but {domain} is not served here.", True)
    return Route(hosts=order_hosts(pairs, shuffle), answers=(answer,))


def _implicit(domain: str, own_names: frozenset[str], answer: Answer) -> Route:
    if domain in own_names:
        return _failed(answer, "5.4.6", f"Mail for {domain} would come back to this host.", True)
    return Route(hosts=(domain,), answers=(answer,))


async def resolve_addresses(host: str, resolver: Resolver) -> tuple[list[str], RemoteReply | None, list[Answer]]:
    """Return the host's addresses, IPv6 first, or the failure: no address at all, or no answer."""
    answers = [await resolver.lookup(host, rdtype) for rdtype in ("AAAA", "A")]
    addresses = [record for answer in answers if answer.found for record in answer.records]
    if addresses:
        return addresses, None, answers
    if all(answer.absent for answer in answers):
        return [], RemoteReply(550, "5.4.4", f"The mail host {host} has no address."), answers
    return [], no_reply("4.4.3", f"The DNS gave no answer about the mail host {host}."), answers
