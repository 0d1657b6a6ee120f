"""Webhooks on a real HTTP receiver: signed, retried, given up, disabled; and who may have one."""

import base64
import hashlib
import hmac
import json
import threading
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.db import transaction
from django.utils import timezone

from domains.errors import Forbidden, NotFound, Refused
from domains.models import AuditRecord, Domain, Notice, Webhook, WebhookDelivery
from domains.notify import TEST, declare, notify
from domains.services import webhooks
from domains.services.drift import RECORD_WRONG
from tests.factories import domain_admin_act, make_domain, superadmin_act
from tests.http_server import HttpServer, answer

pytestmark = pytest.mark.django_db

DATA = {"name": "_dmarc.acme.example", "type": "TXT", "status": "missing"}


@pytest.fixture(autouse=True)
def _loopback(settings):
    settings.MAILADMIN = replace(settings.MAILADMIN, private_networks=(ip_network("127.0.0.0/8"),))


@pytest.fixture
def domain(db):
    return make_domain()


@pytest.fixture
def receiver():
    """A receiver whose ``status`` decides what it answers."""
    server = HttpServer()
    server.status = "204 No Content"
    server.respond = lambda _: answer(server.status)
    with server:
        yield server


@pytest.fixture
def hook(receiver, domain):
    """A webhook of the domain at the receiver, with its secret."""
    return webhooks.create_webhook(domain_admin_act(domain), f"http://127.0.0.1:{receiver.port}/in?x=1", domain.name)


def due_now(**ago):
    """Make every waiting delivery due, and it happened so long ago."""
    for row in WebhookDelivery.objects.filter(state="waiting"):
        row.next_attempt_at = timezone.now() - timedelta(seconds=1)
        row.created_at -= timedelta(**ago)
        row.save()
    for webhook in Webhook.objects.exclude(failing_since=None):
        webhook.failing_since -= timedelta(**ago)
        webhook.save()


def verified(asked, secret):
    """Verify as Standard Webhooks says, and return the event."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}.".encode() + asked.body
    version, _, signature = asked.headers["webhook-signature"].partition(",")
    assert version == "v1"
    assert base64.b64decode(signature) == hmac.new(key, signed, hashlib.sha256).digest()
    return json.loads(asked.body)


def test_an_event_arrives_signed(receiver, domain, hook):
    _webhook, secret = hook
    notice = notify(RECORD_WRONG, domain, DATA | {"found": ["é \u2028 <x>"]})
    assert webhooks.deliver_due() == 1
    (asked,) = receiver.asked
    event = verified(asked, secret)
    assert (asked.method, asked.path, asked.headers["content-type"]) == ("POST", "/in?x=1", "application/json")
    assert event == {
        "id": notice.pk,
        "type": "record.wrong",
        "at": event["at"],
        "domain": "acme.example",
        "data": DATA | {"found": ["é \u2028 <x>"]},
    }
    assert event["at"].endswith("Z")
    assert asked.headers["webhook-id"] == notice.pk
    assert abs(int(asked.headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60
    row = WebhookDelivery.objects.get()
    assert (row.state, row.attempts, row.status_code, row.reason) == ("delivered", 1, 204, "")
    assert webhooks.deliver_due() == 0


def test_the_signature_is_that_of_the_specification():
    """The example of the Standard Webhooks libraries."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = webhooks.signature_of(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_installation_is_told_of_every_domain_and_a_domain_of_its_own(receiver, domain):
    base = f"http://127.0.0.1:{receiver.port}"
    other = make_domain("other.example")
    webhooks.create_webhook(superadmin_act(), f"{base}/all")
    webhooks.create_webhook(superadmin_act(), f"{base}/acme", domain.name)
    webhooks.create_webhook(superadmin_act(), f"{base}/other", other.name)
    notify(RECORD_WRONG, other, DATA)
    notify(RECORD_WRONG, None, DATA)
    webhooks.deliver_due()
    got = sorted((asked.path, json.loads(asked.body)["domain"]) for asked in receiver.asked if asked.path != "/all")
    assert got == [("/other", "other.example")]
    everything = [json.loads(asked.body)["domain"] for asked in receiver.asked if asked.path == "/all"]
    assert everything == ["other.example", None]


