"""The one event table: what happened to a message, stage by stage, with the DNS answers used.

A ``MessageTrace`` is gathered in memory along one dialogue and written once: for an accepted message in the
transaction that makes it durable (``TRACE_INSERT``), for a refusal through the buffered ``TraceBuffer``. Later
stages in other processes add rows with ``EVENT_INSERT``. Values are JSON only; they never hold a body, a password
or a SASL line. Strings from outside are cut at ``TEXT_LIMIT`` characters and lose NUL, which JSONB cannot store.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from domains.dns.port import Answer
from domains.identifiers import new_identifier
from domains.trace_terms import author_names, findable, indexed, trace_terms

TEXT_LIMIT = 2000

TRACE_INSERT = """
INSERT INTO domains_trace (id, direction, message_id, mail_from, recipients, domains, received_at, outcome,
    client_address, terms, pending_events)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)
"""

EVENT_INSERT = """
INSERT INTO domains_traceevent (trace_id, at, stage, outcome, reason, detail, dns)
VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s::jsonb)
"""

OUTCOME_UPDATE = "UPDATE domains_trace SET outcome = %s WHERE id = %s"


def clean(value: Any) -> Any:
    """Return the value fit for JSONB: strings without NUL or lone surrogates and cut, containers cleaned."""
    if isinstance(value, str):
        if len(value) <= TEXT_LIMIT and value.isascii() and "\0" not in value:
            return value
        return value[:TEXT_LIMIT].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (dict, Mapping)):  # dict first: to ask the abstract class is slow
        return {clean(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean(item) for item in value]
    return clean(str(value))


@dataclass(frozen=True, slots=True)
class Event:
    """One stage: ``stage`` and ``outcome`` are short lower-case words, ``reason`` one sentence for people."""

    stage: str
    outcome: str
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    dns: Sequence[Mapping[str, object]] = ()
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_json(self) -> dict[str, Any]:
        """Return the event as the object that the API shows."""
        return {
            "at": self.at.isoformat(),
            "stage": self.stage,
            "outcome": self.outcome,
            "reason": clean(self.reason),
            "detail": clean(self.detail),
            "dns": clean(list(self.dns)),
        }

    def as_text(self) -> str:
        """Return ``as_json`` as text. What is short and plain ASCII as a whole has nothing to clean."""
        plain = {
            "at": self.at.isoformat(),
            "stage": self.stage,
            "outcome": self.outcome,
            "reason": self.reason,
            "detail": self.detail,
            "dns": self.dns,
        }
        try:
            octets = to_json(plain, fallback=clean)
        except ValueError:  # a lone surrogate
            return json.dumps(self.as_json())
        is_clean = len(octets) <= TEXT_LIMIT and octets.isascii() and b"\\u" not in octets
        return octets.decode() if is_clean else json.dumps(self.as_json())

    def as_row(self, trace_id: str) -> tuple[Any, ...]:
        """Return the parameters of ``EVENT_INSERT``."""
        data = self.as_json()
        return (
            trace_id,
            self.at,
            self.stage,
            self.outcome,
            data["reason"],
            json.dumps(data["detail"]),
            json.dumps(data["dns"]),
        )


@dataclass(slots=True)
class MessageTrace:
    """The trace of one message in the making; ``direction`` is ``in``, ``out`` or ``local``.

    ``domains`` are the names of ours (A-labels) whose administrators may read it; ``outcome`` is one of
    ``delivered queued sent refused deferred bounced dropped failed``. ``mailboxes`` are the addresses of those it was
    for, behind whatever alias: their owners may read their part of it.
    """

    direction: str
    id: str = field(default_factory=new_identifier)
    message_id: str = ""
    mail_from: str = ""
    recipients: list[str] = field(default_factory=list)
    domains: set[str] = field(default_factory=set)
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    outcome: str = ""
    client_address: str | None = None
    mailboxes: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)

    def add(
        self,
        stage: str,
        outcome: str,
        reason: str = "",
        detail: Mapping[str, Any] | None = None,
        dns: Iterable[Answer] = (),
    ) -> None:
        """Append one stage."""
        answers = [answer.as_trace() for answer in dns]
        self.events.append(Event(stage, outcome, reason, detail or {}, answers))

    def as_row(self) -> tuple[Any, ...]:
        """Return the parameters of ``TRACE_INSERT``."""
        message_id = indexed(self.message_id)
        mail_from = indexed(findable(self.mail_from))
        recipients = [indexed(findable(recipient)) for recipient in self.recipients]
        return (
            self.id,
            self.direction,
            message_id,
            mail_from,
            recipients,
            sorted(self.domains),
            self.received_at,
            self.outcome,
            self.client_address,
            trace_terms(
                message_id,
                [mail_from, *recipients, *self.mailboxes],
                self._authors()[:2],
                self.domains,
                self._replies(),
                author_names(*self._authors()),
            ),
            f"[{', '.join(event.as_text() for event in self.events)}]",
        )

    def _authors(self) -> list[str]:
        """Return the author's domain and its organizational domain, as DMARC found it and by the older method."""
        detail = next((event.detail for event in self.events if event.stage == "dmarc"), {})
        names = ("author_domain", "organizational_domain", "psl_organizational_domain")
        return [str(detail.get(name) or "") for name in names]

    def _replies(self) -> list[str]:
        """Return the texts of replies that the dialogue ended or stumbled with."""
        return [str(event.detail["reply"]) for event in self.events if "reply" in event.detail]
