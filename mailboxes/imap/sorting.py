"""The order of SORT (RFC 5256 §3, RFC 5957 for DISPLAY): keys out of rows, then one stable sort a criterion. Pure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

from mailboxes.imap.commands import Criterion, SortBy
from mailboxes.imap.port import Need, Row
from mailboxes.mime.envelope import Envelope, first_display, first_mailbox, read_date_and_subject, read_envelope
from mailboxes.mime.subject import base_subject, casemapped

Keys = tuple[float | int | str, ...]  # one for each criterion, in their order

_OF_ROW: dict[SortBy, Callable[[Row], float]] = {
    SortBy.ARRIVAL: lambda row: row.internal_date.timestamp(),
    SortBy.SIZE: lambda row: row.size,
}
_OF_ENVELOPE: dict[SortBy, Callable[[Envelope], str]] = {
    SortBy.CC: lambda envelope: _local_part(first_mailbox(envelope.cc)),
    SortBy.FROM: lambda envelope: _local_part(first_mailbox(envelope.sender)),
    SortBy.TO: lambda envelope: _local_part(first_mailbox(envelope.to)),
    SortBy.DISPLAYFROM: lambda envelope: casemapped(first_display(envelope.sender)),
    SortBy.DISPLAYTO: lambda envelope: casemapped(first_display(envelope.to)),
}


def need_of(criteria: Iterable[Criterion]) -> Need:
    """Return the columns that the criteria ask for."""
    return Need.NOTHING if all(criterion.by in _OF_ROW for criterion in criteria) else Need.ENVELOPE


def keys_of(row: Row, criteria: Sequence[Criterion]) -> Keys:
    """Return what the row is compared by."""
    envelope = read_envelope(row.envelope) if any(criterion.by in _OF_ENVELOPE for criterion in criteria) else None
    date, subject = read_date_and_subject(row.envelope) if envelope is None else (envelope.date, envelope.subject)
    found: list[float | int | str] = []
    for criterion in criteria:
        if criterion.by in _OF_ROW:
            found.append(_OF_ROW[criterion.by](row))
        elif criterion.by is SortBy.DATE:
            found.append(sent_at(date, row.internal_date))
        elif criterion.by is SortBy.SUBJECT:
            found.append(casemapped(base_subject(subject)[0]))
        elif envelope is not None:
            found.append(_OF_ENVELOPE[criterion.by](envelope))
    return tuple(found)


def in_order(keyed: dict[int, Keys], criteria: Sequence[Criterion]) -> list[int]:
    """Return the UIDs sorted; equal ones by UID, under REVERSE too."""
    uids = sorted(keyed)
    for at in range(len(criteria) - 1, -1, -1):
        uids.sort(key=lambda uid, at=at: keyed[uid][at], reverse=criteria[at].reverse)  # type: ignore[misc]
    return uids


def _local_part(octets: bytes) -> str:
    return casemapped(octets.decode("utf-8", "replace"))


def sent_at(date: bytes | None, otherwise: datetime) -> float:
    """Return the sent date in seconds (RFC 5256 §2.2): a wrong time is midnight, a wrong date is the internal one."""
    parsed = parsedate_tz(date[:200].decode("ascii", "replace")) if date else None
    if parsed is None:
        return otherwise.timestamp()
    try:
        moment = datetime(*parsed[:6], tzinfo=UTC)
    except (ValueError, TypeError):
        try:
            moment = datetime(*parsed[:3], tzinfo=UTC)
        except (ValueError, TypeError):
            return otherwise.timestamp()
    offset = parsed[9] or 0
    return (moment - timedelta(seconds=offset)).timestamp() if abs(offset) < 86_400 else moment.timestamp()
