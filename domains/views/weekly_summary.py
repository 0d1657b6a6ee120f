"""The summary of a week as mail shows it: a text, and HTML of the same words with a picture of each domain's month.

The page that shows it beforehand is the same document, with its pictures inside it and a line above.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from domains.identifiers import new_identifier
from domains.models import Domain
from domains.reports.weeks import Week
from domains.services.weekly_figures import weeks_of
from domains.views.picture import HEIGHT, WIDTH, Labels, draw_month
from domains.views.web import url
from domains.views.weekly_words import Block, Summary, absolute, number_words, summary_of, with_colon

# As the panel's stylesheet has them for a light page; mail programs know no variables.
COLOURS = {
    "own": "#1f7a45",
    "service-aligned": "#6bb287",
    "service-misaligned": "#d19a2b",
    "forwarder": "#5b8fc4",
    "unknown": "#9d9c94",
    "impostor": "#c4493d",
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A summary as its mail has it."""

    subject: str
    text: str
    html: str
    pictures: tuple[tuple[str, bytes], ...]  # Content-ID without brackets, PNG


def render_summary(domains: Sequence[Domain], week: Week) -> Rendered:
    """Return the summary of these domains in the active language."""
    summary = summary_of(weeks_of(domains, week), week)
    mark = f"{new_identifier()}@{settings.MAILADMIN.hostname}"
    pictures = [(f"month{number}.{mark}", png) for number, png in enumerate(_pictures(summary))]
    html = _html(summary, [f"cid:{content_id}" for content_id, _png in pictures])
    return Rendered(_subject(summary), _text(summary), html, tuple(pictures))


def summary_page(domains: Sequence[Domain], week: Week, note: str) -> str:
    """Return the HTML of a summary as a page of its own, with a note above it."""
    summary = summary_of(weeks_of(domains, week), week)
    sources = [f"data:image/png;base64,{b64encode(png).decode()}" for png in _pictures(summary)]
    return _html(summary, sources, note)


def _pictures(summary: Summary) -> list[bytes]:
    """Return the month of each domain that has a picture, in the order of their numbers."""
    week = summary.week
    drawn = [block.told.week.days for block in summary.blocks if block.picture is not None]
    return [draw_month(week.month_begin, week.last_day, days, COLOURS, _labels(week)) for days in drawn]


def _labels(week: Week) -> Labels:
    """Return how an axis is labelled: by names of months, by their numbers where names are not ASCII."""
    names = {date_format(day, _("j M")) for day in (week.month_begin, week.last_day)}
    plain = all(name.isascii() for name in names)
    return Labels(
        day=lambda day: date_format(day, _("j M")) if plain else f"{day.day}/{day.month}",
        number=lambda value: "".join(char if char.isascii() else " " for char in number_words(value)),
    )


def _subject(summary: Summary) -> str:
    urgent = [block.name for block in summary.blocks if block.urgent]
    if len(urgent) == 1:
        return _("%(title)s: %(name)s needs you") % {"title": summary.title, "name": urgent[0]}
    if urgent:
        return _("%(title)s: %(count)d domains need you") % {"title": summary.title, "count": len(urgent)}
    return summary.title


def _html(summary: Summary, sources: Sequence[str], note: str = "") -> str:
    """Return the document; ``sources`` are the addresses of the pictures."""
    blocks = [
        {
            "block": block,
            "legend": [(COLOURS[kind], word, count) for kind, word, count in block.legend],
            "source": "" if block.picture is None else sources[block.picture],
        }
        for block in summary.blocks
    ]
    size = {"width": WIDTH, "height": HEIGHT}
    values = {"summary": summary, "blocks": blocks, "host": settings.MAILADMIN.hostname, "note": note}
    pages = {"me": absolute(url("me")), "reports": absolute(url("reports"))}
    return render_to_string("domains/weekly_mail.html", values | pages | size)


def _text(summary: Summary) -> str:
    lines = [summary.title, "", summary.lead]
    for block in summary.blocks:
        lines += ["", "", block.name, "=" * len(block.name), *_block(block)]
    if summary.others:
        lines += ["", "", _("And these"), ""]
        for name, href, figures in summary.others:
            lines += [with_colon(name, figures), f"  {href}"]
        lines += [summary.more] if summary.more else []
    if summary.quiet:
        lines += ["", "", _("No mail was reported of %(names)s.") % {"names": ", ".join(summary.quiet)}]
    lines += ["", "", _("Reports that come later are counted on the pages:"), absolute(url("reports"))]
    why = _("You get this mail because you administer domains at %(host)s. Change that on your page:")
    lines += ["", "-- ", why % {"host": settings.MAILADMIN.hostname}, absolute(url("me")), ""]
    return "\n".join("".join(char if char.isprintable() else " " for char in line) for line in lines)


def _block(block: Block) -> list[str]:
    lines = [with_colon(fact.label, f"{fact.value} ({fact.note})") for fact in block.facts]
    if block.remark:
        lines.append(block.remark)
    if block.legend:
        lines += ["", " · ".join(f"{word} {count}" for _kind, word, count in block.legend)]
    for part in block.parts:
        lines += ["", part.title, *(f"- {line}" for line in part.lines), part.href]
    return [*lines, "", _("All of it:"), block.href]
