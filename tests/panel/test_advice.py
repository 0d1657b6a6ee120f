"""The advice in the panel: proposed, applied, shown as a change of the zone; another record tried."""

from datetime import timedelta

import pytest
from django.utils import timezone

from domains.dmarc.report import AggregateReport, ReportRow, serialise_report
from domains.models import Actor
from domains.services.reports import take_in
from tests.panel.people import Place, signed_in

pytestmark = pytest.mark.usefixtures("_no_network")


@pytest.fixture
def reported(near: Place) -> Place:
    for number in range(20):
        end = timezone.now().replace(microsecond=0) - timedelta(days=number + 1)
        for reporter in ("One", "Two"):
            rows = (
                ReportRow("203.0.113.10", 20, "none", "pass", "pass", header_from="near.example"),
                ReportRow("203.0.113.66", 3, "none", "fail", "fail", header_from="near.example"),
            )
            report = AggregateReport(reporter, "", str(number), end, end, "near.example", {}, "rfc7489", rows)
            take_in(serialise_report(report), "", "upload")
    return near


def test_the_next_step_is_set_and_leads_to_the_plan(dora: Actor, reported: Place) -> None:
    client = signed_in(dora)
    page = client.get("/domains/near.example/reports/advice").content.decode()
    assert "Quarantine on trial" in page
    assert "keep 120 of strangers out" in page
    assert "The reports bear the next step" in client.get("/domains/near.example/reports").content.decode()
    answer = client.post("/domains/near.example/reports/advice/apply", {"step": "trial"})
    assert answer["Location"] == "/domains/near.example/dns/plan"
    refused = client.post("/domains/near.example/reports/advice/apply", {"step": "reject"}, follow=True)
    assert "look at the advice again" in refused.content.decode()


def test_another_record_is_tried(dora: Actor, reported: Place) -> None:
    client = signed_in(dora)
    page = client.get("/domains/near.example/reports/what-if", {"record": "v=DMARC1; p=reject"}).content.decode()
    assert "Of 932 messages 812 would be treated as now." in page
    assert "refused" in page
    wrong = client.get("/domains/near.example/reports/what-if", {"record": "v=spf1 <b>"}).content.decode()
    assert "This is not a DMARC record" in wrong
    assert "<b>" not in wrong.partition("</head>")[2]
