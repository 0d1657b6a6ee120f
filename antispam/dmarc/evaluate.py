"""DMARC evaluation (RFC 9989): tree walk, organizational domain, alignment, policy.

Silence is a temperror and never a pass; a policy that fails to load never rejects. The result of the Public Suffix
List method of RFC 7489 is kept beside when it differs, for many receivers still use it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

from domains.dmarc.record import (
    BadPolicyRecord,
    PolicyRecord,
    is_policy_record,
    parse_policy_record,
    tree_walk_names,
)
from domains.dns.port import DnsStatus, Resolver


class DmarcResult(StrEnum):
    """RFC 8601 section 2.7.2 with RFC 9989."""

    NONE = "none"  # no policy
    PASS = "pass"  # an aligned identifier passed  # noqa: S105
    FAIL = "fail"  # none did
    TEMPERROR = "temperror"  # the DNS did not answer
    PERMERROR = "permerror"  # the author cannot be told: no From, or several domains


@dataclass(frozen=True, slots=True)
class WalkStep:
    """One query of a tree walk and what it found: a record's text, or why there is none."""

    name: str
    found: str
    note: str = ""


@dataclass(slots=True)
class Walk:
    """A tree walk: records by name, in the order asked."""

    domain: str
    records: dict[str, PolicyRecord] = field(default_factory=dict)
    steps: list[WalkStep] = field(default_factory=list)
    failed: str = ""
    exists: bool = True

    @property
    def organizational_domain(self) -> str:
        """The organizational domain (RFC 9989 section 4.10.2); the domain itself when no record was found."""
        for name, record in self.records.items():
            if record.psd == "n":
                return name
            if record.psd == "y" and name != self.domain:
                return self._below(name)
        return min(self.records, key=lambda name: name.count("."), default=self.domain)

    def _below(self, name: str) -> str:
        labels = self.domain.removesuffix("." + name).split(".")
        return f"{labels[-1]}.{name}"


@dataclass(frozen=True, slots=True)
class Alignment:
    """One identifier that passed its own check, and whether it is aligned with the author domain."""

    mechanism: str
    domain: str
    aligned: bool
    mode: str
    note: str = ""


@dataclass(slots=True)
class DmarcEvaluation:
    """The result, and all it stands on. ``policy`` is what the owner asks for, stepped down while ``t=y``."""

    result: DmarcResult
    reason: str
    author_domain: str = ""
    author_domains: tuple[str, ...] = ()  # each once, for a replay
    policy_domain: str = ""
    organizational_domain: str = ""
    policy: str = "none"
    record: PolicyRecord | None = None
    alignments: list[Alignment] = field(default_factory=list)
    steps: list[WalkStep] = field(default_factory=list)
    psl_organizational_domain: str = ""
    walk_failed: str = ""

    @property
    def psl_differs(self) -> bool:
        """True when the old method finds another organizational domain."""
        return bool(self.psl_organizational_domain) and self.psl_organizational_domain != self.organizational_domain


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def psl_organizational_domain(domain: str) -> str:
    """Return the organizational domain by the Public Suffix List (RFC 7489 section 3.2), else the domain itself."""
    return str(_suffixes().privatesuffix(domain) or domain)


async def walk_tree(domain: str, resolver: Resolver) -> Walk:
    """Walk from ``domain`` (A-labels) towards the root, at most eight queries (section 4.10)."""
    walk = Walk(domain)
    for name in tree_walk_names(domain):
        record = await _policy_at(name, resolver, walk)
        if walk.failed:
            break
        if record is not None:
            walk.records[name] = record
            if record.psd == "n" or (record.psd == "y" and name != domain):
                break
    return walk


async def _policy_at(name: str, resolver: Resolver, walk: Walk) -> PolicyRecord | None:
    """Return the one usable record at ``_dmarc.name``; several are none (section 4.10)."""
    answer = await resolver.lookup(f"_dmarc.{name}", "TXT")
    if answer.status in (DnsStatus.TEMPFAIL, DnsStatus.BOGUS):
        walk.failed = f"the DNS did not answer about _dmarc.{name}"
        walk.steps.append(WalkStep(name, "", "no answer"))
        return None
    texts = [text for text in answer.records if is_policy_record(text)]
    if len(texts) != 1:
        walk.steps.append(WalkStep(name, "", f"{len(texts)} records: none counts" if texts else "no record"))
        return None
    try:
        record = parse_policy_record(texts[0])
    except BadPolicyRecord as error:
        walk.steps.append(WalkStep(name, texts[0], f"not usable: {error}"))
        return None
    walk.steps.append(WalkStep(name, texts[0], "; ".join(record.warnings)))
    return record


