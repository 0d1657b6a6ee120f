"""What is served under names of our domains: exactly these hosts and paths, whatever the panel's own name is."""

from dataclasses import replace

import pytest
from django.test import Client

from domains.services import mta_sts
from domains.tls.mta_sts import parse_policy
from tests.factories import make_domain, superadmin_act

pytestmark = pytest.mark.django_db
POLICY = "/.well-known/mta-sts.txt"
PUBLIC = "203.0.113.9"


@pytest.fixture(autouse=True)
def _public_panel(settings):
    settings.MAILADMIN = replace(
        settings.MAILADMIN, url="https://panel.operator.example", hostname="mail.operator.example"
    )
    settings.ALLOWED_HOSTS = ["panel.operator.example"]
    make_domain()
    make_domain("other.example")
    mta_sts.change_mode(superadmin_act(), "acme.example", "testing")


def get(host, path=POLICY, secure=True, method="GET", **headers):
    return Client(raise_request_exception=False).generic(
        method, path, secure=secure, HTTP_HOST=host, REMOTE_ADDR=PUBLIC, **headers
    )


@pytest.mark.parametrize(
    "host",
    ["mta-sts.acme.example", "MTA-STS.acme.example", "mta-sts.acme.example.", "mta-sts.acme.example:443"],
)
def test_the_policy_is_served_at_the_policy_host(host):
    answer = get(host)
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (200, "text/plain")
    assert parse_policy(answer.content.decode()).mx == ("mail.operator.example",)
    assert "Set-Cookie" not in answer
    assert get(host, method="HEAD").status_code == 200
    assert get(host, method="POST").status_code == 405


@pytest.mark.parametrize(
    "host",
    [
        "mta-sts.other.example",
        "mta-sts.unknown.example",
        "acme.example",
        "mta-sts.acme.example.evil.example",
        "evil.example",
        "mta-sts.acme.example@evil.example",
        "mta-sts.acme.example/x",
        "mta-sts.acme.example\0",
        "mta-sts..acme.example",
        "mta-sts.acme.example:99999999",
        "mta-sts." + "a" * 5000,
        "",
    ],
)
def test_no_other_host_is_served(host):
    answer = get(host)
    assert answer.status_code in (400, 404)
    assert b"STSv1" not in answer.content


def test_the_panels_own_host_has_no_policy():
    assert get("panel.operator.example").status_code == 404


@pytest.mark.parametrize("path", ["/", "/sign-in", "/api/v1/domains", "/.well-known/mta-sts.txt/"])
def test_the_policy_host_serves_nothing_of_the_panel(path):
    answer = get("mta-sts.acme.example", path)
    assert answer.status_code in (400, 404)
    assert b"<form" not in answer.content


def test_a_forwarded_host_chooses_nothing():
    answer = get("panel.operator.example", HTTP_X_FORWARDED_HOST="mta-sts.acme.example")
    assert answer.status_code == 404


def test_plain_http_is_led_to_the_panel_and_never_to_the_host_asked_for():
    answer = get("mta-sts.acme.example", secure=False)
    assert answer.status_code in (302, 307)
    assert answer["Location"] == f"https://panel.operator.example{POLICY}"
