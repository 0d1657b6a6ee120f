"""What the delivery of one accepted message is asked, and what it answers for each recipient."""

from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg import AsyncConnection

from domains.arc.seal import Seen
from domains.octets import Octets
from domains.trace import MessageTrace
from mailboxes.outbound.dsn_request import NOTHING_ASKED, DsnRequest


class RecipientStatus(StrEnum):
    """How a recipient ended."""

    DELIVERED = "delivered"  # stored in a folder
    QUEUED = "queued"  # forwarded: stands in the outbound queue
    REPORT = "report"  # taken in as a report file
    LIMITED = "limited"  # the report address takes no more of these today
    OVER_QUOTA = "over_quota"  # the account is full
    UNKNOWN = "unknown"  # no such recipient any more
    WITHHELD = "withheld"  # not forwarded, for it would pass as ours


GOOD = frozenset({RecipientStatus.DELIVERED, RecipientStatus.QUEUED, RecipientStatus.REPORT})


@dataclass(frozen=True, slots=True)
class Target:
    """Where one recipient's copy goes, as ``delivery.resolve`` found it.

    Exactly one of ``account_id`` (a local account), ``forward_to`` (an address elsewhere) and ``report_domain_id``
    (the domain whose report intake it is) is set. ``recipient`` is the address as given in RCPT TO; ``address`` the
    final address after aliases, ``mailbox`` the one that a local account has; ``folder`` the default folder's name.
    A mailbox that ``may_wait`` is one of several that take the message: when it is full its copy waits in the queue,
    rather than keep the message from all.
    """

    recipient: str
    address: str
    account_id: int | None = None
    forward_to: str = ""
    report_domain_id: int | None = None
    report_kind: str = ""  # dmarc-reports, dmarc-failures, tls-reports
    folder: str = "INBOX"
    mailbox: str = ""
    may_wait: bool = False

    @property
    def place(self) -> tuple[int | None, str, int | None, str]:
        """What two targets share when one copy serves both."""
        return self.account_id, self.forward_to.lower(), self.report_domain_id, self.report_kind


@dataclass(frozen=True, slots=True)
class DeliveryRequest:
    """One message to deliver: the envelope, the bytes as they are to be stored, the verdict's default folder.

    ``content`` has CRLF line ends and already holds our Received and Authentication-Results fields; Return-Path is
    added at delivery. ``trace`` is written in the same transaction when ``new_trace``, else events are appended.
    """

    mail_from: str
    targets: Sequence[Target]
    content: Octets
    received_at: datetime
    trace: MessageTrace
    new_trace: bool = True
    authenticated_domain: str = ""  # the domain that passed DMARC or aligned SPF, for reports
    returnable: bool = False  # the reverse path was proven too: a copy that fails later may be returned to it
    unproven_domains: Set[str] = frozenset()  # those of authors whom nothing proved (A-labels)
    seen: Seen | None = None  # what was found of a message from outside: the ARC set of a forward says it
    dsn: DsnRequest = NOTHING_ASKED  # what the sender asked to be told of
    smtputf8: bool = False
    all_or_nothing: bool = False  # a copy that cannot be stored undoes the others and raises NotAll
    within: "Within | None" = None  # runs inside the delivery's transaction, last; what it raises undoes all of it


@dataclass(frozen=True, slots=True)
class RecipientOutcome:
    """What became of one target; ``reason`` is one public sentence when it failed, ``detail`` more for the trace."""

    target: Target
    status: RecipientStatus
    folder: str = ""
    uid: int | None = None
    reason: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)


class NotAll(Exception):
    """One copy of an all-or-nothing request cannot be stored: nothing was."""

    def __init__(self, outcome: RecipientOutcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


Within = Callable[[AsyncConnection[Any], Sequence[RecipientOutcome]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """Every target's outcome; ``ok`` when all copies are durable."""

    outcomes: Sequence[RecipientOutcome] = field(default_factory=tuple)

    @property
    def ok(self) -> bool:
        """True when every target was delivered, queued or taken in."""
        return all(outcome.status in GOOD for outcome in self.outcomes)
