"""DMARC evaluations counted by day, as the reports that we owe to others need them (RFC 9990 section 3.1).

Fed where traces are expanded, inside that transaction, so that each message counts once, refused ones included. What
never came from outside has no evaluation; neither has what was turned away for another reason, since its sender comes
back with it; nor silence of the DNS, which is no result. Only domains leave the trace, never a local part.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from antispam.models import DmarcEvaluation, VerdictCount
from domains.audit import Act
from domains.dmarc.record import BadPolicyRecord, PolicyRecord, parse_policy_record
from domains.errors import Forbidden
from domains.services.expansion import ExpandedTrace
from mailboxes.addresses import envelope_domain

KEPT = timedelta(days=35)
NAME_OCTETS = 253
DISCOVERY = "treewalk"
_DONE = {"inbox": "none", "junk": "quarantine", "refuse": "reject"}

COUNT = """
INSERT INTO antispam_dmarcevaluation AS e (day, policy_domain, digest, source_ip, header_from, envelope_from,
    disposition, dkim_aligned, spf_aligned, dkim_results, spf_results, published, discovery_method, reasons, messages)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s::jsonb, %s, %s::jsonb, %s)
ON CONFLICT (day, policy_domain, digest) DO UPDATE SET messages = e.messages + excluded.messages
"""
COUNT_VERDICT = """
INSERT INTO antispam_verdictcount AS c (day, domain, row, disposition, messages) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (domain, day, row, disposition) DO UPDATE SET messages = c.messages + excluded.messages
"""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that two messages of one row share; the last ones are JSON texts, so that equal ones are equal."""

    day: date
    policy_domain: str
    source_ip: str
    header_from: str
    envelope_from: str
    disposition: str
    dkim_aligned: bool
    spf_aligned: bool
    dkim_results: str
    spf_results: str
    published: str
    discovery_method: str
    reasons: str

    @property
    def digest(self) -> bytes:
        """A short name for it."""
        return sha256(repr(astuple(self)).encode()).digest()


def count_evaluations(batch: Sequence[ExpandedTrace]) -> None:
    """Count the evaluations of a batch, inside the caller's transaction."""
    found = Counter(evaluation for trace in batch if (evaluation := evaluation_of(trace)) is not None)
    rows = [(*astuple(entry)[:2], entry.digest, *astuple(entry)[2:], messages) for entry, messages in found.items()]
    if rows:
        rows.sort(key=itemgetter(0, 1, 2))  # one order for all, so that no two expansions wait for each other
        with connection.cursor() as cursor:
            cursor.executemany(COUNT, rows)


def count_verdicts(batch: Sequence[ExpandedTrace]) -> None:
    """Count the rows that decided, for each domain of ours concerned, inside the caller's transaction."""
    found: Counter[tuple[date, str, str, str]] = Counter()
    for trace in batch:
        verdict = trace.event("verdict")
        if trace.direction == "in" and verdict is not None and _is_final(trace, verdict["outcome"]):
            shares = verdict["detail"].get("shares", {})
            for domain in trace.domains:
                done = shares.get(domain, verdict["outcome"])
                found[_day(trace), domain, str(verdict["detail"]["row"])[:40], done] += 1
    if found:
        with connection.cursor() as cursor:
            cursor.executemany(COUNT_VERDICT, sorted((*key, messages) for key, messages in found.items()))


def evaluation_of(trace: ExpandedTrace) -> Evaluation | None:
    """Return what one message counts as; None when no report is owed for it."""
    dmarc, verdict = trace.event("dmarc"), trace.event("verdict")
    if trace.direction != "in" or dmarc is None or verdict is None or not trace.client_address:
        return None
    if dmarc["outcome"] not in ("pass", "fail") or not _is_final(trace, verdict["outcome"]):
        return None
    detail = dmarc["detail"]
    record = _record_of(detail)
    if record is None:
        return None
    aligned = {entry["mechanism"] for entry in detail["alignments"] if entry["aligned"]}
    passed = dmarc["outcome"] == "pass"
    envelope_from = envelope_domain(trace.mail_from)[:NAME_OCTETS]
    done = _DONE[verdict["outcome"]]
    return Evaluation(
        day=_day(trace),
        policy_domain=detail["policy_domain"][:NAME_OCTETS],
        source_ip=trace.client_address,
        header_from=detail["author_domain"][:NAME_OCTETS],
        envelope_from=envelope_from,
        disposition="pass" if passed and done == "none" else done,
        dkim_aligned="dkim" in aligned,
        spf_aligned="spf" in aligned,
        dkim_results=_json(_dkim_results(trace)),
        spf_results=_json(_spf_results(trace, envelope_from)),
        published=_published(record),
        discovery_method=DISCOVERY,
        reasons=_json(_reasons(record, "none" if passed else detail["policy"], done, verdict["detail"])),
    )


