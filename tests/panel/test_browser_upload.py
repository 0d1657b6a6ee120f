"""Handing in many reports in a real browser: chosen, dropped, and without JavaScript."""

import gzip
from typing import Any

import pytest
from playwright.sync_api import expect

from domains.models import Actor, DmarcReport, ReportFile
from tests.conftest import needs_program
from tests.domains.dmarc.samples import report_xml
from tests.panel.people import Place
from tests.panel.test_browser import _signed_in

pytestmark = [needs_program("chromium"), pytest.mark.django_db(transaction=True)]

DROP = """
([form, files]) => {
  const data = new DataTransfer();
  for (const [name, text] of files) { data.items.add(new File([text], name)); }
  document.querySelector(form).dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
}
"""


def _file(number: int, octets: bytes | None = None) -> dict[str, Any]:
    content = gzip.compress(report_xml("near.example", report_id=f"up-{number}")) if octets is None else octets
    return {"name": f"{number}.xml.gz", "mimeType": "application/gzip", "buffer": content}


def test_chosen_and_dropped_files_each_get_their_row(live_server: Any, rosa: Actor, near: Place) -> None:
    with _signed_in(live_server) as page:
        page.goto("/domains/near.example/reports/upload")
        expect(page.locator("#outcomes")).to_be_hidden()
        page.get_by_label("Report files").set_input_files([_file(1), _file(2), _file(1), _file(4, b"rubbish")])
        page.get_by_role("button", name="Take them in").click()
        expect(page.locator("#outcomes output")).to_have_text("4 / 4")
        rows = page.locator("#outcomes tbody tr")
        expect(rows).to_have_count(4)
        expect(page.locator("#outcomes .chip", has_text="Stored")).to_have_count(2)
        expect(page.locator("#outcomes .chip", has_text="Already known")).to_have_count(1)
        expect(page.locator("#outcomes .chip", has_text="Not readable")).to_have_count(1)
        text = report_xml("near.example", report_id="dropped").decode()
        page.evaluate(DROP, ["form[data-upload]", [["d.xml", text], ["e.xml", "<html/>"]]])
        expect(page.locator("#outcomes output")).to_have_text("6 / 6")
        expect(page.locator("#outcomes")).to_contain_text("web page")
    assert sorted(DmarcReport.objects.filter(road="upload").values_list("report_id", flat=True))[-3:] == [
        "r-1",
        "up-1",
        "up-2",
    ]
    assert DmarcReport.objects.filter(report_id="dropped").exists()
    assert ReportFile.objects.filter(road="upload", state="broken").count() == 2


def test_a_lost_file_says_so_and_the_others_go_on(live_server: Any, rosa: Actor, near: Place) -> None:
    with _signed_in(live_server, expected="net::ERR_FAILED") as page:
        page.goto("/reports/upload")
        lost: list[str] = []

        def lose(route: Any) -> None:
            if not lost and route.request.method == "POST":
                lost.append(route.request.url)
                route.abort()
            else:
                route.continue_()

        page.route("**/reports/upload", lose)
        page.get_by_label("Report files").set_input_files([_file(1), _file(2)])
        page.get_by_role("button", name="Take them in").click()
        expect(page.locator("#outcomes output")).to_have_text("2 / 2")
        expect(page.locator("#outcomes")).to_contain_text("It did not arrive. Send it again.")
        expect(page.locator("#outcomes .chip", has_text="Stored")).to_have_count(1)


def test_without_javascript_all_go_at_once(live_server: Any, rosa: Actor, near: Place) -> None:
    with _signed_in(live_server, java_script_enabled=False) as page:
        page.goto("/domains/near.example/reports/upload")
        page.get_by_label("Report files").set_input_files([_file(1), _file(2), _file(3, b"rubbish")])
        page.get_by_role("button", name="Take them in").click()
        expect(page.locator("#outcomes tbody tr")).to_have_count(3)
        expect(page.locator("#outcomes .chip", has_text="Stored")).to_have_count(2)
