"""The pages of reports: every number leads to its rows, files are inert, filters refuse what cannot be."""

import csv
import io
import json
import re
from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from domains.dmarc.report import AggregateReport, DkimResult, ReportRow, SpfResult, serialise_report
from domains.models import Actor, SourceCorrection, TlsReport
from domains.services.reports import take_in
from tests.panel.people import HOSTILE, Place, signed_in

pytestmark = pytest.mark.usefixtures("_no_network")
TODAY = timezone.now().date()


def days_ago(count: int) -> date:
    return TODAY - timedelta(days=count)


def hand_in(domain: str, *rows: ReportRow, age: int = 2, org_name: str = "Reporter", road: str = "upload") -> None:
    end = timezone.now().replace(hour=23, minute=59, second=59, microsecond=0) - timedelta(days=age)
    report = AggregateReport(
        org_name, "", f"r-{age}-{org_name}-{len(rows)}", end - timedelta(hours=23), end, domain, {}, "rfc7489", rows
    )
    take_in(serialise_report(report), "", road)


def row(address: str, count: int, dkim: str = "fail", spf: str = "fail", done: str = "none", **more) -> ReportRow:
    return ReportRow(address, count, done, dkim, spf, header_from="near.example", **more)


@pytest.fixture
def filled(near: Place) -> Place:
    chimp = {"spf_results": (SpfResult("mail1.mcsv.net", "mfrom", "pass"),)}
    hand_in("near.example", row("192.0.2.200", 40, done="reject"), row("203.0.113.9", 25, **chimp))
    signed = {"dkim_results": (DkimResult("near.example", "k9", "pass"),)}
    hand_in("near.example", row("203.0.113.10", 35, "pass", "pass", **signed), age=1, org_name=HOSTILE)
    return near


def text(actor: Actor, address: str) -> str:
    answer = signed_in(actor).get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_every_number_leads_to_its_rows(rosa: Actor, filled: Place) -> None:
    seen, waiting = set(), ["/reports", "/domains/near.example/reports"]
    while waiting:
        address = waiting.pop()
        seen.add(address)
        body = text(rosa, address)
        assert "<script>alert" not in body
        for href in re.findall(r'href="([^"]+)"', body):
            href = href.replace("&amp;", "&")
            href = address.partition("?")[0] + href if href.startswith("?") else href
            wanted = href.startswith("/domains/near.example/reports") and "format=" not in href
            if wanted and href not in seen and len(seen) < 150 and "/upload" not in href:
                seen.add(href)
                waiting.append(href)
    assert any("records" in address and "spf=0&dkim=0" in address for address in seen)
    assert any("/sources/203.0.113.9" in address for address in seen)


def test_the_page_says_who_sends_what_the_owner_can_mend_first(rosa: Actor, filled: Place) -> None:
    body = text(rosa, "/domains/near.example/reports?days=7")
    assert "112 messages were reported" in body
    senders = body[body.index('id="sources"') :]
    assert senders.index("Mailchimp") < senders.index("192.0.2.200")
    assert "Known, set up wrong" in senders
    source = text(rosa, "/domains/near.example/reports/sources/203.0.113.9")
    assert "Turn on DKIM for this domain at Mailchimp" in source
    assert "k1._domainkey.near.example" in source


def test_records_are_found_by_every_filter(rosa: Actor, filled: Place) -> None:
    base = "/domains/near.example/reports/records"
    for query, shown, hidden in (
        ("kind=impostor", "192.0.2.200", "203.0.113.9<"),
        ("kind=service-misaligned&sender=Mailchimp", "203.0.113.9", "192.0.2.200"),
        ("disposition=reject", "192.0.2.200", "203.0.113.10"),
        ("spf=1&dkim=1", "203.0.113.10", "192.0.2.200"),
        ("passed=1", "203.0.113.10", "192.0.2.200"),
        ("passed=0", "192.0.2.200", "203.0.113.10"),
        ("held=1", "192.0.2.200", "203.0.113.9<"),
        ("held=0", "203.0.113.9<", "192.0.2.200"),
        ("source=203.0.113.10", "203.0.113.10", "192.0.2.200"),
        ("reporter=Reporter", "192.0.2.200", "203.0.113.10"),
        (f"from={days_ago(1)}&to={days_ago(1)}", "203.0.113.10", "192.0.2.200"),
    ):
        table = text(rosa, f"{base}?{query}").partition("<tbody>")[2]
        assert shown in table, query
        assert hidden not in table, query


