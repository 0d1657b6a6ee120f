"""The environment as one frozen value; pure: it reads a mapping, never the process's environment.

Every variable of the outside contract is parsed here, and nowhere else. A bad value raises ConfigError with one line
that names the variable, the value and what is allowed.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import combinations
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
T = TypeVar("T")

SERVICES = ("web", "mx", "submission", "imap", "pop3", "managesieve", "relay", "jobs", "beat")
STANDARD_PORTS = {
    "mx": 25,
    "submission": 587,
    "submissions": 465,
    "imap": 143,
    "imaps": 993,
    "pop3": 110,
    "pop3s": 995,
    "sieve": 4190,
    "https": 443,
}
# What a mail worker runs today, and the ports of each: without an open port the service does not run.
MAIL_SERVICES: Mapping[str, tuple[str, ...]] = {
    "mx": ("mx_port",),
    "submission": ("submission_port", "submissions_port"),
    "imap": ("imap_port", "imaps_port"),
    "pop3": ("pop3_port", "pop3s_port"),
    "relay": (),
}
WEB_PORTS = ("http_port", "https_port")
SECRET_VARIABLES = ("MAILADMIN_ADMIN_PASSWORD", "MAILADMIN_API_TOKEN")


class ConfigError(ValueError):
    """A variable has a value that is not allowed; ``str()`` is the whole message."""

    def __init__(self, variable: str, value: str, allowed: str) -> None:
        super().__init__(f"{variable}={value!r} is not allowed: {allowed}")


@dataclass(frozen=True, slots=True)
class Socket:
    """One listening socket: the field of ``Config`` that names its port, and where it listens."""

    name: str
    address: str
    port: int

    @property
    def variable(self) -> str:
        """The environment variable that names the port."""
        return f"MAILADMIN_{self.name.upper()}"

    def collides(self, other: "Socket") -> bool:
        """True when a connection to one may reach the other."""
        ours, theirs = ip_address(self.address), ip_address(other.address)
        if self.port != other.port or ours.version != theirs.version:
            return False
        return ours == theirs or ours.is_unspecified or theirs.is_unspecified


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of one host; a port of None is not opened; ``database_url`` and ``redis_url`` empty: embedded."""

    data: Path
    secrets: Path
    bind: tuple[str, ...]
    http_bind: tuple[str, ...]
    url: str
    http_port: int | None
    https_port: int | None
    trusted_proxies: tuple[Network, ...]
    hostname: str
    public_addresses: tuple[str, ...]
    public_ports: Mapping[str, int]
    mx_port: int | None
    submission_port: int | None
    submissions_port: int | None
    imap_port: int | None
    imaps_port: int | None
    pop3_port: int | None
    pop3s_port: int | None
    sieve_port: int | None
    services: frozenset[str]
    workers: int
    resolvers: tuple[tuple[str, int], ...]
    authoritative: bool
    received_spf: bool
    trusted_resolvers: tuple[Network, ...]
    relay_port: int
    sts_port: int
    ca_file: Path | None
    private_networks: tuple[Network, ...]
    proxy_peers: tuple[Network, ...]
    unlimited_networks: tuple[Network, ...]
    tls_cert: Path
    tls_key: Path
    tls_given: bool
    database_url: str
    redis_url: str
    admin_email: str
    admin_password: str
    api_token: str

    def __repr__(self) -> str:
        hidden = {"admin_password", "api_token", "database_url", "redis_url"}
        shown = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.name not in hidden)
        return f"Config({', '.join(shown)})"

    @property
    def https_url(self) -> bool:
        """True when the panel's public base is HTTPS."""
        return self.url.startswith("https:")

    @property
    def public_url(self) -> bool:
        """True when the panel's public base lies beyond this machine."""
        return not _is_loopback_host(urlsplit(self.url).hostname or "")

    def sockets(self) -> list[Socket]:
        """Return every socket that this host's services listen on."""
        web = WEB_PORTS if "web" in self.services else ()
        mail = [name for service, names in MAIL_SERVICES.items() if service in self.services for name in names]
        places = [(name, address) for name in web for address in self.http_bind]
        places += [(name, address) for name in mail for address in self.bind]
        return [Socket(name, address, port) for name, address in places if (port := getattr(self, name)) is not None]


def _port(text: str) -> int | None:
    if text == "off":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ValueError("a port from 1 to 65535, or off")
    return int(text)


