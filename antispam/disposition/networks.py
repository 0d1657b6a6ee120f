"""Networks from which good mail has come: what counts as one network, and when it counts as known.

A network is a /24 of IPv4, the smallest that is routed by itself, and a /64 of IPv6, what one customer of a hosting
company has: a wider one would be shared with strangers by the thousand. The hosts of one sender or forwarder usually
stand together in one of them, and one that uses several earns each.

A spoofer must not earn the standing cheaply: only mail that passed DMARC and reached an inbox counts, a day counts
once however much came, and there must be ``GOOD_DAYS`` of them, the first ``STANDING`` ago. Whoever gets that far
has gained Junk in place of a refusal.
"""

from datetime import date, timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

GOOD_DAYS = 5
STANDING = timedelta(days=14)
KEPT = timedelta(days=60)


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return the network of a client's address, such as ``192.0.2.0/24``; empty for what is no address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(IPv6Network((parsed, 64), strict=False))
        parsed = parsed.ipv4_mapped
    return str(IPv4Network((parsed, 24), strict=False))


def is_known(first_day: date, last_day: date, days: int, today: date) -> bool:
    """True when good mail came on enough days, long enough ago and not too long ago."""
    return days >= GOOD_DAYS and today - first_day >= STANDING and today - last_day <= KEPT
