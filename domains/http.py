"""HTTP to addresses that come from users or the DNS, over requests and urllib3.

Only addresses that ``domains.reach`` allows are connected to: the name is resolved by the product's resolver, each
address is checked, and that same address is connected to, again at every redirect, so that no answer of the DNS can
lead inside. A session has one deadline for all of its work, which a peer that drips octets cannot stretch; bodies are
bounded; proxies, passwords and certificate stores of the environment are not used, cookies not kept. Certificates are
verified against MAILADMIN_CA_FILE, else the system's store.

Synchronous: an event loop calls it by ``asyncio.to_thread``.
"""

import asyncio
import io
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from ipaddress import ip_address
from typing import Any

import requests
import requests.adapters
import urllib3
from django.conf import settings
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from domains.dns.port import DnsStatus
from domains.dns.resolver import default_resolver
from domains.reach import refuse_address

CONNECT_SECONDS = 5.0
DEADLINE_SECONDS = 10.0
BODY_OCTETS = 1 << 20
REDIRECTS = 3
_ADDRESSES = 4
_CHUNK = 64 * 1024


class FetchFault(requests.RequestException):
    """No answer was had; ``reason`` is one plain sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, whatever its status; ``url`` and ``address`` are those that gave it, after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    address: str
    url: str


class _Guard:
    """What a session may still do: time left, octets, addresses; ends its sockets when the time is up."""

    def __init__(self, deadline: float, limit: int, ports: Mapping[int, int]) -> None:
        self.limit = limit
        self.address = ""
        self.expired = False
        self._ports = ports
        self._until = time.monotonic() + deadline
        self.timeout_reason = f"There was no complete answer within {deadline:g} seconds."
        self._lock = threading.Lock()
        self._held: list[socket.socket] = []
        self._timer = threading.Timer(deadline, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            for held in self._held:
                with suppress(OSError):
                    held.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Forget the sockets; the session's end."""
        self._timer.cancel()
        with self._lock:
            for held in self._held:
                held.close()
            self._held.clear()

    def connect(self, host: str, port: int) -> socket.socket:
        """Return a socket connected to an allowed address of the host; raises FetchFault."""
        port = self._ports.get(port, port)
        reason = f"{host} has no address."
        for address in self._resolve(host)[:_ADDRESSES]:
            refused = refuse_address(address, port, frozenset(), settings.MAILADMIN.private_networks)
            if refused:
                reason = refused
                continue
            try:
                return self._hold(socket.create_connection((address, port), self._seconds()), address)
            except OSError as error:
                reason = f"{address} port {port}: {error.strerror or 'no answer in time'}."
        raise FetchFault(self.timeout_reason if self.expired else reason)

    def _seconds(self) -> float:
        """Return the seconds that one wait may take; raises FetchFault when none is left."""
        left = self._until - time.monotonic()
        if left <= 0 or self.expired:
            raise FetchFault(self.timeout_reason)
        return min(left, CONNECT_SECONDS)

    def _hold(self, connected: socket.socket, address: str) -> socket.socket:
        """Keep a second handle, by which the connection can be ended after TLS has taken the first."""
        connected.settimeout(max(self._until - time.monotonic(), 0.01))
        with self._lock:
            if self.expired:
                connected.close()
                raise FetchFault(self.timeout_reason)
            self._held.append(socket.socket(connected.family, connected.type, fileno=os.dup(connected.fileno())))
        self.address = address
        return connected

    def _resolve(self, host: str) -> list[str]:
        with suppress(ValueError):
            return [str(ip_address(host.strip("[]")))]
        return asyncio.run(self._look_up(host))

    async def _look_up(self, host: str) -> list[str]:
        resolver = default_resolver()
        try:
            async with asyncio.timeout(self._seconds()):
                answers = [await resolver.lookup(host, rdtype) for rdtype in ("A", "AAAA")]
        except TimeoutError as error:
            raise FetchFault(f"The DNS gave no address of {host} in time.") from error
        found = [text for answer in answers if answer.found for text in answer.records]
        failed = next((one for one in answers if one.status in (DnsStatus.TEMPFAIL, DnsStatus.BOGUS)), None)
        if not found and failed is not None:
            raise FetchFault(f"The DNS gave no address of {host}: {failed.reason}.")
        return found


