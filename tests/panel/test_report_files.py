"""Report files in the panel: many handed in at once, each with its outcome; read again; downloads inert; disputes."""

import gzip
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from domains.models import Actor, AuditRecord, DmarcReport, FailureReport, ReportFile, ReportMailbox
from domains.services import reports
from tests.domains.dmarc.samples import make_row, report_mail, report_xml, zipped
from tests.domains.intake.test_failure_reports import failure_mail
from tests.panel.people import HOSTILE, Place, make_report, signed_in

pytestmark = pytest.mark.usefixtures("_no_network")
UPLOAD = "/domains/near.example/reports/upload"


def file(content: bytes, name: str = "r.xml") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "text/html")


def handed_in(client: Client, *files: SimpleUploadedFile, address: str = UPLOAD, **headers: str) -> str:
    response = client.post(address, {"file": list(files)}, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def report(number: int, domain: str = "near.example", **changes: Any) -> bytes:
    return report_xml(domain, report_id=f"up-{number}", **changes)


def test_many_files_at_once_each_with_its_outcome(near: Place, dora: Actor) -> None:
    client = signed_in(dora)
    files = [
        file(gzip.compress(report(1)), "one.xml.gz"),
        file(report(1), "again.xml"),
        file(zipped({"a.xml": report(2), "b.xml": report(3)}), "many.zip"),
        file(report_mail("near.example", report_id="up-4"), "mail.eml"),
        file(failure_mail("near.example"), "failure.eml"),
        file(b"rubbish", "rubbish.bin"),
        file(report(9, "far.example"), "foreign.xml"),
    ]
    page = handed_in(client, *files)
    for text in ("Stored", "Already known", "Not readable", "neither XML nor JSON", "not a domain of ours"):
        assert text in page, text
    assert sorted(DmarcReport.objects.filter(report_id__startswith="up-").values_list("report_id", flat=True)) == [
        f"up-{number}" for number in range(1, 5)
    ]
    assert FailureReport.objects.filter(road="upload").count() == 1
    kept = ReportFile.objects.filter(road="upload")
    assert sorted(kept.values_list("file_name", "state")) == [("foreign.xml", "broken"), ("rubbish.bin", "broken")]
    assert {row.brought_by for row in kept} == {dora}


def test_a_script_is_answered_with_one_row(near: Place, dora: Actor) -> None:
    page = handed_in(signed_in(dora), file(report(1)), **{"X-One-Row": "1"})
    assert page.strip().startswith("<tr>")
    assert page.count("<tr>") == 1
    assert "<html" not in page


def test_for_all_domains_each_goes_where_it_belongs(near: Place, far: Place, rosa: Actor, dora: Actor) -> None:
    handed_in(signed_in(rosa), file(report(1)), file(report(2, "far.example")), address="/reports/upload")
    domains = DmarcReport.objects.filter(report_id__startswith="up-").values_list("domain__name", flat=True)
    assert sorted(domains) == ["far.example", "near.example"]
    handed_in(signed_in(dora), file(report(3, "far.example")), address="/reports/upload")
    assert not DmarcReport.objects.filter(report_id="up-3").exists()
    kept = ReportFile.objects.get(road="upload")
    assert "not a domain of ours" in signed_in(dora).get("/reports/files").content.decode()
    # whoever reads it again brings no more than who handed it in
    signed_in(rosa).post(f"/reports/files/{kept.pk}/retry")
    assert not DmarcReport.objects.filter(report_id="up-3").exists()


def test_nothing_chosen_and_too_large(near: Place, dora: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Choose at least one file." in signed_in(dora).post(UPLOAD).content.decode()
    monkeypatch.setattr("domains.views.report_files.REPORT_OCTETS", 10)
    assert "larger than 20 MB" in handed_in(signed_in(dora), file(b"x" * 11))


def test_an_unreadable_file_is_read_again_one_or_all(near: Place, dora: Actor) -> None:
    client = signed_in(dora)
    values = {"domain": near.domain, "road": "mail", "state": "broken", "reason": "Old."}
    rows = [
        ReportFile.objects.create(content=report_mail("near.example", report_id=f"up-{n}"), **values)
        for n in range(3)
    ]
    page = client.get("/domains/near.example/reports/files").content.decode()
    assert "4 files could not be read by an earlier version" in page
    client.post(f"/reports/files/{rows[0].pk}/retry")
    assert ReportFile.objects.get(pk=rows[0].pk).state == "stored"
    response = client.post("/domains/near.example/reports/files/retry", follow=True)
    assert "3 files are read again." in response.content.decode()
    assert ReportFile.objects.filter(state="stored").count() == 3
    page = response.content.decode()
    assert "could not be read by an earlier version" not in page
    assert AuditRecord.objects.filter(action="report_file.retry").count() == 2
    assert (
        "Only a file that was not taken"
        in client.post(f"/reports/files/{rows[0].pk}/retry", follow=True).content.decode()
    )


def test_a_download_is_inert(near: Place, dora: Actor) -> None:
    row = ReportFile.objects.create(
        domain=near.domain, road="mail", content=b"<script>1</script>", file_name='a"\r\nX: y/../<b>.html'
    )
    response = signed_in(dora).get(f"/reports/files/{row.pk}")
    assert response.content == b"<script>1</script>"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"
    disposition = response["Content-Disposition"]
    assert disposition.startswith("attachment;")
    assert not set('\r\n<>"/') & set(disposition.partition("filename*=")[2])
    assert AuditRecord.objects.get(action="report_file.download").domain == "near.example"
    row.content = b""
    row.save()
    assert signed_in(dora).get(f"/reports/files/{row.pk}").status_code == 404


def test_a_file_is_removed_after_a_question(near: Place, dora: Actor) -> None:
    address = f"/reports/files/{near.report_file}/delete"
    client = signed_in(dora)
    assert "Remove the file" in client.get(address).content.decode()
    assert client.post(address)["Location"] == "/domains/near.example/reports/files"
    assert not ReportFile.objects.filter(pk=near.report_file).exists()
    assert AuditRecord.objects.get(action="report_file.delete").domain == "near.example"


def test_a_dispute_shows_both_sides_and_is_settled(near: Place, dora: Actor) -> None:
    client = signed_in(dora)
    page = client.get("/domains/near.example/reports/files").content.decode()
    address = f"/domains/near.example/reports/disputes/{near.dispute}"
    assert address in page
    page = client.get(address).content.decode()
    figures = ('data-label="Counts now">12<', 'data-label="Disputed">5<', 'data-label="Counts now">0<')
    for text in ("192.0.2.9", "192.0.2.55", "2 rows differ", "other.example", "Count this one instead", *figures):
        assert text in page, text
    assert client.post(address)["Location"] == "/domains/near.example/reports/files"
    assert dict(DmarcReport.objects.values_list("pk", "standing")) == {
        near.report: "replaced",
        near.dispute: "counted",
    }
    assert AuditRecord.objects.get(action="report.settle").domain == "near.example"
    assert client.get(address).status_code == 404  # it counts
    replaced = client.get(f"/domains/near.example/reports/{near.report}").content.decode()
    back = f"/domains/near.example/reports/disputes/{near.report}"
    assert back in replaced
    assert "Replaced" in client.get(back).content.decode()
    client.post(back)  # it can be turned round
    assert DmarcReport.objects.get(standing="counted").pk == near.report


def test_one_that_differs_in_its_head_alone_says_so(near: Place, dora: Actor) -> None:
    first = make_report(near.domain, report_id="same", submitter="a.example")
    other = report_xml(
        "near.example", report_id="same", org_name=first.org_name, begin=first.begin_at, end=first.end_at,
        policy={"p": "reject"}, rows=(make_row("192.0.2.9", 12, header_from="near.example"),),
    )  # fmt: skip
    from domains.services.reports import take_in

    disputed, _created = take_in(other, "", "mail", "b.example")
    page = signed_in(dora).get(f"/domains/near.example/reports/disputes/{disputed.pk}").content.decode()
    assert "Every source has the same figures" in page


@pytest.mark.parametrize(
    "address",
    [
        "/domains/near.example/reports/files?state=broken",
        "/domains/near.example/reports/failures",
        "/domains/near.example/reports/failures/{failure}",
        "/domains/near.example/reports/disputes/{dispute}",
        "/reports/files",
        "/reports/roads",
    ],
)
def test_hostile_words_are_only_words(near: Place, rosa: Actor, address: str) -> None:
    ReportFile.objects.update(file_name=HOSTILE, reason=HOSTILE, submitter=HOSTILE)
    DmarcReport.objects.update(org_name=HOSTILE, submitter=HOSTILE)
    details = dict.fromkeys(("delivery_result", "message_id", "dkim_domain", "user_agent", "spf_dns"), HOSTILE)
    lists = {"authentication_results": [HOSTILE], "identity_alignment": [HOSTILE], "original_rcpt_to": [HOSTILE]}
    FailureReport.objects.update(
        subject=HOSTILE, mail_from=HOSTILE, header_from=HOSTILE, submitter=HOSTILE, failures=[HOSTILE],
        details=details | lists,
    )  # fmt: skip
    ReportMailbox.objects.update(user=HOSTILE, fault=HOSTILE, folder=HOSTILE)
    places = {"failure": near.failure, "dispute": near.dispute}
    page = signed_in(rosa).get(address.format(**places)).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page
    handed = handed_in(signed_in(rosa), file(b"x", HOSTILE))
    assert "<img src=x" not in handed


def test_the_days_of_keeping_are_set(near: Place, rosa: Actor) -> None:
    client = signed_in(rosa)
    assert 'value="90"' in client.get("/reports/keeping").content.decode()
    client.post(
        "/reports/keeping",
        {"file_days": 10, "failure_days": 5, "redact_days": 2, "record_days": 400, "sum_days": 800},
    )
    assert 'value="10"' in client.get("/reports/keeping").content.decode()


def test_home_leads_to_what_waits_for_a_person(near: Place, rosa: Actor, dora: Actor) -> None:
    assert "Reports in the mailbox" not in signed_in(dora).get("/").content.decode()
    ReportMailbox.objects.update(fault="The server did not answer in time.")
    page = signed_in(dora).get("/").content.decode()
    assert "1 report says otherwise than one of the same name: say which counts." in page
    assert 'href="/domains/near.example/reports/files"' in page
    assert "Reports in the mailbox of x at imap.example are not read. The server did not answer in time." in page
    assert 'href="/reports/roads"' in page


def test_a_fault_of_ours_stops_one_file_alone(
    near: Place, dora: Actor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = reports.reports_in

    def reports_in(content: Any, name: str) -> Any:
        if name == "odd.xml":
            raise LookupError("a fault of ours")
        return real(content, name)

    monkeypatch.setattr(reports, "reports_in", reports_in)
    page = handed_in(signed_in(dora), file(report(1), "odd.xml"), file(report(2), "good.xml"))
    assert "The file could not be worked; the fault is logged." in page
    assert DmarcReport.objects.filter(report_id="up-2").exists()
    assert "a fault of ours" in caplog.text
