"""The REST API's root: every call needs a bearer token unless it stands on the short list ``PUBLIC``.

Tokens are looked up by their SHA-256. A wrong token counts in the failure budget of its address. Each call finds its
``Act`` in ``request.auth`` and reaches objects only through services that take it.
"""

from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from threading import Lock
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.openapi.docs import DocsBase
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.security import HttpBearer

from antispam.api import dmarc_what_if, incoming, limits, spf_what_if, what_if
from domains.api import (
    access,
    advice,
    bimi,
    certificates,
    client_test,
    corrections,
    domains,
    history,
    lint,
    messages,
    notices,
    observation,
    onboarding,
    report_alerts,
    report_files,
    report_mailboxes,
    report_reading,
    reports,
    senders,
    tls,
    trace_keeping,
    transfer,
    zone,
)
from domains.api.answers import Problem
from domains.api.problem import PROBLEM_TYPE, add_handlers, problem
from domains.audit import Act
from domains.models import ApiToken, Role
from domains.services.failures import Attempt, is_throttled, note
from mailadmin.api_docs import readable
from mailboxes.api import accounts, app_passwords, groups, queue

SEEN_STEP = timedelta(minutes=1)
ROUTERS = (
    domains.router,
    bimi.router,
    history.router,
    zone.router,
    onboarding.router,
    observation.router,
    senders.router,
    transfer.router,
    accounts.router,
    app_passwords.router,
    groups.router,
    access.router,
    trace_keeping.router,
    reports.router,
    corrections.router,
    advice.router,
    report_reading.router,
    report_alerts.router,
    report_mailboxes.router,
    report_files.router,
    incoming.router,
    limits.router,
    tls.router,
    queue.router,
    messages.router,
    what_if.router,
    dmarc_what_if.router,
    spf_what_if.router,
    notices.router,
    lint.router,
    client_test.router,
    certificates.router,
)
REFERENCE = "#/components/schemas/{model}"
ERRORS = (
    "A problem document: 400 malformed, 401 no known token, 403 right missing, 404 absent or foreign, "
    "409 taken or not empty, 413 too large, 422 values not allowed, by field, 429 too many wrong tokens or look-ups."
)
TAGS = {
    "domains": "Domains, the records to publish, and DKIM keys.",
    "zone": "The plan of a zone, what was applied of it, and the access by RFC 2136.",
    "senders": "Who may send in a domain's name, and what its SPF record costs.",
    "mailboxes": "Mailboxes, app passwords, aliases, groups and the catch-all.",
    "access": "Administrators and tokens.",
    "certificates": "TLS certificates, and the authority that signs them.",
    "reports": "DMARC and TLS reports, the files that bring them, and the roads by which they come.",
    "queue": "What waits to be sent.",
    "messages": "The trace of every message.",
    "webhooks": "Endpoints that are told of events.",
    "lint": "Any domain or record, read as its standard does.",
}
PUBLIC = frozenset({"/api/v1/openapi.json", "/api/v1/docs"})


# Wrong tokens take turns, from the look at the budget to the note: many at once spend it like one after another.
_turn = Lock()


class ReadableDocs(DocsBase):
    """The API's description as one page of our own, without scripts."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        """Return the page made from the OpenAPI document."""
        return render(request, "mailadmin/api_docs.html", readable(api.get_openapi_schema()))


class Api(NinjaAPI):
    """The API with its document: made once, the calls' own names, every error a problem document."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the call's name: that of its function."""
        return str(operation.view_func.__name__)

    def get_openapi_schema(self, **_options: Any) -> OpenAPISchema:
        """Return the document; the same object each time, for anybody may ask for it."""
        return self._document

    @cached_property
    def _document(self) -> OpenAPISchema:
        document = super().get_openapi_schema()
        components = document["components"]
        schema = Problem.model_json_schema(ref_template=REFERENCE)
        components["schemas"] |= schema.pop("$defs") | {"Problem": schema}
        content = {PROBLEM_TYPE: {"schema": {"$ref": REFERENCE.format(model="Problem")}}}
        components["responses"] = {"Problem": {"description": ERRORS, "content": content}}
        for verbs in document["paths"].values():
            for operation in verbs.values():
                operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
        return document


class BearerToken(HttpBearer):
    """``Authorization: Bearer TOKEN``."""

    def authenticate(self, request: HttpRequest, token: str) -> Act | None:
        """Return who acts, or None when the token is not known.

        HttpError 429 once the address guessed too often, 400 for NUL, which the database cannot even look for.
        """
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise HttpError(400, "An address or a query holds no NUL.")
        row = ApiToken.objects.select_related("created_by").filter(digest=sha256(token.encode()).digest()).first()
        if row is None or (row.created_by is not None and not row.created_by.is_active):
            _count_failure(request.META.get("REMOTE_ADDR") or "0.0.0.0", token)  # noqa: S104
            return None
        _mark_used(row)
        return token_act(row, request.META.get("REMOTE_ADDR"))


def _count_failure(address: str, token: str) -> None:
    """Note a wrong token in the one failure budget; raises HttpError 429 when it is used up."""
    attempt = Attempt("api", address, "", token)
    with _turn:
        if is_throttled(attempt):
            raise HttpError(429, "Too many wrong tokens from this address; try again later.")
        note(attempt, succeeded=False)


def _mark_used(token: ApiToken) -> None:
    """Write when the token was last used, at most once a minute."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > SEEN_STEP:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


def token_act(token: ApiToken, address: str | None) -> Act:
    """Return the act of a token: its own role and domains, never more than its maker has now."""
    superadmin = token.role == Role.SUPERADMIN
    domain_ids = None if superadmin else frozenset(token.domains.values_list("pk", flat=True))
    maker = token.created_by
    if maker is not None and not maker.is_superadmin:
        own = frozenset(maker.domains.values_list("pk", flat=True))
        domain_ids = own if domain_ids is None else domain_ids & own
    role = token.role if maker is None or maker.is_superadmin or not superadmin else maker.role
    return Act(f"token {token.name}", role, "api", maker, domain_ids, address, token.pk)


def make_api() -> Api:
    """Return the API with every call of contract.md that exists."""
    api = Api(
        title="mailadmin",
        version="1",
        description="Mail administration: domains, mailboxes, keys, records, reports, the queue and the trace.",
        auth=BearerToken(),
        docs=ReadableDocs(),
        docs_url="/docs",
        openapi_url="/openapi.json",
        urls_namespace="api",
        openapi_extra={"tags": [{"name": name, "description": about} for name, about in TAGS.items()]},
    )
    add_handlers(api)
    for router in ROUTERS:
        api.add_router("", router)
    return api


api = make_api()


@csrf_exempt
def not_found(request: HttpRequest) -> HttpResponse:
    """Answer an address below the API that does not exist."""
    return problem(404, "There is no such call; see /api/v1/docs.")