async def evaluate_dmarc(
    resolver: Resolver,
    author_domains: Sequence[str],
    spf_domain: str,
    dkim_domains: Sequence[str],
    problem: str = "",
) -> DmarcEvaluation:
    """Return the evaluation of one message.

    ``author_domains`` are the domains of its From (A-labels, lower case); ``spf_domain`` is the MAIL FROM domain that
    passed SPF, or empty; ``dkim_domains`` are the ``d=`` of the signatures that passed. With a ``problem`` of From
    nobody can tell the author, and it is the reason.
    """
    distinct = sorted(set(author_domains))
    if problem or len(distinct) != 1 or not distinct[0]:
        usual = "there is no usable From" if distinct in ([], [""]) else f"From names {len(distinct)} domains"
        reason = problem or usual
        return DmarcEvaluation(DmarcResult.PERMERROR, reason, author_domains=tuple(distinct))
    author = distinct[0]
    walk = await walk_tree(author, resolver)
    organizational = walk.organizational_domain
    evaluation = DmarcEvaluation(
        DmarcResult.NONE,
        "",
        author_domain=author,
        author_domains=tuple(distinct),
        organizational_domain=organizational,
        steps=walk.steps,
        psl_organizational_domain=psl_organizational_domain(author),
        walk_failed=walk.failed,
    )
    policy_domain = _policy_domain(walk, organizational)
    if walk.failed and author not in walk.records:
        evaluation.result, evaluation.reason = DmarcResult.TEMPERROR, walk.failed
        return evaluation
    if policy_domain is None:
        evaluation.reason = f"{author} and its parents publish no DMARC policy"
        return evaluation
    evaluation.policy_domain, evaluation.record = policy_domain, walk.records[policy_domain]
    await _judge(evaluation, resolver, spf_domain, dkim_domains)
    return evaluation


def _policy_domain(walk: Walk, organizational: str) -> str | None:
    """Return whose record applies: the author domain's, else the organizational domain's, else the suffix's."""
    candidates = (walk.domain, organizational, *(name for name, record in walk.records.items() if record.psd == "y"))
    return next((name for name in candidates if name in walk.records), None)


async def _judge(
    evaluation: DmarcEvaluation, resolver: Resolver, spf_domain: str, dkim_domains: Sequence[str]
) -> None:
    record = evaluation.record
    assert record is not None
    subdomain = evaluation.author_domain != evaluation.policy_domain
    exists = True
    if subdomain and record.nonexistent_policy:
        exists = await _exists(evaluation.author_domain, resolver)
    evaluation.policy = record.applied(record.policy_for(subdomain, exists))
    identifiers = [("spf", spf_domain, record.spf_alignment)] if spf_domain else []
    identifiers += [("dkim", domain, record.dkim_alignment) for domain in dict.fromkeys(dkim_domains)]
    for mechanism, domain, mode in identifiers:
        evaluation.alignments.append(await _align(evaluation, resolver, mechanism, domain.lower(), mode))
    aligned = [found for found in evaluation.alignments if found.aligned]
    if aligned:
        evaluation.result = DmarcResult.PASS
        evaluation.reason = (
            f"{aligned[0].mechanism} of {aligned[0].domain} agrees with From {evaluation.author_domain}"
        )
    elif any(found.note.startswith("no answer") for found in evaluation.alignments):
        evaluation.result, evaluation.reason = DmarcResult.TEMPERROR, "the DNS did not answer about an identifier"
    else:
        evaluation.result = DmarcResult.FAIL
        evaluation.reason = f"nothing that passed agrees with From {evaluation.author_domain}"
    if evaluation.result is not DmarcResult.TEMPERROR:
        evaluation.reason += _by_the_old_method(evaluation)


def _by_the_old_method(evaluation: DmarcEvaluation) -> str:
    """Return a clause where the Public Suffix List would have changed the result (RFC 7489 section 3.2)."""
    if not evaluation.alignments or any(found.domain == evaluation.author_domain for found in evaluation.alignments):
        return ""
    relaxed = [found.domain for found in evaluation.alignments if found.mode != "s"]
    author = evaluation.psl_organizational_domain
    would = next((domain for domain in relaxed if psl_organizational_domain(domain) == author), "")
    if would and evaluation.result is DmarcResult.FAIL:
        return f"; by the Public Suffix List {would} would agree"
    if not would and evaluation.result is DmarcResult.PASS:
        return "; by the Public Suffix List it would not agree"
    return ""


async def _exists(domain: str, resolver: Resolver) -> bool:
    """Return False only when the name certainly does not exist (RFC 9989 section 4.7: ``np``)."""
    for rdtype in ("A", "AAAA", "MX"):
        answer = await resolver.lookup(domain, rdtype)
        if answer.status is not DnsStatus.NXDOMAIN:
            return True
    return False


async def _align(
    evaluation: DmarcEvaluation, resolver: Resolver, mechanism: str, domain: str, mode: str
) -> Alignment:
    """Compare one identifier; in relaxed mode the organizational domains have to agree (section 4.4)."""
    author, organizational = evaluation.author_domain, evaluation.organizational_domain
    if domain == author:
        return Alignment(mechanism, domain, True, mode, "the same domain")
    if mode == "s":
        return Alignment(mechanism, domain, False, mode, "strict alignment asks for the same domain")
    if evaluation.walk_failed:  # what was found below the silence may not be the organizational domain
        return Alignment(mechanism, domain, False, mode, f"no answer: {evaluation.walk_failed}")
    if domain == organizational:
        return Alignment(mechanism, domain, True, mode, f"the organizational domain {organizational}")
    if not domain.endswith("." + organizational):
        return Alignment(mechanism, domain, False, mode, f"not below {organizational}")
    walk = await walk_tree(domain, resolver)
    if walk.failed:
        return Alignment(mechanism, domain, False, mode, f"no answer: {walk.failed}")
    other = walk.organizational_domain
    return Alignment(mechanism, domain, other == organizational, mode, f"its organizational domain is {other}")
