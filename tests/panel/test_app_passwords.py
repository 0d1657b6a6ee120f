"""The page of app passwords: made and seen once by the owner, renamed, revoked, the switch."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from domains.models import Actor
from mailboxes.models import Account, AppPassword
from tests.panel.people import Place, signed_in

PAGE = "/mailboxes/alice@near.example/app-passwords"
GIVEN = {"name": "Tablet", "protocols": ["imap"], "once": "x1"}


def page(actor: Actor) -> str:
    return signed_in(actor).get(PAGE).content.decode()


def test_the_owner_makes_one_and_sees_it_once(near: Place, alice: Actor) -> None:
    client = signed_in(alice)
    answer = client.post(PAGE, GIVEN)
    body = answer.content.decode()
    text = re.search(r'id="app-password-text">([a-z2-9-]{29})<', body)
    assert answer.status_code == 201
    assert text is not None
    assert "no-store" in answer.headers["Cache-Control"]
    row = AppPassword.objects.get(name="Tablet")
    assert (row.protocols, row.expires_at) == (["imap"], None)
    again = client.post(PAGE, GIVEN)
    assert again.headers["Location"] == PAGE
    assert AppPassword.objects.filter(name="Tablet").count() == 1
    assert text[1] not in page(alice)
    assert "Tablet" in page(alice)


def test_the_last_day_counts_in_whole(near: Place, alice: Actor) -> None:
    today = timezone.localdate()
    signed_in(alice).post(PAGE, GIVEN | {"ends_on": today.isoformat()})
    ends = AppPassword.objects.get(name="Tablet").expires_at
    assert ends is not None
    assert ends > timezone.now()
    assert ends - timezone.now() < timedelta(days=1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": ""}, "This field is required"),
        ({"protocols": []}, "This field is required"),
        ({"protocols": ["ftp"]}, "not one of the available choices"),
        ({"ends_on": "2020-01-01"}, "This is in the past"),
        ({"ends_on": "9999-12-31"}, "more than a hundred years"),
        ({"ends_on": "soon"}, "Enter a valid date"),
    ],
)
def test_what_is_refused_stands_beside_its_field(
    near: Place, alice: Actor, given: dict[str, object], words: str
) -> None:
    answer = signed_in(alice).post(PAGE, GIVEN | given)
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not AppPassword.objects.filter(name="Tablet").exists()


@pytest.mark.parametrize("who", ["rosa", "dora"])
def test_administrators_list_and_revoke_and_never_make(near: Place, rosa: Actor, dora: Actor, who: str) -> None:
    client = signed_in({"rosa": rosa, "dora": dora}[who])
    body = client.get(PAGE).content.decode()
    assert "Phone" in body
    assert 'name="protocols"' not in body
    assert client.post(PAGE, GIVEN).status_code == 403
    assert client.post(f"{PAGE}/{near.app_password}/revoke", {"once": "x2"}).headers["Location"] == PAGE
    assert not AppPassword.objects.filter(pk=near.app_password).exists()


def test_where_it_was_used_is_shown(near: Place, alice: Actor) -> None:
    AppPassword.objects.filter(pk=near.app_password).update(
        last_used_at=timezone.now(), last_used_address="2001:db8::7", last_used_protocol="imap"
    )
    assert "IMAP from 2001:db8::7" in page(alice)


def test_it_is_renamed(near: Place, alice: Actor) -> None:
    address = f"{PAGE}/{near.app_password}"
    assert signed_in(alice).post(address, {"name": "Old phone"}).headers["Location"] == PAGE
    assert "Old phone" in page(alice)
    assert "1 to 100" in signed_in(alice).post(address, {"name": "\u202e"}).content.decode()


def test_the_own_password_is_kept_for_the_panel_and_let_in_again(near: Place, alice: Actor) -> None:
    client = signed_in(alice)
    for only in (True, False):
        answer = client.post(f"{PAGE}/only", {"only": "yes" if only else "no"}, follow=True)
        assert answer.status_code == 200
        assert Account.objects.get(actor=alice).app_passwords_only is only
        words = "Type this address and an app password" if only else "Type this address and your password"
        assert words in client.get("/me/device").content.decode()


def test_only_protocols_that_listen_are_offered(near: Place, alice: Actor) -> None:
    body = page(alice)
    assert 'value="imap"' in body
    assert 'value="submission"' in body
    assert body.count('name="protocols"') <= 3
