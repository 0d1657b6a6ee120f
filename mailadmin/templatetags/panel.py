"""Tags and filters of every template: states by shape and word, times for people, fields, sizes, pages.

Nothing here marks foreign text as safe; values go through auto-escaped templates.
"""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import template
from django.core.paginator import Page
from django.forms.boundfield import BoundField
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import formats, timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from domains import visible as honest
from domains.models import ReportAlert
from domains.networks import network_of, networks_edition
from domains.services.report_alerts import sentence_of as alert_words
from domains.services.report_sources import SenderLine
from domains.views import words
from domains.views.report_words import in_words
from domains.views.source_words import KIND_WORDS, evidence_words, fix_words
from domains.views.words import sign_of, word_of

register = template.Library()

NEAR = timedelta(days=7)
RELATIVE_FROM = timedelta(minutes=1)


@register.inclusion_tag("components/chip.html")
def chip(status: object, label: str = "") -> dict[str, str]:
    """Show a state as shape and word; ``label`` replaces the word."""
    sign = sign_of(str(status))
    return {"shape": sign.shape, "tone": sign.tone, "label": label or word_of(str(status))}


@register.inclusion_tag("components/copy.html")
def copy(value: object, label: str = "", about: str = "") -> dict[str, object]:
    """Show a copy button for ``value``; ``about`` says to screen readers what is copied."""
    return {"value": value, "label": label or _("Copy"), "about": about}


@register.inclusion_tag("components/field.html")
def field(bound: BoundField) -> dict[str, object]:
    """Show a field with label, help and error; the form's first problem takes the focus."""
    first = getattr(bound.form, "first_problem", "") == bound.name
    control = bound.as_widget(attrs={"autofocus": True} if first else {})
    kind = getattr(bound.field.widget, "input_type", "")
    many = getattr(bound.field.widget, "allow_multiple_selected", False)
    return {"field": bound, "control": control, "kind": "choices" if many else kind}


@register.inclusion_tag("components/pager.html", takes_context=True)
def pager(context: template.Context, page: Page[Any]) -> dict[str, object]:
    """Show previous and next, keeping the rest of the query."""
    request = context.get("request")
    query = request.GET.copy() if isinstance(request, HttpRequest) else {}
    before = after = ""
    if page.has_previous():
        query["page"] = str(page.previous_page_number())
        before = query.urlencode() if hasattr(query, "urlencode") else ""
    if page.has_next():
        query["page"] = str(page.next_page_number())
        after = query.urlencode() if hasattr(query, "urlencode") else ""
    return {"page": page, "before": before, "after": after}


@register.filter
def network_label(address: object) -> str:
    """Return who owns an address's network, with its number; empty when nobody is known."""
    return network_of(str(address)).label


@register.inclusion_tag("components/network_credit.html")
def network_credit() -> dict[str, object]:
    """Name the sources of owners and countries, as their licence asks of every page that shows them."""
    edition = networks_edition()
    return {"edition": date.fromisoformat(edition) if edition else None}


@register.inclusion_tag("components/icon.html")
def icon(name: str) -> dict[str, str]:
    """Show one of our line drawings, always beside a label."""
    return {"name": name}


def _aware(value: object) -> datetime | None:
    moment = parse_datetime(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        return None
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


@register.simple_tag
def when(value: object, empty: str = "") -> SafeString | str:
    """Show a moment: relative near now, absolute on hover, in the reader's zone."""
    moment = _aware(value)
    if moment is None:
        return empty
    local = timezone.localtime(moment)
    absolute = f"{formats.date_format(local, 'DATE_FORMAT')} {local:%H:%M:%S %Z}"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), absolute, _near(moment, local))


def _near(moment: datetime, local: datetime) -> str:
    now = timezone.now()
    distance = now - moment
    if abs(distance) < RELATIVE_FROM:
        return _("just now")
    if abs(distance) >= NEAR:
        return formats.date_format(local, _("j M Y"))
    if distance > timedelta(0):
        return _("%(time)s ago") % {"time": timesince(moment, now, depth=1)}
    return _("in %(time)s") % {"time": timeuntil(moment, now, depth=1)}


@register.simple_tag
def clock(value: object) -> SafeString | str:
    """Show the time of day to the millisecond, the full date on hover."""
    moment = _aware(value)
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    text = f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"
    title = f"{formats.date_format(local, 'DATE_FORMAT')} {local:%H:%M:%S %Z}"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), title, text)


@register.filter
def day(value: object) -> str:
    """Show a date."""
    return formats.date_format(value, _("j M Y")) if isinstance(value, date) else ""


