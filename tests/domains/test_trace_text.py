"""The text of a stage as it is stored: short for plain stages, cleaned for all others, the same object either way."""

import json
from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from domains.trace import Event


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "a\0b",
        "\ud800",
        "grün",
        "x" * 5000,
        "x" * 2000,
        "a \\u0000 literal",
        {"n": 1, "f": 1.5, "none": None, "yes": True},
        {1: {"b"}, "t": ("c", "d\0"), "when": datetime(2026, 11, 25, tzinfo=UTC)},
        {"set": frozenset({"b"}), "when": datetime(2026, 11, 25, tzinfo=UTC), "view": MappingProxyType({"k": "v"})},
        MappingProxyType({"k\0": ["y" * 2500]}),
    ],
)
def test_the_text_of_an_event_is_its_cleaned_object(value):
    event = Event("dkim", "pass", "why", {"value": value}, [{"name": value}])
    assert json.loads(event.as_text()) == event.as_json()
    assert "\\u0000" not in event.as_text().replace("\\\\", "")
