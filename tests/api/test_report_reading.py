"""Reading reports by API: days, reports, records by filters and pages, all scoped."""

import pytest

from domains.services.reports import take_in
from tests.api.people import call, make_world
from tests.domains.dmarc.samples import make_row, report_xml

pytestmark = pytest.mark.django_db
SPAN = "from=2025-10-01&to=2025-10-31"


@pytest.fixture(autouse=True)
def stored() -> None:
    make_world()
    rows = tuple(
        make_row(f"192.0.2.{number}", number, **({} if number % 2 else {"dkim": "fail", "dkim_results": ()}))
        for number in range(1, 8)
    )
    take_in(report_xml("near.example", rows=rows), "", "upload")


def test_days_reports_and_records():
    days = call("GET", f"/domains/near.example/dmarc/volume?{SPAN}&limit=500").json()["items"]
    assert len(days) == 31
    (full,) = [day for day in days if day["messages"]]
    assert (full["day"], full["messages"], full["dkim_aligned"]) == ("2025-10-10", 28, 16)
    (report,) = call("GET", "/domains/near.example/dmarc/reports").json()["items"]
    assert (report["records"], report["messages"], report["standing"]) == (7, 28, "counted")
    path = f"/domains/near.example/dmarc/records?{SPAN}&limit=3"
    seen, following = [], ""
    while following is not None:
        page = call("GET", path + (f"&cursor={following}" if following else "")).json()
        seen += [row["source_ip"] for row in page["items"]]
        following = page["next"]
    assert sorted(seen) == [f"192.0.2.{number}" for number in range(1, 8)]
    failed = call("GET", f"/domains/near.example/dmarc/records?{SPAN}&dkim=false").json()["items"]
    assert {row["messages"] for row in failed} == {2, 4, 6}
    for wanted in ("passed=true", "passed=false", "held=true", "held=false"):
        rows = call("GET", f"/domains/near.example/dmarc/records?{SPAN}&{wanted}").json()["items"]
        passing = [row["spf_aligned"] or row["dkim_aligned"] for row in rows]
        done = [row["disposition"] in ("quarantine", "reject") for row in rows]
        assert set(passing if "passed" in wanted else done) <= {wanted.endswith("true")}
    assert call("GET", f"/domains/near.example/dmarc/records?{SPAN}&report={report['id']}").json()["items"][0]["spf"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("source=nonsense", 422), ("kind=friend", 422), ("disposition=perhaps", 422), ("cursor=x", 422),
        ("from=2025-10-10&to=2025-10-01", 422), ("from=never", 422), ("report=99999999999999999999", 422),
        ("source=192.0.2.1", 200), ("source=fe80::1%25eth0", 422), ("cursor=%C2%B20260101-1-1", 422),
        ("from=0001-01-01&to=0001-01-02", 200), ("to=0001-01-02", 200), ("from=9999-12-30&to=9999-12-31", 200),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(query, status):
    assert call("GET", f"/domains/near.example/dmarc/records?{query}").status_code in (
        status,
        400 if status == 422 else status,
    )


@pytest.mark.parametrize("path", ["dmarc/volume", "dmarc/sources", "tls/failures"])
@pytest.mark.parametrize("days", ["from=0001-01-01&to=0001-01-02", "to=0001-01-02", "from=9999-12-30&to=9999-12-31"])
def test_days_at_the_edge_of_the_calendar_are_empty(path, days):
    answer = call("GET", f"/domains/near.example/{path}?{days}")
    assert answer.status_code == 200
    assert sum(row["messages"] for row in answer.json()["items"] if "messages" in row) == 0


def test_a_network_with_a_zone_is_no_network():
    body = {"network": "fe80::1%eth0", "kind": "own"}
    assert call("POST", "/domains/near.example/dmarc/corrections", body=body).status_code == 422


def test_the_overview():
    assert {row["name"] for row in call("GET", "/dmarc/overview").json()["items"]} >= {"near.example", "far.example"}
