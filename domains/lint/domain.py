"""What the DNS says of a domain's mail, record by record: asked through a port, judged by the same rules as a paste.

Selectors of DKIM cannot be listed: a few common ones are tried, and that is said. Everything is bounded by what the
resolver and the policy's road allow.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Protocol

from domains.dmarc.record import is_policy_record, tree_walk_names
from domains.dns.port import Answer, DnsStatus, Resolver
from domains.lint.dmarc import external_receivers
from domains.lint.finding import NOWHERE, Code, Finding, Kind, Span, error, note, warning
from domains.lint.record import lint_record, ordered
from domains.lint.tags import read_tags
from domains.spf.budget import MAXIMUM_LOOKUPS, MAXIMUM_VOID, Budget, Trouble, measure, walk
from domains.spf.record import is_spf_record
from domains.tls.mta_sts import BadPolicy, is_record, parse_policy

# The usual names of large services and of common programs; selectors of other names are not found.
COMMON_SELECTORS = (
    "default", "dkim", "mail", "email", "smtp", "key1", "s1", "s2", "k1", "k2", "k3", "selector1", "selector2",
    "google", "mandrill", "mxvault", "fm1", "fm2", "fm3", "protonmail", "zoho", "everlytickey1",
)  # fmt: skip
_NO_SELECTOR = "no-such-selector-mailadmin"
_HOSTS = 10
_RECEIVERS = 5
_TROUBLES = {
    Trouble.SILENT: (warning, Code.TREE_SILENT),
    Trouble.VOID: (warning, Code.TREE_VOID),
    Trouble.NO_RECORD: (error, Code.TREE_NO_RECORD),
    Trouble.DUPLICATE: (error, Code.TREE_DUPLICATE),
    Trouble.BAD_RECORD: (error, Code.TREE_BAD_RECORD),
    Trouble.CYCLE: (error, Code.TREE_CYCLE),
    Trouble.UNREAD: (warning, Code.TREE_UNREAD),
}


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """What the policy's host answered: a text, or why there is none."""

    text: str = ""
    fault: str = ""


class PolicyFetcher(Protocol):
    """Fetches the MTA-STS policy of a domain over HTTPS."""

    async def __call__(self, domain: str) -> PolicyAnswer:
        """Return the answer; never raises for a remote fault."""
        ...


@dataclass(frozen=True, slots=True)
class Linted:
    """One thing that was looked at: what it is, the name asked, its text, and what is to be said; a tree for SPF."""

    kind: Kind | None
    name: str
    rdtype: str
    text: str
    findings: tuple[Finding, ...]
    budget: Budget | None = field(default=None, compare=False)


def _linted(
    kind: Kind | None, name: str, rdtype: str, text: str, findings: Iterable[Finding], budget: Budget | None = None
) -> Linted:
    return Linted(kind, name, rdtype, text, tuple(ordered(findings)), budget)


async def lint_domain(
    name: str, resolver: Resolver, fetch_policy: PolicyFetcher | None = None, selectors: Sequence[str] = ()
) -> list[Linted]:
    """Return what is to be said of a domain's mail; ``selectors`` are looked up besides the common ones.

    A domain that does not exist gives this one finding.
    """
    exchanges = await resolver.lookup(name, "MX")
    if exchanges.status is DnsStatus.NXDOMAIN:
        return [_linted(None, name, "MX", "", [error(Code.DNS_NO_DOMAIN, name=name)])]
    hosts = _hosts(exchanges)
    parts = await asyncio.gather(
        _mx(name, exchanges, hosts, resolver),
        _spf(name, resolver),
        _dkim(name, resolver, selectors),
        _dmarc(name, resolver),
        _mta_sts(name, hosts, resolver, fetch_policy),
        _tls_rpt(name, resolver),
        _tlsa(hosts, resolver),
        _bimi(name, resolver),
        _caa(name, resolver),
        _dnssec(name, resolver),
    )
    return [row for part in parts for row in part]


def _silence(answer: Answer) -> list[Finding]:
    """Return what to say of a question that nobody answered."""
    if answer.status is DnsStatus.BOGUS:
        return [error(Code.DNS_BOGUS, name=answer.name, type=answer.rdtype)]
    if answer.status is DnsStatus.TEMPFAIL:
        return [warning(Code.DNS_SILENT, name=answer.name, type=answer.rdtype)]
    return []


def _text(octets: str) -> str:
    """Return a TXT text as people read it; the port hands octets out as latin-1."""
    return octets.encode("latin-1", "replace").decode("utf-8", "replace")


# ---- Where mail goes --------------------------------------------------------------------------------------------


