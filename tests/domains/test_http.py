"""HTTP to addresses of users: only where it may go, in its time, within its bounds; on real sockets."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from domains.http import Fetched, FetchFault, fetch, guarded_session
from tests.certificates import Authority
from tests.dns_server import DnsServer
from tests.http_server import Asked, HttpServer, answer, drip

TLS = "https://hooks.acme.example"


@pytest.fixture
def lab(dns_settings: DnsServer, settings: Any) -> DnsServer:
    """Loopback may be reached at 127.0.0.1 only; ``hooks.acme.example`` is there."""
    settings.MAILADMIN = replace(settings.MAILADMIN, private_networks=(ip_network("127.0.0.1/32"),))
    dns_settings.zone[("hooks.acme.example", "A")] = ["127.0.0.1"]
    return dns_settings


def _leads_to(target: str) -> Any:
    return lambda asked: answer("302 Found", Location=target) if asked.path == "/" else answer(body=b"there")


def _refused(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(FetchFault) as fault:
        fetch(*args, **kwargs)
    return fault.value.reason


def test_an_answer_comes_with_the_address_that_gave_it(lab: DnsServer) -> None:
    with HttpServer(lambda _: answer(body=b"hello", X_Note="1")) as server:
        got = fetch(f"http://hooks.acme.example:{server.port}/a?b=c", "POST", b"{}", {"Content-Type": "text/x"})
    assert (got.status, got.body, got.address, got.headers["X-Note"]) == (200, b"hello", "127.0.0.1", "1")
    asked = server.asked[0]
    assert (asked.method, asked.path, asked.body, asked.headers["content-type"]) == (
        "POST",
        "/a?b=c",
        b"{}",
        "text/x",
    )
    assert asked.headers["host"] == f"hooks.acme.example:{server.port}"


@pytest.mark.usefixtures("dns_settings")
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
    ],
)
def test_addresses_inside_are_refused(host: str) -> None:
    assert "is not a public address." in _refused(f"http://{host}/", deadline=2)


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "localhost"])
def test_odd_spellings_are_names_for_the_dns_and_nothing_else(host: str) -> None:
    with HttpServer() as server:
        assert "no address" in _refused(f"http://{host}:{server.port}/", deadline=2)
    assert server.connections == 0


def test_a_name_that_leads_inside_is_refused_before_any_octet(lab: DnsServer) -> None:
    lab.zone[("rebind.example", "A")] = ["127.0.0.2"]
    with HttpServer(address="127.0.0.2") as server:
        assert _refused(f"http://rebind.example:{server.port}/") == "127.0.0.2 is not a public address."
    assert server.connections == 0


def test_the_address_checked_is_the_one_connected_to(lab: DnsServer) -> None:
    """Two answers of which one leads inside: only the other is called."""
    lab.zone[("mixed.example", "A")] = ["127.0.0.2", "127.0.0.1"]
    with HttpServer() as server:
        assert fetch(f"http://mixed.example:{server.port}/").address == "127.0.0.1"
    assert [question for question in lab.asked if question[0] == "mixed.example"].count(("mixed.example", "A")) == 1


def test_a_redirect_inside_is_refused(lab: DnsServer) -> None:
    lab.zone[("rebind.example", "A")] = ["127.0.0.2"]
    with HttpServer(address="127.0.0.2") as inner:
        for target in (f"http://127.0.0.2:{inner.port}/x", f"http://rebind.example:{inner.port}/x"):
            with HttpServer(_leads_to(target)) as server:
                assert _refused(f"http://hooks.acme.example:{server.port}/") == "127.0.0.2 is not a public address."
    assert inner.connections == 0


@pytest.mark.usefixtures("lab")
def test_redirects_are_followed_three_times_and_by_get_only() -> None:
    def lead(asked: Asked) -> bytes:
        step = int(asked.path.strip("/") or 0)
        return answer("302 Found", b"x" * 10, Location=f"/{step + 1}") if step < 3 else answer(body=b"end")

    with HttpServer(lead) as server:
        base = f"http://hooks.acme.example:{server.port}"
        got = fetch(f"{base}/")
        assert (got.body, got.url) == (b"end", f"{base}/3")
        assert fetch(f"{base}/", "POST", b"{}").status == 302
        assert fetch(f"{base}/", redirects=0).status == 302
        assert _refused(f"{base}/", redirects=2) == "The answer leads on more than 2 times."


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://hooks.acme.example/", "gopher://x/"])
def test_a_redirect_to_another_scheme_is_refused(target: str) -> None:
    with HttpServer(_leads_to(target)) as server:
        assert _refused(f"http://hooks.acme.example:{server.port}/") == "The address is not one of HTTP."


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("url", ["", "acme.example", "http://", "http://[::1/", "file:///etc/passwd", "http://a:b/"])
def test_what_is_no_address_of_http_is_refused(url: str) -> None:
    assert _refused(url)


def _slow_body() -> Iterator[bytes]:
    return drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x", 0.05)


def _slow_body_without_length() -> Iterator[bytes]:
    return drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.05)


def _slow_head() -> Iterator[bytes]:
    return drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", 0.05)


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("slow", [_slow_body, _slow_body_without_length, _slow_head])
def test_a_peer_that_drips_is_cut_at_the_deadline(slow: Any) -> None:
    with HttpServer(lambda _: slow()) as server:
        reason = _refused(f"http://hooks.acme.example:{server.port}/", deadline=0.6)
    assert reason == "There was no complete answer within 0.6 seconds."


@pytest.mark.usefixtures("lab")
def test_a_peer_that_drips_under_tls_is_cut_too(tmp_path: Path, settings: Any) -> None:
    authority = Authority(tmp_path)
    settings.MAILADMIN = replace(settings.MAILADMIN, ca_file=authority.ca_file)
    with HttpServer(lambda _: _slow_body(), authority.issue("hooks.acme.example")) as server:
        reason = _refused(f"{TLS}:{server.port}/", deadline=0.8)
    assert reason == "There was no complete answer within 0.8 seconds."


@pytest.mark.usefixtures("lab")
def test_a_peer_that_says_nothing_to_tls_is_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "within 0.5 seconds" in _refused(f"{TLS}:{silent.getsockname()[1]}/", deadline=0.5)


@pytest.mark.usefixtures("lab")
def test_an_answer_is_bounded() -> None:
    endless = iter(lambda: b"x" * 65536, b"")
    for given in (answer(body=b"x" * 2001), iter([b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 1000] * 3]), endless):
        with HttpServer(lambda _, given=given: given) as server:
            assert _refused(f"http://hooks.acme.example:{server.port}/", limit=2000, deadline=5)
    with HttpServer(lambda _: answer(body=b"x" * 2000)) as server:
        assert len(fetch(f"http://hooks.acme.example:{server.port}/", limit=2000).body) == 2000


@pytest.mark.usefixtures("lab")
def test_the_body_of_a_redirect_is_bounded_too() -> None:
    with HttpServer(lambda _: answer("302 Found", b"x" * 3000, Location="/next")) as server:
        assert _refused(f"http://hooks.acme.example:{server.port}/", limit=2000) == (
            "The answer is larger than 2000 octets."
        )


@pytest.mark.usefixtures("lab")
def test_a_compressed_answer_is_not_unpacked() -> None:
    with HttpServer(lambda _: answer(body=b"\x1f\x8b", Content_Encoding="gzip")) as server:
        assert _refused(f"http://hooks.acme.example:{server.port}/").startswith("The answer is compressed")
    assert server.asked[0].headers["accept-encoding"] == "identity"


def _over_tls(tmp_path: Path, settings: Any, *names: str, days: int = 20, trusted: bool = True) -> Fetched | str:
    authority = Authority(tmp_path)
    if trusted:
        settings.MAILADMIN = replace(settings.MAILADMIN, ca_file=authority.ca_file)
    with HttpServer(lambda _: answer(body=b"safe"), authority.issue(*names, days=days)) as server:
        try:
            return fetch(f"{TLS}:{server.port}/")
        except FetchFault as fault:
            return fault.reason


@pytest.mark.usefixtures("lab")
def test_certificates_are_verified_for_the_name(tmp_path: Path, settings: Any) -> None:
    got = _over_tls(tmp_path, settings, "hooks.acme.example")
    assert isinstance(got, Fetched)
    assert got.body == b"safe"


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("name", "days", "trusted", "reason"),
    [
        ("other.example", 20, True, "Hostname mismatch"),
        ("hooks.acme.example", -2, True, "has expired"),
        ("hooks.acme.example", 20, False, "self-signed certificate in certificate chain|unable to get local issuer"),
    ],
)
def test_bad_certificates_are_named(
    tmp_path: Path, settings: Any, name: str, days: int, trusted: bool, reason: str
) -> None:
    got = _over_tls(tmp_path, settings, name, days=days, trusted=trusted)
    assert isinstance(got, str)
    assert got.startswith("The certificate does not verify")
    assert any(part in got for part in reason.split("|")), got


@pytest.mark.usefixtures("lab")
def test_a_redirect_never_leaves_https(tmp_path: Path, settings: Any) -> None:
    authority = Authority(tmp_path)
    settings.MAILADMIN = replace(settings.MAILADMIN, ca_file=authority.ca_file)
    with HttpServer() as plain:
        target = f"http://hooks.acme.example:{plain.port}/x"
        with HttpServer(_leads_to(target), authority.issue("hooks.acme.example")) as server:
            assert _refused(f"{TLS}:{server.port}/") == "The answer leads from HTTPS to plain HTTP."
    assert plain.connections == 0


@pytest.mark.usefixtures("lab")
def test_the_environment_and_cookies_play_no_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine hooks.acme.example login user password word\n")
    with HttpServer(lambda _: answer(Set_Cookie="a=b")) as server, HttpServer() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        with guarded_session() as session:
            for _ in range(2):
                session.get(f"http://hooks.acme.example:{server.port}/")
    assert proxy.connections == 0
    assert len(server.asked) == 2
    assert not {"cookie", "authorization"} & {name for asked in server.asked for name in asked.headers}


@pytest.mark.usefixtures("lab")
def test_what_nobody_answers_is_said_plainly() -> None:
    with HttpServer() as server:
        port = server.port
    assert _refused(f"http://127.0.0.1:{port}/") == f"127.0.0.1 port {port}: Connection refused."
    with HttpServer(lambda _: b"") as server:
        assert _refused(f"http://127.0.0.1:{server.port}/").startswith("The connection broke: ")
    with HttpServer(lambda _: b"220 mail.example ESMTP\r\n") as server:
        assert _refused(f"http://127.0.0.1:{server.port}/").startswith("The connection broke: ")


def test_a_name_without_an_address_and_a_dns_that_is_silent(lab: DnsServer) -> None:
    assert _refused("http://nowhere.example/") == "nowhere.example has no address."
    lab.failing.add("broken.example")
    assert _refused("http://broken.example/").startswith("The DNS gave no address of broken.example: ")


@pytest.mark.usefixtures("lab")
def test_a_lab_may_call_another_port() -> None:
    with HttpServer() as server:
        assert fetch("http://hooks.acme.example/", ports={80: server.port}).status == 200
    assert server.asked[0].headers["host"] == "hooks.acme.example"
