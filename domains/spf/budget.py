"""What an SPF record costs those who check it (RFC 7208 section 4.6.4): the tree of its look-ups, with counts.

The worst case counts: a client that no term matches makes a receiver look at every term before ``all``. A name with a
macro depends on the message: it costs its look-up, and nothing below it is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from domains.dns.port import DnsStatus, Resolver
from domains.spf.record import BadSpfRecord, Mechanism, is_spf_record, parse_spf_record

MAXIMUM_LOOKUPS = 10
MAXIMUM_VOID = 2
# Terms read for one tree: a receiver stops at ten, a reader wants to see somewhat further.
MAXIMUM_TERMS = 50
# Questions of the trees weighed together, each term asking two at most; a resolver that remembers asks few of them.
QUESTIONS = 5 * 2 * MAXIMUM_TERMS


class Trouble(StrEnum):
    """Why a term of the tree does not work; all but ``silent`` and ``void`` end a check with permerror."""

    NONE = ""
    SILENT = "silent"  # the DNS did not answer
    VOID = "void"  # the name has nothing of what is asked for
    NO_RECORD = "no-record"  # an include or redirect without an SPF record
    DUPLICATE = "duplicate"  # more than one SPF record
    BAD_RECORD = "bad-record"  # a syntax error
    CYCLE = "cycle"  # the record leads back to itself
    UNREAD = "unread"  # the tree is too large to be read to its end


@dataclass(frozen=True, slots=True)
class Lookup:
    """One term that needs the DNS; ``lookups`` counts it and all below it.

    ``voids4`` and ``voids6`` count the questions that find nothing for a client of either kind.
    """

    term: str
    target: str
    lookups: int = 1
    voids4: int = 0
    voids6: int = 0
    trouble: Trouble = Trouble.NONE
    below: tuple["Lookup", ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """The tree of one record; ``trouble`` is that of the record itself."""

    tree: tuple[Lookup, ...] = ()
    trouble: Trouble = Trouble.NONE

    @property
    def lookups(self) -> int:
        """Return the terms that need the DNS, at most."""
        return sum(node.lookups for node in self.tree)

    @property
    def voids(self) -> int:
        """Return the questions that find nothing, for the kind of client that meets more of them."""
        return max(sum(node.voids4 for node in self.tree), sum(node.voids6 for node in self.tree))

    @property
    def within(self) -> bool:
        """True when no receiver gives up on account of the limits."""
        return self.lookups <= MAXIMUM_LOOKUPS and self.voids <= MAXIMUM_VOID

    @property
    def silent(self) -> str:
        """Return a name that the DNS did not answer about, so that the counts may be too low; or nothing."""
        return next((node.target for node in walk(self.tree) if node.trouble is Trouble.SILENT), "")

    @property
    def overlapping(self) -> tuple[str, ...]:
        """Return the names whose record is read more than once, each time at full cost."""
        seen: dict[str, int] = {}
        for node in walk(self.tree):
            if node.term.lstrip("+-~?").lower().startswith(("include:", "redirect=")) and "%" not in node.target:
                seen[node.target] = seen.get(node.target, 0) + 1
        return tuple(name for name, count in seen.items() if count > 1)


def walk(tree: tuple[Lookup, ...]) -> Iterator[Lookup]:
    """Yield every node, a term before those below it."""
    for node in tree:
        yield node
        yield from walk(node.below)


async def measure(resolver: Resolver, domain: str, text: str) -> Budget:
    """Return what this text costs as the record of the domain, which need not be published."""
    name = _plain(domain)
    return await _Reader(resolver).record(name, text, (name,))


async def cost_of(resolver: Resolver, domain: str, terms: str) -> Budget:
    """Return what mechanisms such as ``include:_spf.example mx`` add to a record of the domain."""
    return await measure(resolver, domain, f"v=spf1 {terms}")


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


class _Reader:
    """Reads the records of one tree; the terms that need the DNS are bounded, and so is the depth."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._left = MAXIMUM_TERMS

    async def record(self, domain: str, text: str, path: tuple[str, ...]) -> Budget:
        try:
            record = parse_spf_record(text)
        except BadSpfRecord:
            return Budget(trouble=Trouble.BAD_RECORD)
        nodes: list[Lookup] = []
        for mechanism in record.mechanisms:
            if mechanism.name == "all":  # ends the record, and a redirect with it (section 5.1)
                return Budget(tuple(nodes))
            if mechanism.network is None:
                if self._left == 0:
                    nodes.append(Lookup(mechanism.text, mechanism.domain_spec, trouble=Trouble.UNREAD))
                    return Budget(tuple(nodes))
                self._left -= 1
                nodes.append(await self._mechanism(mechanism, domain, path))
        if record.redirect:
            nodes.append(await self._other(f"redirect={record.redirect}", record.redirect, path))
        return Budget(tuple(nodes))

    async def _mechanism(self, mechanism: Mechanism, domain: str, path: tuple[str, ...]) -> Lookup:
        target = _plain(mechanism.domain_spec or domain)
        if "%" in target or mechanism.name == "ptr":
            return Lookup(mechanism.text, target)
        if mechanism.name == "include":
            return await self._other(mechanism.text, target, path)
        if mechanism.name == "a":
            return await self._asked(mechanism.text, target, "A", "AAAA")
        rdtype = "MX" if mechanism.name == "mx" else "A"
        return await self._asked(mechanism.text, target, rdtype, rdtype)

    async def _asked(self, term: str, target: str, rdtype4: str, rdtype6: str) -> Lookup:
        """Return a term that asks one question, by the kind of client."""
        answers = [await self._resolver.lookup(target, rdtype) for rdtype in dict.fromkeys((rdtype4, rdtype6))]
        voids = (int(answers[0].absent), int(answers[-1].absent))
        trouble = Trouble.VOID if all(voids) else Trouble.NONE
        if any(not answer.found and not answer.absent for answer in answers):
            trouble = Trouble.SILENT
        return Lookup(term, target, 1, *voids, trouble)

    async def _other(self, term: str, spec: str, path: tuple[str, ...]) -> Lookup:
        """Return a term that reads another record, with what stands there."""
        target = _plain(spec)
        if "%" in target:
            return Lookup(term, target)
        if target in path:
            return Lookup(term, target, trouble=Trouble.CYCLE)
        if len(path) > MAXIMUM_LOOKUPS:
            return Lookup(term, target, trouble=Trouble.UNREAD)
        answer = await self._resolver.lookup(target, "TXT")
        if answer.status in (DnsStatus.TEMPFAIL, DnsStatus.BOGUS):
            return Lookup(term, target, trouble=Trouble.SILENT)
        texts = [text for text in answer.records if is_spf_record(text)]
        if len(texts) != 1:
            return Lookup(term, target, trouble=Trouble.DUPLICATE if texts else Trouble.NO_RECORD)
        inner = await self.record(target, texts[0], (*path, target))
        voids4, voids6 = sum(node.voids4 for node in inner.tree), sum(node.voids6 for node in inner.tree)
        return Lookup(term, target, 1 + inner.lookups, voids4, voids6, inner.trouble, inner.tree)
