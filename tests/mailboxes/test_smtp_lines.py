"""Strict lines and the end of DATA, at every split of the octets: what smuggling would need."""

import random
import time

import pytest

from mailboxes.smtp.lines import DataReader, LineBuffer, LineFault
from mailboxes.smtp.server import SmtpService
from tests.mailboxes.smtp_peer import Recorder, event_loop_policy, feed, splits  # noqa: F401

BEGIN = b"EHLO c.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n"


def lines_of(chunks, maximum=100):
    buffer = LineBuffer(maximum)
    found = []
    for chunk in chunks:
        buffer.octets += chunk
        while (line := buffer.next_line()) is not None:
            found.append(line)
    return found


def content_of(chunks, normalise=False, limit=10**6):
    """Return (content, reader, what is left), or None when the end was not met."""
    octets = bytearray()
    reader = DataReader(octets, limit, normalise)
    for at, chunk in enumerate(chunks):
        octets += chunk
        if reader.advance():
            return reader.spool.file.read(), reader, bytes(octets) + b"".join(chunks[at + 1 :])
    return None


LINES = [
    (b"NOOP\r\nQUIT\r\n", [b"NOOP", b"QUIT"], "CRLF ends a line"),
    (b"\r\nA\r\n", [b"", b"A"], "an empty line is a line"),
    (b"A\nB\r\nC\r\n", [LineFault.BARE, b"C"], "what follows a bare LF is no command"),
    (b"A\nB\nC\r\nD\r\n", [LineFault.BARE, LineFault.BARE, b"D"], "every bare LF is told"),
    (b"A\rB\r\nC\r\n", [LineFault.BARE, b"C"], "a bare CR spoils its line"),
    (b"A\r\r\nB\r\n", [LineFault.BARE, b"B"], "CR CR LF is a bare CR before a line end"),
    (b"A\n\r\nB\r\n", [LineFault.BARE, b"B"], "LF CR LF"),
    (b"x" * 300 + b"\r\nB\r\n", [LineFault.LONG, b"B"], "an overlong line is one fault"),
    (b"x" * 98 + b"\r\nB\r\n", [b"x" * 98, b"B"], "exactly the longest line"),
    (b"x" * 99 + b"\r\nB\r\n", [LineFault.LONG, b"B"], "one more than the longest"),
]


@pytest.mark.parametrize(("octets", "expected", "why"), LINES, ids=[row[2] for row in LINES])
def test_lines_are_the_same_at_every_split(octets, expected, why):
    assert lines_of([octets]) == expected
    for chunks in splits(octets):
        assert lines_of(chunks) == expected


def test_an_endless_line_is_not_held():
    buffer = LineBuffer(100)
    for _ in range(1000):
        buffer.octets += b"x" * 1000
        assert buffer.next_line() is None
    assert len(buffer.octets) < 200
    assert buffer.discarded > 900_000


ENDS = [
    (b".\r\n", b"", "an empty message"),
    (b"a\r\n.\r\n", b"a\r\n", "one line"),
    (b"..\r\n.\r\n", b".\r\n", "a stuffed dot"),
    (b"..a\r\n...b\r\n.\r\n", b".a\r\n..b\r\n", "one dot comes off each line"),
    (b"a\r\n..\r\n\r\n.\r\n", b"a\r\n.\r\n\r\n", "a stuffed dot inside"),
    (b".a\r\n.\r\n", b"a\r\n", "a dot that was not stuffed comes off all the same"),
    (b"\r\n\r\n.\r\n", b"\r\n\r\n", "empty lines"),
]


@pytest.mark.parametrize(("octets", "expected", "why"), ENDS, ids=[row[2] for row in ENDS])
def test_content_and_rest_are_the_same_at_every_split(octets, expected, why):
    octets += b"QUIT\r\n"
    for chunks in [[octets], *splits(octets)]:
        content, reader, rest = content_of(chunks)
        assert (content, rest) == (expected, b"QUIT\r\n")
        assert reader.size == len(expected)
        assert not reader.bare