def test_a_failure_is_tried_again_later_with_the_same_id(receiver, domain, hook):
    notice = notify(RECORD_WRONG, domain, DATA)
    receiver.status = "503 Busy"
    webhooks.deliver_due()
    row = WebhookDelivery.objects.get()
    assert (row.state, row.status_code, row.reason) == ("waiting", 503, "The answer was 503.")
    assert timedelta(seconds=30) < row.next_attempt_at - timezone.now() <= timedelta(minutes=1)
    assert webhooks.deliver_due() == 0
    waits = []
    for _ in range(4):
        due_now()
        webhooks.deliver_due()
        row.refresh_from_db()
        waits.append(row.next_attempt_at - timezone.now())
    assert waits == sorted(waits)
    assert waits[-1] > timedelta(hours=4)
    receiver.status = "200 OK"
    due_now()
    webhooks.deliver_due()
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("delivered", 6)
    assert {asked.headers["webhook-id"] for asked in receiver.asked} == {notice.pk}
    assert Webhook.objects.get().failing_since is None


def test_what_else_waits_does_not_hammer_an_endpoint_that_fails(receiver, domain, hook):
    for _ in range(5):
        notify(RECORD_WRONG, domain, DATA)
    receiver.status = "500 Broken"
    assert webhooks.deliver_due() == 1
    receiver.status = "200 OK"
    due_now()
    assert webhooks.deliver_due() == 5


def test_after_three_days_it_is_disabled_and_that_is_told(receiver, domain, hook):
    receiver.status = "500 Broken"
    notify(RECORD_WRONG, domain, DATA)
    webhooks.deliver_due()
    due_now(days=2)
    webhooks.deliver_due()
    assert Webhook.objects.get().disabled_at is None
    notify(RECORD_WRONG, domain, DATA)
    due_now(days=1)
    webhooks.deliver_due()
    assert Webhook.objects.get().disabled_at is not None
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"failed"}
    notice = Notice.objects.get(type="webhook.disabled")
    assert (notice.domain, notice.data["reason"]) == (domain, "The answer was 500.")
    calls = len(receiver.asked)
    notify(RECORD_WRONG, domain, DATA)
    due_now()
    assert webhooks.deliver_due() == 0
    assert len(receiver.asked) == calls
    with pytest.raises(Refused):
        webhooks.send_test(superadmin_act(), hook[0].pk)
    webhooks.enable_webhook(superadmin_act(), hook[0].pk)
    receiver.status = "200 OK"
    webhooks.send_test(superadmin_act(), hook[0].pk)
    webhooks.deliver_due()
    assert json.loads(receiver.asked[-1].body)["type"] == "test"


def test_one_event_that_is_refused_does_not_disable_what_takes_the_others(receiver, domain, hook):
    declare("odd", "warn", lambda data: "odd")
    odd = notify(replace(RECORD_WRONG, word="odd"), domain, {})
    receiver.respond = lambda asked: answer("400 Bad" if b'"odd"' in asked.body else "200 OK")
    webhooks.deliver_due()
    due_now(days=3)
    notify(RECORD_WRONG, domain, DATA)
    Webhook.objects.update(failing_since=timezone.now() - timedelta(hours=3))
    webhooks.deliver_due()
    assert Webhook.objects.get().disabled_at is None
    assert WebhookDelivery.objects.get(notice=odd).state == "failed"


def test_gone_is_taken_at_its_word(receiver, domain, hook):
    receiver.status = "410 Gone"
    notify(RECORD_WRONG, domain, DATA)
    webhooks.deliver_due()
    assert Webhook.objects.get().disabled_at is not None


def test_a_redirect_is_not_followed(receiver, domain, hook):
    receiver.respond = lambda _: answer("302 Found", Location="/elsewhere")
    notify(RECORD_WRONG, domain, DATA)
    webhooks.deliver_due()
    assert [asked.path for asked in receiver.asked] == ["/in?x=1"]
    assert WebhookDelivery.objects.get().status_code == 302


def test_an_address_that_leads_inside_is_not_called(domain, hook, receiver, settings):
    settings.MAILADMIN = replace(settings.MAILADMIN, private_networks=())
    notify(RECORD_WRONG, domain, DATA)
    webhooks.deliver_due()
    assert receiver.connections == 0
    assert WebhookDelivery.objects.get().reason == "127.0.0.1 is not a public address."


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.org",
        "ftp://hooks.example.org/",
        "javascript:alert(1)",
        "https://",
        "https://user:word@hooks.example.org/",
        "https://hooks.example.org/#part",
        "https://hooks.example.org:0/",
        "https://hooks.example.org:99999/",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/\r\nX: y",
        "https://hooks.example.org/\0",
        "https://hooks.example.org\\@inside.example/",
        "https://hooks.example.org/" + "x" * 500,
        "https://höks.example.org/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest",
    ],
)
def test_addresses_that_cannot_be_called_are_refused(domain, url):
    with pytest.raises(Refused) as refused:
        webhooks.create_webhook(domain_admin_act(domain), url, domain.name)
    assert set(refused.value.errors) == {"url"}
    assert not Webhook.objects.exists()
    assert not AuditRecord.objects.filter(action__startswith="webhook").exists()


