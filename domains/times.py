"""Times as text: ISO 8601 in UTC, for the API and exports."""

from datetime import UTC, datetime


def instant(value: datetime | None) -> str | None:
    """Return ISO 8601 in UTC with a ``Z``, or None."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")
