"""Signing in and out, the first administrator, one's own settings."""

import pytest
from django.test import Client

from domains.models import Actor, AuditRecord
from mailadmin.access.first_run import make_setup_token
from tests.panel.people import PASSWORD, Place, signed_in


def _enter(client: Client, email: str, password: str, **fields: str) -> object:
    return client.post("/sign-in", {"username": email, "password": password, **fields})


def test_the_right_password_opens_the_page_that_was_asked_for(rosa: Actor) -> None:
    client = Client()
    asked = client.get("/audit?q=x")
    assert asked["Location"] == "/sign-in?next=/audit%3Fq%3Dx"
    response = _enter(client, "Rosa@Operator.example", PASSWORD, next="/audit?q=x")
    assert response["Location"] == "/audit?q=x"
    assert client.get("/audit").status_code == 200


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil", "x"]
)
def test_next_leads_nowhere_else(rosa: Actor, address: str) -> None:
    assert _enter(Client(), rosa.email, PASSWORD, next=address)["Location"] == "/"


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(rosa: Actor) -> None:
    known = _enter(Client(), rosa.email, "wrong password")
    unknown = _enter(Client(), "nobody@operator.example", "wrong password")
    assert known.status_code == unknown.status_code == 200
    assert "The address or the password is wrong." in known.content.decode()
    assert "The address or the password is wrong." in unknown.content.decode()
    assert "wrong password" not in known.content.decode()


def test_failures_are_throttled_even_with_the_right_password_from_elsewhere(rosa: Actor) -> None:
    client = Client(REMOTE_ADDR="127.0.0.9")
    for number in range(10):
        assert _enter(client, rosa.email, f"wrong {number}").status_code == 200
    response = _enter(client, rosa.email, PASSWORD)
    assert response.status_code == 429
    assert "Too many failed attempts" in response.content.decode()


def test_sign_out_takes_a_post_and_ends_the_session(rosa: Actor) -> None:
    client = signed_in(rosa)
    assert client.get("/sign-out").status_code == 405
    client.post("/sign-out")
    assert client.get("/").status_code == 302


def test_the_setup_link_makes_one_superadministrator_and_dies(db: None) -> None:
    token = make_setup_token()
    assert Client().get("/setup/other").status_code == 404
    client = Client()
    assert client.get(f"/setup/{token}").status_code == 200
    weak = client.post(f"/setup/{token}", {"email": "rosa@operator.example", "password": "rosa@operator.example"})
    assert weak.status_code == 200
    made = client.post(f"/setup/{token}", {"email": "rosa@operator.example", "password": PASSWORD})
    assert made["Location"] == "/domains/add"
    assert client.get("/").status_code == 200
    assert Actor.objects.get().is_superadmin
    assert Client().get(f"/setup/{token}").status_code == 404


def test_the_setup_link_is_worth_nothing_once_somebody_can_do_everything(rosa: Actor) -> None:
    assert Client().get(f"/setup/{make_setup_token()}").status_code == 404


def test_a_new_password_needs_the_old_one_and_ends_other_sessions(rosa: Actor) -> None:
    here, elsewhere = signed_in(rosa), signed_in(rosa)
    wrong = here.post(
        "/me/password", {"old": "not it", "new": "another sentence 1", "repeated": "another sentence 1"}
    )
    assert wrong.status_code == 200
    assert "This is not your present password." in wrong.content.decode()
    differ = here.post("/me/password", {"old": PASSWORD, "new": "another sentence 1", "repeated": "another one 12"})
    assert "The two new passwords differ." in differ.content.decode()
    right = here.post(
        "/me/password", {"old": PASSWORD, "new": "another sentence 1", "repeated": "another sentence 1"}
    )
    assert right["Location"] == "/me"
    assert here.get("/me").status_code == 200
    assert elsewhere.get("/me").status_code == 302
    assert AuditRecord.objects.filter(action="actor.password").count() == 1


def test_settings_are_kept_and_speak_the_chosen_language(alice: Actor, near: Place) -> None:
    client = signed_in(alice)
    response = client.post("/me", {"display_name": "Alice", "language": "fr", "time_zone": "Europe/Paris"})
    assert response["Location"] == "/me"
    page = client.get("/me").content.decode()
    assert "Vos réglages sont enregistrés." in page
    assert 'lang="fr"' in page
    assert client.post("/me", {"time_zone": "Mars/Olympus"}).status_code == 200


def test_an_owner_sees_the_mailbox_and_the_servers(alice: Actor) -> None:
    page = signed_in(alice).get("/me").content.decode()
    assert alice.email in page
    assert "mail.localhost:993" in page


def test_the_language_of_a_guest_is_kept_in_a_cookie(db: None) -> None:
    client = Client()
    assert "Sign in" in client.get("/sign-in").content.decode()
    client.post("/language", {"language": "fr", "next": "/sign-in"})
    assert "S’identifier" in client.get("/sign-in").content.decode()
    assert client.post("/language", {"language": "fr", "next": "https://evil.example"})["Location"] == "/"


def test_the_browsers_language_is_spoken(db: None) -> None:
    page = Client().get("/sign-in", headers={"Accept-Language": "fr-CA,fr;q=0.9"}).content.decode()
    assert "Mot de passe" in page
