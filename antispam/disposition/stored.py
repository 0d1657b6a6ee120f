"""A verdict's signs and table as its trace keeps them, and the same judged again from there."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from antispam.disposition.rows import DEFAULT_TABLE, Disposition, Table
from antispam.evidence import Evidence
from antispam.verdict import Verdict, decide

_WORDS = {disposition.value: disposition for disposition in Disposition}


def judgement_detail(evidence: Evidence, verdict: Verdict) -> dict[str, object]:
    """Return what the stage of a verdict tells: all that it takes to judge again."""
    detail: dict[str, object] = {
        "row": verdict.row,
        "reasons": list(verdict.reasons),
        "table": {
            "domain": verdict.table.owner or verdict.table.domain,
            "rows": [asdict(tried) for tried in verdict.tried],
        },
        "choices": stored_tables(verdict.tables),
        "may_refuse": verdict.may_refuse,
        "signs": {
            "mailing_list": evidence.mailing_list,
            "known_forwarder": evidence.known_forwarder,
            "known_network": evidence.known_network,
            "trusted_sealer": evidence.arc.trusted_sealer,
        },
    }
    if len(verdict.shares) > 1:
        detail["shares"] = {domain: share.value for domain, share in verdict.shares.items()}
    return detail


def stored_tables(tables: Iterable[Table]) -> list[dict[str, object]]:
    """Return what decided, as it is kept."""
    return [
        {
            "domain": table.domain,
            "owner": table.owner,
            "chosen": {row: word.value for row, word in table.chosen.items()},
        }
        for table in tables
    ]


def with_signs(evidence: Evidence, detail: Mapping[str, Any]) -> Evidence:
    """Return evidence replayed, with the signs of then."""
    signs = detail.get("signs")
    if not isinstance(signs, Mapping):
        return evidence
    known = signs.get("known_network")
    return replace(
        evidence,
        mailing_list=str(signs.get("mailing_list", "")),
        known_forwarder=str(signs.get("known_forwarder", "")),
        known_network=known if isinstance(known, bool) else None,
    )


def decide_again(evidence: Evidence, detail: Mapping[str, Any]) -> Verdict:
    """Return the verdict under the tables of then."""
    choices = detail.get("choices")
    tables = [_table(entry) for entry in choices] if isinstance(choices, list) else []
    return decide(evidence, tables or [DEFAULT_TABLE], detail.get("may_refuse") is True)


def _table(entry: Mapping[str, Any]) -> Table:
    chosen = {row: _WORDS[word] for row, word in entry["chosen"].items() if word in _WORDS}
    return Table(str(entry["domain"]), chosen, str(entry["owner"]))
