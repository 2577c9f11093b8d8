"""Leads are found by any part of what is known of them, through an index that the database keeps by itself."""

import pytest
from django.db import connection

from leads import removing, search_index, searching
from leads.models import Lead, LeadWords
from leads.tasks import forget
from retention_center.audit import SYSTEM
from tests.builders import make_lead, make_leads

pytestmark = pytest.mark.django_db
SCANS = ("Seq Scan on leads", "SCAN leads_lead")


@pytest.fixture
def ada() -> Lead:
    make_lead(first_name="Bea", last_name="Novak", email="bea@example.org", phone="+14155550199")
    return make_lead(
        first_name="Ada",
        last_name='O"Neill Ångström 100%_',
        email="ada.lovelace@example.com",
        phone="+14155550123",
        external_id="CRM-77001",
    )


def found(text: str) -> list[str]:
    return [lead.first_name for lead in searching.finding(Lead.objects.present(), text).order_by("first_name")]


@pytest.mark.parametrize(
    "text",
    [
        "ada", "ADA", "da", "lace", "lovelace@", "ada.lovelace@example.com", "CRM-77001", "7700", "ÅNGSTRÖM", "ngst",
        'o"neill', "100%", "%_", "ada crm", "a ada", "ada 0123", "(415)-555-0123", "+1 415 555 0123",
    ],
)  # fmt: skip
def test_every_part_of_what_is_known_finds_a_lead(ada, text):
    assert found(text) == ["Ada"]


@pytest.mark.parametrize("text", ["zebedee", "ada novak", "ada NOT bea", "100%x", "ada*", "first_name:ada", "AND"])
def test_nothing_else_does(ada, text):
    assert found(text) == []


def test_a_lead_is_found_by_its_own_id(ada):
    assert found(ada.pk) == ["Ada"]


def test_the_index_follows_every_writer(ada):
    Lead.objects.filter(pk=ada.pk).update(last_name="Byron", email=None)
    assert (found("byron"), found("lovelace")) == (["Ada"], [])
    make_leads(3, last_name="Brontë")
    assert len(found("brontë")) == 3
    ada.delete()
    assert found("byron") == []
    assert LeadWords.objects.count() == Lead.objects.count()


@pytest.mark.parametrize("rare", [0, 2, 100])
def test_common_words_are_looked_for_on_the_way_down_the_list(ada, monkeypatch, rare):
    make_leads(5, last_name="Lovelace")
    monkeypatch.setattr(searching, "RARE", rare)
    assert len(found("lovelace")) == 6
    assert found("lovelace crm") == ["Ada"]


def test_an_erased_lead_leaves_no_word(ada):
    removing.erase(ada, actor=SYSTEM, now=ada.created_at)
    assert LeadWords.objects.get(lead=ada).text == ""
    assert list(searching._holding(["lovelace"])) == []
    forget()
    if connection.vendor == "sqlite":  # nor marked as gone, as the index keeps it until the night
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {search_index.INDEX}_data WHERE CAST(block AS TEXT) LIKE '%lov%'")
            assert cursor.fetchone() == (0,)


def test_the_index_is_used_however_many_leads_there_are(ada):
    make_leads(2_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":  # so few rows are read through quicker; what is asked is whether it could
            cursor.execute("SET LOCAL enable_seqscan = off")
    for asked in (searching._holding(["lovelace@"]), searching.finding(Lead.objects.present(), "lovelace@")[:21]):
        plan = asked.explain()
        assert not any(scan in plan for scan in SCANS), plan
