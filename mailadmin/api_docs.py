"""The OpenAPI document as rows for one readable page: calls by tag, then the things they take and answer."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A field or parameter: ``kind`` its type in words, ``refers_to`` the schema that it holds, or empty."""

    name: str
    kind: str
    refers_to: str
    required: bool
    about: str
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One good answer: its status and the schema that it holds, or empty."""

    status: str
    meaning: str
    refers_to: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call; ``body`` is the schema it takes, or empty."""

    name: str
    method: str
    path: str
    summary: str
    about: str
    parameters: tuple[Field, ...]
    body: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The calls of one tag."""

    name: str
    about: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Thing:
    """One schema: its fields, and an example as text, or empty."""

    name: str
    about: str
    fields: tuple[Field, ...]
    example: str


def readable(document: Json) -> dict[str, object]:
    """Return what the page shows."""
    calls = [(operation["tags"], call) for operation, call in _calls(document)]
    groups = [
        Group(tag["name"], tag["description"], tuple(call for tags, call in calls if tag["name"] in tags))
        for tag in document["tags"]
    ]
    schemas = sorted(document["components"]["schemas"].items())
    things = [_thing(name, schema) for name, schema in schemas if "properties" in schema]
    errors = document["components"]["responses"]["Problem"]["description"]
    return {"info": document["info"], "groups": groups, "things": things, "errors": errors}


def _calls(document: Json) -> Iterator[tuple[Json, Call]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield operation, _call(path, verb, operation)


def _call(path: str, verb: str, operation: Json) -> Call:
    parameters = operation.get("parameters", ())
    body = operation.get("requestBody", {}).get("content", {})
    answers = operation["responses"].items()
    return Call(
        name=operation["operationId"],
        method=verb.upper(),
        path=path,
        summary=operation["summary"],
        about=_plain(operation["description"]),
        parameters=tuple(_field(row["name"], row["schema"], row["required"]) for row in parameters),
        body=next((_refers_to(content["schema"]) or media_type for media_type, content in body.items()), ""),
        answers=tuple(_answer(str(status), answer) for status, answer in answers if status != "default"),
    )


def _answer(status: str, answer: Json) -> Answer:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return Answer(status, answer["description"], _refers_to(schema))


def _thing(name: str, schema: Json) -> Thing:
    required = schema.get("required", ())
    fields = tuple(_field(key, value, key in required) for key, value in schema["properties"].items())
    examples = schema.get("examples", ())
    example = json.dumps(examples[0], indent=2, ensure_ascii=False) if examples else ""
    return Thing(name, _plain(schema.get("description", "")), fields, example)


def _field(name: str, schema: Json, required: bool) -> Field:
    allowed = tuple(str(word) for part in _parts(schema) for word in part.get("enum", ()))
    return Field(name, _kind(schema), _refers_to(schema), required, _plain(schema.get("description", "")), allowed)


def _plain(text: str) -> str:
    """Return a description without the marks of its code spans."""
    return text.replace("`", "")


def _parts(schema: Json) -> list[Json]:
    return list(schema.get("anyOf", [schema]))


def _kind(schema: Json) -> str:
    """Return the type in words: ``string (date-time) or null``, ``array of string``."""
    return " or ".join(_simple_kind(part) for part in _parts(schema))


def _simple_kind(part: Json) -> str:
    if "$ref" in part:
        return "object"
    kind = str(part.get("type", "any"))
    if kind == "array":
        return f"array of {_kind(part.get('items', {}))}"
    return f"{kind} ({part['format']})" if "format" in part else kind


def _refers_to(schema: Json) -> str:
    for part in _parts(schema):
        reference = part.get("$ref") or part.get("items", {}).get("$ref")
        if reference:
            return str(reference).rsplit("/", 1)[1]
    return ""
