"""The OpenAPI document, made from the views: who may call, and which problems each address can answer with."""

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from retention_center.api.permissions import Open
from retention_center.api.problems import CONTENT_TYPE


class FieldError(serializers.Serializer):
    field = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemDetails(serializers.Serializer):
    """RFC 9457. ``detail`` is a sentence for people; some problems have further members."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = FieldError(many=True)


PROBLEMS = {
    "400": "Malformed: a field, a filter, or the body.",
    "401": "No valid credential.",
    "403": "The caller's role is too low.",
    "404": "There is nothing at this address.",
    "409": "What stands in the database forbids it.",
    "413": "The body is too large.",
    "414": "The address is longer than 8,190 characters.",
    "415": "The body has a media type we do not read.",
    "422": "The Idempotency-Key was used with another request.",
    "429": "Too many requests; Retry-After says when to come again.",
}
_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="Makes the request repeatable for 24 h: a repeat gets the first answer again.",
)


class WireSchema(AutoSchema):
    """Adds the problem answers to what drf-spectacular finds in a view."""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        if direction == "response":
            for code in self._problems():
                bodies.setdefault(code, self._problem(code))
        return bodies

    def _map_basic_serializer(self, serializer: Any, direction: Literal["request", "response"]) -> dict[str, Any]:
        described = super()._map_basic_serializer(serializer, direction)
        if unpromised := set(getattr(serializer, "only_when_asked", ())):
            described["required"] = [name for name in described.get("required", []) if name not in unpromised]
        return described

    def _get_request_body(self, direction: Literal["request", "response"] = "request") -> Any:
        """drf-spectacular draws no body for DELETE: give ``request={media type: serializer}`` where it has one."""
        given: Any = self.get_request_serializer() if self.method == "DELETE" else None
        if not isinstance(given, dict):
            return super()._get_request_body(direction)
        bodies = {kind: self._get_request_for_media_type(one, direction)[0] for kind, one in given.items()}
        return {"content": {kind: {"schema": schema} for kind, schema in bodies.items()}, "required": True}

    def get_override_parameters(self) -> list[Any]:
        given = super().get_override_parameters()
        return [*given, _IDEMPOTENCY_KEY] if self.method == "POST" and not self._is_open() else given

    def _problems(self) -> list[str]:
        codes = ["400", "414", "429"]
        if any(self.get_auth()):
            codes.append("401")
        if not self._is_open():
            codes.append("403")
        if "{" in self.path:
            codes.append("404")
        if self.method != "GET":
            codes += ["409", "413", "415"]
        if self.method == "POST" and not self._is_open():
            codes.append("422")
        return codes

    def _problem(self, code: str) -> Any:
        described = self._get_response_for_code(ProblemDetails(), code, [CONTENT_TYPE])
        headers = {"429": "Retry-After", "401": "WWW-Authenticate"}
        if code in headers:
            described["headers"] = {headers[code]: {"schema": {"type": "string"}}}
        return described | {"description": PROBLEMS[code]}

    def _is_open(self) -> bool:
        return Open in self.view.permission_classes


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "retention_center.api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "An API key (rc_…), or the Auth Center's token."}


EXAMPLES: dict[str, dict[str, Any]] = {  # bodies that work as they stand, by address
    "/api/leads": {"firstName": "Ada", "email": "ada@example.com", "phone": "+14155550123", "source": "CRM"},
    "/api/leads/bulk": {"leads": [{"email": "bea@example.com"}, {"phone": "+14155550124", "meta": {"plan": "gold"}}]},
    "/api/scripts": {"name": "We miss you", "type": "EMAIL", "content": "Hello {{ firstName | default: 'you' }}!"},
    "/api/campaigns": {"name": "Spring", "channels": ["EMAIL", "SMS"]},
    "/api/sequences": {"name": "Win back", "triggerType": "no_conversion", "triggerConfig": {"minAgeHours": 72}},
    "/api/conversions": {
        "status": "sale",
        "revenue": 49.5,
        "currency": "USD",
        "source": "api",
        "externalRef": "order-1",
    },
    "/api/suppressions": {"address": "dia@example.com", "channel": "ALL", "reason": "staff"},
    "/api/api-keys": {"name": "CRM", "role": "operator"},
}
NO_NUL = r"^[^\x00]*$"


def made_exact(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular's: tells texts that no database could store from the others, and shows examples."""
    schemas = result.get("components", {}).get("schemas", {})
    taken = [schema for name, schema in schemas.items() if name.endswith("Request")]
    operations = [operation for path in result["paths"].values() for operation in path.values()]
    taken += [parameter["schema"] for one in operations for parameter in one.get("parameters", [])]
    for schema in taken:
        _make_exact(schema)
    for path, example in EXAMPLES.items():
        if "post" in result["paths"].get(path, {}):
            content = result["paths"][path]["post"]["requestBody"]["content"]["application/json"]
            content["examples"] = {"example": {"value": example}}
    return result


def _make_exact(schema: dict[str, Any]) -> None:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if "format" in schema and "null" in kinds:  # a format beside several types is easily overlooked
        own = {name: schema.pop(name) for name in ("format", "maxLength", "pattern", "minLength") if name in schema}
        del schema["type"]
        schema["anyOf"] = [{"type": kind} | (own if kind != "null" else {}) for kind in kinds]
    elif "string" in kinds and not {"format", "enum", "pattern", "const"} & schema.keys():
        schema["pattern"] = NO_NUL
    elif "object" in kinds and "properties" not in schema:
        schema["propertyNames"] = {"pattern": NO_NUL}
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *schema.get("oneOf", [])]
    inner += [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)]
    for part in inner:
        _make_exact(part)