def _hosts(exchanges: Answer) -> list[str]:
    """Return the mail hosts in their order, the null MX left out."""
    rows = sorted(exchanges.records, key=lambda row: int(row.split()[0]) if row.split()[0].isdecimal() else 0)
    names = (row.partition(" ")[2].strip().lower().removesuffix(".") for row in rows)
    return [host for host in dict.fromkeys(names) if host][:_HOSTS]


async def _mx(name: str, exchanges: Answer, hosts: Sequence[str], resolver: Resolver) -> list[Linted]:
    text = "\n".join(exchanges.records)
    if not exchanges.found:
        missing = [] if _silence(exchanges) else [error(Code.MX_MISSING, name=name)]
        return [_linted(Kind.MX, name, "MX", "", [*_silence(exchanges), *missing])]
    found = lint_record(Kind.MX, text, name)
    for findings in await asyncio.gather(*(_host(host, resolver) for host in hosts)):
        found += findings
    return [_linted(Kind.MX, name, "MX", text, found)]


async def _host(host: str, resolver: Resolver) -> list[Finding]:
    answers = await asyncio.gather(resolver.lookup(host, "A"), resolver.lookup(host, "AAAA"))
    addresses = [address for answer in answers for address in answer.records]
    if not addresses:
        silent = [finding for answer in answers for finding in _silence(answer)]
        return silent[:1] or [error(Code.HOST_NO_ADDRESS, value=host)]
    found = [error(Code.HOST_ALIAS, value=host)] if any(_is_alias(host, answer) for answer in answers) else []
    inside = [address for address in addresses if not ip_address(address).is_global]
    return found + [error(Code.HOST_PRIVATE, value=host, address=address) for address in inside[:1]]


def _is_alias(host: str, answer: Answer) -> bool:
    return answer.found and answer.canonical_name not in ("", host)


# ---- Who sends --------------------------------------------------------------------------------------------------


async def _spf(name: str, resolver: Resolver) -> list[Linted]:
    answer = await resolver.lookup(name, "TXT")
    texts = [_text(text) for text in answer.records if is_spf_record(text)]
    near = [_text(text) for text in answer.records if text.strip().lower().startswith("v=spf")]
    if not texts:
        missing = [] if _silence(answer) or near else [error(Code.SPF_MISSING, name=name)]
        rows = [_linted(Kind.SPF, name, "TXT", text, lint_record(Kind.SPF, text, name)) for text in near]
        return rows or [_linted(Kind.SPF, name, "TXT", "", [*_silence(answer), *missing])]
    if len(texts) > 1:
        duplicate = error(Code.SPF_DUPLICATE, name=name)
        return [_linted(Kind.SPF, name, "TXT", text, [duplicate, *lint_record(Kind.SPF, text)]) for text in texts]
    budget = await measure(resolver, name, texts[0])
    found = lint_record(Kind.SPF, texts[0], name)
    known = {finding.code for finding in found}
    found += [finding for finding in _budget(budget, texts[0]) if finding.code not in known]
    return [_linted(Kind.SPF, name, "TXT", texts[0], found, budget)]


def _budget(budget: Budget, text: str) -> Iterable[Finding]:
    """Yield what the tree of look-ups shows."""
    if budget.lookups > MAXIMUM_LOOKUPS:
        yield error(Code.SPF_LOOKUPS, count=budget.lookups, most=MAXIMUM_LOOKUPS)
    if budget.voids > MAXIMUM_VOID:
        yield error(Code.SPF_VOIDS, count=budget.voids, most=MAXIMUM_VOID)
    for node in walk(budget.tree):
        if node.trouble is not Trouble.NONE:
            weigh, code = _TROUBLES[node.trouble]
            yield weigh(code, _place(node.term, text), term=node.term, name=node.target)
    for twice in budget.overlapping:
        yield note(Code.SPF_OVERLAPPING, name=twice)


def _place(term: str, text: str) -> Span:
    """Return where a term stands in the record itself; nowhere for one of a record below."""
    start = f"{text} ".find(f" {term} ") + 1
    return Span(start, start + len(term)) if start else NOWHERE


async def _dkim(name: str, resolver: Resolver, selectors: Sequence[str]) -> list[Linted]:
    """Look a few selectors up; when a name that nobody has answers, all of them would."""
    base = f"_domainkey.{name}"
    wild = await resolver.lookup(f"{_NO_SELECTOR}.{base}", "TXT")
    if wild.found:
        text = _text(wild.records[0])
        found = [note(Code.DKIM_WILDCARD, name=f"*.{base}"), *lint_record(Kind.DKIM, text)]
        return [_linted(Kind.DKIM, f"*.{base}", "TXT", text, found)]
    tried = list(dict.fromkeys([*selectors, *COMMON_SELECTORS]))
    answers = await asyncio.gather(*(resolver.lookup(f"{selector}.{base}", "TXT") for selector in tried))
    rows = [_key(answer) for answer in answers if answer.found]
    said = note(Code.DKIM_SELECTORS, count=len(tried), found=len(rows))
    return [*rows, _linted(Kind.DKIM, base, "TXT", "", [said])]


