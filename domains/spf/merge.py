"""Our mechanisms in somebody's SPF record: one record, every term of its owner as it stood, in its order.

A domain has one SPF record (RFC 7208 section 3.2), so ours are put into it, before ``all``, which stays as its owner
wrote it; a record without ``all`` gets none, since that would change what it says of everybody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from domains.dns.port import Resolver
from domains.spf.budget import Budget, measure
from domains.spf.record import BadSpfRecord, Mechanism, is_spf_record, parse_spf_record


class Obstacle(StrEnum):
    """Why the record is left alone."""

    DUPLICATE = "duplicate"  # there are several: which one counts is for their owner to say
    BAD_RECORD = "bad-record"  # it has a syntax error
    EXCLUDED = "excluded"  # a term before ours says no to our servers
    BUDGET = "budget"  # receivers would give up before they reach its end
    SILENT = "silent"  # what it costs is not known


@dataclass(frozen=True, slots=True)
class Merged:
    """The record to publish, and which terms of ours it lacked; unchanged when ``added`` is empty."""

    text: str
    added: tuple[str, ...] = ()


class CannotMerge(ValueError):
    """The record is left alone: ``obstacle`` says why, ``detail`` names the term or the fault."""

    def __init__(self, obstacle: Obstacle, detail: str = "") -> None:
        super().__init__(detail or obstacle.value)
        self.obstacle = obstacle
        self.detail = detail


def _same(one: Mechanism, other: Mechanism) -> bool:
    """True when both terms match the same clients, however they are spelt."""
    if (one.name, one.network) != (other.name, other.network):
        return False
    spec = one.domain_spec.lower().removesuffix(".") == other.domain_spec.lower().removesuffix(".")
    return spec and (one.prefix4, one.prefix6) == (other.prefix4, other.prefix6)


def _covers(one: Mechanism, other: Mechanism) -> bool:
    """True when every client that the other term matches is matched by the first."""
    if one.network is None or other.network is None or one.network.version != other.network.version:
        return _same(one, other)
    return other.network.subnet_of(one.network)  # type: ignore[arg-type]


def _before_all(mechanisms: Sequence[Mechanism]) -> list[Mechanism]:
    names = [mechanism.name for mechanism in mechanisms]
    return list(mechanisms[: names.index("all")] if "all" in names else mechanisms)


def lacking(existing: str, ours: str) -> list[Mechanism]:
    """Return our mechanisms, but for ``all``, that the record does not let pass; raises BadSpfRecord."""
    have = [term for term in _before_all(parse_spf_record(existing).mechanisms) if term.qualifier == "+"]
    wanted = _before_all(parse_spf_record(ours).mechanisms)
    return [term for term in wanted if not any(_same(term, other) for other in have)]


def merge(existing: Sequence[str], ours: str) -> Merged:
    """Return the one record to publish, given the TXT texts of the name; raises CannotMerge."""
    records = [text for text in existing if is_spf_record(text)]
    if len(records) > 1:
        raise CannotMerge(Obstacle.DUPLICATE)
    if not records:
        return Merged(ours, tuple(ours.split()[1:]))
    try:
        theirs = _before_all(parse_spf_record(records[0]).mechanisms)
        missing = lacking(records[0], ours)
    except BadSpfRecord as error:
        raise CannotMerge(Obstacle.BAD_RECORD, str(error)) from error
    for term in missing:
        against = next((other for other in theirs if other.qualifier != "+" and _covers(other, term)), None)
        if against is not None:
            raise CannotMerge(Obstacle.EXCLUDED, against.text)
    if not missing:
        return Merged(records[0])
    added = tuple(term.text for term in missing)
    return Merged(_inserted(records[0], added), added)


def _inserted(record: str, terms: Sequence[str]) -> str:
    """Return the record with terms put before ``all``; without one, behind its last mechanism."""
    words = record.split(" ")
    bare = [word.lstrip("+-~?").lower() for word in words]
    if "all" in bare:
        place = bare.index("all")
    else:
        place = max(number for number, word in enumerate(words) if word and (number == 0 or not _modifies(word))) + 1
    return " ".join([*words[:place], *terms, *words[place:]])


def _modifies(word: str) -> bool:
    """True for ``name=value``; a mechanism has a colon or slash before any equals sign."""
    name, equals, _value = word.partition("=")
    return bool(equals) and ":" not in name and "/" not in name


def check_budget(before: Budget, after: Budget) -> None:
    """Raise CannotMerge when the merged record costs more than before, and too much or nobody knows how much."""
    dearer = after.lookups > before.lookups or after.voids > before.voids
    if not after.within and dearer:
        raise CannotMerge(Obstacle.BUDGET, str(after.lookups))
    if after.silent and dearer:
        raise CannotMerge(Obstacle.SILENT, after.silent)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The record to publish, with what it costs."""

    text: str
    cost: Budget


async def fitted(resolver: Resolver, domain: str, existing: Sequence[str], ours: str, light: str = "") -> Fitted:
    """Return the merged record that receivers read to its end: with ``light`` for ours when only that fits.

    Raises CannotMerge.
    """
    records = [text for text in existing if is_spf_record(text)]
    before = await measure(resolver, domain, records[0]) if len(records) == 1 else Budget()
    text = merge(existing, ours).text
    after = await measure(resolver, domain, text)
    if light and (not after.within or after.silent):
        text = merge(existing, light).text
        after = await measure(resolver, domain, text)
    check_budget(before, after)
    return Fitted(text, after)


def flattened(ours: str, own_hosts: frozenset[str], own_addresses: Sequence[str]) -> str:
    """Return our record without look-ups of our own hosts, once all their addresses stand in it.

    ``mx`` and ``a:HOST`` of hosts that are ours are left out then; nobody else's term is ever flattened, since its
    owner may change the addresses behind it.
    """
    record = parse_spf_record(ours)
    networks = [term.network for term in record.mechanisms if term.qualifier == "+" and term.network is not None]
    named = [any(ip_address(text) in network for network in networks) for text in own_addresses]
    if not named or not all(named):
        return ours
    kept = [term.text for term in record.mechanisms if not _own_lookup(term, own_hosts)]
    return " ".join(["v=spf1", *kept])


def _own_lookup(term: Mechanism, own_hosts: frozenset[str]) -> bool:
    if term.name == "mx" and not term.domain_spec:
        return True
    return term.name == "a" and term.domain_spec.lower().removesuffix(".") in own_hosts
