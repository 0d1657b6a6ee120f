"""Domains made and deleted: bad, taken and look-alike names, who gets which state, what deleting removes."""

import pytest
from django.utils import timezone

from domains.audit import Act
from domains.errors import Forbidden, NotEmpty, NotFound, Refused, Taken
from domains.models import ApiToken, AuditRecord, DkimKey, Domain, DomainState, KeyState, Role
from domains.services import provision, removal
from domains.services.publication import desired_records
from mailadmin.api import token_act
from mailboxes.models import Account, Alias
from tests.factories import (
    domain_admin_act,
    make_account,
    make_administrator,
    make_alias,
    make_domain,
    owner_act,
    superadmin_act,
)

pytestmark = pytest.mark.django_db

BAD = [
    ("", "empty"),
    ("   ", "blank"),
    ("acme", "one label"),
    ("acme.example\n", "a newline at the end"),
    ("acme\n.example", "a newline inside"),
    ("acme.example\r\nmx.evil.example", "two lines"),
    ("../acme.example", "a path"),
    ("acme/../etc.example", "a path inside"),
    ("acme.example/", "a slash"),
    ("ac me.example", "a space"),
    ("acme..example", "an empty label"),
    (".acme.example", "a leading dot"),
    ("-acme.example", "a leading hyphen"),
    ("acme-.example", "a trailing hyphen"),
    ("_dmarc.acme.example", "an underscore"),
    ("a" * 64 + ".example", "a label of 64 octets"),
    (".".join(["a" * 60] * 5) + ".example", "more than 253 octets"),
    ("192.0.2.1", "an address"),
    ("[192.0.2.1]", "an address literal"),
    ("acme.example\0", "NUL"),
    ("ac\u200bme.example", "a zero-width space"),
    ("\u202eacme.example", "a direction override"),
    ("alice@acme.example", "an e-mail address"),
    ("xn--a.example", "an A-label that does not decode"),
    ('acme".example', "a quote"),
    ("acme;.example", "a semicolon"),
]


@pytest.mark.parametrize(("name", "why"), BAD, ids=[why for _, why in BAD])
def test_a_bad_name_is_refused_beside_its_field(name, why):
    with pytest.raises(Refused) as error:
        provision.create_domain(superadmin_act(), name)
    assert set(error.value.errors) == {"name"}
    assert not isinstance(error.value, Taken)
    assert not Domain.objects.exists()


