"""BDAT (RFC 3030): counted octets are the message and never a command, at every split of the connection."""

import pytest

from mailboxes.smtp.budgets import SmtpLimits
from mailboxes.smtp.replies import Reply
from mailboxes.smtp.server import SmtpService
from tests.mailboxes.smtp_peer import Recorder, connected, event_loop_policy, feed, splits  # noqa: F401

BEGIN = b"EHLO c.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n"
HEAD = b"Subject: x\r\n\r\n"


def chunk(octets: bytes, last: bool = False) -> bytes:
    return b"BDAT %d%s\r\n" % (len(octets), b" LAST" if last else b"") + octets


def mx(handler: Recorder, **limits: int) -> SmtpService:
    return SmtpService("mx", "mx.example", handler, SmtpLimits(**limits))


def codes(sent: bytes) -> list[str]:
    return [line[:9].strip().decode() for line in sent.split(b"\r\n") if line[3:4] == b" "]


GOOD = [
    ([HEAD + b"hello\r\n"], HEAD + b"hello\r\n", "one chunk"),
    ([HEAD, b"hello\r\n"], HEAD + b"hello\r\n", "two"),
    ([HEAD, b"hel", b"lo\r\n", b""], HEAD + b"hello\r\n", "cut inside a line, and an empty last one"),
    ([HEAD + b"hello\r", b"\n"], HEAD + b"hello\r\n", "cut inside CRLF"),
    ([HEAD + b"hello"], HEAD + b"hello\r\n", "a last line without its end gets one"),
    ([HEAD + b".\r\n..\r\n.x\r\n"], HEAD + b".\r\n..\r\n.x\r\n", "dots are only dots"),
    (
        [HEAD + b"QUIT\r\n.\r\nMAIL FROM:<e@x.example>\r\n"],
        HEAD + b"QUIT\r\n.\r\nMAIL FROM:<e@x.example>\r\n",
        "commands",
    ),
]


@pytest.mark.parametrize(("chunks", "message", "why"), GOOD, ids=[row[-1] for row in GOOD])
async def test_chunks_are_one_message_at_every_split(chunks, message, why):
    octets = BEGIN + b"".join(chunk(one) for one in chunks[:-1]) + chunk(chunks[-1], last=True) + b"QUIT\r\n"
    for pieces in [[octets], *splits(octets)]:
        handler = Recorder()
        sent = await feed(mx(handler), pieces)
        assert handler.messages == [message]
        assert codes(sent)[2:] == ["250 2.1.0", "250 2.1.5", *["250 2.0.0"] * len(chunks), "221 2.0.0"]


BAD = [
    (HEAD + b"a\nb\r\n", "a bare LF"),
    (HEAD + b"a\rb\r\n", "a bare CR"),
    (HEAD + b"a\0b\r\n", "a NUL"),
    (HEAD + b"a\n.\nMAIL FROM:<e@x.example>\r\n", "what would smuggle in DATA"),
    (HEAD + b"a\r\n.\r\nMAIL FROM:<e@x.example>\r\nRCPT TO:<v@y.example>\r\n\r", "a CR at the end"),
]


@pytest.mark.parametrize(("content", "why"), BAD, ids=[row[-1] for row in BAD])
async def test_what_is_refused_is_refused_once_at_every_split(content, why):
    octets = BEGIN + chunk(content[:20]) + chunk(content[20:], last=True) + b"QUIT\r\n"
    for pieces in [[octets], *splits(octets)]:
        handler = Recorder()
        sent = await feed(mx(handler), pieces)
        assert handler.messages == []
        assert codes(sent)[-3:] == ["250 2.0.0", "550 5.6.0", "221 2.0.0"]


