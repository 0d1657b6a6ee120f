"""Administrators and tokens: the last superadministrator stays, no token reaches further than its maker."""

import pytest

from domains.audit import Act
from domains.errors import Forbidden, NotFound, Refused, Taken
from domains.models import Actor, ApiToken, AuditRecord, Role
from domains.services import actors, provision
from mailadmin.api import token_act
from mailboxes.services import accounts
from tests.factories import (
    PASSWORD,
    domain_admin_act,
    make_account,
    make_administrator,
    make_domain,
    owner_act,
    superadmin_act,
)

pytestmark = pytest.mark.django_db


def act_of(actor: Actor) -> Act:
    """The act of a person at the panel."""
    ids = None if actor.is_superadmin else frozenset(actor.domains.values_list("pk", flat=True))
    return Act(actor.email, actor.role, "panel", actor, ids)


def token_of(actor: Actor, role: str, *names: str) -> Act:
    """The act of a token that this person made."""
    token, _text = actors.create_token(act_of(actor), "script", role, names)
    return token_act(token, "192.0.2.1")


@pytest.fixture
def rosa(db):
    return make_administrator("rosa@operator.example", role=Role.SUPERADMIN)


@pytest.fixture
def dora(db):
    return make_administrator("dora@operator.example", make_domain("near.example"), make_domain("next.example"))


# ---- Administrators


def test_the_last_superadministrator_stays(rosa):
    with pytest.raises(Refused):
        actors.delete_administrator(act_of(rosa), "rosa@operator.example")
    second = make_administrator("second@operator.example", role=Role.SUPERADMIN)
    actors.delete_administrator(act_of(rosa), "SECOND@operator.example")
    assert not Actor.objects.filter(pk=second.pk).exists()
    with pytest.raises(Refused):
        actors.delete_administrator(act_of(rosa), "rosa@operator.example")


def test_an_inactive_superadministrator_does_not_count_as_another(rosa):
    make_administrator("gone@operator.example", role=Role.SUPERADMIN)
    Actor.objects.filter(email="gone@operator.example").update(is_active=False)
    with pytest.raises(Refused):
        actors.delete_administrator(act_of(rosa), "rosa@operator.example")


def test_an_administrator_with_a_mailbox_becomes_its_mere_owner(rosa):
    account = make_account("alice@acme.example")
    Actor.objects.filter(pk=account.actor_id).update(role=Role.DOMAIN_ADMIN)
    alice = Actor.objects.get(pk=account.actor_id)
    alice.domains.add(account.domain)
    actors.create_token(act_of(alice), "script", Role.DOMAIN_ADMIN, ["acme.example"])
    actors.delete_administrator(act_of(rosa), "alice@acme.example")
    alice.refresh_from_db()
    assert (alice.role, alice.domains.count(), ApiToken.objects.count()) == (Role.OWNER, 0, 0)


@pytest.mark.parametrize("call", ["list", "create", "delete"])
@pytest.mark.parametrize("who", ["dora", "owner"])
def test_only_superadministrators_manage_administrators(rosa, dora, call, who):
    act = act_of(dora) if who == "dora" else owner_act(make_account())
    calls = {
        "list": lambda: actors.administrators_for(act),
        "create": lambda: actors.create_administrator(act, "x@x.example", PASSWORD, Role.DOMAIN_ADMIN),
        "delete": lambda: actors.delete_administrator(act, "rosa@operator.example"),
    }
    with pytest.raises(Forbidden):
        calls[call]()


BAD = [
    ({"email": "no address"}, "email", "not an address"),
    ({"email": "x@x.example\nBcc: y@y.example"}, "email", "a newline"),
    ({"email": "x@-bad-.example"}, "email", "a bad domain"),
    ({"password": "short"}, "password", "too short"),
    ({"password": "password12"}, "password", "too common"),
    ({"password": "x@x.example"}, "password", "the address itself"),
    ({"password": "my x@x.example 1"}, "password", "holds the address"),
    ({"password": "long enough\0but NUL"}, "password", "NUL"),
    ({"password": "x" * 1025}, "password", "too long"),
    ({"role": "owner"}, "role", "not an administrator's role"),
    ({"role": "root"}, "role", "no role"),
    ({"domains": ["nil.example"]}, "domains", "no such domain"),
]


@pytest.mark.parametrize(("values", "field", "why"), BAD, ids=[why for *_, why in BAD])
def test_a_bad_administrator_is_refused_beside_the_field(values, field, why):
    good = {"email": "x@x.example", "password": PASSWORD, "role": Role.DOMAIN_ADMIN, "domains": []}
    with pytest.raises(Refused) as error:
        actors.create_administrator(superadmin_act(), **(good | values))
    assert set(error.value.errors) == {field}
    assert not Actor.objects.exists()


