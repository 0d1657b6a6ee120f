"""A message as large as any may be, over a real socket: it lies in its file, and the other sessions go on."""

import asyncio
import base64
import os
import time
from hashlib import sha256

import pytest
from asgiref.sync import sync_to_async
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from antispam.arc.verify import ArcResult, verify_arc
from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import read_message, verify_dkim
from antispam.inbound.handlers import InboundHandler
from domains.database import close_pool, database
from domains.dkim.sign import LoadedKey, sign
from domains.dns.resolver import NetworkResolver
from domains.models import Domain
from domains.octets import MappedOctets, whole
from domains.services.publication import desired_records, zone_text
from mailboxes.mime.structure import describe
from mailboxes.models import Message, QueueEntry
from mailboxes.smtp.server import SmtpService
from mailboxes.store.blobs import read_blob
from tests.factories import make_account, make_alias, make_domain
from tests.mailboxes.smtp_peer import connected
from tests.memory import growth_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("dns_settings")]
MEGABYTE = 1024 * 1024
HEAD = (
    b"From: a@b.example\r\nMessage-ID: <1@b.example>\r\n"
    b"DKIM-Signature: v=1; a=rsa-sha256; d=b.example; s=s1; c=relaxed/relaxed; h=from; bh=AAAA; b=AAAA\r\n\r\n"
)
BLOCK = (b"x" * 76 + b"\r\n") * 1000


async def test_24_megabytes_stop_nobody_and_are_never_held_in_memory():
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
        watching = asyncio.ensure_future(watch())
        with growth_of([os.getpid()]) as grown:
            client.writer.write(HEAD)
            for _ in range(24 * MEGABYTE // len(BLOCK)):
                client.writer.write(BLOCK)
                await client.writer.drain()
            reply = asyncio.ensure_future(client.reply())
            client.send(".")
            assert (await asyncio.wait_for(reply, 30)).startswith("250")
        done = True
        await watching
    assert grown[0] < 12 * MEGABYTE
    assert longest < 0.1
    assert (await Message.objects.aget()).size > 23 * MEGABYTE
    await close_pool()


def multipart(octets):
    """Return a message of about so many octets, most of it an attachment, in base64 and with white space."""
    parts = [
        b"From: a@b.example\r\nTo: team@acme.example\r\nSubject: plans\r\nMessage-ID: <2@b.example>\r\n"
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="cut"\r\n\r\n',
        b"--cut\r\nContent-Type: text/plain\r\n\r\nHere  they\tare. \r\n\r\n",
        b"--cut\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        BLOCK * (octets // len(BLOCK)),
        b"--cut--\r\n \t\r\n\r\n",
    ]
    return b"".join(parts)


async def test_a_large_message_is_verified_kept_and_forwarded_octet_by_octet(dns_settings):
    await sync_to_async(make_domain)("acme.example", active_keys=True)
    await sync_to_async(make_account)("alice@acme.example")
    await sync_to_async(make_alias)("team@acme.example", ["alice@acme.example", "x@far.example"])
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    dns_settings.zone["s1._domainkey.b.example", "TXT"] = [f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"]
    plain = multipart(8 * MEGABYTE)
    octets = sign(plain, "b.example", [LoadedKey("s1", "rsa2048", key)]) + plain
    forged = b"Authentication-Results: mail.acme.example; dmarc=pass header.from=bank.example\r\n"
    async with connected(SmtpService("mx", "mail.acme.example", InboundHandler())) as client:
        await client.hello()
        await client.say("MAIL FROM:<bob@b.example>")
        await client.say("RCPT TO:<team@acme.example>")
        await client.say("DATA")
        with growth_of([os.getpid()]) as grown:
            for start in range(0, len(forged + octets), MEGABYTE):
                client.writer.write((forged + octets)[start : start + MEGABYTE])
                await client.writer.drain()
            assert (await client.say(".")).startswith("250")
    assert grown[0] < 12 * MEGABYTE
    message, entry = await Message.objects.select_related("blob").aget(), await QueueEntry.objects.aget()
    async with database() as connection:
        kept, sent = whole(await read_blob(connection, message.blob_id)), await read_blob(connection, entry.blob_id)
        assert isinstance(sent, MappedOctets)
    head = kept.removesuffix(octets)
    assert len(head) + len(octets) == len(kept) == message.size
    assert b"dkim=pass" in head
    assert b"bank.example" not in head
    assert message.blob.sha256 == sha256(kept).digest()
    told = describe(kept)
    assert (message.envelope, message.body_structure) == (told.envelope, told.body_structure)
    assert b'"BASE64" %d ' % (len(BLOCK) * (8 * MEGABYTE // len(BLOCK)) - 2) in told.body_structure
    handed_on = whole(sent)
    assert handed_on.endswith(octets)
    assert b"Return-Path" not in handed_on[:4096]
    resolver = NetworkResolver([(dns_settings.address, dns_settings.port)])
    domain = await Domain.objects.aget(name="acme.example")
    dns_settings.load_zone_text(await sync_to_async(lambda: zone_text(desired_records(domain), domain.name))())
    assert [found.result for found in await verify_dkim(sent, resolver)] == [DkimResult.PASS]
    for whole_or_mapped in (sent, handed_on):
        assert (await verify_arc(read_message(whole_or_mapped), resolver)).result is ArcResult.PASS
    await close_pool()


async def test_large_messages_at_once_are_not_held_in_memory():
    await sync_to_async(make_account)("alice@acme.example")
    service = SmtpService("mx", "mail.acme.example", InboundHandler())

    async def send(number):
        async with connected(service) as client:
            await client.hello()
            await client.say("MAIL FROM:<bob@b.example>")
            await client.say("RCPT TO:<alice@acme.example>")
            await client.say("DATA")
            client.writer.write(HEAD.replace(b"<1@", b"<%d@" % number))
            for _ in range(8 * MEGABYTE // len(BLOCK)):
                client.writer.write(BLOCK)
                await client.writer.drain()
            assert (await client.say(".")).startswith("250")

    with growth_of([os.getpid()]) as grown:
        await asyncio.gather(*map(send, range(6)))
    assert grown[0] < 24 * MEGABYTE
    assert await Message.objects.acount() == 6
    await close_pool()


async def test_a_header_that_never_ends_is_taken_whole():
    await sync_to_async(make_account)("alice@acme.example")
    async with connected(SmtpService("mx", "mail.acme.example", InboundHandler())) as client:
        await client.hello()
        await client.say("MAIL FROM:<bob@b.example>")
        await client.say("RCPT TO:<alice@acme.example>")
        await client.say("DATA")
        for _ in range(3):
            client.writer.write((b"X-Long: " + b"y" * 60 + b"\r\n") * 8000)
            await client.writer.drain()
        assert (await client.say(".")).startswith("250")
    assert (await Message.objects.aget()).size > 3 * 70 * 8000
    await close_pool()