def test_the_secret_is_sealed_and_bound_to_its_row(domain, hook):
    webhook, secret = hook
    octets = base64.b64decode(secret.removeprefix("whsec_"))
    assert len(octets) == 32
    assert octets not in bytes(webhook.secret_sealed)
    record = AuditRecord.objects.get(action="webhook.create")
    assert secret not in json.dumps(record.changes) + record.object_name


def test_who_may_have_and_see_which(domain):
    other = make_domain("other.example")
    dora = domain_admin_act(domain)
    mine, _ = webhooks.create_webhook(dora, "https://hooks.remote.example/", domain.name)
    foreign, _ = webhooks.create_webhook(superadmin_act(), "https://hooks.remote.example/", other.name)
    every, _ = webhooks.create_webhook(superadmin_act(), "https://hooks.remote.example/")
    with pytest.raises(Forbidden):
        webhooks.create_webhook(dora, "https://hooks.remote.example/")
    with pytest.raises(Refused):
        webhooks.create_webhook(dora, "https://hooks.remote.example/", other.name)
    assert list(webhooks.webhooks_for(dora)) == [mine]
    for identifier in (foreign.pk, every.pk, 10**15):
        for call in (
            webhooks.get_webhook_for,
            webhooks.delete_webhook,
            webhooks.enable_webhook,
            webhooks.send_test,
        ):
            with pytest.raises(NotFound):
                call(dora, identifier)
    assert Webhook.objects.count() == 3
    assert webhooks.webhooks_for(superadmin_act()).count() == 3


def test_a_domain_has_its_share_and_no_more(domain):
    for number in range(webhooks.MOST):
        webhooks.create_webhook(superadmin_act(), f"https://hooks.remote.example/{number}", domain.name)
    with pytest.raises(Refused):
        webhooks.create_webhook(superadmin_act(), "https://hooks.remote.example/more", domain.name)
    webhooks.create_webhook(superadmin_act(), "https://hooks.remote.example/more")


def test_a_test_asked_for_again_and_again_is_one_until_its_attempt_is_old(receiver, domain, hook):
    asked = {webhooks.send_test(superadmin_act(), hook[0].pk).pk for _ in range(5)}
    assert len(asked) == Notice.objects.count() == 1
    WebhookDelivery.objects.update(attempted_at=timezone.now() - timedelta(minutes=3))
    assert webhooks.send_test(superadmin_act(), hook[0].pk).pk not in asked


def test_a_deleted_webhook_gets_nothing_of_what_waits(receiver, domain, hook):
    notify(RECORD_WRONG, domain, DATA)
    webhooks.delete_webhook(superadmin_act(), hook[0].pk)
    assert webhooks.deliver_due() == 0
    assert Notice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_each_event_once(receiver, domain, hook):
    from django.db import connections

    for _ in range(6):
        notify(RECORD_WRONG, domain, DATA)

    def work():
        webhooks.deliver_due(seconds=3)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent = [asked.headers["webhook-id"] for asked in receiver.asked]
    assert len(sent) == len(set(sent)) == 6


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_told_to_nobody(receiver, domain, hook):
    with transaction.atomic():
        notify(RECORD_WRONG, domain, DATA)
        transaction.set_rollback(True)
    assert webhooks.deliver_due() == 0
    assert not Notice.objects.exists()


def test_a_late_end_of_a_lost_attempt_changes_nothing(receiver, domain, hook):
    notify(TEST, domain, {})
    (call,) = webhooks._claim(webhooks._due())
    due_now()
    (again,) = webhooks._claim(webhooks._due())
    webhooks._finish(again, webhooks._End(200, ""), timezone.now())
    webhooks._finish(call, webhooks._End(500, "late"), timezone.now())
    assert WebhookDelivery.objects.get().state == "delivered"
    assert Domain.objects.count() == 1
