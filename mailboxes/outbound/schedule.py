"""When a deferred message is tried again, and when it is given up (RFC 5321 section 4.5.4.1)."""

from datetime import timedelta

LIFETIME = timedelta(days=5)
LEASE = timedelta(seconds=30)  # renewed while the attempt runs, so a death is noticed soon
MAXIMUM_DEATHS = 3

_MINUTES = (1, 5, 15, 30, 60, 120, 240)


def retry_delay(attempts: int, fraction: float) -> timedelta:
    """Return the wait after this many attempts (≥ 1): 1, 5, 15, 30 minutes, 1, 2 h, then every 4 h.

    ``fraction`` from 0 to 1 spreads the wait between 90 % and 110 %, so that a batch does not come back at once.
    """
    minutes = _MINUTES[min(max(attempts, 1), len(_MINUTES)) - 1]
    return timedelta(minutes=minutes * (0.9 + 0.2 * fraction))