def _key(answer: Answer) -> Linted:
    text = _text(answer.records[0])
    found = lint_record(Kind.DKIM, text, answer.name)
    if len(answer.records) > 1:
        found.append(error(Code.DKIM_DUPLICATE, name=answer.name))
    return _linted(Kind.DKIM, answer.name, "TXT", text, found)


async def _dmarc(name: str, resolver: Resolver) -> list[Linted]:
    """Find the record as a receiver does: at the domain, else by the walk up the tree (RFC 9989 section 4.10)."""
    place = f"_dmarc.{name}"
    answer = await resolver.lookup(place, "TXT")
    if _silence(answer):
        return [_linted(Kind.DMARC, place, "TXT", "", _silence(answer))]
    texts = _policies(answer)
    if len(texts) > 1:
        duplicate = error(Code.DMARC_DUPLICATE, name=place)
        return [_linted(Kind.DMARC, place, "TXT", text, [duplicate]) for text in texts]
    near = [_text(text) for text in answer.records if text.strip().lower().startswith("v=dmarc")]
    if texts or near:
        text = (texts or near)[0]
        return [_linted(Kind.DMARC, place, "TXT", text, await _policy_findings(text, name, resolver))]
    above = await _policy_above(name, resolver)
    if isinstance(above, Answer):
        return [_linted(Kind.DMARC, above.name, "TXT", "", _silence(above))]
    if above is None:
        return [_linted(Kind.DMARC, place, "TXT", "", [warning(Code.DMARC_MISSING, name=place)])]
    parent, text = above
    found = [note(Code.DMARC_INHERITED, name=f"_dmarc.{parent}", domain=name)]
    found += await _policy_findings(text, parent, resolver)
    return [_linted(Kind.DMARC, f"_dmarc.{parent}", "TXT", text, found)]


def _policies(answer: Answer) -> list[str]:
    return [_text(text) for text in answer.records if is_policy_record(text)]


async def _policy_above(name: str, resolver: Resolver) -> tuple[str, str] | Answer | None:
    """Return the name above whose record holds, and its text; an answer that failed; None without any.

    It is that of the organizational domain, else that of the public suffix (RFC 9989 section 4.10.1).
    """
    seen: dict[str, str] = {}
    for parent in tree_walk_names(name)[1:]:
        answer = await resolver.lookup(f"_dmarc.{parent}", "TXT")
        if _silence(answer):
            return answer
        texts = _policies(answer)
        if len(texts) != 1:
            continue
        seen[parent] = texts[0]
        psd = read_tags(texts[0]).value("psd").lower()
        if psd == "n":
            return parent, texts[0]
        if psd == "y":
            below = f"{name.removesuffix(f'.{parent}').rpartition('.')[2]}.{parent}"
            return (below, seen[below]) if below in seen else (parent, texts[0])
    highest = min(seen, key=lambda parent: parent.count("."), default="")
    return (highest, seen[highest]) if highest else None


async def _policy_findings(text: str, domain: str, resolver: Resolver) -> list[Finding]:
    """Return what is to be said of a policy, with whether the other domains agree to get its reports."""
    found = [row for row in lint_record(Kind.DMARC, text, f"_dmarc.{domain}") if row.code is not Code.DMARC_EXTERNAL]
    for receiver in external_receivers(read_tags(text), domain)[:_RECEIVERS]:
        leave = f"{domain}._report._dmarc.{receiver}"
        answer = await resolver.lookup(leave, "TXT")
        if not any(is_policy_record(record) for record in answer.records):
            silent = _silence(answer)
            found += silent or [warning(Code.DMARC_EXTERNAL_DENIED, name=receiver, record=leave)]
    return found


# ---- Verified TLS -----------------------------------------------------------------------------------------------


async def _mta_sts(
    name: str, hosts: Sequence[str], resolver: Resolver, fetch_policy: PolicyFetcher | None
) -> list[Linted]:
    place = f"_mta-sts.{name}"
    answer = await resolver.lookup(place, "TXT")
    texts = [_text(text) for text in answer.records if is_record(text)]
    if not texts:
        missing = [] if _silence(answer) else [note(Code.STS_MISSING)]
        return [_linted(Kind.MTA_STS, place, "TXT", "", [*_silence(answer), *missing])]
    found = lint_record(Kind.MTA_STS, texts[0], place)
    if len(texts) > 1:
        found.append(error(Code.STS_DUPLICATE, name=place))
    row = _linted(Kind.MTA_STS, place, "TXT", texts[0], found)
    return [row] if fetch_policy is None else [row, _policy(name, hosts, await fetch_policy(name))]


