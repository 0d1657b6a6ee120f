"""The stages of a trace as the story reads them: every foreign text made visible, every shape allowed.

A stage's detail was written by an engine of ours, perhaps years ago: what is missing is empty here, and what is not
known is shown as it stands.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from antispam.story.sentences import told
from domains.visible import all_visible, visible


class StoredEvent(Protocol):
    """What a stage is read from: a row of the trace, or an event of a replay."""

    @property
    def stage(self) -> Any: ...
    @property
    def outcome(self) -> Any: ...
    @property
    def reason(self) -> Any: ...
    @property
    def detail(self) -> Any: ...
    @property
    def dns(self) -> Any: ...
    @property
    def at(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class DnsRow:
    """One answer of the DNS that was used."""

    name: str
    type: str
    status: str
    records: tuple[str, ...] = ()
    ttl: int = 0
    authenticated: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage; ``name`` and ``outcome`` are the stored words."""

    at: datetime
    name: str
    outcome: str
    reason: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    dns: tuple[DnsRow, ...] = ()

    def text(self, name: str) -> str:
        """Return a detail that is a text or a number, else nothing."""
        return as_text(self.detail.get(name))

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return a detail that is a list of objects."""
        return as_rows(self.detail.get(name))

    def part(self, name: str) -> dict[str, Any]:
        """Return a detail that is an object."""
        value = self.detail.get(name)
        return value if isinstance(value, dict) else {}

    def texts(self, name: str) -> list[str]:
        """Return a detail that is a list of texts."""
        value = self.detail.get(name)
        return [as_text(item) for item in value] if isinstance(value, list) else []

    def answer(self, name: str, *types: str) -> DnsRow | None:
        """Return the answer to a question of this stage."""
        wanted = name.lower().removesuffix(".")
        return next((row for row in self.dns if row.name == wanted and row.type in types), None)


def as_text(value: Any) -> str:
    """Return a text or a number as text; anything else is nothing."""
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


def as_rows(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def read_stages(events: Iterable[StoredEvent]) -> list[Stage]:
    """Return the stages in the order in which they came."""
    return [_stage(event) for event in events]


def _stage(event: StoredEvent) -> Stage:
    at = event.at if event.at.tzinfo else event.at.replace(tzinfo=UTC)
    detail = all_visible(event.detail if isinstance(event.detail, dict) else {"value": event.detail})
    return Stage(at, str(event.stage), str(event.outcome), visible(str(event.reason)), detail, dns_rows(event.dns))


def dns_rows(value: Any) -> tuple[DnsRow, ...]:
    """Return the answers of a stage, each question once."""
    rows = (_row(row) for row in value if isinstance(row, dict)) if isinstance(value, (list, tuple)) else ()
    return tuple(dict.fromkeys(rows))


def _row(row: dict[str, Any]) -> DnsRow:
    records = row.get("records")
    texts: Sequence[Any] = records if isinstance(records, (list, tuple)) else ()
    ttl = row.get("ttl")
    return DnsRow(
        name=visible(str(row.get("name", ""))),
        type=visible(str(row.get("type", ""))),
        status=visible(str(row.get("status", ""))),
        records=tuple(visible(str(text)) for text in texts),
        ttl=ttl if isinstance(ttl, int) else 0,
        authenticated=row.get("authenticated") is True,
        reason=told(visible(str(row.get("reason", "")))),
    )