def test_an_address_is_one_person_in_any_spelling():
    actors.create_administrator(superadmin_act(), "X@Bücher.example", PASSWORD, Role.SUPERADMIN)
    with pytest.raises(Taken):
        actors.create_administrator(superadmin_act(), "x@xn--bcher-kva.example", PASSWORD, Role.SUPERADMIN)


# ---- Tokens


def test_a_domain_administrator_makes_no_superadministrators_token(dora):
    with pytest.raises(Forbidden):
        actors.create_token(act_of(dora), "script", Role.SUPERADMIN)


def test_a_token_names_only_domains_in_its_makers_reach(dora):
    make_domain("far.example")
    with pytest.raises(Refused):
        actors.create_token(act_of(dora), "script", Role.DOMAIN_ADMIN, ["near.example", "far.example"])
    assert not ApiToken.objects.exists()


def test_an_owner_makes_and_sees_no_tokens():
    act = owner_act(make_account())
    for call in (lambda: actors.create_token(act, "x", Role.DOMAIN_ADMIN), lambda: actors.tokens_for(act)):
        with pytest.raises(Forbidden):
            call()


def test_a_token_loses_what_its_maker_loses(dora):
    token, _text = actors.create_token(act_of(dora), "script", Role.DOMAIN_ADMIN, ["near.example", "next.example"])
    dora.domains.remove(dora.domains.get(name="next.example"))
    token.refresh_from_db()
    assert [row.name for row in provision.domains_for(token_act(token, None))] == ["near.example"]


def test_a_superadministrators_token_falls_with_its_maker(rosa):
    make_domain("far.example")
    token, _text = actors.create_token(act_of(rosa), "script", Role.SUPERADMIN)
    assert token_act(token, None).is_superadmin
    Actor.objects.filter(pk=rosa.pk).update(role=Role.DOMAIN_ADMIN)
    act = token_act(ApiToken.objects.select_related("created_by").get(), None)
    assert not act.is_superadmin
    assert not provision.domains_for(act).exists()


def test_a_narrow_token_of_a_superadministrator_stays_narrow(rosa):
    make_domain("near.example")
    make_domain("far.example")
    act = token_of(rosa, Role.DOMAIN_ADMIN, "near.example")
    assert [row.name for row in provision.domains_for(act)] == ["near.example"]
    with pytest.raises(Forbidden):
        actors.create_token(act, "wider", Role.SUPERADMIN)
    with pytest.raises(Refused):
        actors.create_token(act, "wider", Role.DOMAIN_ADMIN, ["far.example"])
    with pytest.raises(Forbidden):
        actors.administrators_for(act)


def test_a_narrow_token_sees_and_deletes_no_wider_token_of_its_maker(rosa, dora):
    make_domain("far.example")
    wide, _text = actors.create_token(act_of(rosa), "wide", Role.SUPERADMIN)
    act = token_of(rosa, Role.DOMAIN_ADMIN, "near.example")
    assert [row.pk for row in actors.tokens_for(act)] == [act.token_id]
    with pytest.raises(NotFound):
        actors.delete_token(act, wide.pk)
    both, _text = actors.create_token(act_of(dora), "both", Role.DOMAIN_ADMIN, ["near.example", "next.example"])
    narrow = token_of(dora, Role.DOMAIN_ADMIN, "near.example")
    with pytest.raises(NotFound):
        actors.delete_token(narrow, both.pk)
    actors.delete_token(act_of(dora), both.pk)


def test_a_narrow_token_does_not_change_its_makers_password(rosa):
    make_domain("near.example")
    Actor.objects.filter(pk=rosa.pk).update(email="rosa@near.example")
    rosa.refresh_from_db()
    act = token_of(rosa, Role.DOMAIN_ADMIN, "near.example")
    with pytest.raises(Taken):
        accounts.create_account(act, "rosa@near.example", "another sentence 43")
    accounts.create_account(superadmin_act(), "rosa@near.example", PASSWORD)
    with pytest.raises(Forbidden):
        accounts.change_account(act, "rosa@near.example", password="another sentence 43")
    assert Actor.objects.get(pk=rosa.pk).check_password(PASSWORD)


def test_foreign_tokens_look_absent(rosa, dora):
    wide, _text = actors.create_token(act_of(rosa), "wide", Role.SUPERADMIN)
    for identifier in (wide.pk, 10**9, 10**30):
        with pytest.raises(NotFound):
            actors.delete_token(act_of(dora), identifier)


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb", "a\0b"])
def test_a_bad_token_name_is_refused(rosa, name):
    with pytest.raises(Refused):
        actors.create_token(act_of(rosa), name, Role.SUPERADMIN)