def _policy(name: str, hosts: Sequence[str], answer: PolicyAnswer) -> Linted:
    place = f"mta-sts.{name}"
    if answer.fault:
        return _linted(Kind.MTA_STS_POLICY, place, "", "", [error(Code.POLICY_FAULT, name=place, fault=answer.fault)])
    found = lint_record(Kind.MTA_STS_POLICY, answer.text)
    try:
        policy = parse_policy(answer.text)
    except BadPolicy:
        return _linted(Kind.MTA_STS_POLICY, place, "", answer.text, found)
    unlisted = [host for host in hosts if not any(_covers(pattern, host) for pattern in policy.mx)]
    weigh = error if policy.mode == "enforce" else warning
    found += [weigh(Code.POLICY_UNLISTED, value=host) for host in unlisted if policy.mode != "none"]
    return _linted(Kind.MTA_STS_POLICY, place, "", answer.text, found)


def _covers(pattern: str, host: str) -> bool:
    """True when a pattern of a policy names the host; ``*`` stands for one label (RFC 8461 section 4.1)."""
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:]
    return host == pattern


async def _tls_rpt(name: str, resolver: Resolver) -> list[Linted]:
    place = f"_smtp._tls.{name}"
    answer = await resolver.lookup(place, "TXT")
    texts = [_text(text) for text in answer.records if text.lower().startswith("v=tlsrpt")]
    if not texts:
        missing = [] if _silence(answer) else [note(Code.TLSRPT_MISSING)]
        return [_linted(Kind.TLS_RPT, place, "TXT", "", [*_silence(answer), *missing])]
    found = lint_record(Kind.TLS_RPT, texts[0], place)
    if len(texts) > 1:
        found.append(error(Code.TLSRPT_DUPLICATE, name=place))
    return [_linted(Kind.TLS_RPT, place, "TXT", texts[0], found)]


async def _tlsa(hosts: Sequence[str], resolver: Resolver) -> list[Linted]:
    rows = await asyncio.gather(*(_tlsa_at(host, resolver) for host in hosts))
    return [row for row in rows if row is not None]


async def _tlsa_at(host: str, resolver: Resolver) -> Linted | None:
    """Return what is to be said of a host's pins; None without any, which is usual."""
    place = f"_25._tcp.{host}"
    answer = await resolver.lookup(place, "TLSA")
    if answer.absent:
        return None
    text = "\n".join(answer.records)
    found = [*_silence(answer), *(lint_record(Kind.TLSA, text, place) if text else [])]
    if answer.found and not answer.authenticated:
        found.append(warning(Code.TLSA_UNSIGNED, name=place))
    return _linted(Kind.TLSA, place, "TLSA", text, found)


# ---- The rest ---------------------------------------------------------------------------------------------------


async def _bimi(name: str, resolver: Resolver) -> list[Linted]:
    place = f"default._bimi.{name}"
    answer = await resolver.lookup(place, "TXT")
    texts = [_text(text) for text in answer.records if text.lower().startswith("v=bimi")]
    return [_linted(Kind.BIMI, place, "TXT", text, lint_record(Kind.BIMI, text, place)) for text in texts[:1]]


def _parents(name: str) -> list[str]:
    """Return the name and its parents but for the top level."""
    labels = name.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)][:_RECEIVERS]


async def _caa(name: str, resolver: Resolver) -> list[Linted]:
    """Find the records that a certificate authority would, at the name or the nearest one above (RFC 8659)."""
    for place in _parents(name):
        answer = await resolver.lookup(place, "CAA")
        if answer.found:
            text = "\n".join(answer.records)
            return [_linted(Kind.CAA, place, "CAA", text, lint_record(Kind.CAA, text))]
        if _silence(answer):
            return [_linted(Kind.CAA, place, "CAA", "", _silence(answer))]
    return [_linted(Kind.CAA, name, "CAA", "", [note(Code.CAA_MISSING)])]


async def _dnssec(name: str, resolver: Resolver) -> list[Linted]:
    """Say whether the zone is signed: its parent names a key of it."""
    for place in _parents(name):
        answer = await resolver.lookup(place, "DS")
        if _silence(answer):
            return [_linted(None, place, "DS", "", _silence(answer))]
        if answer.found:
            said = note(Code.DNSSEC_ON if answer.authenticated else Code.DNSSEC_UNSEEN, name=place)
            return [_linted(None, place, "DS", "\n".join(answer.records), [said])]
    return [_linted(None, name, "DS", "", [note(Code.DNSSEC_OFF, name=name)])]
