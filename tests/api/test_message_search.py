"""``GET /messages`` narrowed by each of its parameters, page after page."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from domains.identifiers import identifier_at
from domains.models import Role
from domains.trace import TRACE_INSERT, MessageTrace
from tests.api.people import call, make_token

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def found():
    """Five traces, an hour apart, the newest first; returns a search that answers with their numbers."""
    make_token("superadmin", Role.SUPERADMIN, None)
    identifiers = []
    for number in range(5):
        moment = NOW - timedelta(hours=number)
        trace = MessageTrace(
            "out" if number == 3 else "in",
            id=(identifier_at(moment) + "0" * 26)[:26],
            mail_from=f"s{number}@x.example",
            recipients=["alice@acme.example"],
            received_at=moment,
            outcome="refused" if number % 2 else "delivered",
            client_address=f"192.0.2.{number}",
        )
        trace.add("data", "refused", "", {"reply": f"550 5.7.1 Number {number}"})
        identifiers.append(trace.id)
        with connection.cursor() as cursor:
            cursor.execute(TRACE_INSERT, trace.as_row())

    def search(query):
        answer = call("GET", f"/messages?{query}")
        assert answer.status_code == 200, answer.content
        return [identifiers.index(item["id"]) for item in answer.json()["items"]], answer.json()["next"]

    return search


SEARCHES = [
    ("", [0, 1, 2, 3, 4]),
    ("address=s2@x.example", [2]),
    ("address=x.example%20192.0.2.4", [4]),
    ("outcome=refused", [1, 3]),
    ("direction=out", [3]),
    ("ip=192.0.2.1", [1]),
    ("ip=192.0.2.0/31", [0, 1]),
    ("reply=5.7.1%20NUMBER", [0, 1, 2, 3, 4]),
    ("reply=number%203", [3]),
    ("since=2026-11-20T10:00:00Z", [0, 1, 2]),
    ("until=2026-11-20T10:00:00Z", [3, 4]),
    ("since=2026-11-20T09:00:00Z&until=2026-11-20T11:00:00Z&outcome=refused", [3]),
]


@pytest.mark.parametrize(("query", "numbers"), SEARCHES)
def test_each_parameter_narrows(found, query, numbers):
    assert found(query) == (numbers, None)


def test_pages_follow_each_other(found):
    first, cursor = found("address=x.example&limit=2")
    second, further = found(f"address=x.example&limit=2&cursor={cursor}")
    third, end = found(f"address=x.example&limit=2&cursor={further}")
    assert (first, second, third, end) == ([0, 1], [2, 3], [4], None)


@pytest.mark.parametrize(
    ("query", "field"),
    [("ip=nowhere", "ip"), ("outcome=lost", "outcome"), ("direction=up", "direction"), ("until=later", "until"),
     ("reply=" + "x" * 1001, "reply")],
)  # fmt: skip
def test_a_bad_value_is_named(found, query, field):
    answer = call("GET", f"/messages?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_cursor_of_elsewhere_is_refused(found):
    assert call("GET", "/messages?cursor=x").status_code == 400


def test_a_time_without_a_zone_is_in_utc(found):
    assert found("since=2026-11-20T10:30:00") == found("since=2026-11-20T10:30:00Z")
    assert found("since=2026-11-20&until=2026-11-21") == found("since=2026-11-20T00:00:00Z")


def test_what_a_network_must_look_like_is_told_in_plain_words(found):
    errors = call("GET", "/messages?ip=1.2.3").json()["errors"]
    assert errors == [{"field": "ip", "message": "an IP address or a network such as 192.0.2.0/24 is expected"}]
