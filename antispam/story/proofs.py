"""What SPF, DKIM, ARC and DMARC found, as the page draws it: trees, tags, chains, the alignment picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from antispam.story.picture import Identity, Picture, draw
from antispam.story.sentences import as_sentence, told
from antispam.story.stages import DnsRow, Stage, as_rows, as_text
from antispam.story.tags import Tag, key_tags, policy_tags, read_tags, signature_tags
from antispam.story.tree import Term, grow
from domains.spf.budget import MAXIMUM_LOOKUPS, MAXIMUM_VOID
from domains.views.words import Sign, sign_of, word_of

SHOWN_IDENTITIES = 5


@dataclass(frozen=True, slots=True)
class SpfNode:
    """A term with what it asked and what it led to."""

    term: Term
    note: str
    asked: tuple[DnsRow, ...]
    record: str
    children: tuple["SpfNode", ...]


@dataclass(frozen=True, slots=True)
class SpfProof:
    """One check_host: the identity, the record it began with, the tree, and what it cost."""

    identity: str
    domain: str
    outcome: str
    reason: str
    record: str
    nodes: tuple[SpfNode, ...]
    lookups: int
    voids: int | None
    explanation: str = ""
    most_lookups: int = MAXIMUM_LOOKUPS
    most_voids: int = MAXIMUM_VOID

    @property
    def sign(self) -> Sign:
        """How it looks."""
        return sign_of(self.outcome)

    @property
    def is_folded(self) -> bool:
        """True when there are steps to show, which are folded away with the reason."""
        return bool(self.nodes or self.record)


def spf_proofs(stage: Stage, differing: frozenset[tuple[str, str]] = frozenset()) -> list[SpfProof]:
    """Return the checks of MAIL FROM and of HELO, as far as each was made; ``differing`` terms are marked."""
    found = [_spf_proof(stage, stage.detail, stage.outcome, stage.reason, differing)]
    helo = stage.part("helo")
    if helo:
        found.append(
            _spf_proof(stage, {"identity": "helo"} | helo, as_text(helo.get("result")), as_text(helo.get("reason")))
        )
    return found


def _spf_proof(
    stage: Stage,
    detail: Mapping[str, Any],
    outcome: str,
    reason: str,
    differing: frozenset[tuple[str, str]] = frozenset(),
) -> SpfProof:
    domain = as_text(detail.get("domain"))
    terms = [_term(row, differing) for row in as_rows(detail.get("steps"))]
    lookups = detail.get("lookups")
    voids = detail.get("voids")
    return SpfProof(
        identity=as_text(detail.get("identity")) or "mailfrom",
        domain=domain,
        outcome=outcome,
        reason=as_sentence(reason),
        record=_spf_record(stage, domain),
        nodes=tuple(_node(term, stage) for term in grow(terms)),
        lookups=lookups if isinstance(lookups, int) else sum(term.asks for term in terms),
        voids=voids if isinstance(voids, int) else None,
        explanation=as_text(detail.get("explanation")),
    )


def _term(row: Mapping[str, Any], differing: frozenset[tuple[str, str]]) -> Term:
    depth = row.get("depth")
    domain, text = as_text(row.get("domain")), as_text(row.get("term"))
    return Term(
        depth if isinstance(depth, int) and depth >= 0 else 0,
        domain,
        text,
        row.get("matched") is True,
        as_text(row.get("note")),
        differs=(domain, text) in differing,
    )


def _spf_record(stage: Stage, domain: str) -> str:
    answer = stage.answer(domain, "TXT")
    return next((text for text in answer.records if text.lower().startswith("v=spf1")), "") if answer else ""


def _node(term: Term, stage: Stage) -> SpfNode:
    """Return the term with the answers about the name that its note gives."""
    target = "" if ": " in term.note else term.note
    if term.mechanism == "include":
        target = term.note.partition(":")[0]
    asked = tuple(row for row in stage.dns if target and row.name == target.lower() and _answers(term, row))
    record = _spf_record(stage, target) if term.mechanism in ("include", "redirect") and target else ""
    children = tuple(_node(child, stage) for child in term.children)
    note = "" if term.note == target or term.mechanism == "include" else told(term.note)
    if term.mechanism == "include" and not term.unfinished:
        note = told(term.note)
    return SpfNode(term, note, asked, record, children)


def _answers(term: Term, row: DnsRow) -> bool:
    types = {"a": ("A", "AAAA"), "mx": ("MX",), "exists": ("A",), "ptr": ("PTR",)}
    return row.type in types.get(term.mechanism, ())


@dataclass(slots=True)
class Signature:
    """One DKIM signature with every tag explained, and the key that the DNS had for it."""

    domain: str
    selector: str
    algorithm: str
    outcome: str
    reason: str
    bits: int
    testing: bool
    warning: str
    tags: list[Tag]
    place: str
    answer: DnsRow | None
    key: list[Tag]
    kept: str = ""

    @property
    def sign(self) -> Sign:
        """How it looks."""
        return sign_of(self.outcome)


def signatures_of(stage: Stage) -> list[Signature]:
    """Return the signatures that were looked at."""
    return [_signature(row, stage) for row in stage.rows("signatures") if row.get("result") != "none"]


def _signature(row: Mapping[str, Any], stage: Stage) -> Signature:
    domain, selector = as_text(row.get("domain")), as_text(row.get("selector"))
    place = f"{selector}._domainkey.{domain}" if domain and selector else ""
    answer = stage.answer(place, "TXT") if place else None
    told_tags = row.get("tags")
    tags = {str(name): as_text(value) for name, value in told_tags.items()} if isinstance(told_tags, dict) else {}
    if not tags:
        tags = {"a": as_text(row.get("algorithm")), "d": domain, "s": selector}
    bits = row.get("bits")
    return Signature(
        domain,
        selector,
        as_text(row.get("algorithm")),
        as_text(row.get("result")),
        as_sentence(as_text(row.get("reason"))),
        bits if isinstance(bits, int) else 0,
        row.get("testing") is True,
        told(as_text(row.get("warning"))),
        signature_tags({name: value for name, value in tags.items() if value}),
        place,
        answer,
        key_tags(answer.records[0]) if answer is not None and len(answer.records) == 1 else [],
    )


@dataclass(frozen=True, slots=True)
class WalkRow:
    """One question of the tree walk."""

    name: str
    found: str
    note: str
    applies: bool


@dataclass(frozen=True, slots=True)
class DmarcProof:
    """The picture, the walk, and the record that applies."""

    author: str
    wide: Picture
    narrow: Picture
    identities: tuple[Identity, ...]
    walk: tuple[WalkRow, ...]
    policy_domain: str
    policy: list[Tag]
    organizational: str
    by_list: str


def dmarc_proof(stage: Stage, spf: Stage | None, dkim: Stage | None) -> DmarcProof | None:
    """Return what DMARC put together; None when From names nobody."""
    author = stage.text("author_domain")
    if not author:
        return None
    identities = _identities(stage, spf, dkim)
    wide, narrow = draw(author, _("From, as people see it"), identities)
    applies = stage.text("policy_domain")
    walk = tuple(_walk_row(row, applies) for row in stage.rows("steps"))
    record = stage.text("record") or next((row.found for row in walk if row.applies), "")
    organizational, by_list = stage.text("organizational_domain"), stage.text("psl_organizational_domain")
    return DmarcProof(
        author,
        wide,
        narrow,
        tuple(identities),
        walk,
        applies,
        policy_tags(record) if read_tags(record) else [],
        organizational,
        by_list if by_list != organizational and stage.outcome != "temperror" else "",
    )


def _walk_row(row: Mapping[str, Any], applies: str) -> WalkRow:
    name, found = as_text(row.get("name")), as_text(row.get("found"))
    return WalkRow(f"_dmarc.{name}", found, told(as_text(row.get("note"))), bool(found) and name == applies)


def _identities(stage: Stage, spf: Stage | None, dkim: Stage | None) -> list[Identity]:
    """Return what may agree with From: SPF's domain, and the domain of each signature."""
    aligned = {(as_text(row.get("mechanism")), as_text(row.get("domain"))): row for row in stage.rows("alignments")}
    found: list[Identity] = []
    if spf is not None and spf.text("domain"):
        found.append(_identity("spf", spf.text("domain"), spf.outcome, aligned))
    for row in dkim.rows("signatures") if dkim is not None else []:
        if as_text(row.get("domain")):
            found.append(_identity("dkim", as_text(row.get("domain")), as_text(row.get("result")), aligned))
    for method, domain in aligned:
        if not any(one.method == method.upper() and one.domain == domain for one in found):
            found.append(_identity(method, domain, "pass", aligned))
    return list(dict.fromkeys(found))[:SHOWN_IDENTITIES]


