"""Values on the wire have the type that the document says; nothing is read as something it is not."""

import pytest
from django.http import QueryDict
from rest_framework import serializers

from retention_center.api.problems import flattened
from retention_center.api.serializers import WireSerializer


class Sample(WireSerializer):
    is_open = serializers.BooleanField(required=False, allow_null=True)
    max_count = serializers.IntegerField(required=False)
    price = serializers.DecimalField(max_digits=8, decimal_places=2, required=False)
    name = serializers.CharField(required=False)
    kind = serializers.ChoiceField(["a", "1"], required=False)
    at = serializers.DateTimeField(required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)


@pytest.mark.parametrize(
    "given",
    [
        {"isOpen": 0}, {"isOpen": 1}, {"isOpen": "true"}, {"isOpen": []}, {"maxCount": "5"}, {"maxCount": True},
        {"maxCount": 5.5}, {"price": "5.00"}, {"price": False}, {"name": 5}, {"name": True}, {"kind": 1}, {"at": 0},
        {"name": {}}, {"price": [1]},
    ],
)  # fmt: skip
def test_another_type_is_refused_and_its_field_named(given):
    sample = Sample(data=given)
    assert not sample.is_valid()
    (error,) = flattened({name: [_full(one) for one in errors] for name, errors in sample.errors.items()})
    assert (error["field"], error["code"]) == (next(iter(given)), "wrong_type")


def test_items_of_lists_are_looked_at_too():
    sample = Sample(data={"tags": ["a", 1]})
    assert not sample.is_valid()
    assert sample.errors["tags"]["1"][0].code == "wrong_type"


def test_the_right_types_pass_and_form_fields_have_none():
    given = {"isOpen": None, "maxCount": 5.0, "price": 5, "name": "n", "kind": "1", "tags": ["a"]}
    assert Sample(data=given).is_valid()
    assert Sample(data=QueryDict("isOpen=true&maxCount=5&price=5.00")).is_valid()


def _full(error) -> dict[str, str]:
    return {"message": str(error), "code": error.code}
