"""The linter's page: a domain or a record typed into one field, each finding beside the place that it is about."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domains.audit import Act
from domains.errors import Refused, ServiceError
from domains.forms import PanelForm
from domains.lint.domain import Linted
from domains.lint.finding import Finding, Kind, Level
from domains.lint.record import MAXIMUM_CHARACTERS
from domains.services.lint import LintReport, as_domain, lint_name, lint_pasted
from domains.spf.budget import MAXIMUM_LOOKUPS
from domains.views.lint_words import sentence_of
from domains.views.web import act_of_request, bound, typed

_TITLES: dict[Kind, Promise] = {
    Kind.SPF: _("Who may send (SPF)"),
    Kind.DKIM: _("Signing key (DKIM)"),
    Kind.DMARC: _("Policy (DMARC)"),
    Kind.DMARC_REPORT: _("Leave to receive reports"),
    Kind.MTA_STS: _("TLS required (MTA-STS)"),
    Kind.MTA_STS_POLICY: _("Policy of MTA-STS"),
    Kind.TLS_RPT: _("TLS failure reports"),
    Kind.BIMI: _("Logo (BIMI)"),
    Kind.MX: _("Incoming mail"),
    Kind.TLSA: _("Pinned certificate (DANE)"),
    Kind.CAA: _("Certificate authorities"),
    Kind.SRV: _("Set-up of mail programs"),
    Kind.ZONE: _("Zone text"),
}
_LEVELS = {Level.ERROR: ("bad", _("Wrong")), Level.WARNING: ("attention", _("To mend")), Level.NOTE: ("", _("Note"))}
_PICTURES = {code: chr(0x2400 + code) for code in range(32) if code not in (9, 10)} | {127: "␡"}


class LintForm(PanelForm):
    """A domain or a record."""

    text = forms.CharField(
        label=_("A domain or a record"),
        max_length=MAXIMUM_CHARACTERS,
        strip=False,
        help_text=_(
            "Such as example.org, v=spf1 …, v=DMARC1 …, 10 mail.example.org, the policy of MTA-STS, or lines of a "
            "zone file. A domain is looked up; a record is only read."
        ),
        widget=forms.Textarea(attrs={"rows": 4, "autocapitalize": "none", "spellcheck": "false", "autofocus": True}),
    )


class Piece(NamedTuple):
    """Part of a text; ``level`` is that of the heaviest finding about it, empty for none."""

    text: str
    level: str


@dataclass(frozen=True, slots=True)
class Remark:
    """One finding as the page shows it."""

    status: str
    label: str
    sentence: str
    excerpt: str
    line: int


@dataclass(frozen=True, slots=True)
class Block:
    """One record as the page shows it."""

    row: Linted
    title: str
    status: str
    pieces: tuple[Piece, ...]
    remarks: tuple[Remark, ...]


def pieces_of(text: str, findings: tuple[Finding, ...]) -> tuple[Piece, ...]:
    """Return the text cut where a marked place begins or ends; control characters are shown as pictures."""
    places = [finding for finding in findings if finding.span.start < finding.span.end <= len(text)]
    cuts = sorted({0, len(text), *(edge for finding in places for edge in finding.span)})
    levels = list(Level)
    pieces = []
    for start, end in pairwise(cuts):
        over = [row.level for row in places if row.span.start <= start and end <= row.span.end]
        pieces.append(Piece(text[start:end].translate(_PICTURES), min(over, key=levels.index).value if over else ""))
    return tuple(pieces)


def _remark(finding: Finding, text: str) -> Remark:
    status, label = _LEVELS[finding.level]
    start, end = finding.span
    sentence = sentence_of(finding)
    excerpt = text[start:end] if end - start < len(text.strip()) and text[start:end] not in sentence else ""
    line = text.count("\n", 0, start) + 1 if "\n" in text.strip() and end > start else 0
    return Remark(status, str(label), sentence, excerpt.translate(_PICTURES)[:200], line)


def _block(row: Linted) -> Block:
    title = _TITLES[row.kind] if row.kind is not None else "DNSSEC" if row.rdtype == "DS" else row.name
    worst = min((finding.level for finding in row.findings), key=list(Level).index, default=Level.NOTE)
    status = _LEVELS[worst][0] if worst is not Level.NOTE else "good" if row.text else ""
    remarks = tuple(_remark(finding, row.text) for finding in row.findings)
    return Block(row, str(title), status, pieces_of(row.text, row.findings), remarks)


def _look(act: Act, text: str) -> LintReport:
    domain = as_domain(text)
    return lint_name(act, domain) if domain else lint_pasted(act, text)


def lint(request: HttpRequest) -> HttpResponse:
    """Show the field, and what is to be said of what was typed into it; ``?q=`` fills it beforehand."""
    form = bound(request, LintForm, initial={"text": typed(request, "q", 1000)})
    shown: dict[str, Any] = {"form": form, "most": MAXIMUM_LOOKUPS}
    if request.method == "POST" and form.is_valid():
        try:
            report = _look(act_of_request(request), form.cleaned_data["text"])
        except Refused as error:
            form.add_error("text", " ".join(error.errors.values()))
        except ServiceError as error:
            form.add_error(None, str(error))
        else:
            blocks = [_block(row) for row in report.rows]
            counts = {level.value: report.count(level) for level in Level}
            shown |= {"report": report, "blocks": blocks, "counts": counts}
    return render(request, "domains/lint.html", shown)
