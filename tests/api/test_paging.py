"""Lists in pages: every row once and in order, and cursors that are none."""

import base64
from datetime import timedelta

import pytest
from django.utils import timezone

from domains.models import Role, TlsReport, ZoneChange
from domains.services import removal
from tests.api.people import call, make_token, problem
from tests.factories import make_account, make_alias, make_domain, superadmin_act

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _token(db):
    make_token("superadmin", Role.SUPERADMIN, None)


@pytest.fixture
def acme(db):
    return make_domain()


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_hold_every_row_once_in_order(limit):
    names = sorted(f"{letter}.example" for letter in ("ab", "cd", "ef", "gh", "jk"))
    for name in names:
        make_domain(name)
    seen, cursor = [], ""
    while True:
        page = call("GET", f"/domains?limit={limit}{cursor}").json()
        assert set(page) == {"items", "next"}
        assert len(page["items"]) <= limit
        seen += [item["name"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == names


def test_a_page_stays_right_while_rows_come_and_go():
    for name in ("ab.example", "cd.example", "ef.example", "gh.example"):
        make_domain(name)
    first = call("GET", "/domains?limit=2").json()
    removal.delete_domain(superadmin_act(), "ab.example")
    make_domain("aa.example")
    second = call("GET", f"/domains?limit=2&cursor={first['next']}").json()
    assert [item["name"] for item in second["items"]] == ["ef.example", "gh.example"]
    assert second["next"] is None


def test_pages_of_two_keys(acme):
    make_domain("other.example")
    for address in ("b@acme.example", "a@acme.example", "a@other.example"):
        make_account(address)
    first = call("GET", "/mailboxes?limit=2").json()
    second = call("GET", f"/mailboxes?limit=2&cursor={first['next']}").json()
    found = [item["address"] for item in first["items"] + second["items"]]
    assert found == ["a@acme.example", "b@acme.example", "a@other.example"]


def pages_of(path):
    """Every row of a list, one a page."""
    page = call("GET", f"{path}?limit=1").json()
    while page["next"] is not None:
        yield from page["items"]
        page = call("GET", f"{path}?limit=1&cursor={page['next']}").json()
    yield from page["items"]


def test_what_was_applied_comes_in_pages_the_latest_first(acme):
    rows = [ZoneChange.objects.create(domain=acme, actor_name="x", server="x", state="applied") for _ in range(3)]
    assert [item["id"] for item in pages_of("/domains/acme.example/zone-changes")] == [row.pk for row in rows[::-1]]


def test_tls_reports_come_in_pages_the_latest_first(acme):
    now = timezone.now()
    for days in (1, 0, 1):  # two end at the same moment
        at = now - timedelta(days=days)
        name = f"{TlsReport.objects.count()}"
        TlsReport.objects.create(
            domain=acme, org_name="x", report_id=name, begin_at=at, end_at=at, succeeded=1, failed=0
        )
    assert [item["report_id"] for item in pages_of("/domains/acme.example/tls/reports")] == ["1", "2", "0"]


@pytest.mark.parametrize("path", ["domains/acme.example/zone-changes", "domains/acme.example/tls/reports"])
def test_a_cursor_whose_moment_is_none_is_400(acme, path):
    cursor = base64.urlsafe_b64encode(b'["yesterday", "1"]').decode()
    problem(call("GET", f"/{path}?cursor={cursor}"), 400)


@pytest.mark.parametrize("cursor", ["x", "!!!", "bnVsbA", "W10", "WzFd", "WyJhIiwiYiJd", "é", "%FF"])
def test_a_cursor_of_no_list_is_400(acme, cursor):
    problem(call("GET", f"/domains?cursor={cursor}"), 400)


def test_records_come_in_pages(acme):
    whole = call("GET", "/domains/acme.example/records").json()
    assert whole["next"] is None
    seen, cursor = [], ""
    while cursor is not None:
        page = call("GET", f"/domains/acme.example/records?limit=3&cursor={cursor}").json()
        assert len(page["items"]) <= 3
        seen, cursor = seen + page["items"], page["next"]
    assert seen == whole["items"]


@pytest.mark.parametrize(
    "cursor", ["x", "WyItMSJd", "WyJhIl0", "WyLCsiJd", "WyI5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5Il0"]
)
@pytest.mark.parametrize("path", ["records", "dmarc/sources"])
def test_a_cursor_that_is_no_place_is_400(acme, path, cursor):
    problem(call("GET", f"/domains/acme.example/{path}?cursor={cursor}"), 400)


def test_a_cursor_that_nests_without_end_is_400(acme):
    cursor = base64.urlsafe_b64encode(b"[" * 20_000).decode()
    problem(call("GET", f"/domains?cursor={cursor}"), 400)


def test_aliases_are_found_by_address_and_by_target(acme):
    make_domain("other.example")
    make_alias("sales@acme.example", ["Zoe@remote.example"])
    make_alias("sales@other.example", ["bob@acme.example"])

    def found(text):
        return [item["address"] for item in call("GET", f"/aliases?q={text}").json()["items"]]

    assert found("sales") == ["sales@acme.example", "sales@other.example"]
    assert found("sales@other.example") == ["sales@other.example"]
    assert found("zoe@remote") == ["sales@acme.example"]
    assert found("nobody@other.example") == []


@pytest.mark.parametrize("cursor", ["WyJhYmMiXQ", "WyI5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5Il0"])
def test_a_cursor_of_another_list_is_no_fault_of_ours(acme, cursor):
    assert call("GET", f"/tokens?cursor={cursor}").status_code in (200, 400)
