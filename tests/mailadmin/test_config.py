"""Every variable of the contract: its default, its good values, and the one line for a bad one."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from mailadmin.runner.config import SERVICES, ConfigError, parse_config, without_password

BASE = Path("/srv/mailadmin")


def parsed(**variables: str) -> Any:
    return parse_config(variables, BASE)


def test_defaults_are_those_of_the_contract() -> None:
    config = parsed()
    assert config.data == BASE / "var"
    assert config.secrets == BASE / "var" / "secrets"
    assert config.bind == config.http_bind == ("127.0.0.1",)
    assert config.url == "http://localhost:8000"
    assert (config.http_port, config.https_port) == (8000, 8443)
    assert config.hostname == "mail.localhost"
    assert (config.mx_port, config.submission_port, config.submissions_port) == (2525, 2587, 2465)
    assert (config.imap_port, config.imaps_port, config.pop3_port, config.pop3s_port) == (2143, 2993, 2110, 2995)
    assert (config.sieve_port, config.relay_port, config.sts_port) == (24190, 25, 443)
    assert config.services == frozenset(SERVICES)
    assert config.workers == os.cpu_count()
    assert config.authoritative is True
    assert config.received_spf is False
    assert config.resolvers == config.private_networks == config.proxy_peers == config.trusted_proxies == ()
    assert config.database_url == config.redis_url == ""
    assert config.tls_cert == BASE / "var" / "tls" / "certificate.pem"
    assert config.tls_given is False


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("MAILADMIN_BIND", "192.0.2.1, ::1", "bind", ("192.0.2.1", "::1")),
        ("MAILADMIN_MX_PORT", "off", "mx_port", None),
        ("MAILADMIN_SERVICES", "web,mx", "services", frozenset({"web", "mx"})),
        ("MAILADMIN_RESOLVER", "127.0.0.1:5353,[::1]:53", "resolvers", (("127.0.0.1", 5353), ("::1", 53))),
        ("MAILADMIN_RESOLVER", "192.0.2.53", "resolvers", (("192.0.2.53", 53),)),
        ("MAILADMIN_AUTHORITATIVE", "off", "authoritative", False),
        ("MAILADMIN_RECEIVED_SPF", "on", "received_spf", True),
        ("MAILADMIN_PRIVATE_NETWORKS", "10.0.0.0/8", "private_networks", (ip_network("10.0.0.0/8"),)),
        ("MAILADMIN_URL", "https://panel.example/", "url", "https://panel.example"),
        ("MAILADMIN_HOSTNAME", "MX1.Example.org.", "hostname", "mx1.example.org"),
        ("MAILADMIN_WORKERS", "7", "workers", 7),
        ("MAILADMIN_MX_PORT", "", "mx_port", 2525),  # set and empty is as not set
        ("MAILADMIN_HTTP_BIND", "127.0.0.1,::1,127.0.0.1", "http_bind", ("127.0.0.1", "::1")),
        ("MAILADMIN_URL", "HTTPS://Panel.Example", "url", "https://panel.example"),
    ],
)
def test_good_values(variable: str, text: str, field: str, value: object) -> None:
    assert getattr(parsed(**{variable: text}), field) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("MAILADMIN_MX_PORT", "0"),
        ("MAILADMIN_MX_PORT", "65536"),
        ("MAILADMIN_MX_PORT", "smtp"),
        ("MAILADMIN_RELAY_PORT", "off"),  # the remote port cannot be closed
        ("MAILADMIN_BIND", "localhost"),  # addresses, not names
        ("MAILADMIN_BIND", ","),
        ("MAILADMIN_WORKERS", "0"),
        ("MAILADMIN_URL", "panel.example"),
        ("MAILADMIN_URL", "https://panel.example/below"),
        ("MAILADMIN_URL", "https://panel.example#top"),
        ("MAILADMIN_URL", "https://alice@panel.example"),
        ("MAILADMIN_URL", "http://localhost:99999"),
        ("MAILADMIN_URL", "http://[::1"),
        ("MAILADMIN_HOSTNAME", "mail_host.example"),
        ("MAILADMIN_HOSTNAME", "-a.example"),
        ("MAILADMIN_SERVICES", "web,ftp"),
        ("MAILADMIN_SERVICES", ","),
        ("MAILADMIN_RESOLVER", "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3"),
        ("MAILADMIN_RESOLVER", "dns.example:53"),
        ("MAILADMIN_AUTHORITATIVE", "yes"),
        ("MAILADMIN_PRIVATE_NETWORKS", "10.0.0.1/8"),  # host bits set
        ("MAILADMIN_PUBLIC_PORTS", "imap:99999"),
        ("DATABASE_URL", "mysql://localhost/mail"),
        ("DATABASE_URL", "postgresql://localhost:99999/mail"),
        ("DATABASE_URL", "postgresql://localhost:many/mail"),
        ("REDIS_URL", "http://localhost"),
        ("REDIS_URL", "redis://localhost:99999/0"),
        ("REDIS_URL", "redis://localhost/first"),  # databases have numbers
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(variable: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(**{variable: text})
    line = str(caught.value)
    assert line.startswith(f"{variable}={text!r} is not allowed: ")
    assert len(line) > len(f"{variable}={text!r} is not allowed: ")
    assert "\n" not in line


def test_a_bad_token_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(MAILADMIN_API_TOKEN="short-secret")
    assert "short-secret" not in str(caught.value)


@pytest.mark.parametrize(("variable", "scheme"), [("DATABASE_URL", "mysql"), ("REDIS_URL", "http")])
def test_a_bad_url_is_shown_without_its_password(variable: str, scheme: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(**{variable: f"{scheme}://bob:geheim@localhost/x"})
    assert f"{scheme}://bob:…@localhost/x" in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "variables",
    [
        {"MAILADMIN_MX_PORT": "2587"},  # the default of another
        {"MAILADMIN_IMAP_PORT": "3000", "MAILADMIN_HTTP_PORT": "3000"},
        {"MAILADMIN_HTTP_PORT": "3000", "MAILADMIN_HTTPS_PORT": "3000", "MAILADMIN_HTTP_BIND": "::1"},
        {"MAILADMIN_MX_PORT": "3000", "MAILADMIN_HTTP_PORT": "3000", "MAILADMIN_BIND": "0.0.0.0"},
    ],
)
def test_two_listeners_never_share_a_socket(variables: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="a port of its own") as caught:
        parsed(**variables)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "variables",
    [
        {"MAILADMIN_MX_PORT": "3000", "MAILADMIN_HTTP_PORT": "3000", "MAILADMIN_HTTP_BIND": "127.0.0.2"},
        {"MAILADMIN_MX_PORT": "3000", "MAILADMIN_HTTP_PORT": "3000", "MAILADMIN_BIND": "::"},  # IPv6 alone
        {"MAILADMIN_MX_PORT": "2587", "MAILADMIN_SERVICES": "web,mx"},  # the other does not run
        {"MAILADMIN_MX_PORT": "off", "MAILADMIN_IMAP_PORT": "off"},
    ],
)
def test_a_port_may_come_twice_where_its_sockets_differ(variables: dict[str, str]) -> None:
    assert parsed(**variables).http_port


def test_certificate_and_key_come_together() -> None:
    with pytest.raises(ConfigError, match="MAILADMIN_TLS_KEY"):
        parsed(MAILADMIN_TLS_CERT="/etc/tls/cert.pem")


def test_no_secret_in_the_text_of_a_configuration() -> None:
    config = parsed(
        MAILADMIN_ADMIN_PASSWORD="geheim-1",
        MAILADMIN_API_TOKEN="geheim-2" * 5,
        DATABASE_URL="postgresql://bob:geheim-3@localhost/x",
        REDIS_URL="redis://:geheim-4@localhost/0",
    )
    assert "geheim" not in repr(config)
    assert "geheim" not in str(config)


def test_public_addresses_default_to_the_bound_ones_that_are_not_loopback() -> None:
    assert parsed(MAILADMIN_BIND="127.0.0.1,192.0.2.7,::").public_addresses == ("192.0.2.7",)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:geheim@host:6379/0", "redis://:…@host:6379/0"),
        ("postgresql://bob:ge@h/eim@host/x", "postgresql://bob:…@host/x"),
        (
            "postgresql://host/x?user=bob&password=geheim&sslmode=require",
            "postgresql://host/x?user=bob&password=…&sslmode=require",
        ),
        ("postgresql://bob@host/x", "postgresql://bob@host/x"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("http://localhost:8000", False),
        ("http://[::1]:8000", False),
        ("http://127.0.0.1", False),
        ("http://192.0.2.1", True),
        ("https://panel.example", True),
        ("http://localhost.example", True),
    ],
)
def test_a_base_beyond_loopback_is_public(url: str, public: bool) -> None:
    assert parsed(MAILADMIN_URL=url).public_url is public
