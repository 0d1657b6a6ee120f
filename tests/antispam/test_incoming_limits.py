"""The page and the calls of the incoming limits: figures, who is limited, and who is let in again."""

import asyncio
import json
import time

import pytest
from django.conf import settings
from django.urls import reverse
from redis import Redis

from antispam.limits import figures, shared
from antispam.limits.figures import Figure, Kind
from antispam.limits.shared import DELAY_SECONDS, LET_IN, LIMITED, SharedCounts
from antispam.services.incoming_limits import let_in, limited_now
from domains.errors import Forbidden, Refused
from domains.models import AuditRecord, Role
from domains.redis import PREFIX
from tests.factories import domain_admin_act, make_administrator, make_domain, superadmin_act
from tests.panel.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def redis():
    client = Redis.from_url(settings.MAILADMIN.redis_url)
    for key in client.scan_iter(f"{PREFIX}in.*"):
        client.delete(key)
    return client


def limit(redis, client, kind="connections", until=60.0):
    now = time.time()
    row = {"kind": kind, "limit": 300, "at": now, "until": now + until}
    redis.hset(LIMITED, f"{kind}:{client}", json.dumps(row))


def test_who_is_limited_is_listed_until_then(redis):
    limit(redis, "192.0.2.7")
    limit(redis, "2001:db8::/48", "unknown")
    limit(redis, "192.0.2.8", until=-1)
    rows = limited_now(superadmin_act())
    assert {(row.client, row.kind.value) for row in rows} == {
        ("192.0.2.7", "connections"),
        ("2001:db8::/48", "unknown"),
    }
    assert redis.hlen(LIMITED) == 2, "what has ended is removed"


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7/24 ", "192.0.2.0/24"),
        ("2001:db8::7", "2001:db8::/64"),
        ("2001:db8:1:2::/64", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::/48", "2001:db8:1::/48"),
    ],
)
def test_one_is_let_in_as_it_is_counted_and_it_is_written_down(redis, given, counted):
    limit(redis, counted)
    assert let_in(superadmin_act(), given) == counted
    assert limited_now(superadmin_act()) == []
    assert float(redis.hget(LET_IN, counted)) > time.time() + 3500
    assert AuditRecord.objects.get(action="incoming.let_in").object_name == counted


@pytest.mark.parametrize("given", ["", "0.0.0.0/0", "192.0.2.0/16", "::/0", "a\nb", "x" * 60, "192.0.2.7\0"])
def test_nothing_else_is_let_in(redis, given):
    with pytest.raises(Refused):
        let_in(superadmin_act(), given)
    assert not redis.exists(LET_IN)
    assert not AuditRecord.objects.filter(action="incoming.let_in").exists()


def test_only_superadministrators_see_it():
    act = domain_admin_act(make_domain("acme.example"))
    with pytest.raises(Forbidden):
        limited_now(act)
    with pytest.raises(Forbidden):
        let_in(act, "192.0.2.7")


async def test_a_worker_hears_who_was_let_in_though_it_has_nothing_to_tell(monkeypatch, redis):
    monkeypatch.setattr(shared, "REFRESH_SECONDS", 0.1)
    monkeypatch.setitem(figures.FIGURES, Kind.MESSAGES, Figure(Kind.MESSAGES, 1, 1000, 600))
    counts = SharedCounts(settings.MAILADMIN.redis_url)
    counts.add(Kind.MESSAGES, "192.0.2.7")
    assert counts.add(Kind.MESSAGES, "192.0.2.7") is not None
    await asyncio.sleep(DELAY_SECONDS + 0.3)
    assert not counts.counts.unsent
    redis.hset(LET_IN, "192.0.2.7", time.time() + 60)
    await asyncio.sleep(DELAY_SECONDS + 0.3)
    assert counts.add(Kind.MESSAGES, "192.0.2.7") is None


def test_the_page_shows_them_and_lets_one_in(redis):
    limit(redis, "192.0.2.7")
    client = signed_in(make_administrator("rosa@ops.example", role=Role.SUPERADMIN))
    page = client.get(reverse("incoming-limits")).content.decode()
    assert "192.0.2.7" in page
    assert "1,200" in page
    answer = client.post(reverse("incoming-limits"), {"client": "192.0.2.7"}, follow=True)
    assert "192.0.2.7 is let in for an hour." in answer.content.decode()
    wrong = client.post(reverse("incoming-limits"), {"client": "everybody"}).content.decode()
    assert "This is no address" in wrong


def test_without_redis_the_page_says_so(monkeypatch):
    monkeypatch.setattr("antispam.services.incoming_limits._url", lambda: "redis://127.0.0.1:1/0")
    client = signed_in(make_administrator("rosa@ops.example", role=Role.SUPERADMIN))
    assert "each worker counts alone" in client.get(reverse("incoming-limits")).content.decode()
    wrong = client.post(reverse("incoming-limits"), {"client": "192.0.2.7"}).content.decode()
    assert "no worker can be told" in wrong
    assert not AuditRecord.objects.filter(action="incoming.let_in").exists()
