"""Pages of parked and alias domains: made, changed, shown; nothing offered that would be refused."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from domains.models import Actor, Domain, DomainKind
from domains.services.kinds import Purpose, add_domain
from tests.factories import make_domain, superadmin_act
from tests.panel.people import Place, signed_in

pytestmark = pytest.mark.usefixtures("_no_network")


def test_a_domain_is_added_parked(rosa: Actor, near: Place) -> None:
    signed_in(rosa).post("/domains/add", {"name": "parked.example", "kind": "parked"})
    domain = Domain.objects.get(name="parked.example")
    assert (domain.kind, domain.reports_to) == (DomainKind.PARKED, "dmarc-reports@near.example")


def test_a_domain_is_added_as_an_alias_only_of_one_that_is_named(rosa: Actor, near: Place) -> None:
    browser = signed_in(rosa)
    page = browser.post("/domains/add", {"name": "also.example", "kind": "alias"}).content.decode()
    assert 'id="id_alias_of_error"' in page
    browser.post("/domains/add", {"name": "also.example", "kind": "alias", "alias_of": "Near.example"})
    assert Domain.objects.get(name="also.example").alias_of == near.domain


def test_parking_says_what_becomes_of_the_keys(rosa: Actor) -> None:
    make_domain("idle.example")
    browser = signed_in(rosa)
    page = browser.get("/domains/idle.example/kind/parked").content.decode()
    assert "2 keys" in page
    assert "private parts destroyed" in page
    answer = browser.post("/domains/idle.example/kind/parked", {"reports_to": ""})
    assert answer["Location"] == "/domains/idle.example/dns"
    assert "0 ." in browser.get("/domains/idle.example/dns").content.decode()


def test_a_domain_in_use_offers_no_other_kind(rosa: Actor, near: Place) -> None:
    browser = signed_in(rosa)
    page = browser.get("/domains/near.example/settings").content.decode()
    assert "kind/parked" not in page
    assert "1 mailbox, " in page
    page = browser.post("/domains/near.example/kind/parked", {"reports_to": ""}).content.decode()
    assert "near.example is in use" in page
    assert Domain.objects.get(name="near.example").kind == DomainKind.MAIL


@pytest.mark.parametrize("kind", [DomainKind.PARKED, DomainKind.ALIAS])
def test_pages_name_the_kind_and_offer_no_mailboxes(rosa: Actor, near: Place, kind: str) -> None:
    target = "near.example" if kind == DomainKind.ALIAS else ""
    add_domain(superadmin_act(), "idle.example", Purpose(kind, target))
    browser = signed_in(rosa)
    words = {"parked": "Parked", "alias": "Alias of near.example"}[kind]
    for path in ("/", "/domains", "/domains/idle.example", "/domains/idle.example/settings"):
        assert words in browser.get(path).content.decode(), path
    overview = browser.get("/domains/idle.example").content.decode()
    assert "/domains/idle.example/mailboxes" not in overview
    assert ("/domains/idle.example/keys" in overview) == (kind == DomainKind.ALIAS)
    assert browser.get("/domains/idle.example/kind/other").status_code == 404
    page = browser.get("/domains/near.example/mailboxes").content.decode()
    assert 'href="/domains/idle.example"' in page  # the switcher leads to a page that it has
    assert "/domains/idle.example/mailboxes" not in page


def test_lists_take_as_many_queries_however_many_domains_are_aliases(rosa: Actor, near: Place) -> None:
    browser = signed_in(rosa)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get("/domains")
        return len(queries)

    add_domain(superadmin_act(), "a.example", Purpose(DomainKind.ALIAS, "near.example"))
    add_domain(superadmin_act(), "p.example", Purpose(DomainKind.PARKED))
    count()  # what is remembered for a moment is asked for now
    few = count()
    for number in range(4):
        add_domain(superadmin_act(), f"a{number}x.example", Purpose(DomainKind.ALIAS, "near.example"))
        add_domain(superadmin_act(), f"p{number}x.example", Purpose(DomainKind.PARKED))
    assert count() == few


def test_a_logo_is_set_and_its_obstacles_are_said(rosa: Actor, near: Place) -> None:
    browser = signed_in(rosa)
    page = browser.post("/domains/near.example/bimi", {"logo_url": "http://near.example/x.svg"}).content.decode()
    assert 'id="id_logo_url_error"' in page
    browser.post("/domains/near.example/bimi", {"logo_url": "https://near.example/x.svg"})
    page = browser.get("/domains/near.example/settings").content.decode()
    assert "v=BIMI1; l=https://near.example/x.svg" in page
    assert "only with a certificate" in page
