"""The OpenAPI document: a real validator reads it, every answer has a schema, and what is answered conforms to it."""

import re

import pytest
from django.db import transaction
from django.test import Client
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from domains.models import Role
from tests.api.people import API, call, make_token, make_world
from tests.api.test_matrix import ROWS, ask
from tests.domains.dmarc.samples import report_xml
from tests.factories import make_domain

SHAPES = {
    "Domain": "name unicode_name state health created_at",
    "Record": "name zone type ttl value purpose about required status found checked_at",
    "Key": "selector algorithm state record_name record_value created_at",
    "Mailbox": "address display_name quota_bytes used_bytes messages enabled",
    "Alias": "address targets",
    "Report": "org_name report_id domain records messages begin end",
    "Source": ("source_ip name class messages dmarc_pass spf_aligned dkim_aligned dispositions first_day last_day"),
    "QueueEntry": "id trace_id mail_from recipients next_hop state attempts next_attempt_at last_reply",
    "Message": "id direction message_id mail_from recipients received_at outcome",
    "ExplainedMessage": "id direction message_id mail_from recipients received_at outcome events",
    "Event": "at stage outcome reason detail dns",
    "Problem": "type title status detail errors",
}


@pytest.fixture(scope="module")
def document():
    return Client().get(f"{API}/openapi.json").json()


def operations(document):
    """Yield (verb, path, operation) of the document."""
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield verb.upper(), path.removeprefix(API), operation


def conforms(document, schema, value):
    """Assert that a value is what the schema says."""
    whole = {"components": document["components"], "$ref": schema["$ref"]} if "$ref" in schema else schema
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(value)


def content_of(document, operation, status):
    """Return the content of an answer of this status, by its media type."""
    answer = operation["responses"].get(str(status)) or operation["responses"]["default"]
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
    return answer.get("content", {})


def test_a_validator_finds_nothing_wrong(document):
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_the_schemas_have_the_fields_of_the_contract(document):
    schemas = document["components"]["schemas"]
    for name, fields in SHAPES.items():
        assert set(fields.split()) <= set(schemas[name]["properties"]), name
        assert set(fields.split()) <= set(schemas[name]["required"]), name
        assert all(field.get("description") for field in schemas[name]["properties"].values()), name


def test_every_answer_has_a_schema_and_every_error_is_a_problem(document):
    for verb, path, operation in operations(document):
        assert content_of(document, operation, 400)["application/problem+json"]["schema"] == {
            "$ref": "#/components/schemas/Problem"
        }
        for status, answer in operation["responses"].items():
            if status in ("204", "default"):
                continue
            schema = answer["content"]["application/json"]["schema"]
            assert schema["$ref"].removeprefix("#/components/schemas/") in document["components"]["schemas"], path
            assert answer["description"], (verb, path)


def test_every_operation_is_named_tagged_and_told(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    tags = {tag["name"] for tag in document["tags"]}
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", name) for name in names), names
    for verb, path, operation in operations(document):
        assert set(operation["tags"]) <= tags
        assert operation["summary"], (verb, path)
        assert operation["description"], (verb, path)


def test_every_example_conforms_to_its_own_schema(document):
    found = 0
    for schema in document["components"]["schemas"].values():
        for example in schema.get("examples", ()):
            found += 1
            Draft202012Validator(schema | {"components": document["components"]}).validate(example)
    assert found >= 5


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["superadmin", "domain_admin", "owner", "wrong"])
@pytest.mark.parametrize("place", ["near", "far"])
def test_every_live_answer_conforms_to_the_document(document, dns_settings, place, token):
    world = make_world()
    for verb, path, operation in operations(document):
        with transaction.atomic():
            answer = ask(world, (verb, path), place, token)
            transaction.set_rollback(True)
        if answer.status_code == 204:
            assert "204" in operation["responses"], path
            continue
        assert answer.status_code < 400 or str(answer.status_code) not in operation["responses"]
        assert answer.status_code >= 400 or str(answer.status_code) in operation["responses"], (verb, path)
        content = content_of(document, operation, answer.status_code)
        conforms(document, content[answer["content-type"].partition(";")[0]]["schema"], answer.json())


@pytest.mark.django_db
def test_reports_and_sources_conform_to_the_document(document):
    make_domain("example.org")
    make_token("superadmin", Role.SUPERADMIN, None)
    for status in (201, 200):
        answer = call("POST", "/dmarc/reports", body=report_xml(), content_type="application/octet-stream")
        assert answer.status_code == status
        schema = document["paths"][f"{API}/dmarc/reports"]["post"]["responses"][str(status)]["content"]
        conforms(document, schema["application/json"]["schema"], answer.json())
    sources = call("GET", "/domains/example.org/dmarc/sources?from=2025-10-01&to=2025-10-31").json()
    assert len(sources["items"]) == 1
    schema = document["paths"][f"{API}/domains/{{name}}/dmarc/sources"]["get"]["responses"]["200"]["content"]
    conforms(document, schema["application/json"]["schema"], sources)


def test_the_matrix_asks_every_operation(document):
    assert {(verb, path) for verb, path, _ in operations(document)} == set(ROWS)
