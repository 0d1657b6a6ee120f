"""How many reports a domain takes in a day (UTC), so that a flood fills no disk and keeps nobody's reports waiting.

Who passed DMARC and who did not have budgets of their own: an unauthenticated flood uses up what is for the
unauthenticated alone. Pure: counts in, a word out.
"""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Budget:
    """Mails and octets a day of one submitter, and of all of the same standing; reports of them."""

    files: int
    octets: int
    all_files: int
    all_octets: int
    reports: int


MB = 1024 * 1024
AUTHENTICATED = Budget(files=1_000, octets=200 * MB, all_files=10_000, all_octets=1024 * MB, reports=2_000)
UNAUTHENTICATED = Budget(files=100, octets=20 * MB, all_files=500, all_octets=100 * MB, reports=1_000)


class Excess(StrEnum):
    """Which part of a budget is used up."""

    FILES = "files"
    OCTETS = "octets"
    ALL_FILES = "all files"
    ALL_OCTETS = "all octets"


@dataclass(frozen=True, slots=True)
class Spent:
    """What came today before this mail: of its submitter, and of all of the same standing."""

    files: int
    octets: int
    all_files: int
    all_octets: int


def budget_of(authenticated: bool) -> Budget:
    """Return the budget of a standing."""
    return AUTHENTICATED if authenticated else UNAUTHENTICATED


def excess_of(authenticated: bool, spent: Spent, octets: int) -> Excess | None:
    """Return what one more mail of so many octets would exceed, or None; the first mail of a day always fits."""
    budget = budget_of(authenticated)
    if spent.files >= budget.files:
        return Excess.FILES
    if spent.all_files >= budget.all_files:
        return Excess.ALL_FILES
    if spent.files and spent.octets + octets > budget.octets:
        return Excess.OCTETS
    if spent.all_files and spent.all_octets + octets > budget.all_octets:
        return Excess.ALL_OCTETS
    return None
