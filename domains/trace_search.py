"""What the one search field understands: words in any order, each of which narrows the search.

Pure: the reader's day and time zone are given. What is typed becomes a ``TraceQuery``; every word is understood as
something, in the end as a word of a reply. The rules, first that fits:

| typed | is |
| --- | --- |
| ``from:``, ``to:``, ``ip:``, ``id:``, ``reply:``, ``since:``, ``until:`` (``de:``, ``à:`` …) before it | just that |
| ``"mailbox is full"`` | words of one reply |
| today, yesterday, week, month; a date or a time; two dates joined by ``..`` | when |
| ``refused``, ``delivered`` …; ``incoming``, ``outgoing`` | the outcome, the direction |
| 26 letters after "queued as" | the trace itself |
| ``<…@…>`` | a Message-ID |
| ``192.0.2.7``, ``2001:db8::/32`` | a client or its network |
| ``alice@acme.example``, ``acme.example``, ``@localhost`` | an address, a domain |
| ``550``, ``5.7.1``, ``greylisted`` | a word of a reply, ours or the other server's |
"""

import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, tzinfo
from ipaddress import ip_network
from typing import Any

from domains.identifiers import moment_of
from domains.trace_terms import findable, reply_words

OUTCOMES = ("delivered", "queued", "sent", "refused", "deferred", "bounced", "dropped", "failed")
WORDS_LIMIT = 20

_OUTCOME_WORDS = {outcome: outcome for outcome in OUTCOMES} | {
    "rejected": "refused",
    "remis": "delivered",
    "livré": "delivered",
    "distribué": "delivered",
    "envoyé": "sent",
    "refusé": "refused",
    "rejeté": "refused",
    "différé": "deferred",
    "retardé": "deferred",
    "retourné": "bounced",
    "abandonné": "dropped",
    "échoué": "failed",
}
_DIRECTION_WORDS = {"incoming": "in", "inbound": "in", "entrant": "in", "outgoing": "out", "outbound": "out"}
_DIRECTION_WORDS |= {"sortant": "out", "local": "local"}
_DAY_WORDS = {"today": 0, "aujourd'hui": 0, "yesterday": 1, "hier": 1}
_SPAN_WORDS = {"week": 7, "semaine": 7, "month": 30, "mois": 30}
_KINDS = {
    "from": "senders",
    "de": "senders",
    "to": "recipients",
    "à": "recipients",
    "a": "recipients",
    "ip": "networks",
    "id": "message_id",
    "message-id": "message_id",
    "reply": "replies",
    "réponse": "replies",
    "since": "since",
    "after": "since",
    "depuis": "since",
    "until": "until",
    "before": "until",
    "avant": "until",
    "outcome": "outcomes",
    "état": "outcomes",
}
_TOKEN = re.compile(r'(?:([\w-]{1,12}):)?"([^"]*)"|(\S+)')
_DATES = (
    (re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})"), (1, 2, 3)),
    (re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})"), (3, 2, 1)),
)


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """What is searched: all given parts must hold; among several outcomes one.

    ``address`` holds addresses, domains and client addresses or networks, separated by spaces. ``since`` is the first
    moment, ``until`` the first one after.
    """

    message_id: str = ""
    address: str = ""
    since: datetime | None = None
    until: datetime | None = None
    senders: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    replies: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    direction: str = ""
    id: str = ""

    @property
    def is_selective(self) -> bool:
        """True when something else than time, outcome and direction narrows the search."""
        words = (self.message_id, self.address, self.senders, self.recipients, self.networks, self.replies, self.id)
        return any(words)


@dataclass(slots=True)
class _Reading:
    """The query in the making, and when and where the reader is."""

    today: date
    zone: tzinfo
    query: TraceQuery = field(default_factory=TraceQuery)

    def add(self, name: str, *values: str) -> None:
        """Add values to one of the query's lists, each once."""
        added: Any = {name: tuple(dict.fromkeys((*getattr(self.query, name), *values)))}
        self.query = replace(self.query, **added)

    def span(self, first: date, last: date) -> None:
        """Narrow to whole days."""
        self.since(self.start(first))
        self.until(self.start(last + timedelta(days=1)))

    def start(self, day: date) -> datetime:
        """Return when the day begins where the reader is."""
        return datetime.combine(day, time.min, self.zone)

    def since(self, moment: datetime) -> None:
        """Begin no earlier."""
        known = self.query.since
        self.query = replace(self.query, since=moment if known is None else max(known, moment))

    def until(self, moment: datetime) -> None:
        """End no later."""
        known = self.query.until
        self.query = replace(self.query, until=moment if known is None else min(known, moment))


