"""A message as large as any may be, over a real socket: the memory of a few copies, and the other sessions go on."""

import asyncio
import time
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async

from antispam.inbound.handlers import InboundHandler
from domains.database import close_pool
from mailboxes.models import Message
from mailboxes.smtp.server import SmtpService
from tests.factories import make_account
from tests.mailboxes.smtp_peer import connected

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("dns_settings")]
MEGABYTE = 1024 * 1024
HEAD = (
    b"From: a@b.example\r\nMessage-ID: <1@b.example>\r\n"
    b"DKIM-Signature: v=1; a=rsa-sha256; d=b.example; s=s1; c=relaxed/relaxed; h=from; bh=AAAA; b=AAAA\r\n\r\n"
)
BLOCK = (b"x" * 76 + b"\r\n") * 1000


def memory(name):
    """Return a figure of this process in octets."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(name))


def begin_peak_anew():
    """Forget the highest use of memory so far."""
    Path("/proc/self/clear_refs").write_text("5")


async def test_24_megabytes_stop_nobody_and_are_held_a_few_times_at_most():
    await sync_to_async(make_account)("alice@acme.example")
    longest, done = 0.0, False

    async def watch():
        nonlocal longest
        while not done:
            began = time.thread_time()  # of the loop's thread: what others on this machine use does not count
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)

    async with connected(SmtpService("mx", "mail.acme.example", InboundHandler())) as client:
        await client.hello()
        await client.say("MAIL FROM:<bob@b.example>")
        await client.say("RCPT TO:<alice@acme.example>")
        await client.say("DATA")
        begin_peak_anew()
        before, watching = memory("VmRSS"), asyncio.ensure_future(watch())
        client.writer.write(HEAD)
        for _ in range(24 * MEGABYTE // len(BLOCK)):
            client.writer.write(BLOCK)
            await client.writer.drain()
        reply = asyncio.ensure_future(client.reply())
        client.send(".")
        assert (await asyncio.wait_for(reply, 30)).startswith("250")
        done = True
        await watching
    assert memory("VmHWM") - before < 100 * MEGABYTE
    assert longest < 0.1
    assert (await Message.objects.aget()).size > 23 * MEGABYTE
    await close_pool()
