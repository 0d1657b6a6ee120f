"""The SMTP dialogue over a real socket: order of commands, replies, traps, faults of the handler."""

import asyncio
import re
import smtplib

import pytest

from mailboxes.smtp.budgets import SmtpLimits
from mailboxes.smtp.replies import Reply
from mailboxes.smtp.server import SmtpService
from tests.mailboxes.smtp_peer import PEER, Recorder, Talker, connected, event_loop_policy, feed  # noqa: F401


def mx(handler=None, **limits):
    return SmtpService("mx", "mx.example", handler or Recorder(), SmtpLimits(**limits))


async def test_a_message_goes_through():
    handler = Recorder()
    async with connected(mx(handler)) as client:
        greeting = await client.hello()
        assert greeting.split("\n") == [
            "250-mx.example",
            "250-PIPELINING",
            "250-SIZE 26214400",
            "250-8BITMIME",
            "250-SMTPUTF8",
            "250-ENHANCEDSTATUSCODES",
            "250-CHUNKING",
            "250-LIMITS RCPTMAX=1000",
            "250 DSN",
        ]
        assert await client.say("MAIL FROM:<alice@example.org> SIZE=100 BODY=8BITMIME") == "250 2.1.0 Sender OK"
        assert await client.say("RCPT TO:<bob@example.net>") == "250 2.1.5 Recipient OK"
        assert (await client.say("DATA")).startswith("354 ")
        assert await client.say("Subject: hi\r\n\r\n..dot\r\n.") == "250 2.0.0 queued as M1"
        assert await client.say("QUIT") == "221 2.0.0 Bye"
        assert await client.closed()
    assert handler.messages == [b"Subject: hi\r\n\r\n.dot\r\n"]
    assert handler.envelopes == [("alice@example.org", ["bob@example.net"])]
    assert handler.calls[-1] == "disconnect"