def _open_port(text: str) -> int:
    port = _port(text)
    if port is None:
        raise ValueError("a port from 1 to 65535")
    return port


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise ValueError("a whole number from 1 to 256")
    return int(text)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _addresses(text: str) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(str(ip_address(item.strip("[]"))) for item in _items(text)))
    except ValueError as error:
        raise ValueError(f"a comma list of IPv4 and IPv6 addresses ({error})") from error


def _some_addresses(text: str) -> tuple[str, ...]:
    addresses = _addresses(text)
    if not addresses:
        raise ValueError("at least one IPv4 or IPv6 address")
    return addresses


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(item) for item in _items(text))
    except ValueError as error:
        raise ValueError(f"a comma list of networks such as 192.0.2.0/24 ({error})") from error


def _url(text: str) -> str:
    allowed = "a base such as https://panel.example or http://localhost:8000, without a path"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{allowed} ({error})") from error
    extra = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.hostname or extra:
        raise ValueError(allowed)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


def _hostname(text: str) -> str:
    name = text.rstrip(".").lower()
    labels = name.split(".")
    good = all(0 < len(label) <= 63 and label.isascii() and label.replace("-", "a").isalnum() for label in labels)
    if not good or len(name) > 253 or any(label[0] == "-" or label[-1] == "-" for label in labels):
        raise ValueError("a host name of letters, digits, hyphens and dots, such as mail.example.org")
    return name


def _services(text: str) -> frozenset[str]:
    names = SERVICES if text in ("all", "") else tuple(_items(text))
    unknown = [name for name in names if name not in SERVICES]
    if unknown or not names:
        raise ValueError(f"a comma list of {', '.join(SERVICES)}")
    return frozenset(names)


