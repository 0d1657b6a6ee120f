"""Errors as ``application/problem+json`` (RFC 9457), one shape for every call."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from domains.errors import Forbidden, NotEmpty, NotFound, Refused, ServiceError, Taken, TooMany

log = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"


def problem(status: int, detail: str, errors: Mapping[str, str] | None = None, **extra: Any) -> HttpResponse:
    """Return a problem document; ``errors`` maps a field's name to its message."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": [{"field": field, "message": str(message)} for field, message in (errors or {}).items()],
    }
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return JsonResponse(body | extra, status=status, content_type=PROBLEM_TYPE, headers=headers)


def _service_error(request: HttpRequest, error: ServiceError) -> HttpResponse:
    if isinstance(error, Refused):
        return problem(409 if isinstance(error, Taken) else 422, str(error), error.errors)
    if isinstance(error, NotEmpty):
        return problem(409, str(error), counts=error.counts)
    kinds = ((NotFound, 404), (Forbidden, 403), (TooMany, 429))
    return problem(next((status for kind, status in kinds if isinstance(error, kind)), 422), str(error))


def _field(location: tuple[Any, ...]) -> str:
    """Return the field's name from pydantic's location, without the part that says body or query."""
    words = [str(part) for part in location if part not in ("body", "query", "path", "payload")]
    return ".".join(words)


def _validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = {_field(tuple(item["loc"])): str(item["msg"]).removeprefix("Value error, ") for item in error.errors}
    return problem(422, "The request has values that are not allowed.", errors)


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem(error.status_code, str(error))


def _unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    log.exception("an API call failed: %s %s", request.method, request.path)
    return problem(500, "The server could not do this; the fault is logged.")


def add_handlers(api: NinjaAPI) -> None:
    """Make every error of the API a problem document."""
    handlers: list[tuple[type[Exception], Callable[[HttpRequest, Any], HttpResponse]]] = [
        (ServiceError, _service_error),
        (ValidationError, _validation_error),
        (HttpError, _http_error),
        (Http404, lambda request, error: problem(404, "There is nothing at this address.")),
        (RequestDataTooBig, lambda request, error: problem(413, "The body is larger than this call takes.")),
        (Exception, _unexpected),
    ]
    for kind, handler in handlers:
        api.add_exception_handler(kind, handler)