SAME = [
    ("Acme.Example", "acme.example", "case"),
    ("acme.example.", "acme.example", "a final dot"),
    (" acme.example ", "acme.example", "spaces around"),
    ("ACME.EXAMPLE", "acme.example", "full-width forms"),
    ("Bücher.example", "xn--bcher-kva.example", "U-labels"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example", "A-labels"),
    ("XN--BCHER-KVA.example", "xn--bcher-kva.example", "A-labels in capitals"),
    ("faß.example", "xn--fa-hia.example", "sharp s stays (IDNA 2008)"),
]


@pytest.mark.parametrize(("typed", "stored", "why"), SAME, ids=[why for *_, why in SAME])
def test_a_name_has_one_stored_spelling_and_is_found_by_any(typed, stored, why):
    act = superadmin_act()
    assert provision.create_domain(act, typed).name == stored
    assert provision.get_domain_for(act, typed).name == stored
    with pytest.raises(Taken):
        provision.create_domain(act, stored)


LOOKALIKES = [
    ("acme.example", "асme.example", "Cyrillic a and c"),
    ("acme.example", "acmе.example", "Cyrillic e"),
    ("google.example", "g00gle.example", "digits for letters"),
    ("paypal.example", "paypa1.example", "a digit for a letter"),
    ("acme.example", "αcme.example", "Greek alpha"),
]


@pytest.mark.parametrize(("first", "second", "why"), LOOKALIKES, ids=[why for *_, why in LOOKALIKES])
def test_a_lookalike_is_taken(first, second, why):
    make_domain(first)
    with pytest.raises(Taken):
        provision.create_domain(superadmin_act(), second)
    assert Domain.objects.count() == 1


def test_other_letters_are_another_domain():
    make_domain("acme.example")
    assert make_domain("acne.example").name == "acne.example"


def test_a_domain_gets_one_key_of_each_kind_that_waits_for_the_dns():
    keys = DkimKey.objects.filter(domain=make_domain()).order_by("algorithm")
    assert [(key.algorithm, key.state) for key in keys] == [
        ("ed25519", KeyState.AWAITING_DNS),
        ("rsa2048", KeyState.AWAITING_DNS),
    ]


def test_a_superadministrators_domain_is_active_anybody_elses_pending_and_in_their_reach():
    dora = make_administrator("dora@operator.example")
    made = provision.create_domain(domain_admin_act(actor=dora), "gmail.example")
    assert made.state == "pending"
    assert len(made.ownership_token) == 32
    assert list(dora.domains.all()) == [made]
    assert make_domain().state == "active"


def test_owners_make_and_see_no_domains():
    act = owner_act(make_account())
    with pytest.raises(Forbidden):
        provision.create_domain(act, "other.example")
    assert not provision.domains_for(act).exists()
    with pytest.raises(NotFound):
        removal.delete_domain(act, "acme.example", cascade=True)


def test_a_foreign_domain_looks_absent():
    near, _far = make_domain("near.example"), make_domain("far.example")
    act = domain_admin_act(near)
    for call in (provision.get_domain_for, removal.delete_domain, provision.change_domain):
        with pytest.raises(NotFound) as foreign:
            call(act, "far.example")
        with pytest.raises(NotFound) as absent:
            call(act, "nil.example")
        assert str(foreign.value).replace("far", "nil") == str(absent.value)


def test_a_domain_administrator_cannot_lift_a_pending_or_suspended_state():
    dora = make_administrator("dora@operator.example")
    made = provision.create_domain(domain_admin_act(actor=dora), "gmail.example")
    with pytest.raises(Forbidden):
        provision.change_domain(domain_admin_act(made), "gmail.example", "active")
    assert Domain.objects.get(pk=made.pk).state == "pending"
    make_domain("other.example")
    with pytest.raises(Refused):
        provision.change_domain(superadmin_act(), "other.example", "pending")


def test_deleting_says_what_is_left_and_cascades_only_when_asked():
    make_account("alice@acme.example")
    make_account("bob@acme.example")
    make_alias("sales@acme.example")
    make_account("zoe@other.example")
    with pytest.raises(NotEmpty) as error:
        removal.delete_domain(superadmin_act(), "acme.example")
    assert {"mailboxes": 2, "aliases": 1}.items() <= error.value.counts.items()
    assert Account.objects.count() == 3
    removal.delete_domain(superadmin_act(), "Acme.Example", cascade=True, now=True)
    assert [account.address for account in Account.objects.all()] == ["zoe@other.example"]
    assert not Alias.objects.exists()
    assert not DkimKey.objects.filter(domain__name="acme.example").exists()


def test_an_empty_domain_goes_without_cascade_and_can_come_back():
    make_domain()
    removal.delete_domain(superadmin_act(), "acme.example", now=True)
    assert make_domain().name == "acme.example"


def test_every_change_is_recorded():
    make_domain()
    provision.change_domain(superadmin_act(), "acme.example", "suspended")
    removal.delete_domain(superadmin_act(), "acme.example")
    actions = list(AuditRecord.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["domain.create", "domain.change", "domain.delete"]


def test_a_name_leaves_room_for_the_names_of_its_records():
    longest = ".".join(["a" * 60, "b" * 60, "c" * 60, "d" * 29]) + ".example"
    assert len(longest) == provision.MAXIMUM_NAME
    domain = make_domain(longest)
    assert max(len(row.name) for row in desired_records(domain)) <= 253
    with pytest.raises(Refused):
        provision.create_domain(superadmin_act(), f"e{longest}")


def test_a_name_whose_letters_decompose_into_many_is_held():
    domain = make_domain(".".join(["각" * 50] * 3) + ".example")
    assert provision.get_domain_for(superadmin_act(), domain.name) == domain


def test_a_name_that_is_a_book_is_refused_briefly():
    with pytest.raises(Refused) as error:
        provision.create_domain(superadmin_act(), "ø" * 200_000 + ".example")
    assert len(str(error.value)) < 500


def test_a_claim_without_proof_ends_after_a_week_with_all_that_hangs_on_it():
    dora = make_administrator("dora@operator.example")
    squatted = provision.create_domain(domain_admin_act(actor=dora), "gmail.example")
    make_account("bob@gmail.example")
    make_domain("acme.example")
    Domain.objects.update(created_at=timezone.now() - provision.UNPROVEN)
    fresh = provision.create_domain(domain_admin_act(actor=dora), "fresh.example")
    assert provision.remove_unproven() == 1
    assert set(Domain.objects.values_list("name", flat=True)) == {"acme.example", fresh.name}
    assert not Account.objects.filter(domain_id=squatted.pk).exists()
    assert AuditRecord.objects.get(action="domain.unproven").object_name == "gmail.example"
    assert make_domain("gmail.example").state == "active"


def test_claims_are_counted_by_administrator_until_they_are_proven(monkeypatch):
    monkeypatch.setattr(provision, "MAXIMUM_PENDING", 2)
    dora, david = (make_administrator(f"{name}@operator.example") for name in ("dora", "david"))
    acts = {person: Act(person.email, person.role, "panel", person) for person in (dora, david)}
    for name in ("one.example", "two.example"):
        provision.create_domain(acts[dora], name)
    with pytest.raises(Refused, match="2 domains wait for proof of ownership"):
        provision.create_domain(acts[dora], "three.example")
    assert not Domain.objects.filter(name="three.example").exists()
    provision.create_domain(acts[david], "four.example")
    Domain.objects.filter(name="one.example").update(state=DomainState.ACTIVE)
    provision.create_domain(acts[dora], "five.example")
    provision.create_domain(superadmin_act(), "six.example")


def test_tokens_without_an_administrator_share_one_count_of_claims(monkeypatch):
    monkeypatch.setattr(provision, "MAXIMUM_PENDING", 1)
    first, second = (
        ApiToken.objects.create(name=name, role=Role.DOMAIN_ADMIN, digest=name.encode()) for name in ("a", "b")
    )
    provision.create_domain(token_act(first, None), "one.example")
    with pytest.raises(Refused):
        provision.create_domain(token_act(second, None), "two.example")
