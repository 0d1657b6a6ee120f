"""Deleting a domain in the panel: put aside, restored by a button, removed for good after a second question."""

from django.urls import reverse

from domains.models import Actor, Domain
from mailboxes.models import Account
from tests.panel.people import Place, signed_in

DELETE = "/domains/near.example/delete"


def test_a_deleted_domain_can_be_restored_from_the_list(near: Place, dora: Actor) -> None:
    client = signed_in(dora)
    asked = client.get(DELETE).content.decode()
    assert "kept for seven days" in asked
    assert "1 mailbox" in asked
    listed = client.post(DELETE, {"name": "near.example"}, follow=True).content.decode()
    assert "Being deleted" in listed
    assert f'action="{reverse("domain-restore", args=["near.example"])}"' in listed
    assert "Remove for good" not in listed
    assert client.get("/domains/near.example").status_code == 404
    assert client.get("/mailboxes/alice@near.example").status_code == 404
    assert client.get(DELETE).status_code == 404
    response = client.post(reverse("domain-restore", args=["near.example"]), follow=True)
    assert response.redirect_chain == [("/domains/near.example", 302)]
    assert "is back as it was" in response.content.decode()
    assert "Being deleted" not in client.get("/domains").content.decode()


def test_a_superadministrator_removes_it_for_good_after_a_second_question(near: Place, rosa: Actor) -> None:
    client = signed_in(rosa)
    client.post(DELETE, {"name": "near.example"})
    assert Domain.objects.get().state == "deleted"
    asked = client.get(DELETE).content.decode()
    assert "This cannot be undone." in asked
    assert client.post(DELETE, {"name": "far.example"}).status_code == 200
    assert Account.objects.exists()
    client.post(DELETE, {"name": "near.example", "for_good": "1"})
    assert not Domain.objects.exists()
    assert not Account.objects.exists()


def test_a_form_that_asked_for_less_never_removes_for_good(near: Place, rosa: Actor) -> None:
    client = signed_in(rosa)
    for once in ("one", "one", "another tab"):
        client.post(DELETE, {"name": "near.example", "once": once})
    assert Domain.objects.get().state == "deleted"


def test_an_owner_of_a_deleted_domain_is_out_at_once(near: Place, alice: Actor, rosa: Actor) -> None:
    client = signed_in(alice)
    assert client.get("/me").status_code == 200
    signed_in(rosa).post(DELETE, {"name": "near.example"})
    assert client.get("/me").status_code == 302


def test_what_is_foreign_is_neither_listed_nor_restored(near: Place, far: Place, dora: Actor, rosa: Actor) -> None:
    signed_in(rosa).post("/domains/far.example/delete", {"name": "far.example"})
    client = signed_in(dora)
    assert "far.example" not in client.get("/domains").content.decode()
    assert client.post(reverse("domain-restore", args=["far.example"])).status_code == 404
