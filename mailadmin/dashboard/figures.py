"""What the first page says, one query a section: domains, alerts, yesterday's flow."""

from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from domains.audit import Act
from domains.dkim.lifecycle import is_overdue
from domains.models import (
    DnsAccount,
    Domain,
    DomainKind,
    DomainState,
    KeyState,
    ReportAlert,
    ReportFile,
    ReportFileState,
    Trouble,
    TroubleKind,
)
from domains.names import to_unicode
from domains.services.certificates import names_in_trouble
from domains.services.check import Health, health_of
from domains.services.drift import troubles_for
from domains.services.flow import Flow, flow_by_domain
from domains.services.guiding import is_settled
from domains.services.key_life import facts_of
from domains.services.provision import domains_for
from domains.services.report_alerts import sentence_of
from domains.services.report_files import disputed_for
from domains.services.report_mailboxes import mailboxes_for
from domains.services.transfer import offers_to
from domains.services.webhooks import disabled_webhooks_for
from domains.views.days import yesterday
from domains.views.web import url
from mailboxes.models import QueueState
from mailboxes.outbound.review import queue_for

LINES = 200
REPORT_DAYS = 7
MANY = 1000
_URGENCY = {"bad": 0, "attention": 1, "pending": 2, "unchecked": 3, "suspended": 4, "good": 5}


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that needs a person: one sentence and where to go."""

    tone: str
    text: str
    href: str
    action: str


@dataclass(frozen=True, slots=True)
class DomainLine:
    """One domain on the first page."""

    domain: Domain
    name: str
    health: Health
    flow: Flow

    @property
    def needs_something(self) -> bool:
        """True when its records have to be published or put right."""
        return self.health.word not in ("good", "suspended")

    @property
    def settled(self) -> bool:
        """True once mail for it comes here; before that the guided page leads on."""
        return is_settled(self.domain)


def domain_lines(act: Act) -> list[DomainLine]:
    """Return the domains in reach, those that need something first."""
    flows = flow_by_domain(act, *yesterday())
    rows = domains_for(act)[:LINES]
    lines = [DomainLine(row, to_unicode(row.name), health_of(row), flows.get(row.name, Flow())) for row in rows]
    return sorted(lines, key=lambda line: (_URGENCY.get(line.health.word, 2), line.name))


def state_of(lines: list[DomainLine], found: list[Alert]) -> str:
    """Return in one sentence whether everything is all right."""
    waiting = sum(line.needs_something for line in lines)
    if waiting:
        text = ngettext("%(count)d domain needs something.", "%(count)d domains need something.", waiting)
        return text % {"count": waiting}
    return "" if found else _("Everything is all right.")


def alerts(act: Act, lines: list[DomainLine]) -> list[Alert]:
    """Return what needs a person now; nothing when all is well."""
    found = [_unsigned(line) for line in lines if _is_unsigned(line.domain)]
    keys = [alert for line in lines if (alert := _waiting_keys(line)) is not None]
    return [
        *_offers(act),
        *_unwritten(act),
        *_dead(act),
        *_drifted(act)[:5],
        *_certificates(act),
        *found[:5],
        *keys[:5],
        *_webhooks(act),
        *_report_alerts(act),
        *_broken(act),
        *_disputed(act),
        *_watched(act),
    ]


def _drifted(act: Act) -> list[Alert]:
    """Return for each domain that records were right and are not, or that its DNS is silent."""
    rows: dict[str, list[Trouble]] = {}
    for trouble in troubles_for(act).exclude(kind=TroubleKind.KEY):
        rows.setdefault(trouble.domain.name, []).append(trouble)
    return [_drift(name, troubles) for name, troubles in rows.items()]


def _drift(name: str, troubles: list[Trouble]) -> Alert:
    records = [trouble for trouble in troubles if trouble.kind == TroubleKind.RECORD]
    text = _("The DNS of %(name)s does not answer.")
    if records:
        text = ngettext(
            "%(count)d record of %(name)s was right and is not any more.",
            "%(count)d records of %(name)s were right and are not any more.",
            len(records),
        )
    values = {"count": len(records), "name": to_unicode(name)}
    tone = "bad" if any(trouble.required for trouble in records) else "warn"
    return Alert(tone, text % values, url("domain-history", name), _("See what happened"))


def _webhooks(act: Act) -> list[Alert]:
    rows = list(disabled_webhooks_for(act)[:5])
    text = _("The webhook %(url)s failed for three days and is disabled.")
    return [Alert("warn", text % {"url": row.url}, url("webhook", row.pk), _("See why")) for row in rows]


def _is_unsigned(domain: Domain) -> bool:
    keys = domain.dkim_keys.all()
    signs = domain.state == DomainState.ACTIVE and domain.kind != DomainKind.PARKED
    return signs and not any(key.state == KeyState.ACTIVE for key in keys)


def _unsigned(line: DomainLine) -> Alert:
    text = _("%(name)s has no active key: its mail leaves unsigned. Publish a key's record, then check.")
    return Alert("warn", text % {"name": line.name}, url("domain-dns", line.domain.name), _("See the records"))


def _waiting_keys(line: DomainLine) -> Alert | None:
    """Return what to say of a signing domain's keys that lost their record, or have waited too long for one."""
    if line.domain.state != DomainState.ACTIVE or _is_unsigned(line.domain):
        return None
    waiting = [key for key in line.domain.dkim_keys.all() if key.state == KeyState.AWAITING_DNS]
    lost = [key.selector for key in waiting if key.activated_at is not None]
    late = [key.selector for key in waiting if is_overdue(facts_of(key), timezone.now())]
    if not lost and not late:
        return None
    text = _("The record of the key %(selector)s of %(name)s is missing: it signs no more. Publish it again.")
    if not lost:
        text = _("The key %(selector)s of %(name)s has waited for its record for more than a week. Publish it.")
    values = {"selector": (lost or late)[0], "name": line.name}
    return Alert("warn", text % values, url("domain-keys", line.domain.name), _("See the keys"))


