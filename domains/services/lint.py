"""The linter: a pasted record, or what the DNS says of any domain. Changes nothing, keeps nothing."""

import asyncio
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from domains.audit import Act
from domains.dns.resolver import BudgetedResolver, default_resolver
from domains.errors import Forbidden, NotFound, Refused
from domains.http import FetchFault, fetch
from domains.lint.domain import Linted, PolicyAnswer, lint_domain
from domains.lint.finding import Kind, Level
from domains.lint.record import MAXIMUM_CHARACTERS, lint_record, ordered, read_paste
from domains.lint.zone import lint_zone
from domains.models import Role
from domains.names import DomainName
from domains.services.allowance import one_of
from domains.services.provision import get_domain_for
from domains.tls.mta_sts import MAXIMUM_OCTETS, PATH

DOMAINS_AN_HOUR = 120
QUESTIONS = 250
SECONDS = 20.0
POLICY_SECONDS = 10.0
OWN_SELECTORS = 10
HTTPS = 443


@dataclass(frozen=True, slots=True)
class LintReport:
    """What was looked at, a domain (``kind`` None) or one pasted text, and what is to be said of each record."""

    kind: Kind | None
    name: str
    rows: tuple[Linted, ...]

    def count(self, level: Level) -> int:
        """Return how many findings weigh so much."""
        return sum(finding.level is level for row in self.rows for finding in row.findings)


def as_domain(text: str) -> str:
    """Return the domain that a text names, in A-labels: a name, or that of an address; empty for anything else."""
    plain = text.strip()
    if not plain or any(character.isspace() for character in plain):
        return ""
    try:
        return DomainName(plain.rpartition("@")[2]).ascii
    except ValueError:
        return ""


def _administrators_only(act: Act) -> None:
    if act.role == Role.OWNER:
        raise Forbidden(_("Only administrators may do this."))


def lint_pasted(act: Act, text: str, kind: str = "", name: str = "") -> LintReport:
    """Return what is to be said of a pasted text, without asking anybody; raises Refused when it is of no kind."""
    _administrators_only(act)
    if len(text) > MAXIMUM_CHARACTERS:
        raise Refused({"record": _("The text is longer than %(most)d characters.") % {"most": MAXIMUM_CHARACTERS}})
    place = _record_name(name)
    pasted = read_paste(text.replace("\r\n", "\n"), Kind(kind) if kind else None)
    if pasted.kind is None:
        message = _("This is neither a domain nor a record of a kind that is known here. Say which kind it is.")
        raise Refused({"record": message})
    if pasted.kind is Kind.ZONE:
        findings = lint_zone(pasted.text, place)
    else:
        findings = lint_record(pasted.kind, pasted.text, place)
    return LintReport(pasted.kind, place, (Linted(pasted.kind, place, "", pasted.text, tuple(ordered(findings))),))


def _record_name(text: str) -> str:
    """Return a record's name in A-labels where its labels allow that, else as it is."""
    plain = text.strip().lower().removesuffix(".")
    return ".".join(_label(label) for label in plain.split(".")) if len(plain) < MAXIMUM_OCTETS else plain


def _label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return DomainName(label, minimum_labels=1).ascii
    except ValueError:
        return label


def lint_name(act: Act, text: str) -> LintReport:
    """Ask the DNS about any domain and return what is to be said; raises Refused, TooMany."""
    _administrators_only(act)
    try:
        name = DomainName(text).ascii
    except ValueError as error:
        raise Refused({"domain": str(error)}) from error
    selectors = _own_selectors(act, name)
    with one_of(act, "lint", DOMAINS_AN_HOUR):
        rows = asyncio.run(_look(name, selectors))
    return LintReport(None, name, tuple(rows))


async def _look(name: str, selectors: list[str]) -> list[Linted]:
    resolver = BudgetedResolver(default_resolver(), QUESTIONS, SECONDS)
    return await lint_domain(name, resolver, fetch_policy, selectors)


def _own_selectors(act: Act, name: str) -> list[str]:
    """Return the selectors of a domain in reach, which no look-up could list."""
    try:
        domain = get_domain_for(act, name)
    except NotFound:
        return []
    return [key.selector for key in domain.dkim_keys.all()][:OWN_SELECTORS]


async def fetch_policy(domain: str) -> PolicyAnswer:
    """Return the MTA-STS policy of a domain as a sender fetches it (RFC 8461 section 3.3): without redirects."""
    return await asyncio.to_thread(_fetch_policy, domain)


def _fetch_policy(domain: str) -> PolicyAnswer:
    try:
        answer = fetch(
            f"https://mta-sts.{domain}{PATH}",
            deadline=POLICY_SECONDS,
            limit=MAXIMUM_OCTETS,
            redirects=0,
            ports={HTTPS: settings.MAILADMIN.sts_port},
        )
    except FetchFault as fault:
        return PolicyAnswer(fault=fault.reason)
    if answer.status != 200:
        return PolicyAnswer(fault=f"HTTP {answer.status}")
    return PolicyAnswer(answer.body.decode("utf-8", "replace"))
