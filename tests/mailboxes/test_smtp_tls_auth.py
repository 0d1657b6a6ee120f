"""STARTTLS and AUTH: nothing crosses the handshake, no password travels in the clear, three failures end it."""

from base64 import b64encode

import pytest

from mailadmin.runner.tls import make_context
from mailboxes.smtp.budgets import SmtpLimits
from mailboxes.smtp.server import SmtpService
from tests.mailboxes.smtp_peer import Recorder, certificate, connected, event_loop_policy, feed, trusting  # noqa: F401


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    return make_context(*certificate(tmp_path_factory.mktemp("tls")))


def submission(context, handler=None):
    return SmtpService("submission", "mx.example", handler or Recorder(), SmtpLimits(), lambda: context, True, True)


def plain(user="alice@x.example", password="right horse", authzid=""):
    return b64encode(f"{authzid}\0{user}\0{password}".encode()).decode()


async def test_tls_begins_and_the_session_begins_anew(context):
    handler = Recorder()
    service = SmtpService("mx", "mx.example", handler, SmtpLimits(), lambda: context)
    async with connected(service) as client:
        greeting = await client.hello()
        assert greeting.endswith("250 STARTTLS")
        assert "REQUIRETLS" not in greeting
        await client.start_tls(trusting())
        assert (await client.say("MAIL FROM:<a@x.example>")).startswith("503")
        greeting = await client.say("EHLO client.example")
        assert "STARTTLS" not in greeting
        assert "AUTH" not in greeting
        assert (await client.say("STARTTLS")).startswith("503")
        assert (await client.say("MAIL FROM:<a@x.example>")).startswith("250")
        await client.say("RCPT TO:<b@y.example>")
        await client.say("DATA")
        assert (await client.say("x" * 100_000 + "\r\n.")).startswith("250")
        assert (await client.say("QUIT")).startswith("221")
    assert handler.tls_at_mail[0]["version"] in ("TLSv1.2", "TLSv1.3")


async def test_what_is_sent_along_with_starttls_is_refused(context):
    handler = Recorder()
    service = SmtpService("mx", "mx.example", handler, SmtpLimits(), lambda: context)
    injected = b"EHLO c.example\r\nSTARTTLS\r\nMAIL FROM:<injected@x.example>\r\n"
    for end in range(len(injected) - 31, len(injected) + 1):
        sent = await feed(service, [injected[:end]])
        assert sent.count(b"220 ") == 1
        assert sent.rstrip().split(b"\r\n")[-1].startswith(b"554 5.5.1")
    assert "mail" not in handler.calls


async def test_a_failed_handshake_ends_the_connection(context):
    handler = Recorder()
    async with connected(SmtpService("mx", "mx.example", handler, SmtpLimits(), lambda: context)) as client:
        await client.hello()
        await client.say("STARTTLS")
        client.send("MAIL FROM:<plain@x.example>")
        assert b"250" not in await client.reader.read()
    assert handler.calls[-1] == "disconnect"
    assert "mail" not in handler.calls


async def test_no_password_in_the_clear(context):
    handler = Recorder()
    async with connected(submission(context, handler)) as client:
        assert "AUTH" not in await client.hello()
        assert (await client.say(f"AUTH PLAIN {plain()}")).startswith("538 5.7.11")
        assert (await client.say("MAIL FROM:<alice@x.example>")).startswith("530 5.7.0")
    assert not any(call.startswith("auth") for call in handler.calls)


async def under_tls(client):
    await client.hello()
    await client.start_tls(trusting())
    greeting = await client.say("EHLO client.example")
    assert greeting.endswith("250 AUTH PLAIN LOGIN")


EXCHANGES = [
    ([f"AUTH PLAIN {plain()}"], "PLAIN with an initial response"),
    (["AUTH PLAIN", plain()], "PLAIN without one"),
    (["auth plain " + plain(authzid="alice@x.example")], "acting for oneself"),
    (["AUTH LOGIN", b64encode(b"alice@x.example").decode(), b64encode(b"right horse").decode()], "LOGIN"),
    (
        ["AUTH LOGIN " + b64encode(b"alice@x.example").decode(), b64encode(b"right horse").decode()],
        "LOGIN, user given",
    ),
]


@pytest.mark.parametrize(("lines", "why"), EXCHANGES, ids=[row[1] for row in EXCHANGES])
async def test_authentication(context, lines, why):
    handler = Recorder()
    async with connected(submission(context, handler)) as client:
        await under_tls(client)
        assert (await client.say("MAIL FROM:<alice@x.example>")).startswith("530 5.7.0")
        for line in lines[:-1]:
            assert (await client.say(line)).startswith("334 ")
        assert await client.say(lines[-1]) == "235 2.7.0 Authenticated"
        assert (await client.say(f"AUTH PLAIN {plain()}")).startswith("503")
        assert (await client.say("MAIL FROM:<alice@x.example> AUTH=<>")).startswith("250")
    assert any(call.endswith("alice@x.example right horse") for call in handler.calls)


BROKEN = [
    (["AUTH PLAIN", "*"], "501 5.7.0", "cancelled"),
    (["AUTH PLAIN !!!"], "501 5.5.2", "not base64"),
    (["AUTH PLAIN " + b64encode(b"nope").decode()], "501 5.5.2", "not the message"),
    (["AUTH PLAIN " + plain(authzid="bob@x.example")], "535 5.7.8", "acting for another"),
    (["AUTH CRAM-MD5"], "504 5.5.4", "another mechanism"),
    (["AUTH"], "504 5.5.4", "none"),
    (["AUTH PLAIN", "x" * 20000], "500 5.5.6", "a line over 12288"),
    (["AUTH PLAIN " + b64encode(b"\0\xff\xfe\0pw").decode()], "501 5.5.2", "not UTF-8"),
]


@pytest.mark.parametrize(("lines", "expected", "why"), BROKEN, ids=[row[2] for row in BROKEN])
async def test_broken_exchanges(context, lines, expected, why):
    async with connected(submission(context)) as client:
        await under_tls(client)
        for line in lines:
            last = await client.say(line)
        assert last.startswith(expected)
        assert (await client.say("NOOP")).startswith("250")


async def test_the_third_wrong_password_ends_the_session(context):
    handler = Recorder()
    async with connected(submission(context, handler)) as client:
        await under_tls(client)
        for _ in range(3):
            assert (await client.say(f"AUTH PLAIN {plain(password='wrong')}")).startswith("535 5.7.8")
        assert (await client.reply()).startswith("421 4.7.0 Too many authentication failures")
        assert await client.closed()
