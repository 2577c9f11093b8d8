"""Django admin of integrations and conversions: searchable, and without a secret."""

from typing import Any

import pytest

from integrations import inbox
from retention_center.lib import clock
from tests.builders import make_conversion, make_integration, make_lead

pytestmark = pytest.mark.django_db
SECRET = "a-secret-of-thirty-two-characters"


@pytest.mark.parametrize(
    "path",
    [
        "integrations/integrationconfig",
        "integrations/inboundevent",
        "conversions/conversion",
        "conversions/conversionrule",
    ],
)
def test_lists_open_and_search(as_admin: Any, as_operator: Any, path: str) -> None:
    make_integration("keitaro", webhookSecret=SECRET)
    inbox.receive("keitaro", "conversion", "k", facts={"text": "x"}, now=clock.now())
    make_conversion(make_lead())
    for query in ("", "?q=x"):
        answer = as_admin.get(f"/admin/{path}/{query}")
        assert answer.status_code == 200
        assert SECRET not in answer.content.decode()
    assert as_operator.get(f"/admin/{path}/").status_code in {302, 403}


def test_a_provider_is_changed_on_its_own_page(as_admin: Any) -> None:
    row = make_integration("keitaro", webhookSecret=SECRET)
    answer = as_admin.get(f"/admin/integrations/integrationconfig/{row.pk}/change/")
    assert answer["Location"] == "/integrations/keitaro/"
    assert as_admin.get("/admin/integrations/integrationconfig/add/").status_code == 403


def test_the_admin_list_of_conversions_asks_no_question_per_row(
    as_admin: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(15):
        make_conversion(make_lead())
    with django_assert_max_num_queries(12):
        as_admin.get("/admin/conversions/conversion/")
