"""``/lint``: what is to be said of any domain's mail, or of a pasted record."""

from typing import Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.errors import Refused
from domains.lint.domain import Linted as LintedRow
from domains.lint.finding import Finding as FindingRow
from domains.lint.finding import Kind, Level
from domains.lint.record import MAXIMUM_CHARACTERS
from domains.services.lint import LintReport, lint_name, lint_pasted
from domains.views.lint_words import sentence_of

router = Router(tags=["lint"])

KindWord = Literal[
    "spf", "dkim", "dmarc", "dmarc-report", "mta-sts", "mta-sts-policy", "tls-rpt", "bimi", "mx", "tlsa", "caa",
    "srv", "zone",
]  # fmt: skip


class LintRequest(Schema):
    """Either a domain, which is looked up, or a record, which is only read."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"domain": "acme.example"}, {"record": "v=spf1 mx +all", "name": "acme.example"}]
        },
    )
    domain: str | None = Field(default=None, description="Any domain; the DNS is asked about it.")
    record: str | None = Field(
        default=None,
        max_length=MAXIMUM_CHARACTERS,
        description="The value of a record, a policy of MTA-STS, or lines of a zone file; nobody is asked.",
    )
    kind: KindWord | None = Field(default=None, description="What the record is; told from its text when left out.")
    name: str = Field(
        default="", max_length=1000, description="The record's name; for lines of a zone file, the zone."
    )


class LintFinding(Schema):
    """One thing found."""

    level: Literal["error", "warning", "note"] = Field(
        description="error: does not do what it is for; warning: harms, or does nothing; note: good to know."
    )
    code: str = Field(description="What it is, in one word that stays the same.", examples=["spf-plus-all"])
    message: str = Field(description="What is so, then what to do.")
    start: int = Field(description="Where it begins in `text`, in characters; equal to `end` for the whole.")
    end: int = Field(description="The character behind it.")
    line: int = Field(description="The line of `text` in which it begins, from 1.")
    excerpt: str = Field(description="The text from `start` to `end`.")


class LintedRecord(Schema):
    """One record, or what stands in its place."""

    kind: KindWord | None = Field(
        description="What the record is; null for DNSSEC and for a domain that is not there."
    )
    name: str = Field(description="The name that was asked, or that was given.")
    type: str = Field(description="The type that was asked; empty for what was pasted or fetched.")
    text: str = Field(description="The text that `start` and `end` count in; empty when there is none.")
    lookups: int | None = Field(description="For SPF that was looked up: how many look-ups it needs; else null.")
    findings: list[LintFinding] = Field(description="Errors first.")


class Lint(Schema):
    """What was looked at, and what is to be said."""

    subject: Literal["domain", "record"] = Field(description="What was asked about.")
    name: str = Field(description="The domain, or the name given for the record.")
    errors: int = Field(description="How many errors.")
    warnings: int = Field(description="How many warnings.")
    notes: int = Field(description="How many notes.")
    records: list[LintedRecord] = Field(description="Each record that was read or looked for.")


def _finding(row: FindingRow, text: str) -> LintFinding:
    start, end = row.span
    return LintFinding(
        level=row.level.value,
        code=row.code.value,
        message=sentence_of(row),
        start=start,
        end=end,
        line=text.count("\n", 0, start) + 1,
        excerpt=text[start:end],
    )


def _record(row: LintedRow) -> LintedRecord:
    return LintedRecord(
        kind=row.kind.value if row.kind is not None else None,
        name=row.name,
        type=row.rdtype,
        text=row.text,
        lookups=row.budget.lookups if row.budget is not None else None,
        findings=[_finding(finding, row.text) for finding in row.findings],
    )


def show_lint(report: LintReport) -> Lint:
    """Return a report as the API shows it."""
    return Lint(
        subject="domain" if report.kind is None else "record",
        name=report.name,
        errors=report.count(Level.ERROR),
        warnings=report.count(Level.WARNING),
        notes=report.count(Level.NOTE),
        records=[_record(row) for row in report.rows],
    )


@router.post("/lint", response=Lint, summary="Check any domain or a pasted record")
def lint_anything(request: HttpRequest, payload: LintRequest) -> Lint:
    """Read a record as its standard does, or look a domain up, of whoever it is. Nothing is kept.

    A domain costs look-ups: one at a time and 120 an hour for each administrator, then 429.
    """
    act = act_of(request)
    if (payload.domain is None) == (payload.record is None):
        raise Refused({"domain": _("Give either a domain or a record.")})
    if payload.domain is not None:
        return show_lint(lint_name(act, payload.domain))
    return show_lint(lint_pasted(act, payload.record or "", Kind(payload.kind) if payload.kind else "", payload.name))
