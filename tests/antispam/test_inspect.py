"""All checks of one message together: DMARC keeps its own time, names are compared in A-labels."""

import asyncio

from antispam.dmarc.evaluate import DmarcResult
from antispam.evidence import Envelope
from antispam.services import inspect as service
from antispam.services.inspect import Inspection, inspect
from antispam.spf.evaluate import SpfResult
from antispam.verdict import Disposition
from domains.dns.port import Answer
from domains.dns.zone import ZoneResolver
from domains.trace import MessageTrace


class Slow(ZoneResolver):
    """Never answers in time about names of the sender's own choice."""

    async def lookup(self, name: str, rdtype: str) -> Answer:
        if name.endswith("slow.example"):
            await asyncio.sleep(60)
        return await super().lookup(name, rdtype)


async def inspected(
    resolver: ZoneResolver, mail_from: str, author: str, trace: MessageTrace | None = None
) -> Inspection:
    octets = f"From: <{author}>\r\nSubject: s\r\n\r\nbody\r\n".encode()
    envelope = Envelope("192.0.2.1", "h.example", mail_from)
    return await inspect(octets, envelope, resolver, "mail.acme.example", trace or MessageTrace("in"))  # type: ignore[arg-type]


async def test_a_sender_with_a_slow_dns_cannot_buy_a_temperror_for_another_author(monkeypatch):
    monkeypatch.setattr(service, "CHECK_SECONDS", 0.2)
    monkeypatch.setattr(service, "POLICY_SECONDS", 5.0)
    resolver = Slow({("_dmarc.bank.example", "TXT"): ["v=DMARC1; p=reject"]})
    found = await inspected(resolver, "x@slow.example", "ceo@bank.example")
    assert found.evidence.spf.result is SpfResult.TEMPERROR
    assert (found.evidence.dmarc.result, found.verdict.disposition) == (DmarcResult.FAIL, Disposition.JUNK)


def test_the_promised_seconds():
    assert service.CHECK_SECONDS + service.POLICY_SECONDS <= 20
    assert sum(service.QUESTIONS.values()) + service.POLICY_QUESTIONS <= 50


async def test_an_international_reverse_path_is_aligned_with_its_a_label():
    domain = "xn--bcher-kva.example"
    zone = {(domain, "TXT"): ["v=spf1 ip4:192.0.2.1 -all"], (f"_dmarc.{domain}", "TXT"): ["v=DMARC1; p=reject"]}
    for mail_from in ("a@bücher.example", f"a@{domain}", "a@BÜCHER.example"):
        found = await inspected(ZoneResolver(zone), mail_from, "b@bücher.example")
        assert found.evidence.dmarc.result is DmarcResult.PASS, mail_from


async def test_each_method_is_one_stage_with_the_answers_it_used():
    zone = {("b.example", "TXT"): ["v=spf1 -all"], ("_dmarc.b.example", "TXT"): ["v=DMARC1; p=none"]}
    trace = MessageTrace("in")
    await inspected(ZoneResolver(zone), "a@b.example", "a@b.example", trace)
    assert [event.stage for event in trace.events] == ["iprev", "spf", "dkim", "dmarc", "verdict"]
    assert trace.events[1].dns[0]["name"] == "b.example"
    assert trace.events[3].dns[0]["name"] == "_dmarc.b.example"