REFUSED = [
    (b"EHLO c.example\r\n" + chunk(b"QUIT\r\n", True), "503 5.5.1", "no sender: the octets are dropped"),
    (b"EHLO c.example\r\nMAIL FROM:<a@x.example>\r\n" + chunk(b"QUIT\r\n", True), "554 5.5.1", "no recipient"),
    (BEGIN + chunk(HEAD) + b"DATA\r\n", "503 5.5.1", "DATA after BDAT"),
    (BEGIN + chunk(HEAD) + b"RCPT TO:<c@y.example>\r\n", "503 5.5.1", "RCPT after BDAT"),
    (BEGIN + chunk(HEAD) + b"MAIL FROM:<c@y.example>\r\n", "503 5.5.1", "MAIL after BDAT"),
    (BEGIN + chunk(HEAD) + b"RSET\r\n" + chunk(b"x\r\n", True), "503 5.5.1", "RSET gives the chunks up"),
]


@pytest.mark.parametrize(("octets", "answer", "why"), REFUSED, ids=[row[-1] for row in REFUSED])
async def test_out_of_order(octets, answer, why):
    handler = Recorder()
    sent = await feed(mx(handler), [octets + b"NOOP\r\nQUIT\r\n"])
    assert codes(sent)[-3:] == [answer, "250 2.0.0", "221 2.0.0"]
    assert handler.messages == []


@pytest.mark.parametrize("argument", ["", "x", "-1", "1 2", "1 LAST x", "0x10", "1e3", "9" * 30, "٣"])
async def test_octets_that_nobody_can_count_end_the_session(argument):
    """Else what follows, counted by the client, would be read as commands."""
    handler = Recorder()
    sent = await feed(mx(handler), [BEGIN + f"BDAT {argument}\r\n".encode() + b"MAIL FROM:<e@x.example>\r\nQUIT\r\n"])
    assert codes(sent)[-1] == "501 5.5.4"
    assert handler.messages == []


async def test_a_message_over_the_limit_is_refused_and_its_later_chunks_are_dropped():
    handler = Recorder()
    octets = BEGIN + chunk(b"x" * 60) + chunk(b"y" * 60) + chunk(b"z" * 60, True) + b"NOOP\r\nQUIT\r\n"
    sent = await feed(mx(handler, message_octets=100), [octets])
    assert codes(sent)[-5:] == ["250 2.0.0", "552 5.3.4", "503 5.5.1", "250 2.0.0", "221 2.0.0"]
    assert handler.messages == []


async def test_a_chunk_that_can_never_be_taken_is_not_read():
    sent = await feed(mx(Recorder(), message_octets=100), [BEGIN + b"BDAT 999999\r\n" + b"QUIT\r\n"])
    assert codes(sent)[-1] == "552 5.3.4"


@pytest.mark.parametrize("octets", [0, 1, 4095])
async def test_empty_and_tiny_chunks_without_end_are_junk(octets):
    sent = await feed(mx(Recorder(), junk=10), [BEGIN + chunk(b"x" * octets) * 50])
    assert codes(sent)[-1] == "421 4.7.0"


async def test_chunks_of_four_kilobytes_may_be_many():
    sent = await feed(mx(Recorder(), junk=10), [BEGIN + chunk(b"x" * 4096) * 50 + chunk(b"", True)])
    assert codes(sent)[4:] == ["250 2.0.0"] * 51


async def test_a_large_message_is_spooled():
    handler = Recorder()
    async with connected(mx(handler)) as client:
        await client.hello()
        await client.say("MAIL FROM:<a@x.example>")
        await client.say("RCPT TO:<b@y.example>")
        line = b"y" * 998 + b"\r\n"
        for _ in range(3):
            client.writer.write(chunk(HEAD + line * 1000))
            assert (await client.reply()).startswith("250")
        client.writer.write(chunk(b"", True))
        assert (await client.reply()).startswith("250 2.0.0 queued")
    assert handler.spooled == [True]
    assert len(handler.messages[0]) == 3 * (len(HEAD) + 1_000_000)


async def test_the_handlers_refusal_is_the_answer_to_the_last_chunk():
    handler = Recorder(data=Reply(550, "5.7.1", "No"))
    sent = await feed(mx(handler), [BEGIN + chunk(HEAD) + chunk(b"x\r\n", True) + BEGIN[16:] + b"QUIT\r\n"])
    assert codes(sent)[-5:] == ["250 2.0.0", "550 5.7.1", "250 2.1.0", "250 2.1.5", "221 2.0.0"]
