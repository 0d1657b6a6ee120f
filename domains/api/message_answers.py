"""What the calls on messages answer: the head of a trace, and its stages."""

from collections.abc import Iterable
from typing import Annotated, Any

from ninja import Schema
from pydantic import Field

from domains.api.answers import Instant, moment, words
from domains.models import Trace, TraceEvent

DIRECTIONS = ("in", "out", "local")
OUTCOMES = ("delivered", "queued", "sent", "refused", "deferred", "bounced", "dropped", "failed")


class Message(Schema):
    """The head of a message's trace."""

    id: str = Field(description="The id that the reply after DATA gave.")
    direction: Annotated[str, words(*DIRECTIONS)] = Field(description="Which way the message went.")
    message_id: str = Field(description="The Message-ID header field; empty without one.")
    mail_from: str = Field(description="The envelope sender; empty for the null sender.")
    recipients: list[str] = Field(description="The envelope recipients.")
    received_at: Instant = Field(description="When it arrived.")
    outcome: Annotated[str, words(*OUTCOMES)] = Field(description="What became of it so far.")


class Event(Schema):
    """One stage of a message."""

    at: Instant = Field(description="When.")
    stage: str = Field(description="The stage in one word: `connect`, `spf`, `dkim`, `dmarc`, `store`, …")
    outcome: str = Field(description="How the stage ended, in one word.")
    reason: str = Field(description="Why, in one sentence for people.")
    detail: dict[str, Any] = Field(description="What else is known, by name.")
    dns: list[dict[str, Any]] = Field(description="The DNS answers used: `name`, `type`, `status`, `records`, …")


class ExplainedMessage(Message):
    """A message's trace with every stage in order."""

    events: list[Event] = Field(description="The stages in order.")


def show_message(trace: Trace) -> Message:
    """Return the head of a message's trace."""
    return Message(**_head(trace))


def show_explained(trace: Trace, events: Iterable[TraceEvent]) -> ExplainedMessage:
    """Return a message's trace with its stages."""
    return ExplainedMessage(**_head(trace), events=[show_event(event) for event in events])


def _head(trace: Trace) -> dict[str, Any]:
    return {
        "id": trace.pk,
        "direction": trace.direction,
        "message_id": trace.message_id,
        "mail_from": trace.mail_from,
        "recipients": trace.recipients,
        "received_at": moment(trace.received_at),
        "outcome": trace.outcome,
    }


def show_event(event: TraceEvent) -> Event:
    """Return one stage of a message."""
    return Event(
        at=moment(event.at),
        stage=event.stage,
        outcome=event.outcome,
        reason=event.reason,
        detail=event.detail,
        dns=event.dns,
    )