def test_numbers_lead_to_exactly_their_rows(rosa: Actor, filled: Place) -> None:
    senders = text(rosa, "/domains/near.example/reports")
    for query in ("kind=impostor&amp;source=192.0.2.200&amp;held=1", "sender=Mailchimp&amp;passed=1", "&amp;spf=1"):
        assert query in senders[senders.index('id="sources"') :], query
    days = text(rosa, "/domains/near.example/reports/sources/203.0.113.9")
    assert f"?source=203.0.113.9&amp;from={days_ago(2)}&amp;dkim=1" in days
    overview = text(rosa, "/reports")
    assert "records?passed=1" in overview
    assert 'sources?kind=impostor">40</a>' in overview


def test_names_of_senders_keep_their_letters(rosa: Actor, filled: Place) -> None:
    SourceCorrection.objects.create(
        domain=filled.domain, network="203.0.113.64/28", kind="own", name="a.lower.example"
    )
    named = (row("203.0.113.70", 5), row("203.0.113.71", 5))
    hand_in("near.example", *named, row("192.0.2.201", 1), age=3)
    body = text(rosa, "/domains/near.example/reports")
    assert ">a.lower.example</a>" in body
    assert ">Without a name<" in body


@pytest.mark.parametrize(
    "query",
    ["source=nonsense", "kind=friend", "disposition=maybe", "after=x", "after=20250101-1-99999999999999999999999"],
)
def test_what_cannot_be_is_said_and_shown_as_nothing(rosa: Actor, filled: Place, query: str) -> None:
    body = text(rosa, f"/domains/near.example/reports/records?{query}")
    assert "▲" in body
    assert "192.0.2.200</a>" not in body


@pytest.mark.parametrize("page", ["records", "sources"])
@pytest.mark.parametrize("name", ["source", "kind", "sender", "disposition", "reporter", "report", "after", "from"])
def test_nul_in_a_filter_is_no_fault(rosa: Actor, filled: Place, page: str, name: str) -> None:
    for value in ("%00", "a%00b", "%FF"):
        for wanted in ("", "&format=csv"):
            address = f"/domains/near.example/reports/{page}?{name}={value}{wanted}"
            assert signed_in(rosa).get(address).status_code == 200, address


def test_a_page_is_about_ten_years_at_most(rosa: Actor, filled: Place) -> None:
    for page in ("reports", "reports/tls"):
        body = text(rosa, f"/domains/near.example/{page}?from=2010-01-01&to=2190-01-01")
        assert len(body) < 500_000


def test_records_come_in_pages_without_a_gap(rosa: Actor, near: Place) -> None:
    for age in range(1, 4):
        hand_in("near.example", *(row(f"198.51.100.{number}", number + 1) for number in range(40)), age=age)
    address, seen = "/domains/near.example/reports/records", []
    while address:
        body = text(rosa, address)
        seen += re.findall(r'sources/(198[^"]+)"', body)
        following = re.search(r'href="(\?[^"]+)" rel="next"', body)
        address = f"/domains/near.example/reports/records{following[1].replace('&amp;', '&')}" if following else ""
    assert len(seen) == 120
    assert set(seen) == {f"198.51.100.{number}" for number in range(40)}