def _resolver(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or (host.count(":") and not host.startswith("[")):
        host, port = text, "53"
    return str(ip_address(host.strip("[]"))), _open_port(port)


def _resolvers(text: str) -> tuple[tuple[str, int], ...]:
    try:
        found = tuple(_resolver(item) for item in _items(text))
    except ValueError as error:
        raise ValueError("one or two resolvers as address:port, such as 127.0.0.1:53,[::1]:53") from error
    if len(found) > 2:
        raise ValueError("one or two resolvers as address:port")
    return found


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("on or off")
    return text == "on"


def _public_ports(text: str) -> dict[str, int]:
    ports = dict(STANDARD_PORTS)
    for item in _items(text):
        name, _, port = item.partition(":")
        if name not in STANDARD_PORTS or not port.isdecimal() or not 1 <= int(port) <= 65535:
            raise ValueError(f"a comma list such as imaps:2993; names are {', '.join(STANDARD_PORTS)}")
        ports[name] = int(port)
    return ports


def without_password(url: str) -> str:
    """Return a URL that may be shown, also one that is none."""
    return re.sub(r"([?&]password=)[^&]*", r"\1…", re.sub(r"(://[^:/@]*):.*@", r"\1:…@", url))


def _database_url(text: str) -> str:
    if text and _scheme(text) not in ("postgresql", "postgres"):
        raise ValueError("a URL such as postgresql://user:password@host:5432/name")
    return text


def _redis_url(text: str) -> str:
    scheme = _scheme(text)
    database = urlsplit(text).path.strip("/") if scheme != "unix" else ""
    if text and (scheme not in ("redis", "rediss", "unix") or (database and not database.isdecimal())):
        raise ValueError("a URL such as redis://host:6379/0 or unix:///run/redis.sock")
    return text


def _scheme(url: str) -> str:
    """Return the scheme of a URL, empty when its host or port is not one."""
    try:
        parts = urlsplit(url)
        return parts.scheme if parts.port != 0 else ""
    except ValueError:
        return ""


def _token(text: str) -> str:
    if text and len(text) < 32:
        raise ValueError("at least 32 characters")
    return text


def _file(text: str) -> Path | None:
    return Path(text).expanduser().absolute() if text else None


class _Reader:
    """Reads one variable after another from the mapping."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def __call__(self, variable: str, default: str, parse: Callable[[str], T]) -> T:
        text = self._environment.get(variable, "").strip() or default
        try:
            return parse(text)
        except ValueError as error:
            shown = "…" if variable in SECRET_VARIABLES else without_password(text)
            raise ConfigError(variable, shown, str(error)) from error


def parse_config(environment: Mapping[str, str], base: Path) -> Config:
    """Return the configuration; ``base`` is the folder against which ``var/`` is taken. Raises ConfigError."""
    read = _Reader(environment)
    data = read("MAILADMIN_DATA", str(base / "var"), lambda text: Path(text).expanduser().absolute())
    secrets = read("MAILADMIN_SECRETS", str(data / "secrets"), lambda text: Path(text).expanduser().absolute())
    bind = read("MAILADMIN_BIND", "127.0.0.1", _some_addresses)
    certificate, key = read("MAILADMIN_TLS_CERT", "", _file), read("MAILADMIN_TLS_KEY", "", _file)
    if (certificate is None) != (key is None):
        raise ConfigError("MAILADMIN_TLS_CERT", str(certificate or ""), "set it together with MAILADMIN_TLS_KEY")
    public = read("MAILADMIN_PUBLIC_ADDRESSES", "", _addresses)
    config = Config(
        data=data,
        secrets=secrets,
        bind=bind,
        http_bind=read("MAILADMIN_HTTP_BIND", "127.0.0.1", _some_addresses),
        url=read("MAILADMIN_URL", "http://localhost:8000", _url),
        http_port=read("MAILADMIN_HTTP_PORT", "8000", _port),
        https_port=read("MAILADMIN_HTTPS_PORT", "8443", _port),
        trusted_proxies=read("MAILADMIN_TRUSTED_PROXIES", "", _networks),
        hostname=read("MAILADMIN_HOSTNAME", "mail.localhost", _hostname),
        public_addresses=public or tuple(address for address in bind if _is_public(address)),
        public_ports=read("MAILADMIN_PUBLIC_PORTS", "", _public_ports),
        mx_port=read("MAILADMIN_MX_PORT", "2525", _port),
        submission_port=read("MAILADMIN_SUBMISSION_PORT", "2587", _port),
        submissions_port=read("MAILADMIN_SUBMISSIONS_PORT", "2465", _port),
        imap_port=read("MAILADMIN_IMAP_PORT", "2143", _port),
        imaps_port=read("MAILADMIN_IMAPS_PORT", "2993", _port),
        pop3_port=read("MAILADMIN_POP3_PORT", "2110", _port),
        pop3s_port=read("MAILADMIN_POP3S_PORT", "2995", _port),
        sieve_port=read("MAILADMIN_SIEVE_PORT", "24190", _port),
        services=read("MAILADMIN_SERVICES", "all", _services),
        workers=read("MAILADMIN_WORKERS", str(os.cpu_count() or 1), _count),
        resolvers=read("MAILADMIN_RESOLVER", "", _resolvers),
        authoritative=read("MAILADMIN_AUTHORITATIVE", "on", _switch),
        received_spf=read("MAILADMIN_RECEIVED_SPF", "off", _switch),
        trusted_resolvers=read("MAILADMIN_TRUSTED_RESOLVERS", "127.0.0.0/8,::1/128", _networks),
        relay_port=read("MAILADMIN_RELAY_PORT", "25", _open_port),
        sts_port=read("MAILADMIN_STS_PORT", "443", _open_port),
        ca_file=read("MAILADMIN_CA_FILE", "", _file),
        private_networks=read("MAILADMIN_PRIVATE_NETWORKS", "", _networks),
        proxy_peers=read("MAILADMIN_PROXY_PEERS", "", _networks),
        unlimited_networks=read("MAILADMIN_UNLIMITED_NETWORKS", "", _networks),
        tls_cert=certificate or data / "tls" / "certificate.pem",
        tls_key=key or data / "tls" / "key.pem",
        tls_given=certificate is not None,
        database_url=read("DATABASE_URL", "", _database_url),
        redis_url=read("REDIS_URL", "", _redis_url),
        admin_email=read("MAILADMIN_ADMIN_EMAIL", "", str),
        admin_password=environment.get("MAILADMIN_ADMIN_PASSWORD", ""),
        api_token=read("MAILADMIN_API_TOKEN", "", _token),
    )
    _refuse_shared_ports(config.sockets())
    return config


def _refuse_shared_ports(sockets: list[Socket]) -> None:
    """Raise ConfigError when two listeners would share a socket: SO_REUSEPORT would deal clients out to both."""
    for first, second in combinations(sockets, 2):
        if first.collides(second):
            raise ConfigError(first.variable, str(first.port), f"a port of its own, {second.variable} is the same")


def _is_loopback_host(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_public(text: str) -> bool:
    address = ip_address(text)
    return not address.is_loopback and not address.is_unspecified
