"""A small Internet on loopback: every situation of the tables through the real socket of the MX, with real DNS.

The tables stand in the modules beside this one, by subject. A situation passes when the reply, the folder, the result
of each method and the row that decided are all what the table says.
"""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from domains.models import DomainKind, Role, Trace
from domains.services.kinds import Purpose, add_domain, set_purpose
from domains.services.traces import events_of
from mailboxes.models import Account, Message
from mailboxes.services.aliases import set_catch_all
from tests.dns_server import DnsServer
from tests.factories import make_account, make_administrator, make_alias, make_domain, superadmin_act, suspend
from tests.internet import author, detours, dkim, dmarc, door, recipients, spf, world
from tests.internet.mx import HOSTNAME, Caller, Mx, calling
from tests.internet.situation import CLIENT, Situation

TABLES = (spf, dkim, dmarc, author, detours, recipients)
SITUATIONS = [situation for table in TABLES for situation in table.SITUATIONS]


def test_names_are_told_apart() -> None:
    assert len({situation.name for situation in SITUATIONS}) == len(SITUATIONS)


@pytest.fixture(scope="module")
def mx(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[Mx]:
    """The MX with its people and the DNS, for all situations; everything is removed at the end."""
    kept = settings.MAILADMIN
    with django_db_blocker.unblock(), DnsServer() as dns:  # type: ignore[attr-defined]
        dns.zone |= world.ZONE
        for table in TABLES:
            dns.zone |= table.ZONE
        dns.failing |= {"servfail.world.example", "_dmarc.servfail.world.example"}
        settings.MAILADMIN = replace(
            kept, resolvers=((dns.address, dns.port),), authoritative=False, hostname=HOSTNAME
        )
        try:
            _people()
            with Mx() as running:
                yield running
        finally:
            settings.MAILADMIN = kept
            call_command("flush", interactive=False, verbosity=0)
            connection.close()


def _people() -> None:
    act = superadmin_act()
    make_domain("acme.example")
    for name in ("alice", "carol"):
        make_account(f"{name}@acme.example")
    make_account("full@acme.example", quota_bytes=1)
    Account.objects.filter(pk=make_account("off@acme.example").pk).update(enabled=False)
    make_administrator("root@acme.example", role=Role.SUPERADMIN)
    make_alias("root@acme.example", ["alice@acme.example"])
    make_alias("sales@acme.example", ["alice@acme.example"])
    make_alias("office@acme.example", ["sales@acme.example"])
    make_alias("ring@acme.example", ["gnir@acme.example"])
    make_alias("gnir@acme.example", ["ring@acme.example"])
    add_domain(act, "acme-alias.example", Purpose(DomainKind.ALIAS, "acme.example"))
    make_domain("catch.example")
    set_catch_all(act, "catch.example", "alice@acme.example")
    set_purpose(act, make_domain("parked.example").name, Purpose(DomainKind.PARKED))
    suspend(make_domain("asleep.example"))


def _say_all(mx: Mx, situation: Situation) -> list[str]:
    """Hold the dialogue; returns the replies to MAIL, RCPT and the message, cut short by a refusal of all."""
    with calling(mx.port, situation.client, situation.helo) as caller:
        replies = [caller.say(f"MAIL FROM:<{situation.mail_from}>{situation.parameters}")]
        if not replies[0].startswith("250"):
            return replies
        answers = [caller.say(f"RCPT TO:<{recipient}>") for recipient in situation.recipients]
        if not any(answer.startswith("250") for answer in answers):
            return [*replies, *answers]
        assert caller.say("DATA").startswith("354")
        octets = situation.mail.octets().replace(b"\r\n.", b"\r\n..")
        caller.socket.sendall(octets + (b"" if octets.endswith(b"\r\n") else b"\r\n"))
        return [*replies, *answers, caller.say(b".")]


def _last_trace() -> Trace:
    trace = Trace.objects.order_by("-pk").first()
    assert trace is not None
    return trace


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
@pytest.mark.django_db
def test_situation(mx: Mx, situation: Situation) -> None:
    before = Trace.objects.order_by("-pk").values_list("pk", flat=True).first() or ""
    reply = _say_all(mx, situation)[-1].splitlines()[-1]
    mx.do(mx.flushed)
    trace = _last_trace()
    assert trace.pk > before, "nothing was written about it"
    events = events_of(trace)
    folders = sorted(set(Message.objects.filter(trace_id=trace.pk).values_list("mailbox__name", flat=True)))
    told = "\n".join(f"{event.stage} {event.outcome} {event.reason}" for event in events)
    assert reply.startswith(situation.reply), f"{reply}\n{told}"
    outcomes: dict[str, set[str]] = {}
    for event in events:
        outcomes.setdefault(event.stage, set()).add(event.outcome)
    for word in situation.expected.split():
        stage, _, outcome = word.partition("=")
        assert outcome in outcomes.get(stage, set()), told
    verdicts = [event.detail["row"] for event in events if event.stage == "verdict"]
    assert verdicts == ([situation.row] if situation.row else []), told
    assert folders == ([situation.folder] if situation.folder else []), told


@pytest.mark.django_db
@pytest.mark.parametrize("dialogue", door.DIALOGUES, ids=lambda dialogue: dialogue.name)
def test_door(mx: Mx, dialogue: door.Dialogue) -> None:
    before = Message.objects.count()
    caller = Caller(mx.port, CLIENT)
    with caller.socket:
        assert caller.reply().startswith("220")
        caller.socket.sendall(dialogue.octets)
        caller.socket.shutdown(socket.SHUT_WR)
        answers = []
        while reply := caller.reply():
            answers.append(reply)
    assert any(reply.startswith(dialogue.answer) for reply in answers), answers
    assert sum("queued as" in reply for reply in answers) == dialogue.stored, answers
    assert Message.objects.count() - before == dialogue.stored
