"""What the administrators of some domains see of a message that concerns others too: their own part of it.

Recipients of other domains, what they stand for, where their copies go, and the tables of their domains stay out.
Who sent the message knows its recipients, and not who stands behind them. What concerns nobody in particular – the
dialogue, what was verified, the message itself – is for everybody whom the message concerns.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from domains.models import Trace, TraceEvent

PLACES = ("recipient", "address", "recipients", "to")
_ONWARD = ("seal", "notice", "queue", "route", "forward")
_STRICTNESS = ("inbox", "junk", "refuse")


def domain_of(address: str) -> str:
    """Return an address's domain in lower case; a domain is its own."""
    return address.lower().rpartition("@")[2]


def texts_of(value: Any) -> set[str]:
    """Return one text or a list of them as a set in lower case."""
    return {str(one).lower() for one in (value if isinstance(value, list) else [value])}


def recipients_in(trace: Trace, domains: frozenset[str]) -> list[str]:
    """Return the recipients that administrators of ``domains`` see: all of what was sent from here, else their own,
    which are the mailboxes when the recipient was an alias of somebody else.
    """
    if trace.direction != "in":
        return trace.recipients
    own = [address for address in trace.recipients if domain_of(address) in domains]
    return own or sorted(
        term
        for term in trace.terms
        if "@" in term[1:]
        and term[0] not in "<=@~"
        and domain_of(term) in domains
        and term != trace.mail_from.lower()
    )


def events_in(events: Sequence[TraceEvent], domains: frozenset[str], recipients: Iterable[str]) -> list[TraceEvent]:
    """Return the events with what is not for administrators of ``domains`` taken out; ``recipients`` they see."""
    seen = _Seen(domains, {address.lower() for address in recipients})
    for event in events:
        seen.follow(event)
    return [event for event in events if seen.narrow(event)]


class _Seen:
    """The addresses that may be told, which grow along the ways that lead on from their own."""

    def __init__(self, domains: frozenset[str], recipients: set[str]) -> None:
        self._domains = domains
        self._known = recipients
        self._forwards = False

    def _knows(self, address: str) -> bool:
        return address.lower() in self._known or self._is_own(address)

    def _is_own(self, address: str) -> bool:
        return domain_of(address) in self._domains

    def follow(self, event: TraceEvent) -> None:
        """Take note of where the mail of an address of theirs goes."""
        detail = _detail(event)
        if not self._is_own(str(detail.get("recipient", ""))):
            return
        foreign = any(self._is_foreign(row) for row in _rows(detail))
        if not foreign:
            self._known |= {one for name in ("address", "to") for one in texts_of(detail.get(name, []))}
            self._forwards |= event.stage == "forward"
            return
        for row in _rows(detail):
            if not self._is_foreign(row):
                self._known |= texts_of(row.get("to", []))

    def _is_foreign(self, row: Mapping[str, Any]) -> bool:
        """True for a step that is somebody else's here: an address in another domain of ours."""
        return row.get("is") != "elsewhere" and not self._is_own(str(row.get("address", "")))

    def narrow(self, event: TraceEvent) -> bool:
        """Take out of the event what is not theirs; False when nothing is left of it."""
        detail = _detail(event)
        if event.stage == "verdict":
            self._narrow_verdict(event, detail)
            return True
        named = {name: texts_of(detail[name]) for name in PLACES if name in detail}
        if event.stage in ("connect", "proxy") or (not named and event.stage not in _ONWARD):
            return True
        if not named:
            return self._leads_on(event, detail)
        if not any(self._knows(place) for places in named.values() for place in places):
            if event.outcome == "refused" and event.stage != "rcpt":
                event.reason, event.detail = "", {}
                return True
            return False
        event.detail = {name: self._kept(name, value) for name, value in detail.items()}
        event.detail = {name: value for name, value in event.detail.items() if value is not None}
        if "recipient" in detail and "recipient" not in event.detail:
            event.detail.pop("mail_from", None)
        return True

    def _leads_on(self, event: TraceEvent, detail: Mapping[str, Any]) -> bool:
        """True when the way out is that of an address they may know."""
        if event.stage == "route":
            return any(domain_of(address) == detail.get("next_hop") for address in self._known)
        if "domain" in detail:
            return self._is_own(str(detail["domain"]))
        return self._forwards or bool(self._known - {one for one in self._known if self._is_own(one)})

    def _kept(self, name: str, value: Any) -> Any:
        if name == "steps":
            return [self._step(row) for row in value if isinstance(row, Mapping) and self._reached(row)]
        if name not in PLACES:
            return value
        if isinstance(value, list):
            return [one for one in value if self._knows(str(one))]
        return value if self._knows(str(value)) else None

    def _reached(self, row: Mapping[str, Any]) -> bool:
        return self._knows(str(row.get("address", "")))

    def _step(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a step; an address of somebody else's here is told like one elsewhere."""
        if self._is_foreign(row):
            return {"address": row.get("address"), "is": "elsewhere"}
        return dict(row)

    def _narrow_verdict(self, event: TraceEvent, detail: Mapping[str, Any]) -> None:
        """Leave the tables of their domains, and what these did with the message."""
        choices = [one for one in detail.get("choices") or [] if isinstance(one, Mapping)]
        own = [one for one in choices if self._is_own(str(one.get("domain", "")))]
        if len(own) == len(choices):
            return
        kept = {name: value for name, value in detail.items() if name != "shares"} | {"choices": own}
        shares = detail.get("shares")
        if isinstance(shares, Mapping):
            mine = {domain: share for domain, share in shares.items() if self._is_own(domain)}
            kept |= {"shares": mine} if len(mine) > 1 else {}
            event.outcome = max(mine.values(), key=_strictness, default=event.outcome)
        if isinstance(detail.get("table"), Mapping):
            owners = [str(one.get("owner") or one.get("domain")) for one in own]
            kept["table"] = {**detail["table"], "domain": owners[0] if owners else ""}
        event.detail = kept


def _strictness(share: object) -> int:
    return _STRICTNESS.index(str(share)) if share in _STRICTNESS else -1


def _detail(event: TraceEvent) -> Mapping[str, Any]:
    return event.detail if isinstance(event.detail, dict) else {}


def _rows(detail: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = detail.get("steps")
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
