"""What our own database has to say before a verdict: the tables of the recipients' domains, and known networks.

Only a message that failed DMARC or had no answer, or whose author is unclear, is worth the question; an ordinary one
costs none. So nothing is cached and a change of a table holds from the next message on. When the database does not
answer, the default table decides and refuses nothing.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from psycopg import Error
from psycopg_pool import PoolTimeout

from antispam.disposition.forwarders import known_forwarder, trusted_sealer
from antispam.disposition.rows import DEFAULT_TABLE, Disposition, Table
from antispam.disposition.signs import missing_answers, signs_in_message
from antispam.dmarc.evaluate import DmarcResult
from antispam.evidence import Evidence
from antispam.services.networks import is_known_network
from domains.database import database
from domains.queries import fetch_all
from mailboxes.addresses import RESERVED, ROLES, envelope_domain, split_address

log = logging.getLogger(__name__)

FULL_MAILBOX = 452

# In an alias domain the choices of its target hold.
CHOICES = """
SELECT n.name, h.name, coalesce(p.dispositions, '{}'), coalesce(p.forwarders, '[]'),
    coalesce(p.full_mailbox_reply, 452)
FROM domains_domain n
JOIN domains_domain h ON h.id = coalesce(n.alias_of_id, n.id)
LEFT JOIN antispam_inboundpolicy p ON p.domain_id = h.id
WHERE n.name = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Consultation:
    """The evidence with what our database knows, the tables that decide, and whether they may refuse."""

    evidence: Evidence
    tables: Sequence[Table] = (DEFAULT_TABLE,)
    may_refuse: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """One domain's choices: its table, the forwarders it knows, the reply for a full mailbox."""

    table: Table
    forwarders: Sequence[str]
    full_mailbox_reply: int


async def consult(evidence: Evidence, recipients: Sequence[str]) -> Consultation:
    """Return what the verdict is decided by; ``recipients`` are the accepted forward paths, without
    which nobody is asked. Never raises.
    """
    if not recipients or evidence.dmarc.result in (DmarcResult.PASS, DmarcResult.NONE):
        return Consultation(evidence)
    domains = list(dict.fromkeys(envelope_domain(path) for path in recipients))
    try:
        choices = await _choices_of(domains)
        added = [domain for choice in choices for domain in choice.forwarders]
        arc = replace(evidence.arc, trusted_sealer=trusted_sealer(evidence.arc, added))
        evidence = replace(evidence, known_forwarder=known_forwarder(evidence.dkim, added), arc=arc)
        if _network_matters(evidence):
            known = await is_known_network(evidence.envelope.client_address)
            evidence = replace(evidence, known_network=known)
    except (Error, PoolTimeout, OSError) as fault:
        log.warning("judged without the domains' own tables: %s: %s", type(fault).__name__, fault)
        return Consultation(evidence, [Table(domain) for domain in domains] or [DEFAULT_TABLE])
    tables = [choice.table for choice in choices] or [DEFAULT_TABLE]
    return Consultation(evidence, tables, not any(map(stays_reachable, recipients)))


def stays_reachable(recipient: str) -> bool:
    """True for the addresses at which people are told of trouble and reports arrive: no verdict refuses their mail
    (RFC 5321 section 4.5.1, RFC 2142).
    """
    return split_address(recipient)[0].lower() in ROLES | RESERVED


def _network_matters(evidence: Evidence) -> bool:
    """True when only what is known of the network stands between the message and its refusal."""
    failed = evidence.dmarc.result is DmarcResult.FAIL and evidence.dmarc.policy == "reject"
    return failed and not missing_answers(evidence) and not signs_in_message(evidence)


async def full_mailbox_reply_of(recipient: str) -> int:
    """Return the code with which the recipient's domain answers for a mailbox without room: 452 or 552."""
    try:
        choices = await _choices_of([envelope_domain(recipient)])
    except (Error, PoolTimeout, OSError):
        return FULL_MAILBOX
    return choices[0].full_mailbox_reply if choices else FULL_MAILBOX


async def _choices_of(domains: Sequence[str]) -> list[Choices]:
    """Return the choices that hold in each of the domains of ours."""
    async with database() as connection:
        rows = await (await connection.execute(CHOICES, (domains,))).fetchall()
    return [_read(*row) for row in rows]


def choices_now(domains: Iterable[str]) -> dict[str, Choices]:
    """Return what holds in each of these domains of ours now, by name; for what is not judged on its way in."""
    rows = fetch_all(CHOICES, [list(domains)])
    return {
        name: _read(name, owner, json.loads(chosen), json.loads(forwarders), reply)
        for name, owner, chosen, forwarders, reply in rows
    }


def _read(name: str, owner: str, chosen: dict[str, str], forwarders: list[str], reply: int) -> Choices:
    known = {disposition.value for disposition in Disposition}
    table = Table(name, {row: Disposition(word) for row, word in chosen.items() if word in known}, owner)
    return Choices(table, [str(domain) for domain in forwarders], int(reply))