async def test_a_standard_client_sends_several_messages_in_one_session():
    handler = Recorder()
    service = mx(handler)
    server = await asyncio.get_running_loop().create_server(lambda: service.connection(PEER), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    def send():
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            for number in range(3):
                client.sendmail("a@x.example", ["b@y.example", "c@y.example"], f"Subject: {number}\r\n\r\nx\r\n")

    await asyncio.to_thread(send)
    server.close()
    assert [message[:10] for message in handler.messages] == [b"Subject: 0", b"Subject: 1", b"Subject: 2"]


ORDER = [
    ("MAIL FROM:<a@x.example>", "503 5.5.1", "MAIL before EHLO"),
    ("EHLO c.example|RCPT TO:<a@x.example>", "503 5.5.1", "RCPT before MAIL"),
    ("EHLO c.example|DATA", "503 5.5.1", "DATA before MAIL"),
    ("EHLO c.example|MAIL FROM:<a@x.example>|DATA", "554 5.5.1", "DATA without recipients"),
    ("EHLO c.example|MAIL FROM:<a@x.example>|MAIL FROM:<a@x.example>", "503 5.5.1", "MAIL inside a transaction"),
    ("EHLO c.example|MAIL FROM:<a@x.example>|RSET|RCPT TO:<b@y.example>", "503 5.5.1", "RSET forgets the sender"),
    ("EHLO c.example|MAIL FROM:<a@x.example>|EHLO c.example|RCPT TO:<b@y.example>", "503 5.5.1", "so does EHLO"),
    ("EHLO", "501 5.5.4", "EHLO without a name"),
    ("EHLO two words", "501 5.5.4", "EHLO with two"),
    ("EHLO <script>", "501 5.5.4", "EHLO with what is no name"),
    ("HELO [192.0.2.1]", "250 mx.example", "an address literal"),
    ("HELO c.example|MAIL FROM:<a@x.example> SIZE=3", "501 5.5.4", "parameters need EHLO"),
    ("EHLO c.example|AUTH PLAIN AGEAYg==", "502 5.5.1", "the MX offers no AUTH"),
    ("STARTTLS", "454 4.7.0", "no certificate"),
    ("VRFY bob", "252 2.5.2", "VRFY tells nothing"),
    ("EXPN all", "502 5.5.1", "EXPN is not offered"),
    ("NOOP now", "250 2.0.0", "NOOP"),
    ("HELP", "214 2.0.0 Commands: ", "HELP"),
    ("HELP MAIL", "214 2.0.0 Syntax: MAIL FROM:<address>", "HELP of a command"),
    ("XYZZY", "500 5.5.2", "an unknown command"),
    ("", "500 5.5.2", "an empty line"),
    ("QUIT now", "501 5.5.4", "QUIT takes nothing"),
]


@pytest.mark.parametrize(("lines", "expected", "why"), ORDER, ids=[row[2] for row in ORDER])
async def test_replies(lines, expected, why):
    async with connected(mx()) as client:
        await client.reply()
        for line in lines.split("|"):
            last = await client.say(line)
    assert last.startswith(expected)


PATHS = [
    ("<>", "250", "", "the null path"),
    ("<a@x.example>", "250", "a@x.example", "plain"),
    (" <a@x.example>", "250", "a@x.example", "a space is forgiven"),
    ("<@relay.example,@b.example:a@x.example>", "250", "a@x.example", "a source route is dropped"),
    ('<"a b"@x.example>', "250", '"a b"@x.example', "a quoted local part"),
    ("<a@[192.0.2.1]>", "250", "a@[192.0.2.1]", "an address literal"),
    ("a@x.example", "501 5.1.7", None, "no angle brackets"),
    ("<a@x.example", "501 5.1.7", None, "no closing bracket"),
    ("<a@>", "501 5.1.7", None, "no domain"),
    ("<root>", "501 5.1.7", None, "a local part alone"),
    ("<a b@x.example>", "501 5.1.7", None, "a space inside"),
    ("<../../etc/passwd@x.example>", "501 5.1.7", None, "two dots in a row"),
    ("<a@x.example>junk", "501 5.5.4", None, "text glued to the path"),
    ("<a@x..example>", "501 5.1.7", None, "an empty label"),
    ("<" + "l" * 65 + "@x.example>", "501 5.1.7", None, "a local part over 64"),
    ("<a@" + "x" * 253 + ">", "501 5.1.7", None, "longer than 254"),
    ("<a@x.example> SIZE=x", "501 5.5.4", None, "SIZE without a number"),
    ("<a@x.example> SIZE=1 SIZE=2", "501 5.5.4", None, "a parameter twice"),
    ("<a@x.example> XTRA=1", "555 5.5.4", None, "an unknown parameter"),
    ("<a@x.example> BODY=BINARYMIME", "501 5.5.4", None, "a BODY that is not offered"),
    ("<a@x.example> SIZE=26214401", "552 5.3.4", None, "too large by its own word"),
    ("<a@x.example> SIZE=26214400", "250", "a@x.example", "just not too large"),
    ("<ä@x.example>", "550 5.6.7", None, "UTF-8 without SMTPUTF8"),
    ("<ä@x.example> SMTPUTF8", "250", "ä@x.example", "UTF-8 with it"),
]


@pytest.mark.parametrize(("argument", "expected", "address", "why"), PATHS, ids=[row[3] for row in PATHS])
async def test_reverse_paths(argument, expected, address, why):
    handler = Recorder()
    async with connected(mx(handler)) as client:
        await client.hello()
        assert (await client.say(f"MAIL FROM:{argument}")).startswith(expected)
        if address is not None:
            await client.say("RCPT TO:<b@y.example>")
            await client.say("DATA")
            await client.say("x\r\n.")
            assert handler.envelopes[0][0] == address


@pytest.mark.parametrize("bad", [b"a\0b", b"a\x07b", b"a\x7fb", b"\xff\xfe"])
async def test_control_octets_and_broken_utf8_never_reach_the_handler(bad):
    handler = Recorder()
    async with connected(mx(handler)) as client:
        await client.hello()
        assert (await client.say(b"MAIL FROM:<" + bad + b"@x.example>")).startswith("500 5.5.2")
    assert "mail" not in handler.calls


async def test_bare_postmaster_is_a_recipient_and_another_bare_name_is_not():
    handler = Recorder()
    async with connected(mx(handler)) as client:
        await client.hello()
        await client.say("MAIL FROM:<>")
        assert (await client.say("RCPT TO:<Postmaster>")).startswith("250")
        assert (await client.say("RCPT TO:<root>")).startswith("501 5.1.3")
        assert (await client.say("RCPT TO:<>")).startswith("501 5.1.3")
    assert "to Postmaster" in handler.calls


async def test_pipelined_commands_are_answered_in_order():
    handler = Recorder()
    commands = (
        b"EHLO c.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nBAD\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n"
    )
    sent = await feed(mx(handler), [commands])
    codes = re.findall(rb"^(\d{3}) ", sent, re.MULTILINE)
    assert codes == [b"220", b"250", b"250", b"250", b"500", b"354", b"250", b"221"]


async def test_a_command_before_the_banner_is_refused():
    async def slowly():
        await asyncio.sleep(0.1)

    handler = Recorder(connect=slowly)
    async with connected(mx(handler)) as client:
        assert (await client.say("EHLO early.example")).startswith("554 5.5.1")
        assert await client.closed()
    assert handler.refusals[0][0] == "connect"
    assert "helo" not in handler.calls


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "POST /mail HTTP/1.0", "CONNECT x:25 HTTP/1.1", "FOO / HTTP/1.1"])
async def test_an_http_request_ends_the_session_before_its_body(line):
    handler = Recorder()
    async with connected(mx(handler)) as client:
        await client.reply()
        assert (await client.say(f"{line}\r\nEHLO c.example\r\nMAIL FROM:<a@x.example>")).startswith("554 5.5.1")
        assert await client.closed()
    assert handler.calls == ["connect", "disconnect"]


