"""Signs a message with every active key of its author's domain; keys are unsealed once and kept in memory.

Which keys are active is asked for every message (one indexed query), so a key begins and ends to sign at once; the
unsealed key objects are cached by their row. No active key: the message leaves unsigned, with a warning.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import Any

from psycopg import AsyncConnection

from domains.arc.seal import Seen, seal
from domains.dkim.sign import CannotSign, LoadedKey, sign
from domains.octets import Octets
from domains.services.keys import unsealed_key
from domains.services.sealing import SealBroken

CACHED_KEYS = 5000
IN_LOOP_OCTETS = 256 * 1024

ACTIVE_KEYS = """
SELECT k.id, k.selector FROM domains_dkimkey k JOIN domains_domain d ON d.id = k.domain_id
WHERE d.name = %s AND d.state = 'active' AND d.kind <> 'parked' AND k.state = 'active'
ORDER BY k.algorithm DESC, k.id
"""
READ_KEY = """
SELECT d.name, k.selector, k.algorithm, k.private_key_sealed
FROM domains_dkimkey k JOIN domains_domain d ON d.id = k.domain_id WHERE k.id = %s
"""

_keys: OrderedDict[tuple[int, str], LoadedKey] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Signed:
    """``header`` stands before the message, empty when unsigned; ``warning`` says in one sentence why."""

    header: bytes
    selectors: tuple[str, ...] = ()
    warning: str = ""


async def sign_message(connection: AsyncConnection[Any], author_domain: str, octets: Octets) -> Signed:
    """Return the DKIM-Signature fields by every active key of ``author_domain`` (A-labels)."""
    cursor = await connection.execute(ACTIVE_KEYS, (author_domain,))
    rows = await cursor.fetchall()
    if not rows:
        return Signed(b"", warning=f"No DKIM key of {author_domain} is active: the message leaves unsigned.")
    try:
        keys = [await _loaded(connection, int(row[0]), str(row[1])) for row in rows]
        header = await _sign(octets, author_domain, keys)
    except (CannotSign, SealBroken, LookupError) as error:
        return Signed(b"", warning=f"The message leaves unsigned: {error}.")
    return Signed(header, tuple(key.selector for key in keys))


async def seal_message(connection: AsyncConnection[Any], domain: str, octets: Octets, seen: Seen) -> Signed:
    """Return the ARC set of a message that ``domain`` (A-labels, ours) hands on, by its RSA key where it has one.

    RFC 8617 names RSA alone, so that is what others read. Without a header and without a warning the chain has ended.
    """
    cursor = await connection.execute(ACTIVE_KEYS, (domain,))
    rows = await cursor.fetchall()
    if not rows:
        return Signed(b"", warning=f"No DKIM key of {domain} is active: the copy leaves without a seal.")
    try:
        key = await _loaded(connection, int(rows[0][0]), str(rows[0][1]))
        work = partial(seal, octets, seen, domain, key, int(time.time()))
        if len(octets) <= IN_LOOP_OCTETS:
            header = work()
        else:
            header = await asyncio.get_running_loop().run_in_executor(None, work)
    except (CannotSign, SealBroken, LookupError) as error:
        return Signed(b"", warning=f"The copy leaves without a seal: {error}.")
    return Signed(header, (key.selector,))


async def _loaded(connection: AsyncConnection[Any], identifier: int, selector: str) -> LoadedKey:
    """Return the key from the cache, or read and unseal it."""
    cached = _keys.get((identifier, selector))
    if cached is not None:
        return cached
    cursor = await connection.execute(READ_KEY, (identifier,))
    row = await cursor.fetchone()
    if row is None:
        raise LookupError(f"the key {selector} was deleted")
    name, selector, algorithm, sealed = row
    key = LoadedKey(selector, algorithm, unsealed_key(name, selector, sealed))
    _keys[identifier, selector] = key
    while len(_keys) > CACHED_KEYS:
        _keys.popitem(last=False)
    return key


async def _sign(octets: Octets, domain: str, keys: list[LoadedKey]) -> bytes:
    """Sign here when it takes under a millisecond or two, else in a thread: OpenSSL and hashlib let others run."""
    if len(octets) <= IN_LOOP_OCTETS:
        return sign(octets, domain, keys)
    return await asyncio.get_running_loop().run_in_executor(None, partial(sign, octets, domain, keys))