def test_a_token_is_stored_hashed_and_recorded_without_its_text(rosa):
    token, text = actors.create_token(act_of(rosa), "script", Role.SUPERADMIN)
    assert text.encode() not in bytes(token.digest)
    assert text not in str(AuditRecord.objects.get().changes)
    assert text not in repr(token) + str(token)


def test_the_first_start_resets_nothing():
    assert actors.ensure_first_admin("rosa@operator.example", PASSWORD)
    assert not actors.ensure_first_admin("eve@evil.example", PASSWORD)
    assert not actors.ensure_first_admin("rosa@operator.example", "another sentence 43")
    assert Actor.objects.get().check_password(PASSWORD)
    assert actors.ensure_api_token("t" * 32)
    assert not actors.ensure_api_token("t" * 32)
    with pytest.raises(Refused):
        actors.ensure_api_token("t" * 31)


def test_one_changes_only_ones_own_password_and_with_the_old_one(dora):
    act = act_of(dora)
    with pytest.raises(Refused):
        actors.change_password(act, "wrong", "another sentence 43")
    version = dora.credential_version
    assert actors.change_password(act, PASSWORD, "another sentence 43").credential_version == version + 1
    with pytest.raises(Forbidden):
        actors.change_password(domain_admin_act(), PASSWORD, "another sentence 43")


# ---- Tokens made with tokens


@pytest.fixture
def operators(db):
    """The act of the operator's own token, which no person made."""
    actors.ensure_api_token("x" * 40)
    return token_act(ApiToken.objects.get(), None)


def made_with(act: Act, name: str, role: str, *domains: str) -> tuple[ApiToken, Act]:
    """A token made with another, and its act."""
    token, _text = actors.create_token(act, name, role, domains)
    return token, token_act(token, None)


def seen(act: Act) -> list[str]:
    """The names of the tokens in reach."""
    return [token.name for token in actors.tokens_for(act)]


def test_a_token_that_no_person_made_sees_and_deletes_those_made_with_it(operators):
    make_domain("near.example")
    _scripts, script = made_with(operators, "script", Role.DOMAIN_ADMIN, "near.example")
    other, _act = made_with(operators, "other", Role.DOMAIN_ADMIN, "near.example")
    child, child_act = made_with(script, "child", Role.DOMAIN_ADMIN, "near.example")
    assert seen(operators) == ["MAILADMIN_API_TOKEN", "script", "other", "child"]
    assert (seen(script), seen(child_act)) == (["child"], [])
    with pytest.raises(NotFound):
        actors.delete_token(script, other.pk)
    actors.delete_token(script, child.pk)
    assert seen(script) == []


def test_a_token_ends_with_the_one_that_it_was_made_with(operators):
    make_domain("near.example")
    token, script = made_with(operators, "script", Role.DOMAIN_ADMIN, "near.example")
    made_with(made_with(script, "child", Role.DOMAIN_ADMIN, "near.example")[1], "grandchild", Role.DOMAIN_ADMIN)
    actors.delete_token(operators, token.pk)
    assert seen(operators) == ["MAILADMIN_API_TOKEN"]
    assert AuditRecord.objects.get(action="token.delete").changes == {"made with it": ["child"]}


def test_a_persons_token_made_with_a_token_ends_with_both(dora):
    script = token_of(dora, Role.DOMAIN_ADMIN, "near.example")
    child, _act = made_with(script, "child", Role.DOMAIN_ADMIN, "near.example")
    assert (child.created_by, child.made_with_id) == (dora, script.token_id)
    actors.delete_token(act_of(dora), script.token_id)
    assert seen(act_of(dora)) == []


def test_a_token_deleted_meanwhile_makes_no_other(operators):
    ApiToken.objects.all().delete()
    with pytest.raises(Forbidden):
        actors.create_token(operators, "late", Role.SUPERADMIN)
    assert not ApiToken.objects.exists()


def test_no_token_without_a_person_goes_beyond_its_own_reach(operators):
    make_domain("near.example")
    make_domain("far.example")
    _token, script = made_with(operators, "script", Role.DOMAIN_ADMIN, "near.example")
    with pytest.raises(Refused):
        actors.create_token(script, "x", Role.DOMAIN_ADMIN, ["far.example"])
    with pytest.raises(Forbidden):
        actors.create_token(script, "x", Role.SUPERADMIN)
