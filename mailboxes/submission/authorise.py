"""May this account send with this address: its own, with or without ``+detail``, and aliases that lead to it.

Each counts in the alias domains of its domain too. Aliases of aliases count, as they do for mail in. An account that
was switched off may use none, though its session still lives.
"""

from dataclasses import dataclass

from domains.database import database
from mailboxes.addresses import envelope_domain, normalised, split_address
from mailboxes.delivery.resolve import LEVELS

# Targets are compared in lower case: they stand as they were typed.
ALLOWED = """
WITH RECURSIVE named AS (
    SELECT local_part, domain_id, 1 AS level FROM mailboxes_account WHERE id = %(account)s AND enabled
    UNION
    SELECT l.local_part, l.domain_id, named.level + 1
    FROM named CROSS JOIN LATERAL (
        SELECT name FROM domains_domain WHERE id = named.domain_id
        UNION ALL SELECT name FROM domains_domain WHERE alias_of_id = named.domain_id) n
    JOIN mailboxes_alias l ON lower(l.targets::text)::text[] @> ARRAY[named.local_part || '@' || n.name]
    WHERE named.level < %(levels)s
)
SELECT DISTINCT named.local_part || '@' || n.name, n.name, n.state
FROM named JOIN domains_domain d ON d.id = named.domain_id CROSS JOIN LATERAL (
    SELECT d.name, d.state
    UNION ALL SELECT name, CASE WHEN d.state = 'active' THEN state ELSE d.state END
    FROM domains_domain WHERE alias_of_id = d.id) n
"""


@dataclass(frozen=True, slots=True)
class Senders:
    """The addresses that an account may use, in lower case, and their domains that are active."""

    addresses: frozenset[str]
    active_domains: frozenset[str]

    def refuse(self, address: str) -> str:
        """Return why the address may not be used, in one public sentence, or an empty text."""
        name = normalised(address)
        local_part, _domain = split_address(name)
        domain = envelope_domain(name)
        base = f"{local_part.partition('+')[0]}@{domain}"
        if name not in self.addresses and base not in self.addresses:
            return f"You may not send as <{address}>; use your own address or an alias that leads to you."
        if domain not in self.active_domains:
            return f"The domain {domain} may not send: it is not active."
        return ""


async def load_senders(account_id: int) -> Senders:
    """Return what the account may use."""
    async with database() as connection:
        cursor = await connection.execute(ALLOWED, {"account": account_id, "levels": LEVELS})
        rows = await cursor.fetchall()
    addresses = frozenset(str(row[0]) for row in rows)
    return Senders(addresses, frozenset(str(row[1]) for row in rows if row[2] == "active"))
