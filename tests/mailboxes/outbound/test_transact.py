"""One dialogue with a remote that plays each fault of the outside over a real socket."""

import asyncio
import ssl
import time
from pathlib import Path

import pytest

from mailboxes.outbound import transact
from mailboxes.outbound.outcome import Outcome
from mailboxes.outbound.transact import Envelope, HostFailed, Remote, deliver_remotely
from tests.mailboxes.outbound.scripted_remote import Script, scripted_remote

CONTENT = b"Subject: hello\r\n\r\n.starts with a dot\r\nend\r\n"


async def attempt(script: Script, *recipients: str, content: bytes = CONTENT, smtputf8: bool = False):
    async with scripted_remote(script) as port:
        envelope = Envelope("alice@acme.example", recipients or ("bob@far.example",), content, smtputf8)
        return await deliver_remotely(envelope, Remote("mx.far.example", "127.0.0.1", port), "mail.acme.example")


async def test_message_arrives_octet_for_octet() -> None:
    script = Script()
    (result,) = await attempt(script)
    assert result.outcome is Outcome.SENT
    assert str(result.reply) == "250 2.0.0 queued as R1"
    assert script.messages == [CONTENT]
    assert script.heard[0] == "EHLO mail.acme.example"
    assert script.heard[1] == f"MAIL FROM:<alice@acme.example> SIZE={len(CONTENT)}"


async def test_eight_bit_content_is_announced() -> None:
    script = Script()
    await attempt(script, content="Subject: x\r\n\r\né\r\n".encode())
    assert script.heard[1].endswith("BODY=8BITMIME")


async def test_host_without_ehlo_is_greeted_with_helo() -> None:
    script = Script(ehlo="502 5.5.1 what")
    (result,) = await attempt(script)
    assert result.outcome is Outcome.SENT
    assert script.heard[1] == "HELO mail.acme.example"


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (Script(mail="451 4.3.0 later"), Outcome.DEFERRED),
        (Script(mail="550 5.7.1 no"), Outcome.FAILED),
        (Script(mail=None), Outcome.DEFERRED),  # dropped
        (Script(rcpt={"bob@far.example": "550 5.1.1 unknown"}), Outcome.FAILED),
        (Script(rcpt={"bob@far.example": "450 4.2.0 greylisted"}), Outcome.DEFERRED),
        (Script(rcpt={"bob@far.example": None}), Outcome.DEFERRED),
        (Script(data="451 4.3.0 later"), Outcome.DEFERRED),
        (Script(data="554 5.0.0 no"), Outcome.FAILED),
        (Script(data=None), Outcome.DEFERRED),
        (Script(data="250 2.0.0 queued"), Outcome.DEFERRED),  # nothing was handed over: never "sent"
        (Script(data="221 bye"), Outcome.DEFERRED),
        (Script(mail="250 ok\r\n250 ok\r\n250 ok"), Outcome.DEFERRED),  # replies out of step
        (Script(dot="452 4.3.1 full"), Outcome.DEFERRED),
        (Script(dot="554 5.6.0 spam"), Outcome.FAILED),
        (Script(dot=None), Outcome.DEFERRED),  # dropped after the dot: nobody said 250
        (Script(dot="rubbish"), Outcome.DEFERRED),
        (Script(dot="250 " + "x" * 40_000), Outcome.DEFERRED),  # a reply without end
        (Script(mail="250-more\r\n" * 1_000_000 + "250 ok"), Outcome.DEFERRED),  # 10 MB of reply
        (Script(rcpt={"bob@far.example": "250 \x00\x1b[2J ok"}), Outcome.SENT),
        (Script(rcpt={"bob@far.example": "\x00\xff garbage"}), Outcome.DEFERRED),
    ],
)
async def test_fault_after_the_greeting(script: Script, outcome: Outcome) -> None:
    (result,) = await attempt(script)
    assert result.outcome is outcome


