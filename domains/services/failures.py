"""The one failure budget over all doors: 10 a minute and 50 a day an address, 20 an hour an account.

The same wrong credential repeated from the same address counts once a day. The account's budget never stops an
address that signed in to it lately, so nobody can lock an owner out. Credentials are kept as keyed digests only.
Two roads, one pair of statements: ``is_throttled`` and ``note`` for synchronous code, ``…_async`` for the mail doors.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Network, ip_address

from django.db import connection

from domains.database import database
from domains.services.sealing import derive_key

PER_MINUTE = 10
PER_DAY = 50
PER_ACCOUNT_HOUR = 20

SPENT = """
SELECT count(*) FILTER (WHERE address = %(address)s::inet AND NOT succeeded AND at > now() - interval '1 minute'),
       count(*) FILTER (WHERE address = %(address)s::inet AND NOT succeeded AND at > now() - interval '1 day'),
       count(DISTINCT credential_digest) FILTER (
           WHERE account = %(account)s::varchar AND NOT succeeded AND at > now() - interval '1 hour'),
       coalesce(bool_or(succeeded AND address = %(address)s::inet AND account = %(account)s::varchar), false)
FROM domains_signinattempt
WHERE (address = %(address)s::inet OR (account = %(account)s::varchar AND account <> ''))
  AND at > now() - interval '2 days'
"""

NOTE_FAILURE = """
INSERT INTO domains_signinattempt (at, door, address, account, credential_digest, succeeded)
SELECT now(), %(door)s::varchar, %(address)s::inet, %(account)s::varchar, %(digest)s::bytea, false
WHERE NOT EXISTS (
    SELECT 1 FROM domains_signinattempt
    WHERE address = %(address)s::inet AND account = %(account)s::varchar
      AND credential_digest = %(digest)s::bytea AND NOT succeeded AND at > now() - interval '1 day')
"""

NOTE_SUCCESS = """
INSERT INTO domains_signinattempt (at, door, address, account, credential_digest, succeeded)
SELECT now(), %(door)s::varchar, %(address)s::inet, %(account)s::varchar, %(digest)s::bytea, true
WHERE NOT EXISTS (
    SELECT 1 FROM domains_signinattempt
    WHERE address = %(address)s::inet AND account = %(account)s::varchar AND succeeded
      AND at > now() - interval '1 hour')
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: the door (``panel api submission imap``), the client's address, the account in lower case or empty."""

    door: str
    address: str
    account: str
    credential: str

    def parameters(self) -> dict[str, str | bytes]:
        """Return the statements' parameters; an IPv6 client counts as its /64."""
        digest = hmac.digest(
            derive_key("sign-in attempts"), f"{self.account}\0{self.credential}".encode("utf-8", "replace"), sha256
        )
        return {
            "door": self.door,
            "address": network_of(self.address),
            "account": self.account[:320].replace("\0", ""),
            "digest": digest,
        }

    def __repr__(self) -> str:
        return f"Attempt({self.door!r}, {self.address!r}, {self.account!r})"


def network_of(text: str) -> str:
    """Return what is counted for a client: its IPv4 address, or the first address of its IPv6 /64."""
    address = ip_address(text.partition("%")[0])
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, 64), strict=False).network_address)


def _over(row: tuple[int, int, int, bool] | None) -> bool:
    if row is None:
        return False
    minute, day, account_hour, known = row
    return minute >= PER_MINUTE or day >= PER_DAY or (account_hour >= PER_ACCOUNT_HOUR and not known)


def is_throttled(attempt: Attempt) -> bool:
    """True when no further try is looked at now."""
    with connection.cursor() as cursor:
        cursor.execute(SPENT, attempt.parameters())
        return _over(cursor.fetchone())


def note(attempt: Attempt, succeeded: bool) -> None:
    """Count a failure, or remember a success."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE_SUCCESS if succeeded else NOTE_FAILURE, attempt.parameters())


async def is_throttled_async(attempt: Attempt) -> bool:
    """True when no further try is looked at now."""
    async with database() as lent:
        cursor = await lent.execute(SPENT, attempt.parameters())
        return _over(await cursor.fetchone())


async def note_async(attempt: Attempt, succeeded: bool) -> None:
    """Count a failure, or remember a success."""
    async with database() as lent:
        await lent.execute(NOTE_SUCCESS if succeeded else NOTE_FAILURE, attempt.parameters())
