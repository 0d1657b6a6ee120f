"""Signing in by SCRAM, with an app password alone: which device it was, the proof tells.

An unknown address takes the same steps as a known one: a salt that stays the same, and as many verifiers to try.
Programs that find SCRAM offered may choose it and nothing else, with the mailbox's own password too; so it is offered
only where somebody has an app password, and the refusal says what it takes.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from psycopg import Error
from psycopg_pool import PoolTimeout

from domains.database import database
from domains.services.failures import Attempt
from mailboxes.addresses import normalised
from mailboxes.scram import SCRAM_PLUS, ScramServer, Verifier, scram_mechanisms
from mailboxes.services.app_passwords import MOST
from mailboxes.services.app_secrets import scram_salt
from mailboxes.services.authenticate import Authenticated, Denied, deny, note_use

NONCE_OCTETS = 18
NOBODYS = Verifier(secrets.token_bytes(32), secrets.token_bytes(32))
REFUSED = "No app password fits; SCRAM takes app passwords only, PLAIN takes the mailbox's own too"
OFFERED_SECONDS, NOT_OFFERED_SECONDS = 60.0, 5.0
PATIENCE_SECONDS = 2.0
ANY_PROOF = "SCRAM"  # what a wrong proof is counted as: which wrong password it was, cannot be told

FIND = """
SELECT w.stored_key, w.server_key, w.id, a.id, a.local_part || '@' || d.name, p.credential_version
FROM mailboxes_account a
JOIN domains_domain d ON d.id = a.domain_id
JOIN domains_actor p ON p.id = a.actor_id
JOIN mailboxes_apppassword w ON w.account_id = a.id
WHERE a.local_part = %(local_part)s AND d.name = %(domain)s
    AND a.enabled AND p.is_active AND d.state NOT IN ('suspended', 'deleted')
    AND w.protocols @> ARRAY[%(door)s::varchar] AND (w.expires_at IS NULL OR w.expires_at > now())
ORDER BY w.id LIMIT %(most)s
"""

ANY = "SELECT EXISTS (SELECT 1 FROM mailboxes_apppassword)"

log = logging.getLogger(__name__)
Ask = Callable[[bytes], Awaitable[bytes]]


@dataclass(slots=True)
class Offer:
    """Whether anybody here has an app password, believed until then."""

    made: bool = False
    until: float = 0.0

    async def look(self) -> bool:
        """Return it, looked up when it is old; False while the database does not answer."""
        if time.monotonic() >= self.until:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS), database() as connection:
                    row = await (await connection.execute(ANY)).fetchone()
                self.made = row is not None and bool(row[0])
            except (Error, PoolTimeout, OSError) as fault:
                log.warning("app passwords cannot be looked for: %s", fault)
                self.made = False
            self.until = time.monotonic() + (OFFERED_SECONDS if self.made else NOT_OFFERED_SECONDS)
        return self.made


offer = Offer()


async def scram_offered(binding: bytes | None) -> tuple[str, ...]:
    """Return the SCRAM mechanisms to offer on a connection with this channel binding."""
    return scram_mechanisms(binding) if await offer.look() else ()


@dataclass(frozen=True, slots=True)
class Device:
    """One app password of the account, and who has signed in if it was this one."""

    verifier: Verifier
    opened: Authenticated


async def sign_in_by_scram(
    door: str, address: str, mechanism: str, binding: bytes | None, first: bytes, ask: Ask
) -> Authenticated | Denied:
    """Run an exchange that begins with the client's first message; ``binding`` is that of the connection.

    ``ask`` sends a challenge and returns the client's answer, both as plain octets. Raises ScramFault, and what
    ``ask`` raises.
    """
    server = ScramServer(secrets.token_urlsafe(NONCE_OCTETS).encode(), binding, mechanism == SCRAM_PLUS)
    name = normalised(server.read_first(first).strip())
    final = await ask(server.challenge(scram_salt(name)))
    devices = await _devices(door, name)
    verifiers = [device.verifier for device in devices]
    place = server.read_final(final, verifiers + [NOBODYS] * (MOST - len(verifiers)))
    if place is None:
        denied = await deny(Attempt(door, address, name, ANY_PROOF))
        return denied if denied.temporary else Denied(text=REFUSED)
    device = devices[place]
    await ask(server.outcome(device.verifier))
    assert device.opened.app_password_id is not None
    await note_use(device.opened.app_password_id, door, address)
    return device.opened


async def _devices(door: str, name: str) -> list[Device]:
    """Return the app passwords that open this door for a normalised name."""
    local_part, _at, domain = name.rpartition("@")
    given = {"local_part": local_part, "domain": domain, "door": door, "most": MOST}
    async with database() as connection:
        rows = await (await connection.execute(FIND, given)).fetchall()
    return [
        Device(Verifier(stored, server), Authenticated(account, address, version, identifier))
        for stored, server, identifier, account, address, version in rows
    ]
