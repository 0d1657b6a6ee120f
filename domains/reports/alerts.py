"""When the reports of a domain should call its administrators, and when not; pure.

Figures of recent days in, alerts out. Old days never call anybody: what is read from a backfill lies outside the days
looked at. Each alert has a key, so that the same trouble is told once while it lasts (decision 0023).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median

LOOKED_DAYS = 35
NEW_DAYS, NEW_MESSAGES, NEW_TOLD = 7, 50, 10
RATE_DAYS, RATE_MESSAGES, RATE_DROP, RATE_SIGMAS = 3, 100, 0.10, 4.0
WAVE_DAYS, WAVE_MESSAGES, WAVE_TIMES = 2, 100, 5
SILENT_DAYS, SPOKEN_DAYS, SPOKEN_OF = 4, 10, 14
UNHEARD_DAYS, UNHEARD_SENT = 7, 50
KEY_DAYS, KEY_MESSAGES, KEY_SHARE = 3, 20, 0.2
HELD_DAYS, HELD_MESSAGES, HELD_SHARE = 3, 20, 0.01
TLS_DAYS, TLS_SESSIONS, TLS_SHARE = 3, 5, 0.01


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One day: messages of our own senders, right or wrong, that passed, impostors', and ours held or refused."""

    ours: int = 0
    passed: int = 0
    impostor: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of a domain; every list covers recent days alone.

    ``reported`` are the days of the last reports, however long ago. ``unheard`` is how many messages the domain sent
    within ``UNHEARD_DAYS`` while its record asked for reports all the time and none ever came, else 0.
    ``fresh`` maps unknown addresses first seen lately to their messages, ``selectors`` our selectors to (messages,
    failed) of the last days, ``tls`` is (sessions, failed) when MTA-STS is enforced, else None.
    """

    today: date
    days: Mapping[date, DayFigures] = field(default_factory=dict)
    reported: frozenset[date] = frozenset()
    fresh: Mapping[str, int] = field(default_factory=dict)
    selectors: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    tls: tuple[int, int] | None = None
    unheard: int = 0


@dataclass(frozen=True, slots=True)
class ReportAlert:
    """One thing to tell: a code, what it is about (empty for the domain), and its figures."""

    code: str
    key: str
    figures: Mapping[str, int | str]


def alerts_of(figures: Figures) -> list[ReportAlert]:
    """Return all that holds now."""
    return [
        *_new_sources(figures),
        *_pass_rate(figures),
        *_held(figures),
        *_impostor_wave(figures),
        *_silence(figures),
        *_unheard(figures),
        *_keys(figures),
        *_tls(figures),
    ]


def _new_sources(figures: Figures) -> list[ReportAlert]:
    """The busiest alone: a wave of many addresses is one matter, and its page lists them all."""
    found = [(count, address) for address, count in figures.fresh.items() if count >= NEW_MESSAGES]
    told = sorted(found, key=lambda pair: (-pair[0], pair[1]))[:NEW_TOLD]
    return [ReportAlert("new-source", address, {"address": address, "messages": count}) for count, address in told]


def _days(figures: Figures, ages: range) -> list[DayFigures]:
    """Return the days of these ages that have figures."""
    wanted = (figures.today - timedelta(days=age) for age in ages)
    return [figures.days[day] for day in wanted if day in figures.days]


def _pass_rate(figures: Figures) -> list[ReportAlert]:
    """Our own mail passes less than before, by more than chance does."""
    now, before = _days(figures, range(RATE_DAYS + 1)), _days(figures, range(RATE_DAYS + 1, LOOKED_DAYS))
    messages, usual = sum(day.ours for day in now), sum(day.ours for day in before)
    if messages < RATE_MESSAGES or usual < RATE_MESSAGES:
        return []
    share, rate = sum(day.passed for day in now) / messages, sum(day.passed for day in before) / usual
    spread = max(rate * (1 - rate) / messages, 1 / messages**2) ** 0.5
    if rate - share < RATE_DROP or (rate - share) / spread < RATE_SIGMAS:
        return []
    return [ReportAlert("pass-rate", "", {"share": round(100 * share), "usual": round(100 * rate)})]


def _held(figures: Figures) -> list[ReportAlert]:
    """The policy hits mail of our own: what a change of it is watched for."""
    now = _days(figures, range(HELD_DAYS + 1))
    ours, held = sum(day.ours for day in now), sum(day.held for day in now)
    if held < HELD_MESSAGES or held / max(1, ours) < HELD_SHARE:
        return []
    return [ReportAlert("own-held", "", {"messages": ours, "failed": held})]


def _impostor_wave(figures: Figures) -> list[ReportAlert]:
    now, before = _days(figures, range(1, WAVE_DAYS + 1)), _days(figures, range(WAVE_DAYS + 1, LOOKED_DAYS))
    if not now or not before:
        return []
    daily, usual = sum(day.impostor for day in now) / len(now), median(day.impostor for day in before)
    if daily < max(WAVE_MESSAGES, WAVE_TIMES * usual):
        return []
    return [ReportAlert("impostor-wave", "", {"daily": round(daily), "usual": round(usual)})]


def _silence(figures: Figures) -> list[ReportAlert]:
    """Who reported nearly every day is silent."""
    if not figures.reported:
        return []
    quiet = (figures.today - max(figures.reported)).days
    before = [figures.today - timedelta(days=quiet + age) for age in range(SPOKEN_OF)]
    if quiet < SILENT_DAYS or len(figures.reported.intersection(before)) < SPOKEN_DAYS:
        return []
    return [ReportAlert("silence", "", {"days": quiet})]


def _unheard(figures: Figures) -> list[ReportAlert]:
    if figures.reported or figures.unheard < UNHEARD_SENT:
        return []
    return [ReportAlert("no-reports", "", {"days": UNHEARD_DAYS, "messages": figures.unheard})]


def _keys(figures: Figures) -> list[ReportAlert]:
    return [
        ReportAlert("key-failures", selector, {"selector": selector, "messages": messages, "failed": failed})
        for selector, (messages, failed) in sorted(figures.selectors.items())
        if failed >= KEY_MESSAGES and failed / messages >= KEY_SHARE
    ]


def _tls(figures: Figures) -> list[ReportAlert]:
    if figures.tls is None:
        return []
    sessions, failed = figures.tls
    if failed < TLS_SESSIONS or failed / max(1, sessions) < TLS_SHARE:
        return []
    return [ReportAlert("tls-failures", "", {"sessions": sessions, "failed": failed})]


CODES: Sequence[str] = (
    "new-source",
    "pass-rate",
    "own-held",
    "impostor-wave",
    "silence",
    "no-reports",
    "key-failures",
    "tls-failures",
)