def _day(trace: ExpandedTrace) -> date:
    return trace.received_at.astimezone(UTC).date()


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _is_final(trace: ExpandedTrace, disposition: str) -> bool:
    """False for what the verdict would have let in and something else turned away."""
    return disposition == "refuse" or trace.outcome != "refused"


def _record_of(detail: Mapping[str, Any]) -> PolicyRecord | None:
    """Return the record in force, as the tree walk found it."""
    for step in detail["steps"]:
        if step["name"] == detail["policy_domain"] and step["found"]:
            return _parsed(step["found"])
    return None


@lru_cache(maxsize=1024)
def _parsed(text: str) -> PolicyRecord | None:
    """Return a record; most mail is in the name of a few domains."""
    try:
        return parse_policy_record(text)
    except BadPolicyRecord:
        return None


@lru_cache(maxsize=1024)
def _published(record: PolicyRecord) -> str:
    """Return as JSON the tags in force (RFC 9990 section 3.1), ``sp`` and ``np`` only when given, and ``rua``."""
    tags = {
        "p": record.policy,
        "sp": record.subdomain_policy,
        "np": record.nonexistent_policy,
        "adkim": record.dkim_alignment,
        "aspf": record.spf_alignment,
        "testing": "y" if record.testing else "n",
        "fo": record.failure_options,
    }
    return _json({tag: value for tag, value in tags.items() if value} | {"rua": list(record.rua)})


def _dkim_results(trace: ExpandedTrace) -> list[dict[str, str]]:
    dkim = trace.event("dkim")
    signatures = dkim["detail"].get("signatures", []) if dkim is not None else []
    names = ("domain", "selector", "result")
    return [
        {name: str(signature[name])[:NAME_OCTETS] for name in names}
        for signature in signatures
        if signature["domain"]
    ]


def _spf_results(trace: ExpandedTrace, envelope_from: str) -> list[dict[str, str]]:
    spf = trace.event("spf")
    if spf is None:
        return []
    scope = "mfrom" if envelope_from else "helo"
    return [{"domain": str(spf["detail"]["domain"])[:NAME_OCTETS], "scope": scope, "result": spf["outcome"]}]


def _reasons(record: PolicyRecord, asked: str, done: str, judged: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return why what was done is not what the record asks for (RFC 9990 section 3.1.6)."""
    tested = record.testing and asked != "none"
    reasons = [{"type": "policy_test_mode", "comment": "t=y"}] if tested else []
    if done == asked:
        return reasons
    signs = judged.get("signs", {})
    if signs.get("mailing_list"):
        reasons.append({"type": "mailing_list", "comment": str(signs["mailing_list"])[:NAME_OCTETS]})
    if signs.get("known_forwarder"):
        reasons.append({"type": "trusted_forwarder", "comment": str(signs["known_forwarder"])[:NAME_OCTETS]})
    if signs.get("trusted_sealer"):
        reasons.append({"type": "local_policy", "comment": f"arc=pass as={signs['trusted_sealer']}"[:NAME_OCTETS]})
    if not any(reason["type"] != "policy_test_mode" for reason in reasons):
        reasons.append({"type": "local_policy", "comment": str(judged["row"])})
    return reasons


# --- read and aged out -------------------------------------------------------------------------------------------


def evaluations_on(day: date, policy_domain: str = "") -> QuerySet[DmarcEvaluation]:
    """Return the rows of one day, of one policy domain (A-labels) unless that is empty."""
    rows = DmarcEvaluation.objects.filter(day=day)
    return rows.filter(policy_domain=policy_domain) if policy_domain else rows


def evaluations_for(act: Act, day: date, policy_domain: str = "") -> QuerySet[DmarcEvaluation]:
    """Return the same for a superadministrator, whose they are; raises Forbidden."""
    if not act.is_superadmin:
        raise Forbidden(_("Only a superadministrator may do this."))
    return evaluations_on(day, policy_domain.strip().lower())


def rows_taken(domain: str, days: int = 7, today: date | None = None) -> dict[str, int]:
    """Return how many messages to a domain of ours each row of the table took in the last days."""
    since = (today or datetime.now(UTC).date()) - timedelta(days=days)
    taken: Counter[str] = Counter()
    for row, messages in VerdictCount.objects.filter(domain=domain, day__gt=since).values_list("row", "messages"):
        taken[row] += messages
    return dict(taken)


def forget_evaluations(today: date | None = None) -> int:
    """Remove what was counted before the days that are kept; returns how many rows."""
    before = (today or datetime.now(UTC).date()) - KEPT
    return sum(model.objects.filter(day__lt=before).delete()[0] for model in (DmarcEvaluation, VerdictCount))