@pytest.mark.parametrize("page", ["reports", "reports/sources", "reports/records"])
def test_downloads_are_whole_and_inert(rosa: Actor, near: Place, page: str) -> None:
    envelope = {"envelope_from": "=cmd()", "spf_results": (SpfResult("=1+1", "mfrom", "pass"),)}
    hand_in("near.example", row("192.0.2.9", 3, **envelope), age=3, org_name="@SUM(A1)")
    client = signed_in(rosa)
    answer = client.get(f"/domains/near.example/{page}?format=csv&days=30")
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    rows = list(csv.reader(io.StringIO(answer.getvalue().decode())))
    assert len(rows) > 1
    assert all(len(one) == len(rows[0]) for one in rows)
    assert not [cell for one in rows for cell in one if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    listed = json.loads(client.get(f"/domains/near.example/{page}?format=json&days=30").getvalue())
    assert len(listed) == len(rows) - 1


def test_tls_failures_are_shown_by_remote_and_reason(rosa: Actor, near: Place) -> None:
    end = timezone.now() - timedelta(days=1)
    failure = {  # as it is stored
        "policy": "sts", "result": "certificate-expired", "mx": f"mx.{HOSTILE}", "ip": "",
        "sessions": 4, "reason": "",
    }  # fmt: skip
    for number, trusted in enumerate((True, False)):
        TlsReport.objects.create(
            domain=near.domain, org_name="Sender", report_id=str(number), begin_at=end, end_at=end, succeeded=90,
            failed=4, failures=[failure], submitter="sender.example", authenticated=trusted,
        )  # fmt: skip
    body = text(rosa, "/domains/near.example/reports/tls")
    assert "90 sessions went through, 4 failed." in body
    assert "The certificate has expired." in body
    assert "<script>alert" not in body
    failures = text(rosa, "/domains/near.example/reports/tls?days=7").partition('id="latest"')[0]
    assert failures.count("certificate-expired</code>") == 1
    assert "result=certificate-expired&amp;mx=mx.%3Cscript" in failures


def test_tls_failures_lead_to_the_reports_that_tell_of_them(rosa: Actor, near: Place) -> None:
    for age, result in ((1, "certificate-expired"), (1, "starttls-not-supported"), (40, "certificate-expired")):
        end = timezone.now() - timedelta(days=age)
        one = {"policy": "sts", "result": result, "mx": "mx.far", "ip": "", "sessions": 4, "reason": ""}
        TlsReport.objects.create(
            domain=near.domain, org_name=f"{result} {age}", report_id=f"{result}{age}", begin_at=end, end_at=end,
            succeeded=9, failed=4, failures=[one], submitter="sender.example", authenticated=age == 1,
        )  # fmt: skip
    page = "/domains/near.example/reports/tls"
    for query, found in (
        ("", {"certificate-expired 1", "starttls-not-supported 1"}),
        ("result=certificate-expired&mx=mx.far", {"certificate-expired 1"}),
        ("mx=other&result=%00", set()),
        ("days=90&result=certificate-expired", {"certificate-expired 1", "certificate-expired 40"}),
    ):
        rows = text(rosa, f"{page}?{query}").partition('id="latest"')[2]
        assert set(re.findall(r"(?:certificate-expired|starttls-not-supported) \d+(?=<| )", rows)) == found, query
        assert ("Not authenticated" in rows) == ("days=90" in query)


def test_the_overview_holds_ones_own_domains_only(dora: Actor, filled: Place, far: Place) -> None:
    hand_in("far.example", ReportRow("192.0.2.1", 5, "none", "fail", "fail", header_from="far.example"))
    body = text(dora, "/reports")
    assert "near.example" in body
    assert "far.example" not in body
    assert signed_in(dora).get("/domains/far.example/reports/records?format=csv").status_code == 404


def test_a_source_that_was_never_seen_is_not_found(rosa: Actor, near: Place) -> None:
    for address in ("192.0.2.77", "nonsense", "%3Cscript%3E"):
        assert signed_in(rosa).get(f"/domains/near.example/reports/sources/{address}").status_code == 404
    assert reverse("report-source", args=["near.example", "2001:db8::1"])


def test_the_summary_of_the_week_is_shown_before_it_is_mailed(rosa: Actor, dora: Actor, near: Place) -> None:
    monday = TODAY - timedelta(days=TODAY.weekday() + 7)
    hand_in("near.example", row("192.0.2.200", 40, done="reject"), age=(TODAY - monday).days)
    assert 'href="/reports/week"' in text(dora, "/reports")
    answer = signed_in(dora).get("/reports/week")
    body = answer.content.decode()
    assert re.search(r"\d+ messages, \d+ % passed DMARC", body)
    assert 'src="data:image/png;base64,' in body
    assert "mailed to you on Monday" in body
    assert "script-src" not in answer["Content-Security-Policy"]
    assert answer["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    )
    Actor.objects.filter(pk=dora.pk).update(weekly_summary=False)
    assert "your settings put it off" in text(dora, "/reports/week")
    Actor.objects.filter(pk=dora.pk).update(weekly_summary=True, mail_about="none")
    body = text(dora, "/reports/week")
    assert "your settings put it off" in body
    assert "near.example" in body
    assert "No report has come yet" in text(rosa, "/reports/week")  # Dora runs the only domain
