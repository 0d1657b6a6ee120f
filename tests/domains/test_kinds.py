"""Kinds of domains: what each publishes, how one becomes another, and what keeps it from that."""

import pytest

from domains.errors import Forbidden, NotEmpty, NotFound, Refused
from domains.models import AuditRecord, DkimKey, Domain, DomainKind, DomainState, KeyState
from domains.services import keys, kinds, mta_sts, provision, removal, reports
from domains.services.certificates import wanted_names
from domains.services.check import check_now, health_of
from domains.services.dmarc_policy import set_policy
from domains.services.kinds import Purpose, add_domain, set_purpose
from domains.services.publication import desired_records, zone_text
from mailadmin.dashboard.figures import alerts, domain_lines
from mailboxes.services import accounts, aliases
from tests.domains.dmarc.samples import report_xml
from tests.factories import (
    PASSWORD,
    domain_admin_act,
    make_account,
    make_administrator,
    make_alias,
    make_domain,
    owner_act,
    superadmin_act,
    suspend,
)

pytestmark = pytest.mark.django_db
PARKED, ALIAS, MAIL = DomainKind.PARKED, DomainKind.ALIAS, DomainKind.MAIL


def park(name="parked.example", act=None, **given):
    return add_domain(act or superadmin_act(), name, Purpose(PARKED, **given))


def make_alias_domain(name="acme-alias.example", of="acme.example", act=None):
    return add_domain(act or superadmin_act(), name, Purpose(ALIAS, of))


def values(domain):
    fresh = provision.get_domain_for(superadmin_act(), domain.name)
    return {(row.name, row.type): row.value for row in desired_records(fresh)}


# ---- Parked -----------------------------------------------------------------------------------------------------


def test_a_parked_domain_publishes_that_it_has_no_mail_and_nothing_else():
    make_domain("acme.example")
    domain = park()
    assert values(domain) == {
        ("parked.example", "MX"): "0 .",
        ("parked.example", "TXT"): "v=spf1 -all",
        ("*._domainkey.parked.example", "TXT"): "v=DKIM1; p=",
        ("_dmarc.parked.example", "TXT"): (
            "v=DMARC1; p=reject; sp=reject; np=reject; rua=mailto:dmarc-reports@acme.example"
        ),
        ("parked.example._report._dmarc.acme.example", "TXT"): "v=DMARC1;",
    }
    assert not DkimKey.objects.filter(domain=domain).exists()
    assert "parked.example. 3600 IN MX 0 .\n" in zone_text(desired_records(domain), domain.name)


@pytest.mark.parametrize(
    ("given", "rua"),
    [
        ({"reports_to": ""}, ""),
        ({"reports_to": "Seen@Else.example"}, "; rua=mailto:seen@else.example"),
        ({}, ""),  # without another domain there is nowhere to send them
    ],
)
def test_reports_about_a_parked_domain_go_where_mail_arrives(given, rua):
    assert values(park(**given))[("_dmarc.parked.example", "TXT")].endswith(f"np=reject{rua}")


@pytest.mark.parametrize(
    "address", ["x@parked.example", "x@other-parked.example", "no address", "a@b.example,c@d.example"]
)
def test_an_address_at_which_no_report_arrives_is_refused(address):
    park("other-parked.example")
    with pytest.raises(Refused) as refusal:
        park(reports_to=address)
    assert list(refusal.value.errors) == ["reports_to"]
    assert not Domain.objects.filter(name="parked.example").exists()


def test_a_report_about_a_parked_domain_is_taken_in_at_another_of_ours():
    make_domain("acme.example")
    domain = park()
    octets = report_xml(domain="parked.example")
    head, _new = reports.take_in(octets, "r.xml", road="mail", act=None)
    assert head.domain == domain


def test_a_published_parked_domain_is_all_right(dns_settings):
    make_domain("acme.example")
    domain = park()
    act = superadmin_act()
    dns_settings.load_zone_text(zone_text(desired_records(domain), domain.name))
    dns_settings.load_zone_text(zone_text(desired_records(domain), "acme.example"))
    assert {str(state.status) for state in check_now(act, domain.name)} == {"right"}
    fresh = provision.get_domain_for(act, domain.name)
    assert health_of(fresh).word == "good"
    lines = [line for line in domain_lines(act) if line.domain.name == domain.name]
    assert alerts(act, lines) == []
    assert not lines[0].needs_something


