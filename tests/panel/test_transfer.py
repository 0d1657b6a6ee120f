"""Handing a domain over in the panel, and the operator's choice of administrators."""

from django.urls import reverse

from domains.models import Actor, Role
from tests.factories import make_administrator
from tests.panel.people import Place, signed_in

OFFER = "/domains/near.example/offer"


def test_a_domain_changes_hands(near: Place, far: Place, dora: Actor) -> None:
    erin = make_administrator("erin@other.example", far.domain)
    giver, receiver = signed_in(dora), signed_in(erin)
    settings = giver.post(OFFER, {"email": "erin@other.example"}, follow=True).content.decode()
    assert "Offered to erin@other.example" in settings
    assert "Withdraw the offer" in settings
    assert "already" in giver.post(OFFER, {"email": "bob@other.example"}).content.decode()
    assert "dora@operator.example offers you the domain near.example" in receiver.get("/").content.decode()
    assert "Accept" in receiver.get("/domains").content.decode()
    response = receiver.post(reverse("offer-accept", args=["near.example"]), follow=True)
    assert "near.example is yours to administer." in response.content.decode()
    assert giver.get("/domains/near.example").status_code == 404


def test_an_offer_is_declined_or_withdrawn(near: Place, far: Place, dora: Actor) -> None:
    erin = make_administrator("erin@other.example", far.domain)
    giver, receiver = signed_in(dora), signed_in(erin)
    giver.post(OFFER, {"email": "erin@other.example"})
    receiver.post(reverse("offer-decline", args=["near.example"]))
    assert "Offered to" not in giver.get("/domains/near.example/settings").content.decode()
    giver.post(OFFER, {"email": "erin@other.example"})
    giver.post(reverse("offer-withdraw", args=["near.example"]))
    assert "Offered to you" not in receiver.get("/domains").content.decode()


def test_the_operator_chooses_administrators_by_ticking_them(near: Place, rosa: Actor, dora: Actor) -> None:
    make_administrator("erin@other.example")
    client = signed_in(rosa)
    page = client.get("/domains/near.example/administrators").content.decode()
    assert page.count('type="checkbox"') == 2
    assert page.count(" checked") == 1
    response = client.post(
        "/domains/near.example/administrators", {"administrators": ["erin@other.example"]}, follow=True
    )
    assert "erin@other.example" in response.content.decode()
    assert list(Actor.objects.filter(domains=near.domain).values_list("email", flat=True)) == ["erin@other.example"]
    wrong = client.post("/domains/near.example/administrators", {"administrators": ["rosa@operator.example"]})
    assert wrong.status_code == 200
    assert Actor.objects.get(domains=near.domain).role == Role.DOMAIN_ADMIN


def test_other_administrators_are_not_shown_to_who_may_not_see_them(near: Place, dora: Actor) -> None:
    make_administrator("bob@other.example", near.domain)
    assert "bob@other.example" not in signed_in(dora).get("/domains/near.example/settings").content.decode()
