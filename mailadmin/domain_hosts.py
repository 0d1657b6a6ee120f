"""What is served under names of our domains, such as ``mta-sts.`` and a domain: a few exact paths, and nothing else.

The Host header chooses among active domains of ours and goes nowhere further: it builds no link. A request for any
other host or path passes on to the panel, whose allowed hosts refuse what is not the panel's own.
"""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase

from domains.services.mta_sts import policy_text_at
from domains.tls.mta_sts import PATH as POLICY_PATH

_HOST = re.compile(r"([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(?::[0-9]{1,5})?")
_MAXIMUM_OCTETS = 300


def host_of(request: HttpRequest) -> str:
    """Return the name that the Host header asks for, lower case, without port and final dot; empty for no name."""
    text = request.META.get("HTTP_HOST", "")
    found = _HOST.fullmatch(text.lower()) if len(text) <= _MAXIMUM_OCTETS else None
    return found[1] if found else ""


def _policy(request: HttpRequest) -> HttpResponse | None:
    text = policy_text_at(host_of(request))
    if text is None:
        return None
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(("GET", "HEAD"))
    return HttpResponse(text, content_type="text/plain; charset=us-ascii", headers={"Cache-Control": "no-cache"})


_PATHS: dict[str, Callable[[HttpRequest], HttpResponse | None]] = {POLICY_PATH: _policy}


class DomainHostsMiddleware:
    """Answers for the names of our domains, before anything asks whether the host is the panel's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer of the path, or the panel's."""
        answer = _PATHS.get(request.path)
        return (answer(request) if answer is not None else None) or self.get_response(request)
