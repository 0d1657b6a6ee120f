"""SORT, SORT=DISPLAY and ESORT (RFC 5256, 5957, 5267)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from mailboxes.imap.sorting import sent_at
from mailboxes.mime.envelope import first_display, first_mailbox, read_date_and_subject, read_envelope
from mailboxes.mime.structure import describe
from mailboxes.models import Account
from tests.mailboxes.imap.dialogue import Client, play

MESSAGES = (
    b"From: Zoe <anna@example.org>\r\nTo: x@example.org\r\nSubject: Re: apples\r\nDate: 3 Jan 2024 10:00 +0000",
    b"From: bob@example.org\r\nTo: team: y@example.org;\r\nSubject: pears\r\nDate: 1 Jan 2024 10:00 +0000\r\nCc: b@c",
    b"From: =?utf-8?q?=C3=84nne?= <zed@example.org>\r\nSubject: APPLES\r\nDate: 3 Jan 2024 06:00 -0500\r\nX: "
    + b"x" * 99,
    b"Subject: [x] bananas (fwd)\r\nX: y",  # no date: when it came
)


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


async def with_messages(account: Account) -> Client:
    """Return a client in INBOX with the four messages."""
    client = Client(account.pk)
    for day, header in zip((10, 9, 8, 7), MESSAGES, strict=True):
        octets = header + b"\r\n\r\nbody\r\n"
        client.send(b'a APPEND INBOX "%2d-Feb-2024 00:00:00 +0000" {%d+}\r\n%b\r\n' % (day, len(octets), octets))
        await client.read_until(rb"^a OK .*\r\n")
    client.send(b"b SELECT INBOX\r\n")
    await client.read_until(rb"^b OK .*\r\n")
    return client


ORDERS = (
    ("ARRIVAL", "4 3 2 1"),
    ("REVERSE ARRIVAL", "1 2 3 4"),
    ("DATE", "2 1 3 4"),  # 3 is 11:00 in UTC
    ("SUBJECT", "1 3 4 2"),  # apples twice: equal ones by number
    ("REVERSE SUBJECT", "2 4 1 3"),
    ("SUBJECT REVERSE DATE", "3 1 4 2"),
    ("FROM", "4 1 2 3"),  # nobody, anna, bob, zed
    ("DISPLAYFROM", "4 3 2 1"),  # nobody, A with its mark, bob@…, Zoe
    ("TO", "3 4 2 1"),  # a group by its name
    ("CC", "1 3 4 2"),
    ("DISPLAYTO", "3 4 2 1"),
    ("REVERSE SIZE", "3 2 1 4"),
)


async def test_the_order(account: Account) -> None:
    client = await with_messages(account)
    for criteria, order in ORDERS:
        client.send(b"c SORT (%b) UTF-8 ALL\r\n" % criteria.encode())
        told = await client.read_until(rb"^c OK .*\r\n")
        assert told.startswith(b"* SORT %b\r\n" % order.encode()), (criteria, told)
    await client.close()


async def test_the_forms_of_the_answer(account: Account) -> None:
    client = await with_messages(account)
    await play(
        client,
        r"""
        C: c UID SORT (DATE) UTF-8 NOT 1
        S: * SORT 2 3 4
        S: c OK SORT completed
        C: d SORT RETURN (MIN MAX COUNT ALL) (DATE) US-ASCII SUBJECT a
        S: * ESEARCH (TAG "d") MIN 2 MAX 4 COUNT 4 ALL 2,1,3:4
        S: d OK SORT completed
        C: e UID SORT RETURN (SAVE) (ARRIVAL) UTF-8 SMALLER 100
        S: e OK SORT completed, result saved
        C: f SEARCH $ SUBJECT bananas
        S: * SEARCH 4
        S: f OK SEARCH completed
        C: g SORT (SUBJECT) UTF-8 MODSEQ 3
        S: * SORT 3 4 2 (MODSEQ 5)
        S: g OK SORT completed
        C: h SORT (SUBJECT) UTF-8 KEYWORD none
        S: * SORT
        S: h OK SORT completed
        C: i SORT (SUBJECT) KOI8-R ALL
        S: i NO [BADCHARSET (UTF-8 US-ASCII)] <*>
        C: j SORT () UTF-8 ALL
        S: j BAD <*>
        C: k SORT (REVERSE) UTF-8 ALL
        S: k BAD <*>
        C: l SORT (SUBJECT) ALL
        S: l NO [BADCHARSET (UTF-8 US-ASCII)] <*>
        """,
    )
    await client.close()


@pytest.mark.parametrize(
    ("date", "said"),
    [
        (b"Mon, 1 Jan 2024 10:00:00 +0200", "2024-01-01T08:00:00"),
        (b"1 Jan 2024 10:00", "2024-01-01T10:00:00"),  # no zone is UTC
        (b"1 Jan 2024 25:61:00 +0000", "2024-01-01T00:00:00"),  # no such time
        (b"31 Feb 2024 10:00:00 +0000", "2020-05-05T00:00:00"),  # no such day
        (b"soon", "2020-05-05T00:00:00"),
        (b"1 Jan 9999 10:00 +9999999999", "9999-01-01T10:00:00"),
        (None, "2020-05-05T00:00:00"),
    ],
)
def test_the_sent_date(date: bytes | None, said: str) -> None:
    at = datetime.fromtimestamp(sent_at(date, datetime(2020, 5, 5, tzinfo=UTC)), UTC)
    assert at.isoformat().removesuffix("+00:00") == said


@pytest.mark.parametrize(
    ("sender", "mailbox", "shown"),
    [
        (b'"A \\"B\\" C" <a@b>', b"a", 'A "B" C'),
        (b"a@b (Comment)", b"a", "Comment"),
        (b"friends: a@b;", b"friends", "friends"),
        (b"only-a-name", b"only-a-name", "only-a-name"),
        ("ü@example.org".encode(), "ü".encode(), "ü@example.org"),  # a literal on the wire
        (b"", b"", ""),
    ],
)
def test_an_envelope_is_read_back(sender: bytes, mailbox: bytes, shown: str) -> None:
    octets = describe(b"Subject: " + b"x" * 2_000 + b"\r\nDate: now\r\nFrom: " + sender + b"\r\n\r\n").envelope
    envelope = read_envelope(octets)
    assert read_date_and_subject(octets) == (envelope.date, envelope.subject) == (b"now", b"x" * 2_000)
    assert (first_mailbox(envelope.sender), first_display(envelope.sender)) == (mailbox, shown)
