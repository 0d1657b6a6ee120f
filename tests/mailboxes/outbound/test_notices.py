"""Notices by mail: into a mailbox by the queue, one a domain and hour, to who wishes it, in the reader's language."""

import email
import email.policy
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from domains.models import Actor, Domain, MailAbout, Notice, Role
from domains.notify import notify
from domains.services.drift import RECORD_RIGHT, RECORD_WRONG
from domains.services.notices import readers_of, send_due_mails
from domains.tasks import send_notices
from mailboxes.models import QueueEntry
from tests.dns_server import DnsServer
from tests.factories import make_account, make_administrator, make_domain
from tests.mailboxes.outbound.house import make_relay, relay_all, stored

DATA = {"name": "_dmarc.acme.example", "type": "TXT", "status": "missing"}


@pytest.fixture
def acme(transactional_db: None, settings: Any) -> Domain:
    """Dora runs it in French, Rosa may do all."""
    settings.MAILADMIN = replace(settings.MAILADMIN, hostname="mail.acme.example", url="https://panel.acme.example")
    domain = make_domain(active_keys=True)
    dora = make_administrator("dora@acme.example", domain)
    Actor.objects.filter(pk=dora.pk).update(language="fr", time_zone="Europe/Paris")
    make_administrator("rosa@operator.example", role=Role.SUPERADMIN)
    return domain


def queued() -> list[list[str]]:
    return [entry.recipients for entry in QueueEntry.objects.order_by("created_at", "id")]


def an_hour_later() -> None:
    for notice in Notice.objects.exclude(mailed_at=None):
        notice.mailed_at -= timedelta(minutes=61)  # type: ignore[operator]
        notice.save()


@pytest.mark.usefixtures("pool")
async def test_a_notice_is_read_in_a_mailbox(dns_settings: DnsServer, acme: Domain) -> None:
    def happen() -> None:
        actor = Actor.objects.get(email="dora@acme.example")
        Actor.objects.filter(pk=actor.pk).update(email="moved@operator.example")
        account = make_account("dora@acme.example")
        Actor.objects.filter(pk=account.actor_id).update(role=Role.DOMAIN_ADMIN, language="fr")
        account.actor.domains.add(acme)
        Actor.objects.filter(pk=actor.pk).delete()
        notify(RECORD_WRONG, acme, DATA)
        notify(RECORD_WRONG, acme, DATA | {"name": "acme.example\r\nBcc: x@y.example", "type": "MX"})
        send_notices()

    await sync_to_async(happen)()
    await relay_all(make_relay(dns_settings, 1))
    (octets,) = await stored("dora@acme.example")
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message["From"] == "mailadmin <postmaster@mail.acme.example>"
    assert message["To"] == "dora@acme.example"
    assert message["Subject"] == "acme.example : 2 avis"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Bcc"] is None
    assert message["Return-Path"] in (None, "<>")
    assert [name for name in message.keys() if name == "DKIM-Signature"] == ["DKIM-Signature"] * 2  # noqa: SIM118
    body = message.get_content()
    assert "L’enregistrement TXT de _dmarc.acme.example était juste et ne l’est plus : absent." in body
    assert "https://panel.acme.example/domains/acme.example/dns/history" in body
    assert all(len(line) <= 998 for line in octets.splitlines())


def test_one_mail_tells_all_and_the_next_waits_an_hour(acme: Domain) -> None:
    for _ in range(3):
        notify(RECORD_WRONG, acme, DATA)
    send_notices()
    send_notices()
    assert queued() == [["dora@acme.example"]]
    assert not Notice.objects.filter(mail="").exists()
    notify(RECORD_RIGHT, acme, DATA)
    send_notices()
    assert len(queued()) == 1
    an_hour_later()
    send_notices()
    assert len(queued()) == 2


def test_another_domain_does_not_wait(acme: Domain) -> None:
    other = make_domain("other.example")
    make_administrator("otto@other.example", other)
    notify(RECORD_WRONG, acme, DATA)
    send_notices()
    notify(RECORD_WRONG, other, DATA)
    send_notices()
    assert queued() == [["dora@acme.example"], ["otto@other.example"]]


def test_two_workers_at_once_send_one_mail(acme: Domain) -> None:
    notify(RECORD_WRONG, acme, DATA)
    gate = threading.Barrier(3)

    def work() -> None:
        gate.wait(10)
        send_due_mails()
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queued() == [["dora@acme.example"]]


def test_a_mail_that_cannot_be_queued_is_sent_later(acme: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*args: Any, **kwargs: Any) -> str:
        raise OSError("no room")

    notify(RECORD_WRONG, acme, DATA)
    with monkeypatch.context() as patch:
        patch.setattr("domains.services.notices.mailer", lambda: broken)
        with pytest.raises(OSError):
            send_due_mails()
    assert Notice.objects.filter(mailed_at=None).count() == 1
    send_due_mails()
    assert queued() == [["dora@acme.example"]]


def _wish(email_address: str, about: str) -> None:
    Actor.objects.filter(email=email_address).update(mail_about=about)


def _names(domain: Domain | None) -> list[str]:
    return [actor.email.partition("@")[0] for actor in readers_of(domain)]


def test_who_is_mailed(acme: Domain) -> None:
    orphan = make_domain("orphan.example")
    assert (_names(acme), _names(orphan), _names(None)) == (["dora"], ["rosa"], ["rosa"])
    _wish("rosa@operator.example", MailAbout.ALL)
    assert (_names(acme), _names(orphan), _names(None)) == (["dora", "rosa"], ["rosa"], ["rosa"])
    _wish("rosa@operator.example", MailAbout.NONE)
    assert (_names(acme), _names(orphan), _names(None)) == (["dora"], [], [])
    _wish("rosa@operator.example", MailAbout.OWN)
    _wish("dora@acme.example", MailAbout.NONE)
    assert _names(acme) == []
    Actor.objects.filter(email="dora@acme.example").update(mail_about=MailAbout.OWN, is_active=False)
    assert _names(acme) == ["rosa"]  # nobody runs it any more


def test_a_notice_that_nobody_wants_waits_for_nobody(acme: Domain) -> None:
    _wish("dora@acme.example", MailAbout.NONE)
    notify(RECORD_WRONG, acme, DATA)
    send_notices()
    assert queued() == []
    assert not Notice.objects.filter(mailed_at=None).exists()
    _wish("dora@acme.example", MailAbout.OWN)
    notify(RECORD_WRONG, acme, DATA)
    send_notices()
    assert len(queued()) == 1