def _identity(
    method: str, domain: str, outcome: str, aligned: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Identity:
    row = aligned.get((method, domain.lower()))
    if outcome != "pass" or row is None:
        label = _("cannot count: %(result)s") % {"result": word_of(outcome or "none").lower()}
        return Identity(method.upper(), domain, "failed", label)
    strict = row.get("mode") == "s"
    if row.get("aligned") is True:
        return Identity(method.upper(), domain, "agrees", _("agrees (strict)") if strict else _("agrees (relaxed)"))
    return Identity(
        method.upper(), domain, "differs", _("does not agree (strict)") if strict else _("does not agree (relaxed)")
    )


@dataclass(frozen=True, slots=True)
class Station:
    """One ARC set: a server that says what it saw, and sealed it."""

    instance: str
    domain: str
    selector: str
    cv: str
    seal: str
    signature: str
    reason: str
    results: str
    trusted: bool

    @property
    def sign(self) -> Sign:
        """How it looks: a broken seal is wrong, a message changed since is only plain."""
        return sign_of(self.seal) if self.seal else sign_of("none")


def stations_of(stage: Stage) -> list[Station]:
    """Return the chain in the order of its instances."""
    trusted = stage.text("trusted_sealer")
    return [_station(row, trusted) for row in sorted(stage.rows("sets"), key=_instance)]


def _instance(row: Mapping[str, Any]) -> int:
    value = row.get("instance")
    return value if isinstance(value, int) else 0


def _station(row: Mapping[str, Any], trusted: str) -> Station:
    def first(*names: str) -> str:
        return next((text for name in names if (text := as_text(row.get(name)))), "")

    domain = first("domain")
    return Station(
        first("instance"),
        domain,
        first("selector"),
        first("cv"),
        first("seal"),
        first("message", "message_signature"),
        as_sentence(first("reason")),
        first("results"),
        bool(trusted) and domain == trusted,
    )


def one_or_none(stages: Sequence[Stage], name: str) -> Stage | None:
    """Return the last stage of a name."""
    return next((stage for stage in reversed(stages) if stage.name == name), None)
