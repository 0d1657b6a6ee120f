"""The advice from stored reports: only believed ones, applied once, refused when it is stale."""

from datetime import timedelta

import pytest
from django.utils import timezone

from domains.audit import Act, system_act
from domains.errors import NotFound, Refused
from domains.models import AuditRecord, Domain, Role
from domains.services.report_advice import advice_of, apply_step, proven, what_if
from domains.services.reports import take_in
from tests.domains.dmarc.samples import make_row, report_xml

pytestmark = pytest.mark.django_db
TODAY = timezone.now().date()


@pytest.fixture
def domain() -> Domain:
    return Domain.objects.create(name="example.org", skeleton="example.org", ownership_token="token")


@pytest.fixture
def act(domain: Domain) -> Act:
    return Act("Alice", Role.DOMAIN_ADMIN, "panel", None, frozenset({domain.pk}))


def reported(days: int, count: int = 20, road: str = "upload", reporters: int = 2, **row) -> None:
    for number in range(days):
        begin = timezone.now().replace(microsecond=0) - timedelta(days=number + 1)
        for reporter in range(reporters):
            one = make_row("192.0.2.10", count, **({"spf": "pass"} | row))
            values = {"begin": begin, "end": begin, "report_id": f"{number}", "org_name": f"R{reporter}"}
            take_in(report_xml(rows=(one,), **values), "", road, "forger.example" if road == "mail" else "")


def test_a_step_is_proposed_applied_once_and_then_waited_for(domain, act, django_assert_num_queries):
    reported(20)
    with django_assert_num_queries(3):
        found = advice_of(domain)
    assert (found.proposed, found.current, found.known.days) == ("trial", "none", 20)
    for _turn in range(2):
        apply_step(act, "example.org", "trial")
    domain.refresh_from_db()
    assert domain.dmarc == {"policy": "quarantine", "testing": True}
    assert AuditRecord.objects.filter(action="domain.change").count() == 1
    assert [reason.code for reason in advice_of(domain).refusals] == ["changed-lately"]
    with pytest.raises(Refused):
        apply_step(act, "example.org", "quarantine")


def test_np_is_set_early_and_what_was_set_otherwise_stays(domain, act):
    domain.dmarc = {"report_addresses": ["x@example.net"], "failure_reports": True, "dkim_alignment": "s"}
    domain.save()
    reported(20)
    apply_step(act, "example.org", "np-reject")
    domain.refresh_from_db()
    assert domain.dmarc == {
        "report_addresses": ["x@example.net"],
        "failure_reports": True,
        "dkim_alignment": "s",
        "nonexistent_policy": "reject",
    }


def test_reports_that_nobody_authenticated_count_for_nothing(domain):
    reported(20, road="mail")
    found = advice_of(domain)
    assert found.known.messages == found.known.days == 0
    assert found.proposed is None


@pytest.mark.parametrize("step", ["reject", "quarantine", "sp-reject", "nonsense", ""])
def test_what_is_not_proposed_is_refused(domain, act, step):
    reported(20)
    with pytest.raises(Refused):
        apply_step(act, "example.org", step)
    domain.refresh_from_db()
    assert domain.dmarc == {}


def test_it_is_scoped(domain):
    stranger = Act("Charlie", Role.DOMAIN_ADMIN, "panel", None, frozenset())
    with pytest.raises(NotFound):
        apply_step(stranger, "example.org", "none")
    assert apply_step(system_act(), "example.org", "none") == domain


def test_another_record_is_tried_on_what_was_reported(domain):
    reported(3, dkim="fail", spf="fail", dkim_results=(), spf_results=())
    record, found = what_if(domain, " v=DMARC1; p=reject; pct=20 ", TODAY - timedelta(days=27), TODAY)
    assert record.policy == "reject"
    assert [(one.kind, one.before, one.after, one.messages) for one in found.flips] == [
        ("impostor", "none", "reject", 120)
    ]
    for text in ("nonsense", "", "v=DMARC1; p=perhaps", "x" * 5000):
        with pytest.raises(Refused):
            what_if(domain, text, TODAY, TODAY)


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ('[{"domain": "example.org", "scope": "mfrom", "result": "pass"}]', ("example.org",)),
        (
            '[{"domain": "example.org", "scope": "", "result": "pass"}]',
            ("example.org",),
        ),  # most reporters leave it out
        ('[{"domain": "example.org", "scope": "helo", "result": "pass"}]', ()),  # only MAIL FROM counts for DMARC
        ('[{"domain": "example.org", "scope": "mfrom", "result": "fail"}]', ()),
        ('[{"domain": "example.org", "selector": "s", "result": "pass"}]', ("example.org",)),
    ],
)
def test_what_a_replay_takes_for_proven(text, passed):
    assert proven(text) == passed
