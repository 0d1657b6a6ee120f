"""The summary of a week in words: the same sentences for the mail's text, its HTML and the page.

Names from reports are made visible here; escaping is the template's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from domains.models import ReportAlert
from domains.names import to_unicode
from domains.reports.advice import Advice
from domains.reports.kinds import KINDS
from domains.reports.weeks import Count, Mistake, NewSource, Week
from domains.services.report_advice import advice_of
from domains.services.report_alerts import sentence_of
from domains.services.weekly_figures import Told
from domains.views.advice_words import STEP_WORDS, reason_words
from domains.views.source_words import KIND_WORDS, fix_words
from domains.views.web import url
from domains.visible import visible

BLOCKS = 12
PICTURES = 10
OTHERS = 30  # mail programs cut long mails
LINES = 6
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure with its name, and what it is compared with."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """Some lines under a title, and the page that has more of it."""

    title: str
    lines: tuple[str, ...]
    href: str


@dataclass(frozen=True, slots=True)
class Block:
    """All about one domain; ``picture`` tells its place among the pictures, None without one."""

    name: str
    href: str
    urgent: bool
    facts: tuple[Fact, ...]
    remark: str
    legend: tuple[tuple[str, str, str], ...]  # class, its word, its messages
    parts: tuple[Part, ...]
    told: Told
    picture: int | None = None
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole summary; ``others`` are lines on domains that have no block, ``more`` how many have not even a line.

    ``quiet`` are the names of those without mail, the last of them a count where they are many.
    """

    week: Week
    title: str
    lead: str
    blocks: tuple[Block, ...]
    others: tuple[tuple[str, str, str], ...]  # name, address of its page, figures
    more: str
    quiet: tuple[str, ...]


def summary_of(told: Sequence[Told], week: Week) -> Summary:
    """Return the summary in the active language; ``told`` comes with the most urgent first."""
    loud = [one for one in told if not one.week.is_quiet]
    blocks: list[Block] = []
    drawn = 0
    for one in loud[:BLOCKS]:
        picture = drawn if one.week.count.messages and drawn < PICTURES else None
        drawn += picture is not None
        blocks.append(_block(one, week, picture))
    rest = loud[BLOCKS:]
    others = tuple((_name(one), _page(one, week), _brief(one.week.count)) for one in rest[:OTHERS])
    more = _("and %(count)d more") % {"count": len(rest) - OTHERS} if len(rest) > OTHERS else ""
    quiet = _few(sorted(_name(one) for one in told if one.week.is_quiet), OTHERS)
    title = _("DMARC reports, %(week)s") % {"week": span_words(week.first_day, week.last_day)}
    return Summary(week, title, _lead(loud), tuple(blocks), others, more, quiet)


def span_words(first: date, last: date) -> str:
    """Return the days of a week, the month and the year once where they are the same."""
    end = date_format(last, _("j F Y"))
    if first.month == last.month:
        begin = str(first.day)
    else:
        begin = date_format(first, _("j F") if first.year == last.year else _("j F Y"))
    return f"{begin} – {end}"


def absolute(page: str) -> str:
    """Return the address of a page as mail has to give it."""
    return f"{settings.MAILADMIN.url}{page}"


def _name(one: Told) -> str:
    return visible(to_unicode(one.domain.name))


def _page(one: Told, week: Week) -> str:
    return absolute(f"{url('domain-reports', one.domain.name)}?{_days(week)}")


def _days(week: Week) -> str:
    return f"from={week.first_day}&to={week.last_day}"


def number_words(count: int) -> str:
    """Return a number in groups of three digits."""
    return number_format(count, force_grouping=True)


def with_colon(name: str, text: str) -> str:
    """Return what something is called and what is said of it, with the language's spaces."""
    return _("%(name)s: %(text)s") % {"name": name, "text": text}


def _messages(count: int) -> str:
    return ngettext("%(count)s message", "%(count)s messages", count) % {"count": number_words(count)}


def _brief(count: Count) -> str:
    share = count.share
    if share is None:
        return _messages(0)
    return _("%(messages)s, %(share)s %% passed DMARC") % {"messages": _messages(count.messages), "share": share}


def _lead(loud: Sequence[Told]) -> str:
    whole = Count()
    for one in loud:
        whole.messages += one.week.count.messages
        whole.passed += one.week.count.passed
    needing = sum(one.week.needs_somebody for one in loud)
    calm = _("Nothing needs you.")
    wanted = ngettext("%(count)d domain needs you.", "%(count)d domains need you.", needing) % {"count": needing}
    return f"{_brief(whole)}. {wanted if needing else calm}"


