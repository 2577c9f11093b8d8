"""A provider's published description (OpenAPI, reduced to what we use), held against every request we make of it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DOCUMENT = "urn:document"
METHODS = ("get", "post", "put", "patch", "delete")
WORDS = {"true": True, "false": False}


@dataclass(frozen=True)
class Operation:
    """One call that is described. ``at`` is where it stands in the document; ``values`` fill its path."""

    method: str
    path: str
    at: str
    spec: Mapping[str, Any]
    values: Mapping[str, str]


class Description:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = _with_nulls(document)
        resource = Resource.from_contents(self.document, default_specification=DRAFT202012)
        self._registry: Any = Registry().with_resource(DOCUMENT, resource)
        self._paths = sorted(self.document["paths"], key=lambda path: path.count("{"))  # exact ones first

    def operations(self) -> Iterator[tuple[str, str]]:
        """(method, path) of all that is described."""
        for path, item in self.document["paths"].items():
            yield from ((method.upper(), path) for method in item if method in METHODS)

    def find(self, method: str, path: str) -> Operation | None:
        for template in self._paths:
            found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template.replace(".", r"\.")), path)
            spec = self.document["paths"][template].get(method.lower())
            if found and spec:
                at = f"#/paths/{template.replace('/', '~1')}/{method.lower()}"
                return Operation(method, template, at, spec, found.groupdict())
        return None

    def mistakes(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> list[str]:
        """What the description has against a request; nothing for one that it allows."""
        parts = urlsplit(target)
        operation = self.find(method, parts.path)
        if operation is None:
            return [f"{method} {parts.path} is not described"]
        found = [*self._in_security(operation, headers), *self._in_parameters(operation, parts.query)]
        return found + list(self._in_body(operation, headers, body))

    def answer(self, operation: Operation, status: int, example: str = "") -> Any:
        """What the document itself gives as an example of this answer: the one named, else the first."""
        content = self._resolved(operation.spec["responses"][str(status)])["content"]["application/json"]
        if "examples" in content:
            named = content["examples"]
            return named[example or next(iter(named))]["value"]
        return content.get("example", {})  # a few have none

    def statuses(self, operation: Operation) -> list[int]:
        return sorted(int(status) for status in operation.spec["responses"])

    def examples(self, operation: Operation, status: int) -> list[str]:
        """The names of its examples; one blank when it has a single one without a name."""
        content = self._resolved(operation.spec["responses"][str(status)])["content"]["application/json"]
        return list(content.get("examples", [""]))

    def _in_security(self, operation: Operation, headers: Mapping[str, str]) -> Iterator[str]:
        asked = operation.spec.get("security", self.document.get("security", []))
        schemes = self.document["components"]["securitySchemes"]
        wanted = [schemes[name]["scheme"] for each in asked for name in each]
        given = headers.get("Authorization", "").partition(" ")
        if wanted and not (given[0].lower() in wanted and given[2]):
            yield f"Authorization must be {' or '.join(wanted)}"

    def _in_parameters(self, operation: Operation, query: str) -> Iterator[str]:
        item = self.document["paths"][operation.path]
        declared = [
            self._resolved(each) for each in (*item.get("parameters", ()), *operation.spec.get("parameters", ()))
        ]
        given = parse_qs(query, keep_blank_values=True)
        yield from (f"?{name} is not described" for name in given if (name, "query") not in _places(declared))
        for each in declared:
            values = [operation.values[each["name"]]] if each["in"] == "path" else given.get(each["name"], [])
            if each.get("required") and not values:
                yield f"{each['name']} is missing"
            elif values:
                value = values if each["schema"].get("type") == "array" else _typed(values[-1], each["schema"])
                yield from self._against(each["schema"], value, each["name"])

    def _in_body(self, operation: Operation, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
        wanted = operation.spec.get("requestBody")
        if wanted is None:
            if body:
                yield "a body, where none is described"
            return
        kind = headers.get("Content-Type", "").partition(";")[0].strip()
        content = self._resolved(wanted)["content"]
        if not body:
            if wanted.get("required"):
                yield "the body is missing"
            return
        if kind not in content:
            yield f"the body is {kind or 'of no kind'}, not {' or '.join(content)}"
            return
        is_form = kind == "application/x-www-form-urlencoded"
        value = dict(parse_qsl(body.decode(), keep_blank_values=True)) if is_form else json.loads(body)
        schema = self._resolved(content[kind]["schema"])
        if isinstance(value, dict) and not schema.get("additionalProperties"):
            yield from (f"body.{name} is not described" for name in value if name not in schema.get("properties", {}))
        yield from self._against(schema, value, "body")

    def _against(self, schema: Mapping[str, Any], value: Any, name: str) -> Iterator[str]:
        # As a part of the document, so that what it points at is found there
        absolute = json.loads(json.dumps(schema).replace('"#/', f'"{DOCUMENT}#/'))
        checker = Draft202012Validator.FORMAT_CHECKER
        for error in Draft202012Validator(absolute, registry=self._registry, format_checker=checker).iter_errors(value):
            yield f"{'.'.join([name, *map(str, error.absolute_path)])}: {error.message}"

    def _resolved(self, part: Any) -> Any:
        while isinstance(part, dict) and "$ref" in part:
            found: Any = self.document
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step.replace("~1", "/")]
            part = found
        return part


@cache
def description(provider: str) -> Description:
    """Of ``twilio``, ``vapi`` or ``instantly``."""
    return Description(json.loads((Path(__file__).parent / f"{provider}.json").read_text()))


def _places(declared: list[Any]) -> set[tuple[str, str]]:
    return {(each["name"], each["in"]) for each in declared}


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    """A query's text as what its schema speaks of."""
    match schema.get("type"):
        case "integer" | "number":
            return json.loads(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text
        case "boolean":
            return WORDS.get(text, text)
    return text


def _with_nulls(part: Any) -> Any:
    """OpenAPI 3.0 says ``nullable`` where JSON Schema has a type more."""
    if isinstance(part, list):
        return [_with_nulls(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {name: _with_nulls(each) for name, each in part.items()}
    if made.pop("nullable", False) is True:
        made = {"anyOf": [made, {"type": "null"}]}
    return made
