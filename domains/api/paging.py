"""Lists in pages: ``{"items": […], "next": cursor|null}`` to ``?cursor=&limit=`` (50, at most 500).

A cursor is the last row's key, so a page stays right while rows come and go.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from ninja import Query, Schema
from ninja.errors import HttpError
from pydantic import Field

T = TypeVar("T", bound=Model)
Item = TypeVar("Item")
Shown = TypeVar("Shown")

DEFAULT_LIMIT = 50
MAXIMUM_LIMIT = 500
MAXIMUM_PLACE_DIGITS = 9


class Page(Schema):
    """Which part of a list is asked for."""

    cursor: str | None = Field(default=None, description="The `next` of the page before; none for the first page.")
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAXIMUM_LIMIT, description="How many items at most.")


PageQuery = Annotated[Page, Query()]


class Listing(Schema, Generic[Shown]):
    """One page of a list."""

    items: list[Shown] = Field(description="The items of this page, in the list's order.")
    next: str | None = Field(description="The cursor of the next page; null on the last one.")

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the name in the document: ``Domain`` makes ``DomainList``."""
        return f"{params[0].__name__}List"


def _encode(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([str(value) for value in values]).encode()).decode().rstrip("=")


def _decode(cursor: str, length: int) -> list[str]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError, binascii.Error) as error:
        raise HttpError(400, "The cursor is not one that this list gave.") from error
    if not isinstance(values, list) or len(values) != length:
        raise HttpError(400, "The cursor is not one that this list gave.")
    if not all(isinstance(value, str) and "\0" not in value for value in values):
        raise HttpError(400, "The cursor is not one that this list gave.")
    return values


def _value(row: Model, path: str) -> Any:
    value: Any = row
    for name in path.split("__"):
        value = getattr(value, name)
    return value


def _after(keys: Sequence[str], values: Sequence[str], descending: bool) -> Q:
    """Return the condition "comes after these values" for a row order by ``keys``."""
    step = "lt" if descending else "gt"
    condition = Q()
    for position, key in enumerate(keys):
        equal = dict(zip(keys[:position], values[:position], strict=True))
        condition |= Q(**equal) & Q(**{f"{key}__{step}": values[position]})
    return condition


def paginate_list(items: Sequence[Item], page: Page, show: Callable[[Item], Shown]) -> Listing[Shown]:
    """Return one page of what is no table; the cursor is the place in the list. HttpError 400 on a bad cursor."""
    place = _decode(page.cursor, 1)[0] if page.cursor else "0"
    if not place.isascii() or not place.isdecimal() or len(place) > MAXIMUM_PLACE_DIGITS:
        raise HttpError(400, "The cursor is not one that this list gave.")
    end = int(place) + page.limit
    shown = [show(item) for item in items[int(place) : end]]
    return Listing(items=shown, next=_encode([end]) if end < len(items) else None)


def paginate_found(find: Callable[[int, str], Sequence[T]], page: Page, show: Callable[[T], Shown]) -> Listing[Shown]:
    """Return one page of what ``find(limit, before)`` fetches newest first, by key; HttpError 400 as below."""
    before = _decode(page.cursor, 1)[0] if page.cursor else ""
    found = find(page.limit + 1, before)
    items = found[: page.limit]
    after = _encode([items[-1].pk]) if len(found) > page.limit else None
    return Listing(items=[show(row) for row in items], next=after)


def paginate(
    rows: QuerySet[T], page: Page, keys: Sequence[str], show: Callable[[T], Shown], descending: bool = False
) -> Listing[Shown]:
    """Return one page of ``rows`` in the order of ``keys`` (unique together); HttpError 400 on a bad cursor."""
    sign = "-" if descending else ""
    if page.cursor:
        try:
            rows = rows.filter(_after(keys, _decode(page.cursor, len(keys)), descending))
        except (ValueError, TypeError, ValidationError) as error:
            raise HttpError(400, "The cursor is not one that this list gave.") from error
    found = list(rows.order_by(*(sign + key for key in keys))[: page.limit + 1])
    items = found[: page.limit]
    more = len(found) > page.limit
    after = _encode([_value(items[-1], key) for key in keys]) if more else None
    return Listing(items=[show(row) for row in items], next=after)
