"""Health, proxies, transport and headers: the middleware every request passes."""

import asyncio
import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from mailadmin import middleware
from mailadmin.runner import health
from mailadmin.runner.heartbeat import Heartbeat

PUBLIC = "198.51.100.7"
pytestmark = pytest.mark.smoke


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that changes the configuration for one test."""

    def change(**fields: Any) -> Any:
        config = replace(settings.MAILADMIN, **fields)
        monkeypatch.setattr(settings, "MAILADMIN", config)
        return config

    return change


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> list[Heartbeat]:
    """The signs of life that health finds."""
    found: list[Heartbeat] = []
    monkeypatch.setattr(health, "worker_heartbeats", lambda: found)
    return found


def mail(index: int, **states: str) -> Heartbeat:
    rows = tuple(
        {"name": name, "state": "running" if state == "ok" else "failed", "error": "" if state == "ok" else state}
        for name, state in states.items()
    )
    return Heartbeat(f"mail{index}@host", "mail", 1, "", 0.0, rows)


def role(name: str) -> Heartbeat:
    return Heartbeat(f"{name}0@host", name, 1, "", 0.0)


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.META['REMOTE_ADDR']} {request.scheme}")


def test_every_part_is_named(beats: list[Heartbeat], configured: Any) -> None:
    services = frozenset({"web", "mx", "imap", "relay", "jobs", "beat"})
    config = configured(services=services, workers=2)
    good = {"mx": "ok", "imap": "ok", "relay": "ok"}
    beats += [mail(0, **good), mail(1, **good), role("jobs"), role("beat")]
    parts = health.find_parts(config, inside_web=True)
    assert set(parts) == {"database", "redis"} | services
    assert health.is_up(parts)
    beats[1] = mail(1, mx="port 25 is taken", imap="ok", relay="ok")
    parts = health.find_parts(config, inside_web=True)
    assert parts["mx"] == "port 25 is taken"
    assert parts["imap"] == "ok"
    del beats[1:3]
    parts = health.find_parts(config, inside_web=True)
    assert parts["imap"] == "1 of 2 workers run"
    assert parts["jobs"] == "does not run"
    assert not health.is_up(parts)


def test_a_service_without_an_open_port_is_no_part(beats: list[Heartbeat], configured: Any) -> None:
    config = configured(services=frozenset({"mx", "imap"}), mx_port=None)
    assert set(health.find_parts(config)) == {"database", "redis", "imap"}


def test_an_unreachable_redis_is_told_quickly(beats: list[Heartbeat], configured: Any) -> None:
    config = configured(services=frozenset(), redis_url="redis://127.0.0.1:1/0")
    parts = health.find_parts(config)
    assert parts["database"] == "ok"
    assert parts["redis"] != "ok"


async def test_health_answers_without_the_rest_of_the_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def find_parts(*_arguments: Any, **_options: Any) -> dict[str, str]:
        asked.append(1)
        return {"database": "away"}

    monkeypatch.setattr(middleware, "find_parts", find_parts)

    async def unreachable(_request: HttpRequest) -> HttpResponse:
        raise AssertionError("the panel was asked")

    stand = middleware.HealthMiddleware(unreachable)
    calls = [stand(RequestFactory().get("/healthz")) for _ in range(5)]
    answers = await asyncio.gather(*calls)
    assert {one.status_code for one in answers} == {503}
    assert json.loads(answers[0].content) == {"status": "down", "parts": {"database": "away"}}
    assert len(asked) == 1
    assert (await stand(RequestFactory().post("/healthz"))).status_code == 405


@pytest.mark.parametrize(
    ("peer", "forwarded", "scheme", "seen"),
    [
        ("10.0.0.1", "203.0.113.5", "https", "203.0.113.5 https"),  # our proxy tells
        (PUBLIC, "203.0.113.5", "https", f"{PUBLIC} http"),  # anybody else does not
        (
            "10.0.0.1",
            "6.6.6.6, 203.0.113.5, 10.0.0.2",
            "https",
            "203.0.113.5 https",
        ),  # what the client wrote is left of it
        ("10.0.0.1", "nonsense", "gopher", "10.0.0.1 http"),
        ("10.0.0.1", "", "", "10.0.0.1 http"),
        ("::ffff:10.0.0.1", "2001:db8::1", "https", "2001:db8::1 https"),
    ],
)
def test_forwarded_headers_count_from_trusted_proxies_only(
    configured: Any, peer: str, forwarded: str, scheme: str, seen: str
) -> None:
    configured(trusted_proxies=(ip_network("10.0.0.0/24"),))
    request = RequestFactory().get(
        "/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded, HTTP_X_FORWARDED_PROTO=scheme,
        HTTP_X_FORWARDED_HOST="evil.example",
    )  # fmt: skip
    assert middleware.ProxyMiddleware(answer)(request).content.decode() == seen
    assert "HTTP_X_FORWARDED_HOST" not in request.META


@pytest.mark.parametrize("address", [PUBLIC, "127.0.0.1"])  # a proxy of this machine may be nobody we trust
def test_plain_http_to_a_public_panel_is_redirected(configured: Any, address: str) -> None:
    configured(url="https://panel.example")
    stand = middleware.SecureTransportMiddleware(answer)
    reply = stand(RequestFactory().post("/domains?x=1", REMOTE_ADDR=address))
    assert (reply.status_code, reply["Location"]) == (307, "https://panel.example/domains?x=1")
    for path, secure in (("/.well-known/acme-challenge/abc", False), ("/domains", True)):
        request = RequestFactory().get(path, REMOTE_ADDR=address, secure=secure)
        assert stand(request).status_code == 200, (path, secure)


@pytest.mark.parametrize(
    ("url", "address", "status"),
    [
        ("http://localhost:8000", "127.0.0.1", 200),
        ("http://localhost:8000", "::1", 200),
        ("https://localhost:8443", "127.0.0.1", 200),  # a choice, not a need, on the machine itself
        ("https://localhost:8443", PUBLIC, 302),
    ],
)
def test_plain_http_on_the_machine_itself_is_served(configured: Any, url: str, address: str, status: int) -> None:
    configured(url=url)
    reply = middleware.SecureTransportMiddleware(answer)(RequestFactory().get("/domains", REMOTE_ADDR=address))
    assert reply.status_code == status


def test_plain_http_from_elsewhere_is_refused_where_no_https_panel_is(configured: Any) -> None:
    configured(url="http://localhost:8000")
    reply = middleware.SecureTransportMiddleware(answer)(RequestFactory().get("/", REMOTE_ADDR=PUBLIC))
    assert reply.status_code == 403
    assert b"MAILADMIN_URL" in reply.content


def test_every_answer_carries_the_policy() -> None:
    reply = middleware.HeadersMiddleware(answer)(RequestFactory().get("/"))
    policy = dict(part.strip().split(" ", 1) for part in reply["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in reply["Content-Security-Policy"]
    assert "camera=()" in reply["Permissions-Policy"]


def test_a_web_server_without_an_open_port_is_no_part(beats: list[Heartbeat], configured: Any) -> None:
    config = configured(services=frozenset({"web"}), http_port=None, https_port=None)
    assert set(health.find_parts(config)) == {"database", "redis"}


def test_a_service_without_sockets_shows_its_attempts() -> None:
    from mailadmin.runner.status import _rows

    detail = {"running": 3, "totals": {"sent": 5, "local": 2}, "since": "2026-11-24T12:00:00+00:00"}
    (row,) = _rows({"name": "relay", "state": "running", "error": "", "listeners": [], "detail": detail})
    assert (row.port, row.open, row.total) == (0, 3, 7)
