"""Handing a domain over: nothing changes until the other accepts; nobody learns who has an address."""

from datetime import timedelta

import pytest
from django.utils import timezone

from domains.audit import Act
from domains.errors import Forbidden, NotFound, Refused, Taken
from domains.models import Actor, ApiToken, AuditRecord, DomainOffer, Role
from domains.services import actors, provision, transfer
from domains.services.kinds import Purpose, add_domain
from domains.services.removal import delete_domain
from tests.factories import make_account, make_administrator, make_domain, owner_act, superadmin_act

pytestmark = pytest.mark.django_db
NAME = "acme.example"
ERIN = "erin@other.example"


def act_of(actor):
    ids = None if actor.is_superadmin else frozenset(actor.domains.values_list("pk", flat=True))
    return Act(actor.email, actor.role, "panel", actor, ids)


@pytest.fixture
def dora():
    """Administers acme.example."""
    return make_administrator("dora@acme.example", make_domain(NAME))


@pytest.fixture
def erin():
    return make_administrator(ERIN, make_domain("other.example"))


@pytest.fixture
def rosa():
    return make_administrator("rosa@operator.example", role=Role.SUPERADMIN)


def people():
    return list(Actor.objects.filter(domains__name=NAME).order_by("email").values_list("email", flat=True))


def offer(actor, email=ERIN):
    return transfer.offer_domain(act_of(actor), NAME, email)


def test_nothing_changes_until_it_is_accepted_then_the_other_takes_the_place(dora, erin):
    offer(dora, " Erin@Other.example ")
    assert people() == ["dora@acme.example"]
    assert [row.domain.name for row in transfer.offers_to(act_of(erin))] == [NAME]
    transfer.accept_offer(act_of(erin), NAME)
    assert people() == [ERIN]
    assert not DomainOffer.objects.exists()
    with pytest.raises(NotFound):
        provision.get_domain_for(act_of(dora), NAME)
    assert provision.get_domain_for(act_of(erin), NAME).name == NAME
    actions = AuditRecord.objects.filter(object_name=NAME).order_by("pk").values_list("action", "actor_name")
    assert list(actions)[-2:] == [("domain.offer", "dora@acme.example"), ("domain.transfer", ERIN)]


def test_the_givers_tokens_lose_the_domain_and_nothing_else(dora, erin):
    own = make_domain("own.example")
    dora.domains.add(own)
    token, _ = actors.create_token(act_of(dora), "ci", Role.DOMAIN_ADMIN, [NAME, "own.example"])
    operators, _ = actors.create_token(superadmin_act(), "ops", Role.DOMAIN_ADMIN, [NAME])
    offer(dora)
    transfer.accept_offer(act_of(erin), NAME)
    reach = {row.name: {domain.name for domain in row.domains.all()} for row in ApiToken.objects.all()}
    assert reach == {token.name: {"own.example"}, operators.name: {NAME}}


def test_others_who_administer_the_domain_stay_unless_a_superadministrator_gives_it(dora, erin, rosa):
    bob = make_administrator("bob@acme.example", provision.get_domain_for(superadmin_act(), NAME))
    offer(dora)
    transfer.accept_offer(act_of(erin), NAME)
    assert people() == [bob.email, ERIN]
    offer(rosa, dora.email)
    transfer.accept_offer(act_of(dora), NAME)
    assert people() == [dora.email]


def test_alias_domains_of_the_giver_go_along(dora, erin):
    for name in ("mine.example", "foreign.example"):
        add_domain(superadmin_act(), name, Purpose("alias", NAME))
    dora.domains.add(provision.get_domain_for(superadmin_act(), "mine.example"))
    offer(dora)
    transfer.accept_offer(act_of(erin), NAME)
    names = set(erin.domains.values_list("name", flat=True))
    assert names == {NAME, "mine.example", "other.example"}
    assert not dora.domains.exists()


def test_an_address_that_nobody_has_looks_like_any_other(dora, erin):
    known = offer(dora)
    transfer.withdraw_offer(act_of(dora), NAME)
    unknown = offer(dora, "nobody@nowhere.example")
    assert (known.giver_name, known.domain) == (unknown.giver_name, unknown.domain)
    for email in ("nobody@nowhere.example", ERIN):
        with pytest.raises(Taken) as again:
            offer(dora, email)
        assert "nobody@nowhere.example" in str(again.value.errors["email"])


def test_a_superadministrator_is_told_when_nobody_has_the_address(dora, rosa):
    make_account("alice@acme.example")
    for email in ("nobody@nowhere.example", "alice@acme.example"):
        with pytest.raises(Refused):
            offer(rosa, email)


