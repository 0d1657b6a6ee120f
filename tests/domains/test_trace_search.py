"""The one search field: what is typed, and what is understood by it."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.trace_search import TraceQuery, parse_search

TODAY = date(2026, 11, 25)
PARIS = ZoneInfo("Europe/Paris")
Q = TraceQuery


def at(month, day, hour=0, minute=0):
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


ID = "01m88b7v4nns2awxfxee53xswe"
TABLE = [
    ("", Q(), "nothing"),
    ("alice@acme.example", Q(address="alice@acme.example"), "an address"),
    ("acme.example", Q(address="acme.example"), "a domain"),
    ("bücher.example", Q(address="bücher.example"), "a domain in its own letters"),
    ("@localhost", Q(address="@localhost"), "a domain of one label"),
    ("a@x.example b@y.example", Q(address="a@x.example b@y.example"), "two that a message has to do with"),
    ("from:A@X.example to:y.example", Q(senders=("a@x.example",), recipients=("y.example",)), "sides named"),
    ("de:a@x.example à:b@y.example", Q(senders=("a@x.example",), recipients=("b@y.example",)), "sides in French"),
    ("<1@X.example>", Q(message_id="<1@X.example>"), "a Message-ID"),
    ("id:1@x.example", Q(message_id="1@x.example"), "a Message-ID without brackets"),
    (ID.upper(), Q(id=ID), "the ID after queued as"),
    ("192.0.2.7", Q(networks=("192.0.2.7",)), "a client"),
    ("192.0.2.0/24", Q(networks=("192.0.2.0/24",)), "a network"),
    ("192.0.2.9/24", Q(networks=("192.0.2.0/24",)), "a network named by one of its addresses"),
    ("2001:DB8::1", Q(networks=("2001:db8::1",)), "an IPv6 client is no kind 2001:"),
    ("[IPv6:2001:db8::1]", Q(networks=("2001:db8::1",)), "an address literal"),
    ("ip:2001:db8::/32", Q(networks=("2001:db8::/32",)), "a network of IPv6"),
    ("550", Q(replies=("550",)), "a reply code"),
    ("5.7.1", Q(replies=("5.7.1",)), "an enhanced code is no IP address"),
    ("550 5.7.1", Q(replies=("550", "5.7.1")), "both"),
    ("greylisted", Q(replies=("greylisted",)), "a word of a reply"),
    ('"Mailbox is full"', Q(replies=("mailbox", "is", "full")), "words of one reply"),
    ('reply:"try again"', Q(replies=("try", "again")), "the same, named"),
    ("reply:refused", Q(replies=("refused",)), "a word that would be an outcome"),
    ("refused", Q(outcomes=("refused",)), "an outcome"),
    ("Refusé bounced", Q(outcomes=("refused", "bounced")), "outcomes in both languages"),
    ("outgoing deferred", Q(direction="out", outcomes=("deferred",)), "direction and outcome"),
    ("today", Q(since=at(11, 25), until=at(11, 26)), "a day"),
    ("hier", Q(since=at(11, 24), until=at(11, 25)), "a day in French"),
    ("aujourd’hui", Q(since=at(11, 25), until=at(11, 26)), "with the typographer's apostrophe"),
    ("week", Q(since=at(11, 18)), "the last seven days"),
    ("2026-11-03", Q(since=at(11, 3), until=at(11, 4)), "a date"),
    ("3.11.2026", Q(since=at(11, 3), until=at(11, 4)), "a date as in Germany"),
    ("03/11/2026", Q(since=at(11, 3), until=at(11, 4)), "a date as in France"),
    ("2026-11-03..2026-11-05", Q(since=at(11, 3), until=at(11, 6)), "two dates, both included"),
    ("2026-11-05..2026-11-03", Q(since=at(11, 3), until=at(11, 6)), "two dates in the wrong order"),
    ("since:2026-11-03 until:yesterday", Q(since=at(11, 3), until=at(11, 25)), "ends named"),
    ("since:2026-11-03T10:30", Q(since=at(11, 3, 10, 30)), "a time"),
    ("2026-11-03T10:30Z", Q(since=at(11, 3, 10, 30)), "a time alone begins the span"),
    ("2026-02-31", Q(replies=("2026-02-31",)), "no such day"),
    ("since:never", Q(replies=("since", "never")), "no time: words"),
    ("https://x.example/", Q(replies=("https", "x.example")), "an unknown kind is no kind"),
    ("acme.example, refused; yesterday", Q(address="acme.example", outcomes=("refused",), since=at(11, 24),
                                           until=at(11, 25)), "combined, with commas"),
    ("\0", Q(), "NUL"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "query", "why"), TABLE, ids=[why for _, _, why in TABLE])
def test_a_text_is_understood(text, query, why):
    assert parse_search(text, TODAY, UTC) == query


def test_days_begin_where_the_reader_is():
    query = parse_search("today", TODAY, PARIS)
    assert query.since == datetime(2026, 11, 24, 23, tzinfo=UTC)


@given(st.text(max_size=200))
def test_no_text_raises_or_explodes(text):
    query = parse_search(text, TODAY, UTC)
    assert len(query.replies) <= 20 * 24
    assert "\0" not in repr(query)
