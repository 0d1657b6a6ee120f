"""Who is over a limit of incoming mail right now, by all workers, and how one is let in again.

All of it stands in Redis for as long as it holds; while Redis is away each worker counts alone, and nobody can say.
"""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network, ip_network
from typing import Any

import redis
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from antispam.limits.figures import Kind
from antispam.limits.shared import LET_IN, LIMITED
from domains.audit import Act, record
from domains.errors import Forbidden, Refused

WAIT_SECONDS = 1.0
LET_IN_SECONDS = 3600
SHOWN = 500


class RedisAway(Exception):
    """Redis does not answer: each worker counts alone."""


@dataclass(frozen=True, slots=True)
class Limited:
    """One client (an address, or a network) that is refused, or was within its last minute."""

    client: str
    kind: Kind
    limit: int
    since: datetime
    until: datetime


def _url() -> str:
    return str(settings.MAILADMIN.redis_url)


def _client() -> Any:
    return redis.Redis.from_url(_url(), socket_timeout=WAIT_SECONDS, socket_connect_timeout=WAIT_SECONDS)


def limited_now(act: Act) -> list[Limited]:
    """Return who is limited, the latest first, at most ``SHOWN``; raises Forbidden, RedisAway."""
    _for_superadmins(act)
    now = time.time()
    try:
        with _client() as client:
            found = client.hgetall(LIMITED)
            let_in = client.hgetall(LET_IN)
            rows = {name.decode(): json.loads(value) for name, value in found.items()}
            ended = [name for name, row in rows.items() if row["until"] <= now]
            if ended:
                client.hdel(LIMITED, *ended)
    except (RedisError, OSError) as fault:
        raise RedisAway from fault
    spared = {name.decode() for name, until in let_in.items() if float(until) > now}
    shown = [_limited(name, row) for name, row in rows.items() if row["until"] > now]
    kept = [row for row in shown if row.client not in spared]
    return sorted(kept, key=lambda row: (row.since, row.client), reverse=True)[:SHOWN]


def _limited(name: str, row: dict[str, Any]) -> Limited:
    kind, _sep, client = name.partition(":")
    since, until = (datetime.fromtimestamp(row[key], UTC) for key in ("at", "until"))
    return Limited(client, Kind(kind), row["limit"], since, until)


def let_in(act: Act, client: str) -> str:
    """Lift all limits of an address or network for an hour and return it as it is counted.

    Raises Forbidden, Refused for what is no client, RedisAway.
    """
    _for_superadmins(act)
    counted = _counted_as(client)
    now = time.time()
    try:
        with transaction.atomic(), _client() as connection:
            record(act, "incoming.let_in", "client", counted, "", {"seconds": LET_IN_SECONDS})
            old = [name for name, until in connection.hgetall(LET_IN).items() if float(until) <= now]
            if old:
                connection.hdel(LET_IN, *old)
            connection.hset(LET_IN, counted, now + LET_IN_SECONDS)
            connection.hdel(LIMITED, *(f"{kind}:{counted}" for kind in Kind))
    except (RedisError, OSError) as fault:
        raise RedisAway from fault
    return counted


def _counted_as(client: str) -> str:
    """Return an address or network as the limits name it."""
    try:
        network = ip_network(client.strip(), strict=False)
    except ValueError:
        network = None
    if isinstance(network, IPv4Network) and network.prefixlen in (24, 32):
        return str(network.network_address) if network.prefixlen == 32 else str(network)
    if network is not None and network.version == 6 and network.prefixlen in (48, 64, 128):
        return str(network if network.prefixlen != 128 else network.supernet(new_prefix=64))
    text = _("This is no address, and no network that is counted: a /24, or for IPv6 a /64 or /48.")
    raise Refused({"client": text})


def _for_superadmins(act: Act) -> None:
    if not act.is_superadmin:
        raise Forbidden("Only a superadministrator sees who is limited.")