@pytest.mark.parametrize("email", ["", "erin", "erin@", "erin@other.example\n", "a\0@b.example", "@b.example"])
def test_what_is_no_address_is_refused(dora, email):
    if email.strip() != email:
        assert transfer.offer_domain(act_of(dora), NAME, email).email == email.strip()
        return
    with pytest.raises(Refused):
        offer(dora, email)


def test_one_does_not_offer_to_oneself_nor_what_is_unproven(dora, erin):
    with pytest.raises(Refused):
        offer(dora, dora.email.upper())
    provision.create_domain(act_of(dora), "claimed.example")
    dora.refresh_from_db()
    with pytest.raises(Refused):
        transfer.offer_domain(act_of(dora), "claimed.example", ERIN)


def test_who_is_not_asked_cannot_accept_decline_read_or_withdraw(dora, erin):
    offer(dora)
    bob = make_administrator("bob@far.example", make_domain("far.example"))
    alice = make_account("alice@acme.example")
    for act in (act_of(bob), owner_act(alice), act_of(dora)):
        assert not transfer.offers_to(act).exists()
        for call in (transfer.accept_offer, transfer.decline_offer):
            with pytest.raises(NotFound):
                call(act, NAME)
    for call in (transfer.withdraw_offer, transfer.get_offer_for):
        with pytest.raises(NotFound):
            call(act_of(erin), NAME)
    with pytest.raises(NotFound):
        transfer.accept_offer(act_of(erin), "x\0y")
    assert people() == [dora.email]


def test_an_offer_ends_by_withdrawal_refusal_time_and_with_its_giver(dora, erin):
    offer(dora)
    transfer.withdraw_offer(act_of(dora), NAME)
    offer(dora)
    transfer.decline_offer(act_of(erin), NAME)
    offer(dora)
    DomainOffer.objects.update(made_at=timezone.now() - timedelta(days=7))
    assert transfer.offer_of(act_of(dora), NAME) is None
    offer(dora)
    transfer.set_administrators(superadmin_act(), NAME, [])
    with pytest.raises(NotFound):
        transfer.accept_offer(act_of(erin), NAME)
    assert people() == []
    assert transfer.remove_old_offers(timezone.now() + timedelta(days=7)) == 1


def test_a_deleted_domain_is_offered_to_nobody(dora, erin):
    offer(dora)
    delete_domain(act_of(dora), NAME)
    assert not transfer.offers_to(act_of(erin)).exists()
    with pytest.raises(NotFound):
        transfer.accept_offer(act_of(erin), NAME)


def test_a_script_of_nobody_offers_only_when_it_may_do_all(dora):
    token = Act("ci", Role.DOMAIN_ADMIN, "api", None, frozenset(dora.domains.values_list("pk", flat=True)), None, 1)
    with pytest.raises(Forbidden):
        transfer.offer_domain(token, NAME, ERIN)


def test_the_operator_sets_who_administers_a_domain(dora, erin, rosa):
    actors.create_token(act_of(dora), "ci", Role.DOMAIN_ADMIN, [NAME])
    transfer.set_administrators(act_of(rosa), NAME, [ERIN])
    assert people() == [ERIN]
    assert not ApiToken.objects.filter(domains__name=NAME).exists()
    last = AuditRecord.objects.order_by("-pk")[0]
    assert (last.action, last.changes) == ("domain.administrators", {"administrators": [[dora.email], [ERIN]]})
    count = AuditRecord.objects.count()
    transfer.set_administrators(act_of(rosa), NAME, [ERIN, ERIN.upper()])
    assert AuditRecord.objects.count() == count
    with pytest.raises(Refused):
        transfer.set_administrators(act_of(rosa), NAME, ["nobody@nowhere.example"])
    for call in (lambda: transfer.set_administrators(act_of(erin), NAME, []),
                 lambda: transfer.administrators_of(act_of(erin), NAME)):  # fmt: skip
        with pytest.raises(Forbidden):
            call()


def test_a_token_with_less_than_its_maker_has_neither_gives_nor_takes_in_the_makers_name(dora, erin, rosa):
    bob = make_administrator("bob@acme.example", provision.get_domain_for(superadmin_act(), NAME))
    ids = frozenset(bob.domains.values_list("pk", flat=True))
    lesser = Act("token ops", Role.DOMAIN_ADMIN, "api", rosa, ids)
    with pytest.raises(Forbidden):
        transfer.offer_domain(lesser, NAME, ERIN)
    offer(dora, rosa.email)
    assert not transfer.offers_to(lesser).exists()
    with pytest.raises(NotFound):
        transfer.accept_offer(lesser, NAME)
    assert people() == [bob.email, dora.email]
