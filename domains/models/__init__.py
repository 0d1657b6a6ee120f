"""The schema of domains: actors, domains, keys, records, notices, reports, traces and the audit log."""

from domains.models.actor import Actor, ApiToken, MailAbout, Role, SignInAttempt
from domains.models.audit import AuditRecord
from domains.models.certificate import AcmeAccount, AcmeChallenge, Certificate
from domains.models.domain import CLOSED, Domain, DomainKind, DomainState, MtaSts
from domains.models.failure_report import FailureReport, ReportKeeping
from domains.models.history import HistoryKind, RecordHistory
from domains.models.installation import Installation
from domains.models.key import DkimKey, KeyAlgorithm, KeyState
from domains.models.notice import DeliveryState, Notice, Trouble, TroubleKind, Webhook, WebhookDelivery, WeeklySummary
from domains.models.offer import DomainOffer
from domains.models.record import RecordObservation, RecordStatus, ZoneObservation
from domains.models.report import (
    AddressName,
    AuthPattern,
    DmarcDaily,
    DmarcDay,
    DmarcDirtyDay,
    DmarcDirtySources,
    DmarcRecord,
    DmarcReport,
    DmarcSource,
    ReportAlert,
    ReportFile,
    ReportFileState,
    ReportStanding,
    SourceCorrection,
)
from domains.models.report_blocks import DmarcBlock, DmarcBlockSource
from domains.models.report_mailbox import MailboxSecurity, ReportMailbox
from domains.models.source import Sender, SenderKind, SpfReading
from domains.models.tls_report import TlsReport
from domains.models.trace import Trace, TraceEvent
from domains.models.trace_keeping import TraceKeeping
from domains.models.zone import DnsAccount, ZoneChange, ZoneChangeState

__all__ = [
    "CLOSED",
    "AcmeAccount",
    "AcmeChallenge",
    "Actor",
    "AddressName",
    "ApiToken",
    "AuditRecord",
    "AuthPattern",
    "Certificate",
    "DeliveryState",
    "DkimKey",
    "DmarcBlock",
    "DmarcBlockSource",
    "DmarcDaily",
    "DmarcDay",
    "DmarcDirtyDay",
    "DmarcDirtySources",
    "DmarcRecord",
    "DmarcReport",
    "DmarcSource",
    "DnsAccount",
    "Domain",
    "DomainKind",
    "DomainOffer",
    "DomainState",
    "FailureReport",
    "HistoryKind",
    "Installation",
    "KeyAlgorithm",
    "KeyState",
    "MailAbout",
    "MailboxSecurity",
    "MtaSts",
    "Notice",
    "RecordHistory",
    "RecordObservation",
    "RecordStatus",
    "ReportAlert",
    "ReportFile",
    "ReportFileState",
    "ReportKeeping",
    "ReportMailbox",
    "ReportStanding",
    "Role",
    "Sender",
    "SenderKind",
    "SignInAttempt",
    "SourceCorrection",
    "SpfReading",
    "TlsReport",
    "Trace",
    "TraceEvent",
    "TraceKeeping",
    "Trouble",
    "TroubleKind",
    "Webhook",
    "WebhookDelivery",
    "WeeklySummary",
    "ZoneChange",
    "ZoneChangeState",
    "ZoneObservation",
]
