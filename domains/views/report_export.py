"""Rows as a file to download, CSV or JSON, written while they are read; no cell is a formula to a spreadsheet."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

FORMATS = ("csv", "json")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Row = Sequence[Any]


class _Echo:
    """What a CSV writer writes to: gives each line back."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def inert(value: object) -> object:
    """Return a cell as a spreadsheet shows it: text that begins like a formula has an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def wanted_format(request: HttpRequest) -> str:
    """Return ``csv``, ``json`` or nothing."""
    wanted = request.GET.get("format", "")
    return wanted if wanted in FORMATS else ""


def download(wanted: str, name: str, columns: Sequence[str], rows: Iterable[Row]) -> HttpResponseBase:
    """Return the rows as a file called ``name`` with its ending."""
    if wanted == "json":
        answer = StreamingHttpResponse(_json(columns, rows), content_type="application/json")
    else:
        answer = StreamingHttpResponse(_csv(columns, rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.{wanted}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _csv(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([inert(str(cell) if cell is not None else "") for cell in row])


def _json(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    separator = "["
    for row in rows:
        yield separator + json.dumps(dict(zip(columns, row, strict=True)), default=str, ensure_ascii=False)
        separator = ",\n"
    yield "[]\n" if separator == "[" else "]\n"