def parse_search(text: str, today: date, zone: tzinfo) -> TraceQuery:
    """Return what a typed text asks for; never raises. ``today`` is the reader's day in ``zone``."""
    reading = _Reading(today, zone)
    for number, found in enumerate(_TOKEN.finditer(text.replace("’", "'").replace("\0", " "))):
        if number == WORDS_LIMIT:
            break
        kind, quoted, word = found.groups()
        if quoted is not None:
            _of_kind(reading, kind or "reply", quoted)
        else:
            name, colon, rest = word.partition(":")
            if not (colon and rest and name.lower() in _KINDS and _of_kind(reading, name, rest)):
                _word(reading, word)
    return reading.query


def _of_kind(reading: _Reading, kind: str, value: str) -> bool:
    """Take a value of a named kind; False when it cannot be one."""
    name = _KINDS.get(kind.lower(), "replies")
    if name in ("since", "until"):
        return _moment(reading, name, value)
    if name == "networks":
        network = network_of(value)
        if network:
            reading.add("networks", network)
        return bool(network)
    if name == "message_id":
        reading.query = replace(reading.query, message_id=value)
    elif name == "outcomes":
        outcome = _OUTCOME_WORDS.get(value.lower())
        if outcome:
            reading.add("outcomes", outcome)
        return bool(outcome)
    elif name == "replies":
        reading.add("replies", *reply_words(value))
    else:
        reading.add(name, findable(value.lower()))
    return True


def _word(reading: _Reading, word: str) -> None:
    """Take a word without a kind."""
    bare = word.strip(",;")
    lower = bare.lower()
    if _time(reading, lower) or not bare:
        return
    if lower in _OUTCOME_WORDS:
        reading.add("outcomes", _OUTCOME_WORDS[lower])
    elif lower in _DIRECTION_WORDS:
        reading.query = replace(reading.query, direction=_DIRECTION_WORDS[lower])
    elif _is_identifier(lower):
        reading.query = replace(reading.query, id=lower)
    elif bare.startswith("<") and "@" in bare:
        reading.query = replace(reading.query, message_id=bare)
    elif network := network_of(bare):
        reading.add("networks", network)
    elif _is_name(lower):
        reading.query = replace(reading.query, address=f"{reading.query.address} {bare}".strip())
    else:
        reading.add("replies", *reply_words(bare))


def _is_identifier(word: str) -> bool:
    try:
        return len(word) == 26 and moment_of(word) is not None
    except ValueError:
        return False


def _is_name(word: str) -> bool:
    """True for an address or a domain; ``5.7.1`` and ``smtp`` are words of replies."""
    if "@" in word:
        return True
    if "/" in word or ":" in word:
        return False
    labels = word.rstrip(".").split(".")
    return len(labels) > 1 and all(labels) and not labels[-1].isdigit()


def network_of(word: str) -> str:
    """Return an address or a network in its usual spelling, or an empty string."""
    try:
        network = ip_network(word.strip("[]").removeprefix("IPv6:"), strict=False)
    except ValueError:
        return ""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _time(reading: _Reading, word: str) -> bool:
    """Take a word that says when; False when it does not."""
    if word in _DAY_WORDS:
        day = reading.today - timedelta(days=_DAY_WORDS[word])
        reading.span(day, day)
        return True
    if word in _SPAN_WORDS:
        reading.since(reading.start(reading.today - timedelta(days=_SPAN_WORDS[word])))
        return True
    first, dots, last = word.partition("..")
    begin, end = _day(first), _day(last if dots else first)
    if begin is not None and end is not None:
        reading.span(min(begin, end), max(begin, end))
        return True
    return "t" in word and _moment(reading, "since", word.upper())


def _day(word: str) -> date | None:
    for pattern, (year, month, day) in _DATES:
        found = pattern.fullmatch(word)
        if found:
            try:
                return date(int(found[year]), int(found[month]), int(found[day]))
            except ValueError:
                return None
    return None


def _moment(reading: _Reading, name: str, word: str) -> bool:
    """Take one end of a span: a day, a word for one, or an ISO 8601 time; the day of ``until`` is included."""
    lower = word.lower()
    day = _day(lower)
    if lower in _DAY_WORDS:
        day = reading.today - timedelta(days=_DAY_WORDS[lower])
    if day is not None:
        moment = reading.start(day + timedelta(days=1) if name == "until" else day)
    else:
        try:
            moment = datetime.fromisoformat(word.upper())
        except ValueError:
            return False
        if "T" not in word.upper():
            return False
        moment = moment if moment.tzinfo else moment.replace(tzinfo=reading.zone)
    (reading.until if name == "until" else reading.since)(moment)
    return True
