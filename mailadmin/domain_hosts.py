"""What is served under names of our domains, such as ``mta-sts.`` and a domain: a few exact paths, and nothing else.

The Host header chooses among active domains of ours and goes nowhere further: it builds no link. A request for any
other host or path passes on to the panel, whose allowed hosts refuse what is not the panel's own. The set-up files of
mail programs are served at the panel's host too, where a plain request is led; there the address asked for names the
domain. No answer depends on whether a mailbox exists.
"""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseNotAllowed,
    HttpResponseNotFound,
    JsonResponse,
)
from django.http.response import HttpResponseBase

from domains import autoconfig
from domains.services.acme_challenges import PREFIX as CHALLENGE_PREFIX
from domains.services.acme_challenges import challenge_content
from domains.services.autoconfig import home_of, offered_servers, serves, signed_profile
from domains.services.mta_sts import policy_text_at
from domains.tls.mta_sts import PATH as POLICY_PATH

Answer = Callable[[HttpRequest], HttpResponse | None]

_HOST = re.compile(r"([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(?::[0-9]{1,5})?")
_MAXIMUM_OCTETS = 300
_PLAIN = "text/plain; charset=utf-8"
_XML = "text/xml; charset=utf-8"
_PROFILE = "application/x-apple-aspen-config"


class DomainHostsMiddleware:
    """Answers for the names of our domains, before anything asks whether the host is the panel's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer of the path, or the panel's."""
        answer = _answer_at(request.path)
        return (answer(request) if answer is not None else None) or self.get_response(request)


def _answer_at(path: str) -> Answer | None:
    """Return what answers at a path; Outlook writes its own in capitals and small letters."""
    if path == POLICY_PATH:
        return _policy
    if path.startswith(CHALLENGE_PREFIX):
        return _challenge
    if path in autoconfig.THUNDERBIRD_PATHS:
        return _thunderbird
    if path == autoconfig.APPLE_PATH:
        return _apple
    small = path.lower()
    if small == autoconfig.OUTLOOK_PATH:
        return _outlook
    if small == autoconfig.OUTLOOK_JSON_PATH or small.startswith(f"{autoconfig.OUTLOOK_JSON_PATH}/v1.0/"):
        return _outlook_json
    return None


def _challenge(request: HttpRequest) -> HttpResponse:
    """Answer a certificate authority with what waits for it at this name; nothing below the path is the panel's."""
    content = challenge_content(host_of(request), request.path.removeprefix(CHALLENGE_PREFIX))
    if content is None:
        return HttpResponseNotFound("Nothing waits here.\n", content_type=_PLAIN)
    return _only(request, "GET", "HEAD") or HttpResponse(content, content_type="application/octet-stream")


def host_of(request: HttpRequest) -> str:
    """Return the name that the Host header asks for, lower case, without port and final dot; empty for no name."""
    text = request.META.get("HTTP_HOST", "")
    found = _HOST.fullmatch(text.lower()) if len(text) <= _MAXIMUM_OCTETS else None
    return found[1] if found else ""


def _policy(request: HttpRequest) -> HttpResponse | None:
    text = policy_text_at(host_of(request))
    if text is None:
        return None
    return _only(request, "GET", "HEAD") or HttpResponse(
        text, content_type="text/plain; charset=us-ascii", headers={"Cache-Control": "no-cache"}
    )


# ---- Mail programs ----------------------------------------------------------------------------------------------


def _domain_at(request: HttpRequest, label: str) -> str | None:
    """Return the domain whose host was asked, empty for the panel's own host, None for any other host."""
    host = host_of(request)
    name = host.removeprefix(f"{label}.")
    if serves(name):
        return name
    return "" if host in settings.ALLOWED_HOSTS else None


def _thunderbird(request: HttpRequest) -> HttpResponse | None:
    domain = _domain_at(request, "autoconfig")
    if domain is None:
        return None
    refused = _only(request, "GET", "HEAD")
    address = request.GET.get("emailaddress", "")
    if refused is not None or (domain and not address):
        return refused or _thunderbird_file(domain, home_of(domain))
    return _for_address(address, lambda asked, login: _thunderbird_file(_domain_of(asked), _domain_of(login)))


def _thunderbird_file(domain: str, home: str) -> HttpResponse:
    return HttpResponse(autoconfig.thunderbird_text(domain, offered_servers(), home), content_type=_XML)


def _domain_of(address: str) -> str:
    return address.rpartition("@")[2]


def _apple(request: HttpRequest) -> HttpResponse | None:
    if _domain_at(request, "autoconfig") is None:
        return None
    refused = _only(request, "GET", "HEAD")
    return refused or _for_address(request.GET.get("emailaddress", ""), _profile_answer)


def _profile_answer(address: str, login: str) -> HttpResponse:
    """Return the profile of Apple's programs for an address as a file."""
    octets = signed_profile(address, login)
    if not octets:
        return HttpResponseNotFound("No service for mail programs is open here.\n", content_type=_PLAIN)
    name = {"Content-Disposition": 'attachment; filename="mail.mobileconfig"'}
    return HttpResponse(octets, content_type=_PROFILE, headers=name)


def _outlook(request: HttpRequest) -> HttpResponse | None:
    if _domain_at(request, "autodiscover") is None:
        return None
    refused = _only(request, "POST")
    if refused is not None:
        return refused
    try:
        text = autoconfig.parse_outlook_request(request.read(autoconfig.REQUEST_OCTETS + 1))
    except autoconfig.BadRequest as fault:
        return HttpResponseBadRequest(f"{fault}\n", content_type=_PLAIN)
    return _for_address(
        text, lambda _, login: HttpResponse(autoconfig.outlook_text(login, offered_servers()), content_type=_XML)
    )


def _outlook_json(request: HttpRequest) -> HttpResponse | None:
    if _domain_at(request, "autodiscover") is None:
        return None
    refused = _only(request, "GET", "HEAD")
    if refused is not None:
        return refused
    asked = {name.lower(): request.GET.get(name, "") for name in request.GET}
    if asked.get("protocol", "").lower() != "autodiscoverv1":
        return JsonResponse(
            {"ErrorCode": "InvalidProtocol", "ErrorMessage": "Only AutodiscoverV1 is offered."}, status=400
        )
    address = asked.get("email") or request.path.rpartition("/")[2]
    place = {"Protocol": "AutodiscoverV1", "Url": f"{settings.MAILADMIN.url}{autoconfig.OUTLOOK_PATH}"}
    return _for_address(address, lambda _address, _login: JsonResponse(place))


def _for_address(text: str, answer: Callable[[str, str], HttpResponse]) -> HttpResponse:
    """Answer with the address and what its owner signs in with, when its domain is active and ours; else 404."""
    try:
        local_part, domain = autoconfig.parse_address(text)
    except autoconfig.BadRequest as fault:
        return HttpResponseBadRequest(f"{fault}\n", content_type=_PLAIN)
    home = home_of(domain)
    if not home:
        return HttpResponseNotFound("This domain has no mail here.\n", content_type=_PLAIN)
    return answer(f"{local_part}@{domain}", f"{local_part}@{home}")


def _only(request: HttpRequest, *methods: str) -> HttpResponse | None:
    """Return the refusal of another method, None for these."""
    return None if request.method in methods else HttpResponseNotAllowed(methods)
