"""Days and addresses as people ask for them, before anybody looks them up. Pure."""

from datetime import date
from ipaddress import ip_address


def day_before(day: date, days: int) -> date:
    """Return the day so many days earlier, the calendar's first at the least."""
    return date.fromordinal(max(1, day.toordinal() - days))


def plain_address(text: str) -> str:
    """Return an address as it is stored; raises ValueError, also for one with a zone."""
    if "%" in text:
        raise ValueError("an address with a zone")
    return str(ip_address(text))