def _unwritten(act: Act) -> list[Alert]:
    """Return the zones of the installation into which keys could not be written; superadministrators mend them."""
    rows = DnsAccount.objects.filter(domain=None).exclude(fault="") if act.is_superadmin else ()
    text = _("Keys cannot be written into the zone %(zone)s: %(why)s")
    href = reverse("zones")
    return [Alert("bad", text % {"zone": row.zone, "why": row.fault}, href, _("See the zones")) for row in rows]


def _offers(act: Act) -> list[Alert]:
    text = _("%(giver)s offers you the domain %(name)s.")
    return [
        Alert(
            "warn",
            text % {"giver": offer.giver_name, "name": to_unicode(offer.domain.name)},
            reverse("domains"),
            _("Accept or decline"),
        )
        for offer in offers_to(act)[:5]
    ]


def _dead(act: Act) -> list[Alert]:
    count = queue_for(act).filter(state=QueueState.DEAD).count()
    if not count:
        return []
    text = ngettext(
        "%(count)d message in the queue was given up after three crashes. Retry or delete it.",
        "%(count)d messages in the queue were given up after three crashes. Retry or delete them.",
        count,
    )
    return [Alert("bad", text % {"count": count}, reverse("queue"), _("See the queue"))]


def _certificates(act: Act) -> list[Alert]:
    names = names_in_trouble() if act.is_superadmin else []
    if not names:
        return []
    text = _("There is no new certificate for %(name)s.")
    if len(names) > 1:
        text = _("There is no new certificate for %(name)s and others, %(count)d names in all.")
    values = {"name": to_unicode(names[0]), "count": len(names)}
    return [Alert("bad", text % values, reverse("certificates"), _("See why"))]


def _report_alerts(act: Act) -> list[Alert]:
    """Return what the reports show, a domain a line; those that somebody is quiet about are left out."""
    reach = domains_for(act).prefetch_related(None).order_by()
    rows = ReportAlert.objects.filter(closed_at=None, muted_by="", domain__in=reach).select_related("domain")
    found: dict[str, ReportAlert] = {}
    for row in rows.order_by("domain__name", "opened_at")[:MANY]:
        found.setdefault(row.domain.name, row)
    return [
        Alert("warn", f"{to_unicode(name)}: {sentence_of(row)}", url("report-alerts", name), _("See the alerts"))
        for name, row in found.items()
    ]


def _broken(act: Act) -> list[Alert]:
    since = timezone.now() - timedelta(days=REPORT_DAYS)
    reach = domains_for(act).prefetch_related(None).order_by()
    rows = ReportFile.objects.filter(state=ReportFileState.BROKEN, received_at__gte=since, domain__in=reach)
    names = list(rows.order_by("domain__name").values_list("domain__name", flat=True))
    if not names:
        return []
    text = ngettext(
        "%(count)d report file of the last week could not be read.",
        "%(count)d report files of the last week could not be read.",
        len(names),
    )
    one = len(set(names)) == 1
    page = url("domain-report-files", names[0]) if one else url("report-files")
    return [Alert("warn", text % {"count": len(names)}, page, _("See why"))]


def _disputed(act: Act) -> list[Alert]:
    """Return what waits for somebody to say which report of a name counts."""
    names = list(disputed_for(act).order_by("domain__name").values_list("domain__name", flat=True)[:MANY])
    if not names:
        return []
    text = ngettext(
        "%(count)d report says otherwise than one of the same name: say which counts.",
        "%(count)d reports say otherwise than ones of the same name: say which count.",
        len(names),
    )
    one = len(set(names)) == 1
    page = url("domain-report-files", names[0]) if one else url("report-files")
    return [Alert("warn", text % {"count": len(names)}, page, _("See them"))]


def _watched(act: Act) -> list[Alert]:
    """Return the first watched mailbox that could not be read when it was last looked at."""
    row = mailboxes_for(act).filter(enabled=True).exclude(fault="").first()
    if row is None:
        return []
    text = _("Reports in the mailbox of %(user)s at %(host)s are not read. %(fault)s")
    values = {"user": row.user, "host": row.host, "fault": row.fault}
    return [Alert("warn", text % values, url("report-roads"), _("See the mailboxes"))]
