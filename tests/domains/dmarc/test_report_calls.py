"""The two calls of the API on reports, over HTTP with a bearer token."""

import gzip
from datetime import UTC, datetime, timedelta

import pytest
from django.http import HttpRequest
from django.test import Client
from django.urls import path
from ninja import NinjaAPI
from ninja.security import HttpBearer

from domains.api.problem import add_handlers
from domains.api.reports import router
from domains.audit import Act
from domains.models import DmarcReport, Domain, Role
from domains.services.reports import take_in
from tests.domains.dmarc.samples import make_row, report_xml
from tests.networks import real_networks as real_networks

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

TOKENS = {"super": (Role.SUPERADMIN, None), "alice": (Role.DOMAIN_ADMIN, "example.org"), "owner": (Role.OWNER, None)}


class Bearer(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> Act | None:
        role, name = TOKENS[token]
        reach = (
            None
            if role == Role.SUPERADMIN
            else frozenset(Domain.objects.filter(name=name).values_list("pk", flat=True))
        )
        return Act(token, role, "api", None, reach)


api = NinjaAPI(auth=Bearer(), urls_namespace="report-calls", docs_url=None, openapi_url=None)
add_handlers(api)
api.add_router("", router)
urlpatterns = [path("api/v1/", api.urls)]

HEAD = {
    "org_name": "Reporter Inc.",
    "report_id": "r-1",
    "domain": "example.org",
    "records": 1,
    "messages": 7,
    "begin": "2025-10-10T00:00:00Z",
    "end": "2025-10-10T23:59:59Z",
}


@pytest.fixture(autouse=True)
def domains(settings):
    settings.MIDDLEWARE = []  # the panel's sign-in is not what is tested here
    for name in ("example.org", "example.net"):
        Domain.objects.create(name=name, skeleton=name, ownership_token="token")


def post(body: bytes, token: str = "alice", media_type: str = "application/octet-stream"):
    client = Client(headers={"authorization": f"Bearer {token}"})
    return client.post("/api/v1/dmarc/reports", body, content_type=media_type)


def get(address: str, token: str = "alice"):
    return Client(headers={"authorization": f"Bearer {token}"}).get(f"/api/v1{address}")


@pytest.mark.parametrize(
    "media_type", ["application/octet-stream", "application/gzip", "text/xml", "application/json"]
)
def test_a_report_is_created_then_known(media_type):
    body = gzip.compress(report_xml())
    created, known = post(body, media_type=media_type), post(report_xml())
    assert (created.status_code, created.json()) == (201, HEAD)
    assert (known.status_code, known.json()) == (200, HEAD)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "The file is empty."),
        (b"rubbish", "neither XML nor gzip nor zip"),
        (b"<html/>", "web page"),
        (report_xml("example.com"), "about example.com"),
        (report_xml("example.net"), "about example.net"),
        (gzip.compress(b"<" + b" " * 30_000_000), "200 times"),
    ],
    ids=["empty", "rubbish", "web page", "unknown domain", "foreign domain", "bomb"],
)
def test_what_is_not_a_report_of_ours_is_422(body, reason):
    answer = post(body)
    assert answer.status_code == 422
    assert answer["content-type"] == "application/problem+json"
    assert reason in answer.json()["detail"]
    assert answer.json()["errors"][0]["field"] == "file"
    assert not DmarcReport.objects.exists()


@pytest.mark.parametrize("size", [21 * 2**20, 26 * 2**20])
def test_a_body_that_is_too_large_is_413(size):
    answer = post(b"<" + b" " * size)
    assert answer.status_code == 413
    assert answer["content-type"] == "application/problem+json"


def test_a_mailbox_owner_is_403():
    assert post(report_xml(), "owner").status_code == 403


def test_sources():
    row = make_row("192.0.2.1", 3, spf="pass")
    assert post(report_xml(rows=(row, make_row("192.0.2.2", 5, dkim="fail")))).status_code == 201
    answer = get("/domains/example.org/dmarc/sources?from=2025-10-01&to=2025-10-31")
    assert answer.status_code == 200
    assert answer.json() == {
        "items": [
            {
                "source_ip": "192.0.2.2",
                "name": "",
                "class": "impostor",
                "messages": 5,
                "dmarc_pass": 0,
                "spf_aligned": 0,
                "dkim_aligned": 0,
                "dispositions": {"none": 5},
                "first_day": "2025-10-10",
                "last_day": "2025-10-10",
                "network": None,
            },
            {
                "source_ip": "192.0.2.1",
                "name": "",
                "class": "service-aligned",
                "messages": 3,
                "dmarc_pass": 3,
                "spf_aligned": 3,
                "dkim_aligned": 3,
                "dispositions": {"none": 3},
                "first_day": "2025-10-10",
                "last_day": "2025-10-10",
                "network": None,
            },
        ],
        "next": None,
    }
    assert get("/domains/example.org/dmarc/sources?from=2025-10-11&to=2025-10-31").json()["items"] == []


@pytest.mark.usefixtures("real_networks")
def test_sources_have_their_networks():
    assert post(report_xml(rows=(make_row("8.8.8.8", 3), make_row("192.0.2.2", 1)))).status_code == 201
    items = get("/domains/example.org/dmarc/sources?from=2025-10-01&to=2025-10-31").json()["items"]
    google = {"as_number": 15169, "owner": "Google LLC", "country": "US"}
    assert [one["network"] for one in items] == [google, None]


def test_sources_of_the_last_thirty_days():
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for days in (1, 29, 30):
        begin = today - timedelta(days=days)
        row = make_row(f"192.0.2.{days}")
        take_in(
            report_xml(report_id=f"r-{days}", begin=begin, end=begin + timedelta(hours=23), rows=(row,)), "", "api"
        )
    items = get("/domains/example.org/dmarc/sources").json()["items"]
    assert {item["source_ip"] for item in items} == {"192.0.2.1", "192.0.2.29"}


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/domains/example.net/dmarc/sources", 404),
        ("/domains/example.com/dmarc/sources", 404),
        ("/domains/example.org/dmarc/sources?from=2025-10-02&to=2025-10-01", 422),
        ("/domains/example.org/dmarc/sources?from=yesterday", 422),
        ("/domains/example.org/dmarc/sources?to=0001-01-05", 200),
        ("/domains/example.org/dmarc/sources?from=0001-01-01&to=9999-12-31", 200),
    ],
)
def test_sources_refused(address, status):
    assert get(address).status_code == status
