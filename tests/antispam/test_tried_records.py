"""What both pages that try a record share: a record is one line, the days are in order, a cut list says so."""

import pytest

from antispam.dkim.policy import DkimResult
from antispam.replay import restored
from domains.audit import system_act
from domains.dmarc.report import SpfResult as Reported
from domains.models import Role
from domains.services import actors
from domains.services.reports import take_in
from tests.api.people import call, make_world
from tests.domains.dmarc.samples import make_row, report_xml
from tests.panel.people import PASSWORD, signed_in

RECORDS = {"spf": "v=spf1 ip4:192.0.2.1 -all", "dmarc": "v=DMARC1; p=reject; rua=mailto:a@b.example"}
PAGES = {"spf": "/domains/near.example/reports/spf-what-if", "dmarc": "/domains/near.example/reports/what-if"}


def client_of_rita():
    act = system_act("console")
    return signed_in(actors.create_administrator(act, "rita@operator.example", PASSWORD, Role.SUPERADMIN))


@pytest.mark.django_db
@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("control", ["\0", "\n", "\r\n", "\x7f"])
def test_a_control_character_is_refused_beside_the_field(kind, control, dns_settings):
    make_world()
    client = client_of_rita()
    whole = RECORDS[kind]
    for place in (3, 12, len(whole) - 4, len(whole)):
        text = f"{whole[:place]}{control}{whole[place:]}x"
        answer = call("POST", f"/domains/near.example/{kind}/what-if", body={"record": text})
        assert answer.status_code == 422
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["errors"][0]["field"] == "record"
        page = client.get(PAGES[kind], {"record": text})
        assert page.status_code == 200
        assert 'aria-invalid="true"' in page.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize(
    ("first", "last", "status", "why"),
    [
        ("2025-10-02", "2025-10-01", 422, "in the wrong order"),
        ("2024-01-01", "2025-02-04", 422, "401 days"),
        ("2024-01-01", "2025-02-03", 200, "400 days"),
        (None, "0001-01-03", 200, "the calendar begins there"),
    ],
)
def test_the_days_span_1_to_400(kind, first, last, status, why, dns_settings):
    make_world()
    body = {"record": RECORDS[kind], "first_day": first, "last_day": last}
    assert call("POST", f"/domains/near.example/{kind}/what-if", body=body).status_code == status, why


@pytest.mark.django_db
@pytest.mark.parametrize("kind", RECORDS)
def test_a_list_that_is_cut_says_so(kind, dns_settings, monkeypatch):
    make_world()
    monkeypatch.setattr("antispam.views.dmarc_what_if.FLIPS", 2)
    monkeypatch.setattr("antispam.views.spf_what_if.FLIPS", 2)
    monkeypatch.setattr("antispam.views.dmarc_what_if.LOOKED_DAYS", 3_650)
    monkeypatch.setattr("antispam.views.spf_what_if.LOOKED_DAYS", 3_650)
    passed = (Reported("near.example", "mfrom", "pass"),)
    failed = (Reported("near.example", "mfrom", "fail"),)
    rows = [
        make_row(f"198.51.100.{n}", 5, dkim="fail", dkim_results=(), spf="pass", spf_results=passed,
                 header_from="near.example")
        for n in range(4)
    ] + [
        make_row("203.0.113.9", 5, dkim="fail", dkim_results=(), spf="fail", spf_results=failed, header_from=name)
        for name in ("near.example", "a.near.example", "b.near.example")
    ]  # fmt: skip
    take_in(report_xml("near.example", rows=tuple(rows)), "", "upload")
    page = client_of_rita().get(PAGES[kind], {"record": RECORDS[kind]}).content.decode()
    assert f"The first 2 of {4 if kind == 'spf' else 3} lines are shown." in page


@pytest.mark.parametrize(
    ("word", "result"),
    [("pass", DkimResult.PASS), ("", DkimResult.NONE), (None, DkimResult.NONE), ("strange", DkimResult.NEUTRAL)],
)
def test_a_stored_result_of_another_version_proves_nothing(word, result):
    assert restored({"result": word, "reason": "x", "domain": "shop.example"}).result is result
