"""Who signs in: one check for every door, with one failure budget, one hash at a time, and a fast path.

The fast path of repeated logins is an HMAC over account, credential, credential version and password, kept in this
process for ``REMEMBER_SECONDS``; a changed password has another version, so nothing of the old one is found. An app
password is found by its digest in the look at the account, whatever the budget says: nobody guesses 120 bits. Unknown
addresses take the same steps and the same time as known ones. Attempts that are looked at take turns within a
process, from the look at the budget to the note of the outcome: many guesses at once spend it like one after another.
"""

import asyncio
import hmac
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
from mailboxes.services.app_secrets import app_password_digest

REMEMBER_SECONDS = 600.0
REMEMBERED = 20_000
PASSWORD_CHARACTERS = 1024
WRONG = "The address or the password is wrong"
THROTTLED = "Too many failed sign-ins; try again later"

FIND = """
SELECT a.id, p.password, p.credential_version, a.enabled AND p.is_active AND d.state NOT IN ('suspended', 'deleted'),
       a.local_part || '@' || d.name, a.app_passwords_only, w.id
FROM mailboxes_account a
JOIN domains_domain d ON d.id = a.domain_id
JOIN domains_actor p ON p.id = a.actor_id
LEFT JOIN mailboxes_apppassword w ON w.account_id = a.id AND w.digest = %(digest)s::bytea
    AND w.protocols @> ARRAY[%(door)s::varchar] AND (w.expires_at IS NULL OR w.expires_at > now())
WHERE a.local_part = %(local_part)s AND d.name = %(domain)s
"""

STILL = """
SELECT 1 FROM mailboxes_account a
JOIN domains_domain d ON d.id = a.domain_id
JOIN domains_actor p ON p.id = a.actor_id
WHERE a.id = %(account)s AND a.enabled AND p.is_active AND d.state NOT IN ('suspended', 'deleted')
    AND CASE WHEN %(app_password)s::bigint IS NULL
        THEN p.credential_version = %(version)s AND NOT a.app_passwords_only
        ELSE EXISTS (SELECT 1 FROM mailboxes_apppassword w WHERE w.id = %(app_password)s::bigint
            AND w.account_id = a.id AND (w.expires_at IS NULL OR w.expires_at > now())) END
"""

USED = """
UPDATE mailboxes_apppassword
SET last_used_at = now(), last_used_address = %(address)s::inet, last_used_protocol = %(door)s
WHERE id = %(id)s AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
"""

# One thread: at most one hash a process at a time, and there is one mail worker a core.
_hashing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="argon2")
_remembered: OrderedDict[bytes, float] = OrderedDict()
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
_turn = Lock()


@dataclass(frozen=True, slots=True)
class Authenticated:
    """An account's owner: its id, its full address, and the version of the credential that was right.

    ``app_password_id`` names the app password when it was one.
    """

    account_id: int
    username: str
    version: int = 0
    app_password_id: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The account of a name, with the app password that was given, if it was one for this door."""

    account_id: int
    encoded: str = field(repr=False)
    version: int
    usable: bool
    address: str
    app_passwords_only: bool
    app_password_id: int | None

    @property
    def own_password(self) -> str | None:
        """The hash of the owner's own password, or None when that one opens no mail door."""
        return self.encoded if self.usable and not self.app_passwords_only else None

    def opened(self, app_password_id: int | None = None) -> Authenticated:
        """Return who signed in."""
        return Authenticated(self.account_id, self.address, self.version, app_password_id)


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


def _digest_of(found: Found, password: str) -> bytes:
    return _digest(found.account_id, found.version, password)


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
    found = await _find(door, name, password)
    if found is not None and found.usable and found.app_password_id is not None:
        await note_use(found.app_password_id, door, address)
        return found.opened(found.app_password_id)
    if found is not None and found.own_password is not None and _is_remembered(_digest_of(found, password)):
        return found.opened()
    async with _turn_of_loop():
        return await _look(Attempt(door, address, name, password), found, password)


async def deny(attempt: Attempt) -> Denied:
    """Note a failure that needed no hash, unless the budget is used up, and return what the client hears."""
    async with _turn_of_loop():
        if await is_throttled_async(attempt):
            return Denied(temporary=True, text=THROTTLED)
        await note_async(attempt, succeeded=False)
    return Denied()


def _turn_of_loop() -> asyncio.Lock:
    """Return the lock under which this loop's attempts are looked at one after another."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())


async def _look(attempt: Attempt, found: Found | None, password: str) -> Authenticated | Denied:
    """Look at one attempt under the budget, and note how it ended."""
    if await is_throttled_async(attempt):
        return Denied(temporary=True, text=THROTTLED)
    encoded = found.own_password if found is not None else None
    right = await asyncio.get_running_loop().run_in_executor(_hashing, _matches, password, encoded)
    await note_async(attempt, succeeded=right)
    if found is None or not right:
        return Denied()
    _remember(_digest_of(found, password))
    return found.opened()


async def is_still_valid(account_id: int, version: int, app_password_id: int | None = None) -> bool:
    """True while the account may be used with the credential that it was opened with."""
    given = {"account": account_id, "version": version, "app_password": app_password_id}
    async with database() as connection:
        return await (await connection.execute(STILL, given)).fetchone() is not None


async def note_use(app_password_id: int, door: str, address: str) -> None:
    """Write when and from where an app password was used, at most once a minute."""
    given = {"id": app_password_id, "door": door, "address": address.partition("%")[0]}
    async with database() as connection:
        await connection.execute(USED, given)


async def _find(door: str, name: str, password: str) -> Found | None:
    """Return the account of a normalised name; one look at the database, whether it is known or not."""
    local_part, _at, domain = name.rpartition("@")
    given = {"local_part": local_part, "domain": domain, "door": door, "digest": app_password_digest(name, password)}
    async with database() as connection:
        row = await (await connection.execute(FIND, given)).fetchone()
    return None if row is None else Found(*row)


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
