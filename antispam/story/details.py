"""What a stage tells beside its sentence, for stages without a picture of their own: facts, tables, the rest."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from antispam.story.stages import Stage
from domains.views.words import label_of

SHORT = 200
_EMPTY: tuple[Any, ...] = ("", [], {}, None)
_COLUMNS = ["name", "mechanism", "term", "domain", "selector", "algorithm", "bits", "result"]
_COLUMNS += ["found", "matched", "aligned", "mode", "reason", "note"]


class Table(NamedTuple):
    """A list of alike things."""

    name: str
    columns: list[str]
    rows: list[list[str]]


def facts_of(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is short, under the reader's name for it."""
    return [(label_of(name), _short(value)) for name, value in detail.items() if _told(value) and _is_short(value)]


def tables_of(detail: Mapping[str, Any]) -> list[Table]:
    """Return the lists of plain objects."""
    return [_table(label_of(name), value) for name, value in detail.items() if _is_table(value)]


def more_of(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is neither."""
    return {
        label_of(name): value
        for name, value in detail.items()
        if _told(value) and not _is_short(value) and not _is_table(value)
    }


def brief(stage: Stage) -> str:
    """Return a line for a stage without a sentence: its texts, or its size."""
    texts = [value for value in stage.detail.values() if isinstance(value, str) and 0 < len(value) <= SHORT]
    size = stage.detail.get("size")
    if not texts and isinstance(size, int) and not isinstance(size, bool):
        return filesizeformat(size)
    return " · ".join(dict.fromkeys(texts))


def _told(value: Any) -> bool:
    return value not in _EMPTY


def _is_short(value: Any) -> bool:
    if isinstance(value, dict):
        return _is_short(list(value.values()))
    if isinstance(value, list):
        return all(isinstance(item, (str, int)) for item in value) and sum(len(str(item)) for item in value) <= SHORT
    return len(str(value)) <= SHORT


def _is_table(value: Any) -> bool:
    """True for a list of objects whose values are plain."""
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) for row in value):
        return False
    return not any(isinstance(item, (dict, list)) for row in value for item in row.values())


def _table(name: str, rows: list[dict[str, Any]]) -> Table:
    """Return the list as a table, without columns that say nothing."""
    said = {key for row in rows for key, item in row.items() if item not in ("", None, 0, False)}
    names = sorted(said, key=lambda key: (_COLUMNS.index(key) if key in _COLUMNS else len(_COLUMNS), key))
    return Table(name, [label_of(key) for key in names], [[_short(row.get(key)) for key in names] for row in rows])


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={item}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return "" if value is None else str(value)
