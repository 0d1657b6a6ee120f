"""What every request passes before the panel sees it: health, proxies, transport and headers.

Each is written for both worlds, so an asynchronous request needs no thread here. Their order is in the settings:
health first, because it must answer when the database does not.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase

from domains.api.problem import problem
from domains.services.acme_challenges import PREFIX as CHALLENGE_PREFIX
from mailadmin.runner.admission import in_networks, plain_address
from mailadmin.runner.health import find_parts, is_up

Respond = Callable[[HttpRequest], HttpResponseBase]
RespondAsync = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

HEALTH_PATH = "/healthz"
HEALTH_KEPT_SECONDS = 0.5
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PERMISSIONS_POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"


class Middleware:
    """Runs ``before`` and, where that gives no answer, the rest; then ``after`` over whatever the answer is."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Respond | RespondAsync) -> None:
        self._respond = get_response
        self._async = iscoroutinefunction(get_response)
        if self._async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Return the answer, or what will give it."""
        if self._async:
            return self._call_async(request)
        answer = self.before(request) or cast(Respond, self._respond)(request)
        return self.after(request, answer)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        answer = await self.before_async(request) or await cast(RespondAsync, self._respond)(request)
        return self.after(request, answer)

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        """Return the answer, or None to let the request pass."""
        return None

    async def before_async(self, request: HttpRequest) -> HttpResponseBase | None:
        """Do the same where waiting is possible."""
        return self.before(request)

    def after(self, request: HttpRequest, answer: HttpResponseBase) -> HttpResponseBase:
        """Return the answer, changed or not."""
        return answer


class HealthMiddleware(Middleware):
    """Answers ``/healthz``: 200 when every part is ok, else 503; one answer serves for half a second."""

    def __init__(self, get_response: Respond | RespondAsync) -> None:
        super().__init__(get_response)
        self._held: tuple[float, dict[str, str]] = (-HEALTH_KEPT_SECONDS, {})
        self._asking: asyncio.Task[dict[str, str]] | None = None

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        """Find the parts in this thread."""
        if request.path != HEALTH_PATH:
            return None
        at, parts = self._held
        if time.monotonic() - at >= HEALTH_KEPT_SECONDS:
            parts = self._find()
        return _health_answer(request, parts)

    async def before_async(self, request: HttpRequest) -> HttpResponseBase | None:
        """Find the parts in another thread, once for all who ask meanwhile."""
        if request.path != HEALTH_PATH:
            return None
        at, parts = self._held
        if time.monotonic() - at >= HEALTH_KEPT_SECONDS:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.ensure_future(asyncio.to_thread(self._find))
            parts = await asyncio.shield(self._asking)
        return _health_answer(request, parts)

    def _find(self) -> dict[str, str]:
        parts = find_parts(settings.MAILADMIN, inside_web=True)
        self._held = (time.monotonic(), parts)
        return parts


def _health_answer(request: HttpRequest, parts: dict[str, str]) -> HttpResponseBase:
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    up = is_up(parts)
    body = {"status": "ok" if up else "down", "parts": parts}
    answer = JsonResponse(body, status=200 if up else 503, headers={"Cache-Control": "no-store"})
    answer.headers["Content-Length"] = str(len(answer.content))
    answer._has_been_logged = True  # type: ignore[attr-defined]  # a monitor asks every second: 503 is no error of ours
    return answer


class ApiMethodMiddleware(Middleware):
    """Tells a verb that an address of the API does not have in a problem document, like every other error."""

    def after(self, request: HttpRequest, answer: HttpResponseBase) -> HttpResponseBase:
        """Put the problem document in the place of the framework's text."""
        if answer.status_code != HTTPStatus.METHOD_NOT_ALLOWED or not request.path.startswith("/api/"):
            return answer
        told = problem(HTTPStatus.METHOD_NOT_ALLOWED, f"This address does not take {request.method}.")
        if "Allow" in answer.headers:
            told.headers["Allow"] = answer.headers["Allow"]
        return told


class ProxyMiddleware(Middleware):
    """Believes ``X-Forwarded-For`` and ``-Proto`` from trusted proxies; from others they do not reach the panel."""

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        """Put the client's own address and scheme into the request."""
        trusted = settings.MAILADMIN.trusted_proxies
        forwarded = {name: request.META.pop(name, "") for name in FORWARDED}
        peer = _address(request.META.get("REMOTE_ADDR", ""))
        if peer:
            request.META["REMOTE_ADDR"] = peer
        if not peer or not in_networks(peer, trusted):
            return None
        client = peer
        for text in reversed(forwarded["HTTP_X_FORWARDED_FOR"].split(",")):
            address = _address(text.strip())
            if not address:
                break
            client = address
            if not in_networks(address, trusted):
                break
        request.META["REMOTE_ADDR"] = client
        scheme = forwarded["HTTP_X_FORWARDED_PROTO"].rpartition(",")[2].strip().lower()
        if scheme in ("http", "https"):
            _set_scheme(request, scheme)
        return None


def _address(text: str) -> str:
    """Return the address in its plain form; empty when it is none."""
    try:
        return plain_address(text)
    except ValueError:
        return ""


def _set_scheme(request: HttpRequest, scheme: str) -> None:
    """Make ``request.scheme`` and ``is_secure()`` say so, under ASGI and WSGI."""
    scope: dict[str, Any] | None = getattr(request, "scope", None)
    if scope is not None:
        request.scope = {**scope, "scheme": scheme}  # type: ignore[attr-defined]
    environ: dict[str, Any] | None = getattr(request, "environ", None)
    if environ is not None:
        environ["wsgi.url_scheme"] = scheme


class SecureTransportMiddleware(Middleware):
    """Serves a panel beyond loopback over HTTPS only; plain HTTP gets ACME challenges and a redirect to the panel."""

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        """Return the redirect for a plain request to a public base, or from elsewhere."""
        if request.is_secure() or request.path.startswith(CHALLENGE_PREFIX):
            return None
        config, local = settings.MAILADMIN, _from_loopback(request)
        if config.https_url and (config.public_url or not local):
            target = f"{config.url}{request.get_full_path()}"
            # Outlook follows only 302; whatever is more than a question must arrive as what it is.
            return HttpResponseRedirect(target, preserve_request=request.method not in ("GET", "HEAD"))
        if local:
            return None
        return HttpResponse(
            "This panel is served over HTTPS beyond its own machine: set MAILADMIN_URL to its https address.\n",
            status=403,
            content_type="text/plain; charset=utf-8",
        )


def _from_loopback(request: HttpRequest) -> bool:
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class HeadersMiddleware(Middleware):
    """Adds what tells a browser to load nothing but our own files; an answer with a policy of its own keeps it."""

    def after(self, request: HttpRequest, answer: HttpResponseBase) -> HttpResponseBase:
        """Set both policies."""
        answer.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        answer.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return answer
