"""The one failure budget over all doors, by the table of the promises: both roads, the same figures."""

from datetime import timedelta

import pytest
from django.utils import timezone

from domains.database import close_pool
from domains.models import SignInAttempt
from domains.services.failures import Attempt, is_throttled, is_throttled_async, network_of, note, note_async

pytestmark = pytest.mark.django_db

HERE, THERE = "192.0.2.1", "192.0.2.2"


def fail(count, address=HERE, account="alice@acme.example", start=0, door="imap"):
    for number in range(start, start + count):
        note(Attempt(door, address, account, f"guess {number}"), succeeded=False)


def throttled(address=HERE, account="alice@acme.example", door="imap"):
    return is_throttled(Attempt(door, address, account, "next"))


def age(**ago):
    """Make everything noted so far older."""
    for row in SignInAttempt.objects.all():
        SignInAttempt.objects.filter(pk=row.pk).update(at=row.at - timedelta(**ago))


@pytest.mark.parametrize(("count", "stopped"), [(0, False), (9, False), (10, True), (11, True)])
def test_ten_a_minute_an_address(count, stopped):
    fail(count)
    assert throttled() is stopped
    assert throttled(account="bob@acme.example") is stopped
    assert not throttled(address=THERE, account="bob@acme.example")


def test_the_minute_ends():
    fail(10)
    age(seconds=61)
    assert not throttled(account="bob@acme.example")


def test_fifty_a_day_an_address_even_when_slow():
    for batch in range(5):
        assert not throttled(account="bob@acme.example")
        fail(10, account=f"user{batch}@acme.example", start=batch * 10)
        age(minutes=2)
    assert throttled(account="bob@acme.example")
    age(hours=24)
    assert not throttled(account="bob@acme.example")


def test_twenty_an_hour_an_account_from_anywhere():
    for number in range(20):
        assert not throttled(address=THERE)
        fail(1, address=f"198.51.100.{number}", start=number)
    assert throttled(address=THERE)
    assert not throttled(address=THERE, account="bob@acme.example")
    age(minutes=61)
    assert not throttled(address=THERE)


def test_nobody_can_lock_an_owner_out():
    note(Attempt("imap", HERE, "alice@acme.example", "right"), succeeded=True)
    for number in range(40):
        fail(1, address=f"198.51.100.{number}", start=number)
    assert not throttled(address=HERE)
    assert throttled(address=THERE)


def test_a_success_does_not_lift_the_address_budget():
    note(Attempt("imap", HERE, "alice@acme.example", "right"), succeeded=True)
    fail(10)
    assert throttled()


def test_a_success_of_another_account_from_the_same_address_does_not_help():
    note(Attempt("imap", THERE, "bob@acme.example", "right"), succeeded=True)
    for number in range(20):
        fail(1, address=f"198.51.100.{number}", start=number)
    assert throttled(address=THERE)


def test_the_same_wrong_credential_counts_once_a_day():
    for _ in range(30):
        note(Attempt("imap", HERE, "alice@acme.example", "old password"), succeeded=False)
    assert SignInAttempt.objects.count() == 1
    age(hours=25)
    note(Attempt("imap", HERE, "alice@acme.example", "old password"), succeeded=False)
    assert SignInAttempt.objects.count() == 2


def test_a_guess_repeated_for_other_accounts_counts_each():
    for number in range(10):
        note(Attempt("imap", HERE, f"user{number}@acme.example", "Spring2026"), succeeded=False)
    assert throttled(account="another@acme.example")


def test_one_budget_for_all_doors():
    for number, door in enumerate(("panel", "api", "submission", "imap", "pop3") * 2):
        fail(1, start=number, door=door)
    assert throttled(door="managesieve")


NETWORKS = [
    ("192.0.2.1", "192.0.2.1", "IPv4 stands for itself"),
    ("::ffff:192.0.2.1", "192.0.2.1", "mapped IPv4 is IPv4"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "IPv6 counts as its /64"),
    ("fe80::1%eth0", "fe80::", "a zone is no part of it"),
]


@pytest.mark.parametrize(("address", "counted", "why"), NETWORKS, ids=[why for *_, why in NETWORKS])
def test_what_is_counted(address, counted, why):
    assert network_of(address) == counted


def test_a_neighbour_in_the_same_64_shares_the_budget():
    fail(10, address="2001:db8::1")
    assert throttled(address="2001:db8::ffff")
    assert not throttled(address="2001:db8:0:1::1", account="bob@acme.example")


@pytest.mark.parametrize("credential", ["", "\0", "x" * 100_000, "\ud800", "ключ"])
def test_any_credential_can_be_counted(credential):
    attempt = Attempt("imap", HERE, "alice@acme.example", credential)
    note(attempt, succeeded=False)
    assert SignInAttempt.objects.count() == 1
    assert credential not in repr(attempt) or credential == ""


def test_a_credential_is_kept_as_a_keyed_digest_only():
    from hashlib import sha256

    note(Attempt("imap", HERE, "alice@acme.example", "hunter2hunter2"), succeeded=False)
    row = SignInAttempt.objects.get()
    assert bytes(row.credential_digest) != sha256(b"alice@acme.example\0hunter2hunter2").digest()
    assert len(row.credential_digest) == 32
    assert row.at <= timezone.now() + timedelta(seconds=5)


@pytest.mark.django_db(transaction=True)
async def test_the_mail_doors_count_in_the_same_table():
    for number in range(10):
        attempt = Attempt("imap", HERE, "alice@acme.example", f"guess {number}")
        assert not await is_throttled_async(attempt)
        await note_async(attempt, succeeded=False)
    assert await is_throttled_async(Attempt("submission", HERE, "bob@acme.example", "x"))
    await close_pool()