def _block(one: Told, week: Week, picture: int | None) -> Block:
    counts = one.week.count
    legend = tuple(
        (kind, str(KIND_WORDS[kind]), number_words(counts.kinds[kind])) for kind in KINDS if counts.kinds[kind]
    )
    alt = _("Messages a day from %(first)s to %(last)s by who sent them. In the week: %(counts)s.") % {
        "first": date_format(week.month_begin, _("j F")),
        "last": date_format(week.last_day, _("j F")),
        "counts": ", ".join(f"{word} {count}" for _kind, word, count in legend),
    }
    return Block(
        name=_name(one),
        href=_page(one, week),
        urgent=one.week.needs_somebody,
        facts=_facts(one),
        remark=_remark(counts),
        legend=legend,
        parts=tuple(part for part in _parts(one, week) if part.lines),
        told=one,
        picture=picture,
        alt=alt if picture is not None else "",
    )


def _facts(one: Told) -> tuple[Fact, ...]:
    count, before = one.week.count, one.week.before
    share = "–" if count.share is None else _("%(share)s %%") % {"share": count.share}
    usual = _("no mail the week before")
    if before.share is not None:
        usual = _("%(share)s %% the week before") % {"share": before.share}
    return (
        Fact(
            _("Messages"),
            number_words(count.messages),
            _("%(count)s the week before") % {"count": number_words(before.messages)},
        ),
        Fact(_("Passed DMARC"), share, usual),
        Fact(_("Your mail held"), number_words(count.held), _("put into junk or refused")),
        Fact(_("Impostors"), number_words(count.kinds["impostor"]), _("messages in your name")),
    )


def _remark(count: Count) -> str:
    if not count.unbelieved:
        return ""
    text = ngettext(
        "%(count)s of them stands in reports that nobody authenticated.",
        "%(count)s of them stand in reports that nobody authenticated.",
        count.unbelieved,
    )
    return text % {"count": number_words(count.unbelieved)}


def _parts(one: Told, week: Week) -> list[Part]:
    name, days = one.domain.name, _days(week)
    sources = url("report-sources", name)
    advice = advice_of(one.domain, week.last_day + timedelta(days=1))
    return [
        Part(_("Alerts"), _few([_alert(row) for row in one.alerts]), absolute(url("report-alerts", name))),
        Part(
            _("To mend"),
            _few([_mistake(mistake) for mistake in one.week.mistakes]),
            absolute(f"{sources}?{days}&kind=service-misaligned"),
        ),
        Part(_("New this week"), _few([_fresh(new) for new in one.week.fresh]), absolute(f"{sources}?{days}")),
        Part(_("Next step of the policy"), _next(advice), absolute(url("report-advice", name))),
    ]


def _few(lines: list[str], most: int = LINES) -> tuple[str, ...]:
    if len(lines) <= most:
        return tuple(lines)
    return (*lines[: most - 1], _("and %(count)d more") % {"count": len(lines) - most + 1})


def _alert(row: ReportAlert) -> str:
    text = sentence_of(row)
    return text if row.closed_at is None else _("Over: %(text)s") % {"text": text}


def _sender(sender: str, address: str) -> str:
    return visible(sender, LONGEST_NAME) if sender else address


def _mistake(mistake: Mistake) -> str:
    name = _sender(mistake.sender, mistake.address)
    fix = {key: visible(str(value)) for key, value in (mistake.fix or {}).items()}
    who = f"{name}, {_messages(mistake.messages)}"
    return with_colon(who, fix_words(fix)) if fix else who


def _fresh(new: NewSource) -> str:
    name = _sender(new.sender, new.address)
    return f"{name} ({KIND_WORDS[new.kind]}), {_messages(new.messages)}"


def _next(advice: Advice) -> tuple[str, ...]:
    """Return the step that is proposed, else the first thing in its way; nothing at the top."""
    if advice.proposed is not None:
        text = _("The reports bear it: %(now)s → %(next)s.")
        return (text % {"now": STEP_WORDS[advice.current], "next": STEP_WORDS[advice.proposed]},)
    return tuple(reason_words(reason) for reason in advice.refusals[:1] if reason.code != "at-the-top")
