"""Groups made and changed: what is allowed, what is taken, and the domain that holds them."""

from typing import Any

import pytest

from domains.errors import Forbidden, NotEmpty, NotFound, Refused, Taken
from domains.models import AuditRecord, Domain, DomainKind, Role
from domains.services import provision
from domains.services.kinds import Purpose, add_domain, set_purpose
from domains.services.removal import delete_domain
from mailboxes.models import Group, Writers
from mailboxes.services import accounts, aliases, groups
from tests.factories import (
    PASSWORD,
    domain_admin_act,
    make_account,
    make_alias,
    make_domain,
    make_group,
    owner_act,
    superadmin_act,
)

pytestmark = pytest.mark.django_db
TEAM = "team@acme.example"
ACT = superadmin_act()


@pytest.fixture(autouse=True)
def acme() -> Domain:
    return make_domain()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"members": []}, "members"),
        ({"members": ["", " "]}, "members"),
        ({"members": ["alice"]}, "members"),
        ({"members": ["alice@acme.example\r\nBcc: x@y.example"]}, "members"),
        ({"members": ["a\0b@acme.example"]}, "members"),
        ({"members": ["TEAM@Acme.Example"]}, "members"),
        ({"members": [f"m{n}@far.example" for n in range(501)]}, "members"),
        ({"name": "x" * 201}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"writers": "nobody"}, "writers"),
        ({"address": "a b@acme.example"}, "address"),
        ({"address": "team@foreign.example"}, "address"),
        ({"address": "postmaster@acme.example", "writers": "members"}, "writers"),
        ({"address": "abuse@acme.example", "writers": "domain"}, "writers"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], field: str) -> None:
    given = {"address": TEAM, "members": ["alice@acme.example"]} | fields
    with pytest.raises(Refused) as refusal:
        groups.create_group(ACT, **given)
    assert list(refusal.value.errors) == [field]
    assert not Group.objects.exists()


def test_a_member_counts_once_however_it_is_spelt() -> None:
    group = groups.create_group(ACT, TEAM, ["Alice@Acme.example", "alice@acme.example", "bob@BÜCHER.example"])
    assert group.members == ["alice@acme.example", "bob@xn--bcher-kva.example"]


@pytest.mark.parametrize("local_part", ["dmarc-reports", "SRS0=x", "srs1=abc=d", "srs0+x"])
def test_reserved_names_are_taken(local_part: str) -> None:
    for make in (
        lambda address: groups.create_group(ACT, address, ["alice@acme.example"]),
        lambda address: aliases.create_alias(ACT, address, ["alice@acme.example"]),
        lambda address: accounts.create_account(ACT, address, PASSWORD),
    ):
        with pytest.raises(Taken):
            make(f"{local_part}@acme.example")


def test_an_address_is_one_thing() -> None:
    make_account("alice@acme.example")
    make_alias("sales@acme.example")
    make_group(TEAM)
    for address in ("alice@acme.example", "sales@acme.example", TEAM):
        with pytest.raises(Taken):
            groups.create_group(ACT, address, ["zoe@far.example"])
        with pytest.raises(Taken):
            aliases.create_alias(ACT, address, ["zoe@far.example"])
        with pytest.raises(Taken):
            accounts.create_account(ACT, address, PASSWORD)


def test_members_come_and_go_one_by_one() -> None:
    make_group(TEAM)
    assert groups.add_member(ACT, TEAM, "Zoe@far.example").members == ["alice@acme.example", "Zoe@far.example"]
    assert len(groups.add_member(ACT, TEAM, "zoe@FAR.example").members) == 2
    assert groups.remove_member(ACT, TEAM, "ALICE@acme.example").members == ["Zoe@far.example"]
    with pytest.raises(NotFound):
        groups.remove_member(ACT, TEAM, "alice@acme.example")
    with pytest.raises(Refused):
        groups.remove_member(ACT, TEAM, "zoe@far.example")
    actions = AuditRecord.objects.filter(action="group.change").count()
    assert actions == 3


def test_who_reaches_it(acme: Domain) -> None:
    account = make_account("alice@acme.example")
    make_group(TEAM)
    stranger = domain_admin_act(make_domain("far.example"))
    with pytest.raises(NotFound):
        groups.get_group_for(stranger, TEAM)
    with pytest.raises(NotFound):
        groups.change_group(stranger, TEAM, members=["zoe@far.example"])
    with pytest.raises(Forbidden):
        groups.add_member(owner_act(account), TEAM, "zoe@far.example")
    assert groups.search_groups(owner_act(account)).count() == 0
    assert groups.get_group_for(domain_admin_act(acme), "Team@ACME.example").writers == Writers.EVERYBODY
    assert owner_act(account).role == Role.OWNER


def test_search_looks_at_address_name_and_members() -> None:
    make_group(TEAM, ["zoe@far.example"])
    groups.change_group(ACT, TEAM, name="The builders")
    for text in ("tea", "builders", "zoe@far", "team@acme"):
        assert groups.search_groups(ACT, "acme.example", text).count() == 1, text
    assert groups.search_groups(ACT, "acme.example", "nothing").count() == 0


def test_a_domain_that_holds_one_is_in_use_and_takes_it_along(acme: Domain) -> None:
    make_group(TEAM)
    with pytest.raises(NotEmpty) as refusal:
        set_purpose(ACT, "acme.example", Purpose(DomainKind.PARKED))
    assert refusal.value.counts == {"groups": 1}
    with pytest.raises(NotEmpty):
        delete_domain(ACT, "acme.example")
    delete_domain(ACT, "acme.example", cascade=True, now=True)
    assert not Group.objects.exists()
    assert not provision.domains_for(ACT).exists()


def test_a_domain_without_addresses_of_its_own_has_none() -> None:
    add_domain(ACT, "alias.example", Purpose(DomainKind.ALIAS, "acme.example"))
    add_domain(ACT, "parked.example", Purpose(DomainKind.PARKED))
    for name in ("alias.example", "parked.example"):
        with pytest.raises(Refused):
            groups.create_group(ACT, f"team@{name}", ["alice@acme.example"])
