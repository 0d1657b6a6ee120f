"""The DMARC policy of a domain: what is set is what is published, and what its owner should know before."""

import pytest

from domains.dmarc.advice import cautions
from domains.dmarc.record import PolicyRecord, parse_policy_record
from domains.errors import NotFound, Refused
from domains.models import AuditRecord
from domains.services.dmarc_policy import dmarc_policy_of, set_policy
from domains.services.publication import dmarc_value
from tests.factories import domain_admin_act, make_domain, superadmin_act

OWN = "dmarc-reports@acme.example"

CAUTIONS = [
    ({}, [], "the first record"),
    ({"policy": "quarantine"}, [], "nothing to warn of"),
    ({"policy": "reject"}, ["reject"], "mail may be lost"),
    ({"policy": "quarantine", "testing": True}, ["testing-unknown"], "old receivers do not know t"),
    ({"testing": True}, ["testing-none"], "there is nothing to step down from"),
    ({"testing": True, "subdomain_policy": "reject"}, [], "sp is what is tested"),
    ({"nonexistent_policy": "reject"}, ["nonexistent-unknown"], "old receivers do not know np"),
    ({"policy": "quarantine", "nonexistent_policy": "quarantine"}, [], "the same as they do anyway"),
    ({"policy": "reject", "subdomain_policy": "none"}, ["reject", "subdomains-weaker"], "impostors go below"),
    ({"dkim_alignment": "s", "spf_alignment": "s"}, ["strict-dkim", "strict-spf"], "strict alignment"),
    ({"rua": (OWN, "a@x.example")}, ["foreign-reports"], "the other domain must agree"),
    ({"rua": (OWN, "a@mail.acme.example")}, [], "below the domain no consent is asked"),
    ({"rua": (OWN, "a@notacme.example")}, ["foreign-reports"], "a name that only ends alike"),
]


@pytest.mark.parametrize(("fields", "found", "why"), CAUTIONS, ids=[row[-1] for row in CAUTIONS])
def test_what_the_owner_should_know(fields, found, why):
    assert cautions(PolicyRecord(**fields), "acme.example") == found


@pytest.mark.django_db
class TestPolicy:
    def test_a_new_domain_asks_for_reports_only(self):
        assert dmarc_value(make_domain()) == f"v=DMARC1; p=none; rua=mailto:{OWN}"

    def test_what_is_set_is_what_is_published(self):
        make_domain()
        domain = set_policy(
            superadmin_act(),
            "acme.example",
            policy="quarantine",
            subdomain_policy="reject",
            nonexistent_policy="reject",
            testing=True,
            dkim_alignment="s",
            spf_alignment="s",
            report_addresses=["A@x.example", "", OWN, "a@x.example"],
        )
        text = "v=DMARC1; p=quarantine; sp=reject; np=reject; t=y; adkim=s; aspf=s; rua=mailto:"
        assert dmarc_value(domain) == f"{text}{OWN},mailto:a@x.example"
        assert parse_policy_record(dmarc_value(domain)) == dmarc_policy_of(domain)
        domain.refresh_from_db()
        assert dmarc_value(domain).startswith(text)
        before, after = AuditRecord.objects.get(action="domain.change").changes["dmarc"]
        assert (before, after) == (f"v=DMARC1; p=none; rua=mailto:{OWN}", dmarc_value(domain))
        set_policy(superadmin_act(), "acme.example", policy="none")
        domain.refresh_from_db()
        assert (domain.dmarc, dmarc_value(domain)) == ({}, f"v=DMARC1; p=none; rua=mailto:{OWN}")

    def test_failure_reports_are_asked_for_only_by_whom_wants_them(self):
        make_domain()
        domain = set_policy(superadmin_act(), "acme.example", policy="none", failure_reports=True)
        assert (
            dmarc_value(domain) == f"v=DMARC1; p=none; rua=mailto:{OWN}; ruf=mailto:dmarc-failures@acme.example; fo=1"
        )
        assert parse_policy_record(dmarc_value(domain)) == dmarc_policy_of(domain)
        assert "ruf" not in dmarc_value(set_policy(superadmin_act(), "acme.example", policy="none"))

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"policy": "REJECT"}, "policy"),
            ({"policy": "none; p=reject"}, "policy"),
            ({"subdomain_policy": "all"}, "subdomain_policy"),
            ({"dkim_alignment": "x"}, "dkim_alignment"),
            ({"report_addresses": ["nobody"]}, "report_addresses"),
            ({"report_addresses": ["a@x.example; p=none"]}, "report_addresses"),
            ({"report_addresses": ["a!b@x.example"]}, "report_addresses"),
            ({"report_addresses": ["a,b@x.example"]}, "report_addresses"),
            ({"report_addresses": ["a@x.example\nb"]}, "report_addresses"),
            ({"report_addresses": [f"a{number}@x.example" for number in range(6)]}, "report_addresses"),
        ],
    )
    def test_what_cannot_stand_in_a_record_is_refused(self, fields, field):
        domain = make_domain()
        with pytest.raises(Refused) as caught:
            set_policy(superadmin_act(), domain.name, **fields)
        assert set(caught.value.errors) == {field}

    def test_a_foreign_domain_is_not_there(self):
        make_domain()
        with pytest.raises(NotFound):
            set_policy(domain_admin_act(), "acme.example", policy="reject")
