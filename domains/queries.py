"""Rows of plain SQL, for what the ORM cannot say."""

from typing import Any

from django.db import connection


def fetch_all(statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """Return all rows of one statement; ``parameters`` is a list, or a mapping for named ones."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
