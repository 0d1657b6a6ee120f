"""Another SPF record tried on reported mail: what it would lose, what it would gain, what nobody can tell."""

import pytest

from antispam.spf.evaluate import SpfResult
from antispam.spf.impact import Sent, impact_of
from domains.audit import system_act
from domains.dmarc.report import SpfResult as Reported
from domains.models import Domain, Role
from domains.services import actors
from domains.services.reports import take_in
from tests.api.people import call, make_world
from tests.domains.dmarc.samples import make_row, report_xml
from tests.panel.people import PASSWORD, signed_in

PATH = "/domains/near.example/spf/what-if"
OWN = (Reported("near.example", "mfrom", "pass"),)
REFUSED = (Reported("near.example", "mfrom", "softfail"),)
HELO = (Reported("near.example", "helo", "pass"),)
ELSEWHERE = (Reported("bounce.far.example", "mfrom", "pass"),)


def asked(record: str, **more) -> dict:
    body = {"record": record, "first_day": "2025-10-01", "last_day": "2025-10-31"} | more
    return call("POST", PATH, body=body).json()


@pytest.fixture
def reported(db, dns_settings) -> Domain:
    make_world()
    dns_settings.zone |= {("_spf.far.example", "TXT"): ["v=spf1 ip4:198.51.100.0/24 -all"]}
    from_here = {"header_from": "near.example"}
    rows = (
        make_row("192.0.2.1", 50, dkim="fail", dkim_results=(), spf="pass", spf_results=OWN, **from_here),
        make_row("192.0.2.2", 30, dkim="pass", spf="pass", spf_results=OWN, **from_here),
        make_row("198.51.100.7", 20, dkim="fail", dkim_results=(), spf="fail", spf_results=REFUSED, **from_here),
        make_row("203.0.113.1", 9, dkim="fail", dkim_results=(), spf="fail", spf_results=HELO, **from_here),
        make_row("203.0.113.2", 8, dkim="fail", dkim_results=(), spf="fail", spf_results=ELSEWHERE, **from_here),
    )
    take_in(report_xml("near.example", rows=rows), "", "upload")
    return Domain.objects.get(name="near.example")


def test_what_a_record_loses_and_gains(reported):
    same = asked("v=spf1 ip4:192.0.2.0/24 ~all")
    assert (same["messages"], same["unchanged"], same["undecided"], same["flips"]) == (100, 100, 0, [])
    found = asked("v=spf1 include:_spf.far.example -all")
    assert [
        (
            one["source_ip"],
            one["spf_before"],
            one["spf_after"],
            one["dmarc_before"],
            one["dmarc_after"],
            one["messages"],
        )
        for one in found["flips"]
    ] == [
        ("192.0.2.1", True, "fail", True, False, 50),
        ("198.51.100.7", False, "pass", False, True, 20),
        ("192.0.2.2", True, "fail", True, True, 30),
    ]
    assert (found["messages"], found["unchanged"], found["undecided"]) == (100, 0, 0)


def test_a_record_that_receivers_cannot_use_passes_nobody(reported):
    loop = asked("v=spf1 include:near.example -all")
    assert {one["spf_after"] for one in loop["flips"]} == {"permerror"}
    assert sum(one["messages"] for one in loop["flips"]) == 80


@pytest.mark.parametrize("record", ["", "hello", "v=spf1 nonsense -all", "v=DMARC1; p=none", "v=spf1 ip4:1.2.3.4.5"])
def test_what_is_no_record_is_refused(reported, record):
    answer = call("POST", PATH, body={"record": record})
    assert answer.status_code == 422
    assert "record" in str(answer.json())


def test_days_in_the_wrong_order_are_refused(reported):
    body = {"record": "v=spf1 -all", "first_day": "2025-10-31", "last_day": "2025-10-01"}
    assert call("POST", PATH, body=body).status_code == 422


def test_silence_decides_nothing():
    sent = [
        Sent("192.0.2.1", "own", "", True, False, True, 5),
        Sent("192.0.2.2", "own", "", True, False, True, 6),
        Sent("192.0.2.3", "own", "", False, False, False, 7),
    ]
    found = impact_of(sent, {"192.0.2.1": SpfResult.TEMPERROR, "192.0.2.3": SpfResult.PASS})
    assert (found.messages, found.unchanged, found.undecided) == (18, 0, 11)
    (flip,) = found.flips
    assert (flip.dmarc_before, flip.dmarc_after) == (False, False), "not aligned: SPF is nothing to DMARC"


def test_the_page_says_what_would_be_lost(reported, monkeypatch):
    monkeypatch.setattr("antispam.views.spf_what_if.LOOKED_DAYS", 3_650)
    act = system_act("console")
    client = signed_in(actors.create_administrator(act, "rita@operator.example", PASSWORD, Role.SUPERADMIN))
    page = client.get("/domains/near.example/reports/spf-what-if", {"record": "v=spf1 include:_spf.far.example -all"})
    body = page.content.decode()
    assert "Of 100 messages with the domain in their envelope, 50 would fail DMARC that pass now, and 20" in body
    assert body.index("192.0.2.1<") < body.index("198.51.100.7<") < body.index("192.0.2.2<")
    wrong = client.get("/domains/near.example/reports/spf-what-if", {"record": "v=DMARC1 <b>"}).content.decode()
    assert "This is not an SPF record" in wrong
    assert "<b>" not in wrong.partition("</head>")[2]