@register.simple_tag
def period(begin: object, end: object) -> str:
    """Show the days from one date to another, a single day once; reports count their days in UTC."""
    first, last = (day(one.astimezone(UTC) if isinstance(one, datetime) else one) for one in (begin, end))
    return first if first == last else f"{first} – {last}"


@register.filter
def short_day(value: object) -> str:
    """Show a date for an axis: day and month."""
    return formats.date_format(value, _("j M")) if isinstance(value, date) else ""


@register.filter
def disposition(value: object) -> str:
    """Return what a receiver did with mail that failed, in plain words."""
    known = {"none": _("delivered"), "quarantine": _("put into junk"), "reject": _("refused")}
    return known.get(str(value), str(value))


@register.filter
def asked(value: object) -> str:
    """Return what a record asks for, in plain words: that mail passes, or what is done with it."""
    return _("passes") if value == "pass" else disposition(value)


@register.filter
def series_name(value: object) -> str:
    """Return what a series of a chart is called: a class of sources, a disposition, or a check."""
    checks = {
        "passed": _("DMARC"),
        "spf": "SPF",
        "dkim": "DKIM",
        "succeeded": _("went through"),
        "failed": _("failed"),
    }
    text = str(value)
    return str(KIND_WORDS[text]) if text in KIND_WORDS else checks.get(text) or disposition(text)


@register.filter
def alert_sentence(value: object) -> str:
    """Return what an alert from reports says."""
    return alert_words(value) if isinstance(value, ReportAlert) else ""


@register.filter
def evidence(value: object) -> str:
    """Return one piece of evidence about a source as a sentence."""
    return evidence_words(value) if isinstance(value, dict) else ""


@register.filter
def fix(value: object) -> str:
    """Return what is to be mended at a source, in words."""
    return fix_words(value) if isinstance(value, dict) else ""


@register.inclusion_tag("components/chip.html")
def source_chip(kind: object) -> dict[str, str]:
    """Show who a source of reports is thought to be."""
    text = str(kind)
    status = {"own": "pass", "service-aligned": "pass", "service-misaligned": "attention", "impostor": "fail"}
    label = str(KIND_WORDS.get(text, KIND_WORDS["unknown"]))
    return chip(status.get(text, "neutral"), label)


@register.filter
def road(value: object) -> str:
    """Return the road by which a report came, in plain words."""
    known = {
        "mail": _("by mail"),
        "upload": _("handed in"),
        "api": _("by API"),
        "imap": _("from a watched mailbox"),
        "folder": _("from the folder"),
        "command": _("by the command"),
    }
    return known.get(str(value), str(value))


@register.filter
def octets(value: object) -> str:
    """Show a number of octets in human units."""
    return filesizeformat(value) if isinstance(value, int) else ""


@register.filter
def word(value: object) -> str:
    """Return the reader's word for one of our state words."""
    return word_of(str(value))


@register.filter
def reason(value: object) -> str:
    """Return why a report was refused, as engines wrote it, in the reader's language."""
    return in_words(str(value))


@register.filter
def visible(value: object) -> str:
    """Return foreign text with what is invisible in it shown, to be escaped like any text."""
    return honest.visible(str(value or ""))


@register.filter
def counted(name: object, count: object) -> str:
    """Return "1 mailbox" or "12 mailboxes"."""
    return words.counted(str(name), count if isinstance(count, int) else 0)


@register.filter
def number(value: object) -> str:
    """Show a whole number in groups of three digits, as the reader's language writes them."""
    return formats.number_format(value, force_grouping=True) if isinstance(value, int) else ""


@register.filter
def as_json(value: object) -> str:
    """Return a value as indented JSON text, to be escaped like any text."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str, sort_keys=True)


@register.filter
def percent_of(part: object, whole: object) -> str:
    """Return a share as a whole number of per cent."""
    if not isinstance(part, int) or not isinstance(whole, int) or whole <= 0:
        return ""
    return f"{round(100 * part / whole)} %"


@register.filter
def rows_query(line: SenderLine) -> str:
    """Return what finds the records of a line of senders: its class, and its address or its name."""
    who = {"source": line.address} if line.address else {"sender": line.sender}
    return urlencode({"kind": line.kind, **who})


@register.filter
def messages_count(value: object) -> str:
    """Return "1 message" or "12 messages"."""
    count = value if isinstance(value, int) else 0
    return ngettext("%(count)s message", "%(count)s messages", count) % {
        "count": formats.number_format(count, force_grouping=True)
    }
