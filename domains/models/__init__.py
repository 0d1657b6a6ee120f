"""The schema of domains: actors, domains, keys, records, reports, traces and the audit log."""

from domains.models.actor import Actor, ApiToken, Role, SignInAttempt
from domains.models.audit import AuditRecord
from domains.models.domain import Domain, DomainState, MtaSts
from domains.models.installation import Installation
from domains.models.key import DkimKey, KeyAlgorithm, KeyState
from domains.models.record import RecordObservation, RecordStatus
from domains.models.report import DmarcRecord, DmarcReport, ReportFile, ReportFileState
from domains.models.trace import Trace, TraceEvent
from domains.models.zone import DnsAccount, ZoneChange, ZoneChangeState

__all__ = [
    "Actor",
    "ApiToken",
    "AuditRecord",
    "DkimKey",
    "DmarcRecord",
    "DmarcReport",
    "DnsAccount",
    "Domain",
    "DomainState",
    "Installation",
    "KeyAlgorithm",
    "KeyState",
    "MtaSts",
    "RecordObservation",
    "RecordStatus",
    "ReportFile",
    "ReportFileState",
    "Role",
    "SignInAttempt",
    "Trace",
    "TraceEvent",
    "ZoneChange",
    "ZoneChangeState",
]