FALSE_ENDS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\n\r.\r\n",
    b"\r\n.\r\r\n",
    b"\r\n.\0\r\n",
]


@pytest.mark.parametrize("false_end", FALSE_ENDS)
def test_nothing_but_crlf_dot_crlf_ends_data(false_end):
    octets = b"first" + false_end + b"MAIL FROM:<smuggled@x.example>\r\n.\r\n"
    for chunks in [[octets], *splits(octets)]:
        _, reader, rest = content_of(chunks)
        assert rest == b""
        assert reader.bare or reader.has_nul
        assert content_of([octets], normalise=True)[2] == b""


@pytest.mark.parametrize("false_end", FALSE_ENDS)
async def test_the_mx_refuses_a_smuggled_message_at_every_split(false_end):
    octets = (
        BEGIN
        + b"Subject: x\r\n\r\nfirst"
        + false_end
        + b"MAIL FROM:<s@x.example>\r\nRCPT TO:<v@y.example>\r\nDATA\r\n"
    )
    octets += b"second\r\n.\r\nQUIT\r\n"
    start = len(BEGIN) + 10
    for chunks in [[octets], *([octets[:at], octets[at:]] for at in range(start, len(octets)))]:
        handler = Recorder()
        sent = await feed(SmtpService("mx", "mx.example", handler), chunks)
        assert handler.messages == []
        assert sent.count(b"\r\n550 5.6.0 ") == 1
        assert sent.endswith(b"221 2.0.0 Bye\r\n")
        assert [stage for stage, _ in handler.refusals] == ["data"]


async def test_submission_mends_bare_line_ends_into_one_message():
    octets = BEGIN + b"a\nb\rc\r\nd\n.\ne\r\n.\r\nQUIT\r\n"
    service = SmtpService("submission", "mx.example", handler := Recorder(), normalise=True)
    for at in range(len(BEGIN), len(octets)):
        await feed(service, [octets[:at], octets[at:]])
        assert handler.messages.pop() == b"a\r\nb\r\nc\r\nd\r\n.\r\ne\r\n"
        assert handler.contents.pop().bare_line_ends


async def test_the_whole_dialogue_is_the_same_at_every_split():
    octets = BEGIN + b"Subject: x\r\n\r\n..dot\r\n.\r\nNOOP\nRCPT TO:<z@y.example>\r\nVRFY b\r\nRSET\r\nQUIT\r\n"
    whole = await feed(SmtpService("mx", "mx.example", Recorder()), [octets])
    for chunks in splits(octets):
        handler = Recorder()
        assert await feed(SmtpService("mx", "mx.example", handler), chunks) == whole
        assert handler.messages == [b"Subject: x\r\n\r\n.dot\r\n"]


def test_windows_change_nothing_in_a_large_message():
    chance = random.Random(7)
    lines = [b"." * chance.randrange(3) + bytes(chance.choices(b"ab.", k=chance.randrange(200))) for _ in range(5000)]
    content = b"".join(line + b"\r\n" for line in lines)
    wire = b"".join((b"." if line[:1] == b"." else b"") + line + b"\r\n" for line in lines) + b".\r\n"
    for size in (1460, 65536, 65537, 200_000):
        chunks = [wire[at : at + size] for at in range(0, len(wire), size)]
        found, reader, rest = content_of(chunks)
        assert found == content
        assert rest == b""
        assert not reader.bare


def test_a_long_run_of_one_line_or_of_line_ends_stays_linear():
    def cost(wire):
        chunks = [wire[at : at + 16384] for at in range(0, len(wire), 16384)]
        begin = time.process_time()
        content_of(chunks, limit=10**9)
        return time.process_time() - begin

    for piece in (b"x", b"\r\n", b"\r\n..", b"\r\n.\r"):
        wire = piece * (4_000_000 // len(piece))
        assert cost(wire + b"\r\n.\r\n") < 1.0


def test_a_large_message_is_spooled_to_a_file():
    content, reader, _ = content_of([b"x" * 70000 + b"\r\n"] * 40 + [b".\r\n"], limit=10**7)
    assert len(content) == 40 * 70002
    assert reader.spool.file._rolled