class _PlainConnection(HTTPConnection):
    """A connection whose socket comes from the guard."""

    def __init__(self, *args: Any, guard: _Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def _new_conn(self) -> socket.socket:
        return self._guard.connect(self.host, self.port or 80)


class _TlsConnection(HTTPSConnection):
    """The same under TLS: the certificate is that of the URL's name, not of the address."""

    def __init__(self, *args: Any, guard: _Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def _new_conn(self) -> socket.socket:
        return self._guard.connect(self.host, self.port or 443)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(requests.adapters.HTTPAdapter):
    """Sends through the guard's connections and reads the body within its bound."""

    def __init__(self, guard: _Guard) -> None:
        self._guard = guard
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools; their sockets come from the guard."""
        file = settings.MAILADMIN.ca_file
        context = ssl.create_default_context(cafile=str(file) if file else None)
        super().init_poolmanager(*args, ssl_context=context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": partial(_PlainPool, guard=self._guard),
            "https": partial(_TlsPool, guard=self._guard),
        }

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the certificates to the context, which verifies always."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Return the answer with its whole body; raises FetchFault."""
        kwargs |= {"stream": True, "timeout": None, "verify": True}
        try:
            response = super().send(request, *args, **kwargs)
            with response.raw as raw:
                body = self._read(raw)
        except FetchFault:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            late = self._guard.expired or _timed_out(error)
            raise FetchFault(self._guard.timeout_reason if late else _reason(error)) from error
        return self.build_response(request, _whole(raw, body))

    def _read(self, raw: Any) -> bytes:
        if raw.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise FetchFault("The answer is compressed, which was not asked for.")
        body = bytearray()
        while piece := raw.read(_CHUNK, decode_content=False):
            body += piece
            if len(body) > self._guard.limit:
                raise FetchFault(f"The answer is larger than {self._guard.limit} octets.")
        if self._guard.expired:  # a body without a length ends like this too
            raise FetchFault(self._guard.timeout_reason)
        return bytes(body)


def _whole(raw: Any, body: bytes) -> urllib3.HTTPResponse:
    return urllib3.HTTPResponse(
        io.BytesIO(body),
        headers=raw.headers,
        status=raw.status,
        reason=raw.reason,
        preload_content=False,
        decode_content=False,
    )


def _timed_out(error: BaseException) -> bool:
    """True when a socket ran out of its time a moment before the guard's clock did."""
    return any(isinstance(cause, TimeoutError) for cause in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """Return the error and what lies behind it."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        nested = next((item for item in following.args if isinstance(item, BaseException)), None)
        following = getattr(following, "reason", None) or nested or following.__context__
        if not isinstance(following, BaseException):
            following = None
    return chain


def _reason(error: BaseException) -> str:
    """Return what went wrong, from the cause that tells it best."""
    chain = _causes(error)
    for cause in chain:
        if isinstance(cause, FetchFault):
            return cause.reason
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"The certificate does not verify: {cause.verify_message.rstrip('.')}."
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or cause}."
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return "The address is not one of HTTP."
    return f"The connection broke: {chain[-1]}."


class _Session(requests.Session):
    """A session without the environment; a redirect never leads from HTTPS to plain HTTP."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where an answer leads, or None."""
        target = super().get_redirect_target(resp)
        if target and resp.url.lower().startswith("https:") and target.lower().startswith("http:"):
            raise FetchFault("The answer leads from HTTPS to plain HTTP.")
        return target


@contextmanager
def _guarded(guard: _Guard) -> Iterator[_Session]:
    try:
        with _Session() as session:
            session.trust_env = False
            session.max_redirects = REDIRECTS
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.headers["Accept-Encoding"] = "identity"
            session.headers["User-Agent"] = "mailadmin"
            session.mount("https://", _Adapter(guard))
            session.mount("http://", _Adapter(guard))
            yield session
    finally:
        guard.close()


@contextmanager
def guarded_session(
    deadline: float = DEADLINE_SECONDS, limit: int = BODY_OCTETS, ports: Mapping[int, int] | None = None
) -> Iterator[requests.Session]:
    """Yield a session for all requests of one piece of work; its time runs from here. Faults are FetchFault.

    ``ports`` says where a port is really called, in labs.
    """
    with _guarded(_Guard(deadline, limit, ports or {})) as session:
        yield session


def fetch(
    url: str,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    deadline: float = DEADLINE_SECONDS,
    limit: int = BODY_OCTETS,
    redirects: int = REDIRECTS,
    ports: Mapping[int, int] | None = None,
) -> Fetched:
    """Return the answer to one request; raises FetchFault. Only GET and HEAD follow redirects."""
    guard = _Guard(deadline, limit, ports or {})
    with _guarded(guard) as session:
        session.max_redirects = redirects or REDIRECTS  # at none it still works out where one would lead
        follow = method in ("GET", "HEAD") and redirects > 0
        try:
            answer = session.request(method, url, data=body or None, headers=headers, allow_redirects=follow)
        except requests.TooManyRedirects as error:
            raise FetchFault(f"The answer leads on more than {redirects} times.") from error
        except (requests.RequestException, ValueError) as error:
            raise error if isinstance(error, FetchFault) else FetchFault(_reason(error)) from error
        return Fetched(answer.status_code, dict(answer.headers), answer.content, guard.address, answer.url)