@pytest.mark.parametrize(
    "script",
    [
        Script(banner=None),
        Script(banner="554 5.7.1 go away"),
        Script(banner="421 4.3.2 busy"),
        Script(banner="garbage"),
        Script(banner="gar\x00bage"),
        Script(banner="220-" + "x" * 1000 + "\r\n220-" * 10_000),
        Script(ehlo=None, helo=None),
        Script(ehlo="550 no", helo="550 no"),
    ],
)
async def test_fault_before_the_transaction_leaves_other_hosts_to_be_tried(script: Script) -> None:
    with pytest.raises(HostFailed) as caught:
        await attempt(script)
    assert caught.value.reply.outcome is Outcome.DEFERRED
    assert str(caught.value.reply).isprintable()


@pytest.mark.parametrize(
    "content", [b".", b"..\r\n.\r\n", b"a: b\r\n\r\nno line end", b"a: b\r\n\r\n" + b".\r\n" * 90_000]
)
async def test_dots_arrive_as_they_left(content: bytes) -> None:
    script = Script()
    await attempt(script, content=content)
    assert script.messages == [content if content.endswith(b"\r\n") else content + b"\r\n"]


async def test_a_large_message_of_short_lines_costs_under_two_seconds() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in (b"220 hi", b"250 hi", b"250 ok", b"250 ok", b"354 go"):
            writer.write(reply + b"\r\n")
            await reader.readline()
        while (await reader.read(1 << 20))[-5:] != b"\r\n.\r\n":
            pass
        writer.write(b"250 ok\r\n")

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    envelope = Envelope("", ("b@far.example",), b".\r\n" * (25 * 1024 * 1024 // 3))
    before = time.process_time()
    (result,) = await deliver_remotely(envelope, Remote("mx", "127.0.0.1", port), "us")
    assert time.process_time() - before < 2
    assert result.outcome is Outcome.SENT
    server.close()


async def test_recipients_end_each_for_itself() -> None:
    script = Script(rcpt={"b@far.example": "550 5.1.1 unknown", "c@far.example": "450 4.2.0 later"})
    results = await attempt(script, "a@far.example", "b@far.example", "c@far.example")
    assert [result.outcome for result in results] == [Outcome.SENT, Outcome.FAILED, Outcome.DEFERRED]
    assert len(script.messages) == 1


async def test_refused_recipients_are_not_followed_by_data() -> None:
    script = Script(rcpt={"bob@far.example": "550 5.1.1 unknown"})
    await attempt(script)
    assert "DATA" not in script.heard


async def test_international_addresses_need_smtputf8_of_the_remote() -> None:
    (result,) = await attempt(Script(), "jörg@far.example", smtputf8=True)
    assert (result.outcome, result.reply.enhanced) == (Outcome.FAILED, "5.6.7")
    script = Script(ehlo="250-remote\r\n250 SMTPUTF8")
    (result,) = await attempt(script, "jörg@far.example", smtputf8=True)
    assert result.outcome is Outcome.SENT
    assert "RCPT TO:<jörg@far.example>" in script.heard


async def test_a_line_end_in_an_address_never_reaches_the_wire() -> None:
    script = Script()
    (result,) = await attempt(script, "bob@far.example>\r\nRCPT TO:<eve@far.example")
    assert result.outcome is Outcome.DEFERRED
    assert not any("eve" in line for line in script.heard)


@pytest.fixture
def server_tls(self_signed: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*self_signed)
    return context


async def test_starttls_is_used_when_offered(server_tls: ssl.SSLContext) -> None:
    script = Script(ehlo="250-remote.example\r\n250 STARTTLS", tls=server_tls)
    (result,) = await attempt(script)
    assert result.outcome is Outcome.SENT
    assert result.tls["version"] == "TLSv1.3"
    assert script.heard[:3] == ["EHLO mail.acme.example", "STARTTLS", "EHLO mail.acme.example"]


async def test_broken_starttls_falls_back_to_the_clear_once(server_tls: ssl.SSLContext) -> None:
    script = Script(ehlo="250-remote.example\r\n250 STARTTLS", tls=server_tls, starttls_reply="454 4.7.0 not now")
    (result,) = await attempt(script)
    assert result.outcome is Outcome.SENT
    assert result.tls == {}
    assert script.connections == 2


async def test_a_tarpit_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transact, "GREETING_SECONDS", 0.3)

    async def tarpit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    server = await asyncio.start_server(tarpit, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(HostFailed, match="longer than"):
        await deliver_remotely(Envelope("", ("b@far.example",), CONTENT), Remote("mx", "127.0.0.1", port), "us")
    server.close()