def test_parking_revokes_the_keys_and_coming_back_makes_fresh_ones():
    act = superadmin_act()
    domain = make_domain("acme.example", active_keys=True)
    set_purpose(act, domain.name, Purpose(PARKED))
    old = list(DkimKey.objects.filter(domain=domain))
    assert {(key.state, bytes(key.private_key_sealed)) for key in old} == {(KeyState.REVOKED, b"")}
    found = values(domain)
    assert {found[f"{key.selector}._domainkey.acme.example", "TXT"] for key in old} == {"v=DKIM1; p="}
    with pytest.raises(Refused):
        keys.create_key(act, domain.name, "ed25519")

    set_purpose(act, domain.name, Purpose(MAIL))
    living = DkimKey.objects.filter(domain=domain, state=KeyState.AWAITING_DNS)
    assert sorted(living.values_list("algorithm", flat=True)) == ["ed25519", "rsa2048"]
    assert values(domain)["acme.example", "MX"] == "10 mail.localhost"
    actions = list(AuditRecord.objects.values_list("action", flat=True))
    counts = [actions.count(action) for action in ("domain.kind", "key.revoke", "key.create")]
    assert counts == [2, 2, 2]


def test_a_parked_domain_keeps_its_policy_for_later_and_asks_for_refusal_now():
    act = superadmin_act()
    domain = make_domain("acme.example")
    mta_sts.change_mode(act, domain.name, "testing")
    set_policy(act, domain.name, policy="quarantine")
    set_purpose(act, domain.name, Purpose(PARKED))
    with pytest.raises(Refused):
        set_policy(act, domain.name, policy="none")
    with pytest.raises(Refused):
        mta_sts.change_mode(act, domain.name, "enforce")
    assert mta_sts.policy_text_at("mta-sts.acme.example") is None
    set_purpose(act, domain.name, Purpose(MAIL))
    assert "p=quarantine" in values(domain)["_dmarc.acme.example", "TXT"]
    assert mta_sts.policy_text_at("mta-sts.acme.example")


def test_no_certificate_is_ordered_for_names_that_a_parked_domain_has_not():
    add_domain(superadmin_act(), "kept.example", Purpose(MAIL))
    park()
    assert {name.partition(".")[2] for name in wanted_names() if name.endswith(".example")} == {"kept.example"}


@pytest.mark.parametrize("purpose", [Purpose(PARKED), Purpose(ALIAS, "acme.example")])
def test_a_domain_that_holds_something_keeps_its_kind(purpose):
    make_domain("acme.example")
    make_account("x@full.example")
    make_alias("y@full.example", ["x@full.example"])
    make_alias_domain("full-alias.example", "full.example")
    with pytest.raises(NotEmpty) as refusal:
        set_purpose(superadmin_act(), "full.example", purpose)
    assert refusal.value.counts == {"mailboxes": 1, "aliases": 1, "alias_domains": 1}
    assert Domain.objects.get(name="full.example").kind == MAIL


@pytest.mark.parametrize("kind", [PARKED, ALIAS])
def test_nothing_is_added_to_a_domain_without_addresses_of_its_own(kind):
    make_domain("acme.example")
    name = "bare.example"
    add_domain(superadmin_act(), name, Purpose(kind, "acme.example" if kind == ALIAS else ""))
    for call in (
        lambda: accounts.create_account(superadmin_act(), f"x@{name}", PASSWORD),
        lambda: aliases.create_alias(superadmin_act(), f"x@{name}", ["y@acme.example"]),
        lambda: aliases.set_catch_all(superadmin_act(), name, "y@acme.example"),
    ):
        with pytest.raises(Refused) as refusal:
            call()
        assert name in str(refusal.value)


# ---- Alias domains ----------------------------------------------------------------------------------------------


def test_an_alias_domain_has_its_own_keys_and_the_full_set_of_records():
    make_domain("acme.example")
    domain = make_alias_domain()
    found = values(domain)
    assert found["acme-alias.example", "MX"] == "10 mail.localhost"
    assert found["_dmarc.acme-alias.example", "TXT"].endswith("rua=mailto:dmarc-reports@acme-alias.example")
    assert sum("._domainkey." in name for name, _type in found) == 2
    assert domain.dkim_keys.count() == 2


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("", "Name the domain"),
        ("absent.example", "no domain"),
        ("chain.example", "no mailboxes of its own"),
        ("parked.example", "no mailboxes of its own"),
        ("pending.example", "proof of ownership"),
        ("self.example", "alias of itself"),
    ],
)
def test_an_alias_leads_to_a_proven_mail_domain(target, why):
    make_domain("acme.example")
    make_domain("self.example")
    make_alias_domain("chain.example")
    park()
    make_domain("pending.example")
    Domain.objects.filter(name="pending.example").update(state=DomainState.PENDING)
    with pytest.raises(Refused, match=why) as refusal:
        set_purpose(superadmin_act(), "self.example", Purpose(ALIAS, target))
    assert list(refusal.value.errors) == ["alias_of"]


