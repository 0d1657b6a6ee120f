"""Who signs in: one check for every door, with one failure budget, one hash at a time, and a fast path.

The fast path of repeated logins is an HMAC over account, credential, credential version and password, kept in this
process for ``REMEMBER_SECONDS``; a changed password has another version, so nothing of the old one is found. Unknown
addresses take the same steps and the same time as known ones. Attempts that are looked at take turns within a
process, from the look at the budget to the note of the outcome: many guesses at once spend it like one after another.
"""

import asyncio
import hmac
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from threading import Lock
from weakref import WeakKeyDictionary

from django.contrib.auth.hashers import check_password, make_password

from domains.database import database
from domains.models import CLOSED, Actor
from domains.services.failures import Attempt, is_throttled, is_throttled_async, note, note_async
from domains.services.sealing import derive_key
from mailboxes.addresses import normalised

REMEMBER_SECONDS = 600.0
REMEMBERED = 20_000
PASSWORD_CHARACTERS = 1024
WRONG = "The address or the password is wrong"
THROTTLED = "Too many failed sign-ins; try again later"

FIND = """
SELECT a.id, p.password, p.credential_version, a.enabled AND p.is_active AND d.state NOT IN ('suspended', 'deleted'),
       a.local_part || '@' || d.name
FROM mailboxes_account a
JOIN domains_domain d ON d.id = a.domain_id
JOIN domains_actor p ON p.id = a.actor_id
WHERE a.local_part = %s AND d.name = %s
"""

STILL = """
SELECT 1 FROM mailboxes_account a
JOIN domains_domain d ON d.id = a.domain_id
JOIN domains_actor p ON p.id = a.actor_id
WHERE a.id = %s AND p.credential_version = %s AND a.enabled AND p.is_active
    AND d.state NOT IN ('suspended', 'deleted')
"""

# One thread: at most one hash a process at a time, and there is one mail worker a core.
_hashing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="argon2")
_remembered: OrderedDict[bytes, float] = OrderedDict()
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
_turn = Lock()


@dataclass(frozen=True, slots=True)
class Authenticated:
    """An account's owner: its id, its full address, and the version of the credential that was right."""

    account_id: int
    username: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class Denied:
    """``temporary`` when the budget is used up; ``text`` is one public sentence without a full stop."""

    temporary: bool = False
    text: str = WRONG


@dataclass(frozen=True, slots=True)
class SignIn:
    """The panel's answer: the actor, or None; ``throttled`` when the budget is used up."""

    actor: Actor | None
    throttled: bool = False


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return make_password("nobody has this password")


def _matches(password: str, encoded: str | None) -> bool:
    """Compare with a stored hash, or spend the same time on nobody's."""
    nobodys = _dummy_hash()  # whoever comes first in this process waits for it, known or not
    right = check_password(password, encoded or nobodys)
    return right and encoded is not None


def _digest(account_id: int, version: int, password: str) -> bytes:
    text = f"{account_id}\0password\0{version}\0{password}"
    return hmac.digest(derive_key("sign-in fast path"), text.encode(), sha256)


def _remember(digest: bytes) -> None:
    _remembered[digest] = time.monotonic() + REMEMBER_SECONDS
    while len(_remembered) > REMEMBERED:
        _remembered.popitem(last=False)


def _is_remembered(digest: bytes) -> bool:
    until = _remembered.get(digest)
    if until is not None and until > time.monotonic():
        return True
    _remembered.pop(digest, None)
    return False


async def authenticate(door: str, address: str, username: str, password: str) -> Authenticated | Denied:
    """Check a mail client's credentials; ``address`` is the client's. Never raises for what the client sent."""
    name = normalised(username.strip())
    if "\0" in username + password or len(name) > 320 or len(password) > PASSWORD_CHARACTERS:
        return Denied()
    row = await _find(name)
    if row is not None and row[3] and _is_remembered(_digest(row[0], row[2], password)):
        return Authenticated(row[0], row[4], row[2])
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        return await _look(Attempt(door, address, name, password), row, password)


async def _look(
    attempt: Attempt, row: tuple[int, str, int, bool, str] | None, password: str
) -> Authenticated | Denied:
    """Look at one attempt under the budget, and note how it ended."""
    if await is_throttled_async(attempt):
        return Denied(temporary=True, text=THROTTLED)
    encoded = row[1] if row is not None else None
    right = await asyncio.get_running_loop().run_in_executor(_hashing, _matches, password, encoded)
    if row is None or not right or not row[3]:
        await note_async(attempt, succeeded=False)
        return Denied()
    _remember(_digest(row[0], row[2], password))
    await note_async(attempt, succeeded=True)
    return Authenticated(row[0], row[4], row[2])


async def is_still_valid(account_id: int, version: int) -> bool:
    """True while the account may be used with the credential that it was opened with."""
    async with database() as connection:
        return await (await connection.execute(STILL, (account_id, version))).fetchone() is not None


async def _find(name: str) -> tuple[int, str, int, bool, str] | None:
    """Return (account id, password hash, credential version, may sign in, address)."""
    local_part, _at, domain = name.rpartition("@")
    async with database() as connection:
        cursor = await connection.execute(FIND, (local_part, domain))
        row = await cursor.fetchone()
    return None if row is None else (row[0], row[1], row[2], row[3], row[4])


def check_actor(door: str, address: str, username: str, password: str) -> SignIn:
    """Check the credentials of a person at the panel; ``username`` is the actor's e-mail address."""
    name = normalised(username.strip())
    if "\0" in username + password or len(name) > 320 or len(password) > PASSWORD_CHARACTERS:
        return SignIn(None)
    with _turn:
        return _look_at_actor(Attempt(door, address, name, password), name, password)


def _look_at_actor(attempt: Attempt, name: str, password: str) -> SignIn:
    """Do the same at the panel."""
    if is_throttled(attempt):
        return SignIn(None, throttled=True)
    actor = Actor.objects.filter(email=name).select_related("account__domain").first()
    encoded = actor.password if actor is not None else None
    right = _hashing.submit(_matches, password, encoded).result()
    if actor is None or not right or not _may_enter(actor):
        note(attempt, succeeded=False)
        return SignIn(None)
    note(attempt, succeeded=True)
    return SignIn(actor)


def _may_enter(actor: Actor) -> bool:
    """True for an active actor; a mere owner also needs an enabled account in a domain that is not suspended."""
    if not actor.is_active:
        return False
    if actor.role != "owner":
        return True
    account = getattr(actor, "account", None)
    return account is not None and account.enabled and account.domain.state not in CLOSED
