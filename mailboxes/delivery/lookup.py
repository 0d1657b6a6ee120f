"""What the database knows of addresses: one statement for all of one level, found or not.

It is the same work for an address that exists and for one that does not, so the time of an answer tells nothing.
Those who ask while a statement is under way share the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from domains.combine import Combined
from domains.database import database
from mailboxes.addresses import split_address

LOOKUP = """
SELECT q.place, n.id, n.kind, CASE WHEN n.state = 'active' THEN d.state ELSE n.state END, n.name, d.id, d.name,
    a.id, a.local_part, a.enabled, a.quota_bytes, a.used_bytes,
    l.local_part, l.targets, l.writers, l.domains, c.target
FROM unnest(%(locals)s::text[], %(bases)s::text[], %(domains)s::text[]) WITH ORDINALITY
    AS q(local_part, base, domain, place)
JOIN domains_domain n ON n.name = q.domain
JOIN domains_domain d ON d.id = COALESCE(n.alias_of_id, n.id)
LEFT JOIN LATERAL (
    SELECT id, local_part, enabled, quota_bytes, used_bytes FROM mailboxes_account
    WHERE domain_id = d.id AND local_part IN (q.local_part, q.base)
    ORDER BY local_part = q.local_part DESC LIMIT 1) a ON true
LEFT JOIN LATERAL (
    SELECT * FROM (
        SELECT local_part, targets, NULL AS writers, NULL::text[] AS domains FROM mailboxes_alias
        WHERE domain_id = d.id AND local_part IN (q.local_part, q.base)
        UNION ALL
        SELECT local_part, members, writers, CASE WHEN writers <> 'everybody' THEN (
            SELECT array_agg(name::text) FROM domains_domain WHERE id = d.id OR alias_of_id = d.id) END
        FROM mailboxes_group WHERE domain_id = d.id AND local_part IN (q.local_part, q.base)) s
    WHERE a.id IS NULL OR (s.local_part = q.local_part AND a.local_part <> q.local_part)
    ORDER BY s.local_part = q.local_part DESC LIMIT 1) l ON true
LEFT JOIN mailboxes_catchall c ON c.domain_id = d.id
"""

ADMINISTRATORS = """
SELECT p.email, pd.id IS NOT NULL FROM domains_actor p
LEFT JOIN domains_actor_domains pd ON pd.actor_id = p.id AND pd.domain_id = %s
WHERE p.is_active AND p.role IN ('superadmin', 'domain_admin') AND (pd.id IS NOT NULL OR p.role = 'superadmin')
ORDER BY pd.id IS NULL, p.id
"""

TRACED_SENDER = "SELECT mail_from FROM domains_trace WHERE id = %s"


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one address: its domain, and the domain whose mailboxes that has (``home``).

    ``mailbox`` and ``stands`` are the local parts that were found, exact or without ``+detail``: a mailbox, or an
    alias (``writers`` None) or group that stands for ``targets``; ``domains`` are a closed group's.
    """

    domain_id: int
    kind: str
    state: str
    domain: str
    home_id: int
    home: str
    account_id: int | None
    mailbox: str | None
    enabled: bool | None
    quota: int | None
    used: int | None
    stands: str | None
    targets: Sequence[str] | None
    writers: str | None
    domains: Sequence[str] | None
    catch_all: str | None

    @property
    def is_served(self) -> bool:
        """False for a domain that is not proven or is being deleted: it is nobody's here."""
        return self.state not in ("pending", "deleted")


async def look_up(addresses: Sequence[str]) -> dict[str, Row]:
    """Return what is known of each address whose domain is ours."""
    return await _looked_up(addresses)


async def _look_up_all(several: Sequence[Sequence[str]]) -> list[dict[str, Row]]:
    """Return what is known of the addresses of each of several callers, by one statement."""
    addresses = list(chain.from_iterable(several))
    parts = [split_address(address) for address in addresses]
    locals_ = [local_part.lower() for local_part, _ in parts]
    parameters = {
        "locals": locals_,
        "bases": [local_part.partition("+")[0] or local_part for local_part in locals_],
        "domains": [domain for _, domain in parts],
    }
    async with database() as connection:
        rows = await (await connection.execute(LOOKUP, parameters)).fetchall()
    known = {addresses[row[0] - 1]: Row(*row[1:]) for row in rows}
    return [{address: known[address] for address in wanted if address in known} for wanted in several]


_looked_up = Combined(_look_up_all)


async def administrators(domain_id: int | None) -> list[str]:
    """Return the addresses of a domain's administrators, the superadministrators' when it has none of its own."""
    async with database() as connection:
        rows = await (await connection.execute(ADMINISTRATORS, (domain_id,))).fetchall()
    own = [str(email) for email, is_own in rows if is_own]
    return own or [str(email) for email, _ in rows]


async def traced_sender(trace_id: str) -> str:
    """Return who sent the message of a trace, an empty text when that is no longer known."""
    async with database() as connection:
        row = await (await connection.execute(TRACED_SENDER, (trace_id,))).fetchone()
    return str(row[0]) if row is not None else ""