@pytest.mark.parametrize("fate", ["deleted", "parked"])
def test_a_target_that_goes_meanwhile_is_no_target(monkeypatch, fate):
    make_domain("acme.example")
    create = kinds.create_domain

    def create_late(*given, **named):
        if fate == "deleted":
            removal.delete_domain(superadmin_act(), "acme.example")
        else:
            set_purpose(superadmin_act(), "acme.example", Purpose(PARKED))
        return create(*given, **named)

    monkeypatch.setattr(kinds, "create_domain", create_late)
    with pytest.raises(Refused) as refusal:
        make_alias_domain()
    assert list(refusal.value.errors) == ["alias_of"]


def test_an_alias_leads_nowhere_out_of_reach():
    make_domain("foreign.example")
    mine = make_domain("mine.example")
    act = domain_admin_act(mine)
    with pytest.raises(Refused, match="no domain"):
        set_purpose(act, "mine.example", Purpose(ALIAS, "foreign.example"))
    with pytest.raises(NotFound):
        set_purpose(act, "foreign.example", Purpose(ALIAS, "mine.example"))
    owner = owner_act(make_account("x@mine.example"))
    with pytest.raises(Forbidden):
        set_purpose(owner, "mine.example", Purpose(PARKED))


def test_an_administrator_adds_domains_of_every_kind_that_wait_for_proof():
    mine = make_domain("mine.example")
    dora = make_administrator("dora@else.example", mine)
    act = domain_admin_act(mine, actor=dora)
    for domain in (park(act=act), make_alias_domain(of="mine.example", act=act)):
        assert domain.state == DomainState.PENDING
        assert domain in dora.domains.all()
    assert Domain.objects.get(name="parked.example").reports_to == "dmarc-reports@mine.example"


def test_a_target_goes_only_with_its_alias_domains():
    make_domain("acme.example")
    make_alias_domain()
    with pytest.raises(NotEmpty) as refusal:
        removal.delete_domain(superadmin_act(), "acme.example")
    assert refusal.value.counts == {"alias_domains": 1}
    removal.delete_domain(superadmin_act(), "acme.example", cascade=True, now=True)
    assert not Domain.objects.exists()
    gone = AuditRecord.objects.filter(action="domain.remove").values_list("object_name", flat=True)
    assert set(gone) == {"acme.example", "acme-alias.example"}


def test_a_target_does_not_take_a_foreign_alias_domain_with_it():
    acme = make_domain("acme.example")
    make_alias_domain()
    with pytest.raises(NotEmpty) as refusal:
        removal.delete_domain(domain_admin_act(acme), "acme.example", cascade=True)
    assert refusal.value.counts == {"alias_domains": 1}
    assert Domain.objects.count() == 2


def test_the_target_of_an_alias_can_change_and_the_alias_can_become_a_domain_of_its_own():
    act = superadmin_act()
    make_domain("acme.example")
    make_domain("other.example")
    make_alias_domain()
    assert set_purpose(act, "acme-alias.example", Purpose(ALIAS, "other.example")).alias_of.name == "other.example"
    back = set_purpose(act, "acme-alias.example", Purpose(MAIL))
    assert (back.kind, back.alias_of) == (MAIL, None)
    accounts.create_account(act, "x@acme-alias.example", PASSWORD)
    before = AuditRecord.objects.count()
    set_purpose(act, "acme-alias.example", Purpose(MAIL))
    assert AuditRecord.objects.count() == before


def test_a_suspended_target_is_still_a_target():
    suspend(make_domain("acme.example"))
    assert make_alias_domain().alias_of.name == "acme.example"


@pytest.mark.parametrize(
    ("purpose", "field"),
    [
        (Purpose("other"), "kind"),
        (Purpose(MAIL, "acme.example"), "alias_of"),
        (Purpose(MAIL, reports_to="x@acme.example"), "reports_to"),
    ],
)
def test_words_that_do_not_go_together_are_refused(purpose, field):
    make_domain("acme.example")
    with pytest.raises(Refused) as refusal:
        add_domain(superadmin_act(), "new.example", purpose)
    assert list(refusal.value.errors) == [field]
