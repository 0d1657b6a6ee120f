"""App passwords: who makes and revokes them, what they open, and how little the door works for them."""

import asyncio
import re
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from domains.database import close_pool
from domains.errors import Forbidden, NotFound, Refused
from domains.models import AuditRecord, SignInAttempt
from mailboxes.models import Account, AppPassword
from mailboxes.services import app_passwords
from mailboxes.services import authenticate as door
from mailboxes.services.authenticate import THROTTLED, WRONG, Authenticated, Denied, check_actor
from tests.factories import (
    PASSWORD,
    domain_admin_act,
    make_account,
    make_app_password,
    owner_act,
    superadmin_act,
    suspend,
)

pytestmark = pytest.mark.django_db(transaction=True)

ALICE, HERE = "alice@acme.example", "192.0.2.1"


@pytest.fixture
def account():
    door._remembered.clear()
    return make_account(ALICE)


def sign_in(password, protocol="imap", username=ALICE, address=HERE):
    """Sign in at a mail door."""

    async def run():
        answer = await door.authenticate(protocol, address, username, password)
        await close_pool()
        return answer

    return asyncio.run(run())


def lasts(answer):
    """Whether a session opened so goes on."""

    async def run():
        valid = await door.is_still_valid(answer.account_id, answer.version, answer.app_password_id)
        await close_pool()
        return valid

    return asyncio.run(run())


@pytest.fixture
def hashed(monkeypatch):
    """The passwords that went through the slow hash."""
    seen = []
    right = door.check_password
    monkeypatch.setattr(door, "check_password", lambda text, encoded: bool(seen.append(text)) or right(text, encoded))
    return seen


def test_it_opens_its_protocols_without_a_slow_hash(account, hashed):
    row, text = make_app_password(account)
    assert re.fullmatch(r"([a-km-np-z2-9]{4}-){5}[a-km-np-z2-9]{4}", text)
    for protocol in ("imap", "submission"):
        assert sign_in(text, protocol) == Authenticated(account.pk, ALICE, 1, row.pk)
    assert hashed == []
    assert sign_in(text, "pop3") == Denied(text=WRONG)
    assert hashed == [text]
    assert check_actor("panel", HERE, ALICE, text).actor is None


def test_the_name_is_read_as_people_write_it(account):
    _row, text = make_app_password(account)
    assert isinstance(sign_in(text, username=" Alice@ACME.example "), Authenticated)


@pytest.mark.parametrize("username", ["bob@acme.example", "nobody@acme.example", "x@nowhere.example", "alice", ""])
def test_it_opens_no_other_account(account, username):
    make_account("bob@acme.example")
    _row, text = make_app_password(account)
    assert sign_in(text, username=username) == Denied(text=WRONG)


@pytest.mark.parametrize("how", ["revoked", "expired", "disabled", "suspended"])
def test_it_ends_and_so_does_what_it_opened(account, how):
    row, text = make_app_password(account, expires_at=timezone.now() + timedelta(days=1))
    answer = sign_in(text)
    assert lasts(answer)
    if how == "revoked":
        app_passwords.revoke_app_password(superadmin_act(), ALICE, row.pk)
    elif how == "expired":
        AppPassword.objects.update(expires_at=timezone.now())
    elif how == "disabled":
        Account.objects.update(enabled=False)
    else:
        suspend(account.domain)
    assert not lasts(answer)
    assert sign_in(text) == Denied(text=WRONG)


def test_another_own_password_leaves_it(account):
    _row, text = make_app_password(account)
    answer = sign_in(text)
    account.actor.credential_version += 1
    account.actor.save()
    assert lasts(answer)


def test_with_app_passwords_only_the_own_password_opens_the_panel_alone(account):
    _row, text = make_app_password(account)
    answer = sign_in(PASSWORD)
    assert lasts(answer)
    app_passwords.set_app_passwords_only(owner_act(account), ALICE, True)
    assert not lasts(answer)
    assert sign_in(PASSWORD) == Denied(text=WRONG)
    assert isinstance(sign_in(text), Authenticated)
    assert check_actor("panel", HERE, ALICE, PASSWORD).actor == account.actor


def test_a_wrong_one_costs_the_same_hash_and_budget_as_any_password(account, hashed):
    make_app_password(account)
    for username in (ALICE, "nobody@acme.example"):
        sign_in("aaaa-bbbb-cccc-dddd-eeee-ffff", username=username)
    assert len(hashed) == 2
    assert SignInAttempt.objects.filter(succeeded=False).count() == 2


def test_a_spent_budget_locks_nobody_out_who_has_one(account):
    _row, text = make_app_password(account)
    for number in range(10):
        sign_in(f"guess {number}")
    assert sign_in("another guess") == Denied(True, THROTTLED)
    assert isinstance(sign_in(text), Authenticated)


def test_use_is_written_once_a_minute(account):
    row, text = make_app_password(account)
    sign_in(text, address="2001:db8::7")
    row.refresh_from_db()
    first = row.last_used_at
    assert (first is not None, row.last_used_address, row.last_used_protocol) == (True, "2001:db8::7", "imap")
    sign_in(text, "submission", address="192.0.2.9")
    row.refresh_from_db()
    assert (row.last_used_at, row.last_used_protocol) == (first, "imap")
    AppPassword.objects.update(last_used_at=first - timedelta(minutes=2))
    sign_in(text, "submission", address="192.0.2.9")
    row.refresh_from_db()
    assert (row.last_used_address, row.last_used_protocol) == ("192.0.2.9", "submission")


def test_only_the_owner_makes_one(account):
    for act in (superadmin_act(), domain_admin_act(account.domain)):
        with pytest.raises(Forbidden):
            app_passwords.create_app_password(act, ALICE, "Phone", ["imap"])
    with pytest.raises(NotFound):
        app_passwords.create_app_password(owner_act(make_account("bob@acme.example")), ALICE, "Phone", ["imap"])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "n" * 101}, "name"),
        ({"protocols": []}, "protocols"),
        ({"protocols": ["imap", "ftp"]}, "protocols"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expires_at"),
        ({"expires_at": datetime(9999, 12, 31, 23, tzinfo=timezone.get_fixed_timezone(-600))}, "expires_at"),
    ],
)
def test_what_is_refused(account, given, field):
    with pytest.raises(Refused) as refusal:
        make_app_password(account, **given)
    assert set(refusal.value.errors) == {field}


def test_there_is_a_limit(account, monkeypatch):
    monkeypatch.setattr(app_passwords, "MOST", 1)
    make_app_password(account)
    with pytest.raises(Refused):
        make_app_password(account)


def test_every_change_is_on_record_and_no_record_holds_the_text(account):
    row, text = make_app_password(account)
    app_passwords.rename_app_password(owner_act(account), ALICE, row.pk, "Tablet")
    app_passwords.revoke_app_password(superadmin_act(), ALICE, row.pk)
    records = list(AuditRecord.objects.filter(action__startswith="app-password").order_by("pk"))
    assert [record.action.partition(".")[2] for record in records] == ["create", "rename", "revoke"]
    assert {record.object_name for record in records} == {ALICE}
    assert records[1].changes == {"name": "Tablet", "before": "Phone"}
    assert not any(text in str(record.changes) for record in records)
