"""When a certificate is ordered, renewed, and tried again after a failure. Pure: moments in, moments out."""

from datetime import datetime, timedelta

BACK_OFF = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
ELSEWHERE = timedelta(hours=1)
SOON = timedelta(days=14)


def renewal_at(not_before: datetime, not_after: datetime) -> datetime:
    """Return when two thirds of the life are over, as authorities advise."""
    return not_before + (not_after - not_before) * 2 / 3


def renewal_with_advice(not_before: datetime, not_after: datetime, advised: datetime | None) -> datetime:
    """Return when to renew, where the authority's own advice (RFC 9773) may only make it earlier or a little later.

    Advice beyond the last sixth of the life is not believed: too little time would be left for trouble.
    """
    ours = renewal_at(not_before, not_after)
    if advised is None:
        return ours
    return min(advised, not_before + (not_after - not_before) * 5 / 6)


def retry_at(failures: int, now: datetime, after: timedelta | None = None) -> datetime:
    """Return when to try again after so many failures in a row; ``after`` is what the authority asked for."""
    pause = BACK_OFF[min(max(failures, 1), len(BACK_OFF)) - 1]
    return now + max(pause, after or timedelta(0))


def is_near_its_end(not_after: datetime | None, not_before: datetime | None, now: datetime) -> bool:
    """True when renewal is late: less than a sixth of the life is left, at most ``SOON``."""
    if not_after is None or not_before is None:
        return False
    return now >= not_after - min((not_after - not_before) / 6, SOON)
