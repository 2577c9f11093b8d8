"""Kinds of values the wire has beside REST framework's own."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


@extend_schema_field({"type": "object", "additionalProperties": {}})
class ObjectField(serializers.JSONField):
    """A JSON object, as it is."""

    default_error_messages = {"not_object": "Must be an object."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_object")
        return dict(data)


@extend_schema_field({"type": "array", "items": {}})
class ItemsField(serializers.JSONField):
    """A JSON list, as it is."""

    default_error_messages = {"not_list": "Must be a list."}

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_list")
        return list(data)