async def test_a_refusal_at_connect_stands_instead_of_the_banner():
    async with connected(mx(Recorder(connect=Reply(554, "5.7.1", "No service here")))) as client:
        assert await client.reply() == "554 5.7.1 No service here"
        assert await client.closed()


@pytest.mark.parametrize("stage", ["helo", "mail", "rcpt", "data"])
async def test_a_fault_of_the_handler_is_a_451_that_tells_nothing(stage):
    handler = Recorder(**{stage: RuntimeError("secret database name")})
    async with connected(mx(handler)) as client:
        replies = [await client.hello()]
        replies += [await client.say(line) for line in ("MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA")]
        if replies[-1].startswith("354"):
            replies.append(await client.say("x\r\n."))
        session = handler.sessions[0].id
        assert any(reply == f"451 4.3.0 Internal fault, try again later ({session})" for reply in replies)
        assert "secret" not in "".join(replies)
        assert (await client.say("QUIT")).startswith("221")


async def test_a_refused_recipient_is_not_in_the_envelope():
    answers = iter([Reply(550, "5.1.1", "No such mailbox"), None])

    async def next_answer():
        return next(answers)

    handler = Recorder(rcpt=next_answer)
    async with connected(mx(handler)) as client:
        await client.hello()
        await client.say("MAIL FROM:<a@x.example>")
        assert await client.say("RCPT TO:<gone@y.example>") == "550 5.1.1 No such mailbox"
        await client.say("RCPT TO:<b@y.example>")
        await client.say("DATA")
        await client.say("x\r\n.")
    assert handler.envelopes == [("a@x.example", ["b@y.example"])]


async def test_a_reply_with_foreign_text_stays_one_clean_reply():
    text = "first\r\nsecond line\nbell\x07 and é"
    async with connected(mx(Recorder(mail=Reply(550, "5.7.1", text)))) as client:
        await client.hello()
        assert await client.say("MAIL FROM:<a@x.example>") == (
            "550-5.7.1 first?\n550-5.7.1 second line\n550 5.7.1 bell? and ?"
        ).replace("first?", "first")


async def test_a_client_that_leaves_in_the_middle_of_data_delivers_nothing():
    handler = Recorder()
    async with connected(mx(handler)) as client:
        await client.hello()
        await client.say("MAIL FROM:<a@x.example>")
        await client.say("RCPT TO:<b@y.example>")
        await client.say("DATA")
        client.send("half a message")
        client.writer.close()
        await asyncio.wait_for(handler.disconnected.wait(), 5)
    assert handler.messages == []


async def test_a_client_that_closes_its_sending_half_gets_its_replies():
    handler = Recorder()
    async with connected(mx(handler)) as client:
        await client.reply()
        client.send("EHLO c.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\nhi\r\n.")
        client.writer.write_eof()
        text = (await asyncio.wait_for(client.reader.read(), 5)).decode()
    assert "queued as M1" in text


async def test_drain_lets_a_transaction_end_and_then_says_421():
    handler = Recorder()
    made = []
    service = mx(handler)
    loop = asyncio.get_running_loop()

    def factory():
        made.append(service.connection(PEER))
        return made[-1]

    server = await loop.create_server(factory, "127.0.0.1", 0)
    client = Talker(*await asyncio.open_connection(*server.sockets[0].getsockname()))
    await client.hello()
    await client.say("MAIL FROM:<a@x.example>")
    made[0].drain()
    await client.say("RCPT TO:<b@y.example>")
    await client.say("DATA")
    assert await client.say("x\r\n.") == "250 2.0.0 queued as M1"
    assert (await client.reply()).startswith("421 4.3.2")
    assert await client.closed()
    server.close()
