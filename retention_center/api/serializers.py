"""Rows to JSON and back: snake_case fields are camelCase on the wire, JSON columns travel untouched."""

from typing import Any

from django.db import models
from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from retention_center.api import strict
from retention_center.api.fields import ItemsField, ObjectField
from retention_center.lib.wire import to_camel

_SAYINGS = {"invalid": "Must be a JSON object."}


class WireFields:
    """Renames every field for the wire; sources, ``get_x`` and ``validate_x`` methods keep Python's names."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {to_camel(name): self._renamed(name, field) for name, field in super().get_fields().items()}  # type: ignore[misc]

    def to_internal_value(self, data: Any) -> Any:
        if wrong := strict.wrong_types(self.fields, data):  # type: ignore[attr-defined]
            raise serializers.ValidationError(wrong)
        return super().to_internal_value(data)  # type: ignore[misc]

    def _renamed(self, name: str, field: serializers.Field) -> serializers.Field:
        wire_name = to_camel(name)
        if wire_name == name:
            return field
        if isinstance(field, serializers.SerializerMethodField):
            field.method_name = field.method_name or f"get_{name}"
        elif field.source is None:
            field.source = name
        if hasattr(self, f"validate_{name}"):
            setattr(self, f"validate_{wire_name}", getattr(self, f"validate_{name}"))
        return field


class WireSerializer(WireFields, serializers.Serializer):
    """A serializer without a model. ``validated_data`` has Python's names, errors have the wire's."""

    default_error_messages = _SAYINGS


class WireModelSerializer(WireFields, serializers.ModelSerializer):
    """A serializer of a model's columns.

    Uniqueness is not looked up here: the database holds it, and the app's own verb says what it means.
    """

    default_error_messages = _SAYINGS

    def build_standard_field(self, field_name: str, model_field: models.Field) -> Any:
        field_class, options = super().build_standard_field(field_name, model_field)
        if isinstance(model_field, models.JSONField):
            field_class = ItemsField if model_field.default is list else ObjectField
            options = {name: value for name, value in options.items() if name not in {"encoder", "decoder"}}
        validators = [one for one in options.get("validators", []) if not isinstance(one, UniqueValidator)]
        if "validators" in options:
            options["validators"] = validators
        return field_class, options

    def get_unique_together_validators(self) -> list[Any]:
        return []

    def get_unique_for_date_validators(self) -> list[Any]:
        return []
