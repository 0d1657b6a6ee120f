"""Messages whose traces the real evaluators wrote, for the page that explains them: a table of situations."""

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from antispam.evidence import Envelope
from antispam.services.inspect import inspect
from domains.arc.seal import Seen, seal
from domains.dkim.sign import LoadedKey, sign
from domains.dns.zone import ZoneResolver
from domains.trace import MessageTrace
from mailboxes.mime.headers import read_block
from mailboxes.mime.received import received_texts

HOST = "mail.acme.example"
OWN = "alice@acme.example"
CLIENT = "192.0.2.25"
TLS = {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "bits": 256}
HOSTILE = "<script>alert(1)</script>\u202e\"'><img src=x onerror=alert(2)>"


def _ago(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) - timedelta(seconds=seconds))


ZONE: dict[tuple[str, str], list[str]] = {
    ("shop.example", "TXT"): ["v=spf1 ip4:198.51.100.0/24 include:_spf.mailer.example mx ~all"],
    ("_spf.mailer.example", "TXT"): ["v=spf1 a:out.mailer.example ip4:192.0.2.0/24 -all"],
    ("out.mailer.example", "A"): ["203.0.113.77"],
    ("shop.example", "MX"): ["10 mx.shop.example"],
    ("mx.shop.example", "A"): ["198.51.100.9"],
    ("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=reject; rua=mailto:dmarc@shop.example"],
    ("bank.example", "TXT"): ["v=spf1 ip4:203.0.113.0/28 -all"],
    ("_dmarc.bank.example", "TXT"): ["v=DMARC1; p=quarantine; sp=reject; adkim=s; aspf=s"],
    ("plain.example", "TXT"): ["v=spf1 ip4:192.0.2.25 -all"],
    ("loop.example", "TXT"): ["v=spf1 include:a.loop.example include:b.loop.example -all"],
    ("a.loop.example", "TXT"): ["v=spf1 a:one.loop.example a:two.loop.example a:three.loop.example -all"],
    ("_dmarc.example", "TXT"): [],
}
RECEIVED = (
    "from mail-out.shop.example (mail-out.shop.example [198.51.100.7]) (using TLSv1.3 with cipher"
    " TLS_AES_256_GCM_SHA384 (256/256 bits)) by gateway.mailer.example (Postfix) with ESMTPS id 4Rz1"
    f" for <alice@acme.example>; {_ago(3)}",
    f"from app01 (unknown [10.0.0.12]) by mail-out.shop.example with ESMTP id 77aa; {_ago(1500)}",
)


@dataclass(frozen=True)
class Sample:
    """One situation: what came in, and what the page must say of it."""

    name: str
    mail_from: str = "news@shop.example"
    author: str = "Shop <news@shop.example>"
    helo: str = "gateway.mailer.example"
    signed_by: Sequence[str] = ()
    changed: bool = False
    sealed_by: Sequence[str] = ()
    received: Sequence[str] = RECEIVED
    tls: Mapping[str, Any] = field(default_factory=lambda: dict(TLS))
    failing: Sequence[str] = ()
    zone: Mapping[tuple[str, str], list[str]] = field(default_factory=dict)
    says: Sequence[str] = ()


