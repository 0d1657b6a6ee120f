"""Every limit of the SMTP server: the last allowed one passes, the next one meets its reply."""

import asyncio

import pytest

from mailboxes.smtp.budgets import SmtpLimits
from mailboxes.smtp.server import SmtpService
from tests.mailboxes.smtp_peer import Recorder, connected, event_loop_policy  # noqa: F401


def mx(handler=None, **limits):
    return SmtpService("mx", "mx.example", handler or Recorder(), SmtpLimits(**limits))


def test_the_promised_figures():
    limits = SmtpLimits()
    assert (limits.errors, limits.junk, limits.recipients, limits.auth_failures) == (20, 100, 1000, 3)
    assert limits.message_octets == 25 * 1024 * 1024
    assert limits.line_octets("NOOP") == 512
    assert limits.line_octets("AUTH") == 12288


async def test_the_twentieth_protocol_error_ends_the_session():
    handler = Recorder()
    async with connected(mx(handler)) as client:
        await client.reply()
        for _ in range(19):
            assert (await client.say("XYZZY")).startswith("500")
        assert (await client.say("XYZZY")).startswith("500")
        assert (await client.reply()).startswith("421 4.7.0 Too many errors")
        assert await client.closed()
    assert handler.refusals[-1][1].code == 421


@pytest.mark.parametrize("command", ["NOOP", "RSET", "VRFY x", "HELP", "EHLO c.example"])
async def test_a_hundred_junk_commands_pass_and_no_more(command):
    async with connected(mx()) as client:
        await client.reply()
        for _ in range(100):
            assert (await client.say(command))[0] == "2"
        assert (await client.say(command)).startswith("421 4.7.0")
        assert await client.closed()


async def test_the_1001st_recipient_waits_for_another_message():
    handler = Recorder()
    async with connected(mx(handler)) as client:
        await client.hello()
        await client.say("MAIL FROM:<a@x.example>")
        client.writer.write(b"".join(b"RCPT TO:<r%d@y.example>\r\n" % number for number in range(1001)))
        replies = [await client.reply() for _ in range(1001)]
        assert {reply[:3] for reply in replies[:1000]} == {"250"}
        assert replies[1000].startswith("452 4.5.3")
        await client.say("DATA")
        assert (await client.say("x\r\n.")).startswith("250")
    assert len(handler.envelopes[0][1]) == 1000


async def test_command_lines_end_at_512_octets():
    async with connected(mx()) as client:
        await client.hello()
        assert (await client.say("NOOP " + "x" * 505)).startswith("250")
        assert (await client.say("NOOP " + "x" * 506)).startswith("500 5.5.2")
        assert (await client.say("x" * 100_000)).startswith("500 5.5.2")
        assert (await client.say("NOOP")).startswith("250")


async def test_a_line_without_end_is_cut_off():
    async with connected(mx()) as client:
        await client.hello()
        for _ in range(30):
            client.writer.write(b"x" * 65536)
        assert (await client.reply()).startswith("421 4.7.0")


async def fill(client, octets):
    await client.hello()
    await client.say("MAIL FROM:<a@x.example>")
    await client.say("RCPT TO:<b@y.example>")
    await client.say("DATA")
    line = b"x" * 98 + b"\r\n"
    client.writer.write(
        line * (octets // 100) + b"y" * (octets % 100 - 2) + b"\r\n" if octets % 100 else line * (octets // 100)
    )
    return await client.say(".")


async def test_a_message_of_exactly_the_limit_is_taken_and_one_octet_more_is_not():
    handler = Recorder()
    async with connected(mx(handler, message_octets=200_003)) as client:
        assert (await fill(client, 200_003)).startswith("250")
        assert len(handler.messages[0]) == 200_003
    handler = Recorder()
    async with connected(mx(handler, message_octets=200_002)) as client:
        assert (await fill(client, 200_003)).startswith("552 5.3.4")
        assert (await client.say("NOOP")).startswith("250")
    assert handler.messages == []
    assert handler.refusals[0][0] == "data"


async def test_a_message_far_beyond_the_limit_is_not_read_to_its_end():
    async with connected(mx(message_octets=100_000)) as client:
        await client.hello()
        await client.say("MAIL FROM:<a@x.example>")
        await client.say("RCPT TO:<b@y.example>")
        await client.say("DATA")
        client.writer.write(b"x" * 500_000)
        assert (await client.reply()).startswith("552 5.3.4")
        assert await client.closed()


async def test_above_a_megabyte_the_content_is_in_a_file():
    handler = Recorder()
    async with connected(mx(handler)) as client:
        assert (await fill(client, 2_000_000)).startswith("250")
    assert handler.spooled == [True]
    assert len(handler.messages[0]) == 2_000_000


@pytest.mark.parametrize("stage", ["command", "data"])
async def test_silence_ends_with_421(stage):
    handler = Recorder()
    async with connected(mx(handler, command_seconds=0.2, data_seconds=0.2)) as client:
        await client.hello()
        if stage == "data":
            await client.say("MAIL FROM:<a@x.example>")
            await client.say("RCPT TO:<b@y.example>")
            await client.say("DATA")
            client.send("begun")
        assert (await client.reply()).startswith("421 4.4.2")
        assert await client.closed()
    assert handler.messages == []


async def test_a_drip_of_octets_does_not_outlive_the_session():
    async with connected(mx(session_seconds=0.4, command_seconds=0.3)) as client:
        await client.hello()
        begin = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - begin < 2 and not client.reader.at_eof():
            client.writer.write(b"x")
            await asyncio.sleep(0.05)
            if client.reader._buffer:
                break
        # the connection may be reset already, so what came is read without waiting for more
        assert client.reader._buffer.startswith(b"421 4.4.2")
        assert asyncio.get_running_loop().time() - begin < 1


async def test_a_handler_that_never_answers_becomes_451():
    async def hang():
        await asyncio.sleep(60)

    async with connected(mx(Recorder(mail=hang), handler_seconds=0.2)) as client:
        await client.hello()
        assert (await client.say("MAIL FROM:<a@x.example>")).startswith("451 4.3.0")
        assert (await client.say("NOOP")).startswith("250")


async def test_a_new_transaction_gives_no_new_recipients_until_a_message_came():
    handler = Recorder()
    async with connected(mx(handler)) as client:
        await client.hello()
        for number in range(1001):
            if number % 100 == 0:
                await client.say("RSET")
                await client.say("MAIL FROM:<a@x.example>")
            reply = await client.say(f"RCPT TO:<r{number}@y.example>")
        assert reply.startswith("452 4.5.3")


async def test_after_a_message_the_recipients_are_counted_afresh():
    async with connected(mx(Recorder(), recipients=2)) as client:
        await client.hello()
        for _ in range(3):
            await client.say("MAIL FROM:<a@x.example>")
            for name in ("b", "c"):
                assert (await client.say(f"RCPT TO:<{name}@y.example>")).startswith("250")
            await client.say("DATA")
            assert (await client.say("x\r\n.")).startswith("250")
