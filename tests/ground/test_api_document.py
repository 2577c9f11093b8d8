"""The OpenAPI document and its page: there, whole, offline, and true in its frame."""

import re

import jsonschema
import pytest
from django.core.management import call_command
from django.test import Client

from retention_center.api.schema import EXAMPLES

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(db: None) -> dict:
    return Client().get("/api/schema").json()


def test_anybody_may_read_the_document():
    answer = Client().get("/api/schema")
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.1")


def test_the_document_is_valid_and_nothing_in_it_was_guessed(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "document"), skip_checks=True)


def test_every_operation_tells_who_may_call_and_how_it_fails(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            codes = operation["responses"]
            assert {"400", "429"} <= set(codes), (path, method)
            if {} not in operation["security"]:
                assert operation["security"] == [{"bearer": []}]
                assert "401" in codes, (path, method)
            for code in set(codes) & {"400", "401", "403", "404", "409", "413", "415", "422", "429"}:
                assert "application/problem+json" in codes[code]["content"], (path, method, code)


def test_every_list_takes_pages_and_answers_in_them(document):
    listing = document["paths"]["/api/audit"]["get"]
    names = {parameter["name"] for parameter in listing["parameters"]}
    assert {"page", "pageSize", "sortBy", "sortOrder", "cursor", "search", "via", "dateFrom"} <= names
    schema = listing["responses"]["200"]["content"]["application/json"]["schema"]
    members = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    assert set(members["required"]) == {"data", "total", "page", "pageSize", "totalPages", "nextCursor"}


def test_names_on_the_wire_are_camel_case(document):
    for name, schema in document["components"]["schemas"].items():
        for member in schema.get("properties", {}):
            assert re.fullmatch(r"[a-z][A-Za-z0-9]*", member), (name, member)


def test_an_answer_is_what_the_document_says(api, document):
    api("admin").post("/api/api-keys", {"name": "CRM", "role": "viewer"})
    body = api("admin").get("/api/api-keys").json()
    answer = document["paths"]["/api/api-keys"]["get"]["responses"]["200"]
    schema = answer["content"]["application/json"]["schema"] | {"components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(body)


def test_the_page_needs_nothing_from_elsewhere():
    page = Client().get("/api/docs")
    assert page.status_code == 200
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page.content.decode())
    script = Client().get(re.search(r'src="([^"]*script[^"]*)"', page.content.decode())[1].replace("&amp;", "&"))
    assert script.status_code == 200
    assert "script-src 'self';" in page["Content-Security-Policy"] + ";"
    assert "/api/schema" in script.content.decode()


def test_the_examples_work_as_they_stand(api, document):
    for path, example in EXAMPLES.items():
        answer = api("admin").post(path, example)
        assert answer.status_code in {200, 201}, (path, answer.content)
        shown = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
        assert shown["example"]["value"] == example