SAMPLES = (
    Sample("pass", signed_by=["shop.example"], says=["Delivered to 1 recipient.", "Yes: signed by shop.example"]),
    Sample("spf-only", says=["Nobody signed it.", "agrees (relaxed)"]),
    Sample(
        "fail",
        mail_from="x@plain.example",
        author="Your bank <service@bank.example>",
        helo="plain.example",
        tls={},
        received=(),
        says=["Delivered to Junk", "nothing proves it", "does not agree (strict)", "in the clear"],
    ),
    Sample(
        "changed",
        mail_from="list-bounces@lists.example",
        signed_by=["shop.example"],
        changed=True,
        zone={("lists.example", "TXT"): ["v=spf1 ip4:192.0.2.25 -all"]},
        says=["The body was changed after it was signed.", "It asks to refuse such mail."],
    ),
    Sample(
        "forwarded",
        mail_from="x@lists.example",
        signed_by=["shop.example"],
        changed=True,
        sealed_by=["lists.example", "forward.example"],
        zone={("lists.example", "TXT"): ["v=spf1 ip4:192.0.2.25 -all"]},
        says=["The chain of seals holds.", "2. forward.example", "What it says it saw"],
    ),
    Sample(
        "two-signatures",
        signed_by=["mailer.example", "shop.example"],
        says=["Yes: signed by shop.example, mailer.example"],
    ),
    Sample("silent-dns", failing=["shop.example", "_dmarc.shop.example"], says=["Not known: the DNS did not answer"]),
    Sample(
        "too-many-lookups",
        mail_from="a@loop.example",
        author="a@loop.example",
        says=["Not known: the record of loop.example cannot be used.", "stopped inside an include"],
    ),
    Sample("no-policy", mail_from="a@plain.example", author="a@plain.example", says=["publishes no policy"]),
    Sample("two-authors", author="a@shop.example, b@bank.example", says=["Nobody can tell whose message it is."]),
    Sample("null-sender", mail_from="", author="MAILER-DAEMON@plain.example", helo="plain.example"),
    Sample(
        "look-alike",
        mail_from="a@xn--pypal-4ve.example",
        author="a@xn--pypal-4ve.example",
        says=["does not say who may send in its name"],
    ),
    Sample("hostile", mail_from=f"{HOSTILE}@x", author=HOSTILE, helo=HOSTILE, received=[HOSTILE, f"by {HOSTILE}"]),
)


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def key_record() -> str:
    """Return the public half as its DNS record."""
    der = _key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


def message_of(sample: Sample) -> bytes:
    """Return the message as the client sent it, signed and then perhaps changed."""
    body = "Our news of June.\r\n"
    octets = (
        f"From: {sample.author}\r\nTo: {OWN}\r\nSubject: News\r\nDate: Mon, 01 Jun 2026 10:00:00 +0000\r\n\r\n{body}"
    )
    plain = octets.encode()
    for domain in sample.signed_by:
        plain = sign(plain, domain, [LoadedKey("s1", "rsa2048", _key())]) + plain
    plain += b"-- \r\nA footer of the list.\r\n" if sample.changed else b""
    for number, domain in enumerate(sample.sealed_by):
        told = "pass" if number else "none"
        seen = Seen(f"mail.{domain};\r\n spf=pass smtp.mailfrom=news@shop.example;\r\n arc={told}", told)
        plain = seal(plain, seen, domain, LoadedKey("s1", "rsa2048", _key()), int(time.time())) + plain
    received = "".join(f"Received: {text}\r\n" for text in sample.received)
    return received.encode() + plain


def zone_of(sample: Sample) -> dict[tuple[str, str], list[str]]:
    """Return the DNS of the sample."""
    keys = {(f"s1._domainkey.{domain}", "TXT"): [key_record()] for domain in (*sample.signed_by, *sample.sealed_by)}
    return {name: texts for name, texts in {**ZONE, **keys, **sample.zone}.items() if texts}


async def trace_of(sample: Sample) -> MessageTrace:
    """Return the trace that the message leaves, through the real evaluators and the real table."""
    trace = MessageTrace("in", mail_from=sample.mail_from, recipients=[OWN], domains={"acme.example"})
    trace.client_address = CLIENT
    octets = message_of(sample)
    trace.add("connect", "accepted", "", {"address": CLIENT, "port": 41234, "tls": dict(sample.tls)})
    trace.add("helo", "accepted", "", {"name": sample.helo, "extended": True})
    trace.add("mail", "accepted", "", {"mail_from": sample.mail_from, "parameters": {"SIZE": "1200"}})
    trace.add("rcpt", "accepted", "", {"recipient": OWN, "to": [OWN]})
    received = received_texts(read_block(octets).fields)
    trace.add("data", "accepted", "", {"size": len(octets), "received": received})
    envelope = Envelope(CLIENT, sample.helo, sample.mail_from)
    resolver = ZoneResolver(zone_of(sample), sample.failing)
    found = await inspect(octets, envelope, resolver, HOST, trace)  # type: ignore[arg-type]
    detail = {"recipient": OWN, "address": OWN, "folder": found.verdict.folder, "uid": "1"}
    trace.add("delivery", "delivered", "", detail)
    trace.outcome = "delivered"
    return trace
