import csv
import io
from html import unescape

import pytest
from openpyxl import load_workbook

from leads.models import Lead
from retention_center.models import SavedView, User
from tests.builders import make_campaign, make_campaign_lead, make_lead, make_leads, make_user
from tests.ground.pages_site import sample_site  # noqa: F401

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def page(client, query="", **headers):
    answer = client.get(f"/samples/{query}", headers=headers)
    assert answer.status_code == 200, answer
    return unescape(answer.content.decode())


def names(client, query):
    return [row.last_name for row in client.get(f"/samples/{query}").context["list"].page_rows]


def test_the_list_shows_its_rows_and_their_number(as_viewer):
    make_leads(3)
    html = page(as_viewer)
    assert "3 leads" in html
    assert "1 to 3 of 3" in html
    assert "<title>Samples - Retention Center</title>" in html


def test_the_cost_does_not_grow_with_the_rows(as_viewer, django_assert_max_num_queries):
    make_leads(60)
    with django_assert_max_num_queries(10):
        page(as_viewer, "?status=NEW&page=2")


def test_every_row_stands_on_exactly_one_page_however_equal_they_are(as_viewer):
    make_leads(60, last_name="Same")
    seen = [row.pk for n in (1, 2, 3) for row in as_viewer.get(f"/samples/?page={n}").context["list"].page_rows]
    assert len(seen) == len(set(seen)) == 60


def test_a_second_click_on_a_head_turns_the_order_round(as_viewer):
    for name in "BAC":
        make_lead(last_name=name)
    assert names(as_viewer, "?sort=name") == ["A", "B", "C"]
    assert names(as_viewer, "?sort=-name") == ["C", "B", "A"]
    assert 'aria-sort="ascending"' in page(as_viewer, "?sort=name")
    assert 'href="?sort=-name"' in page(as_viewer, "?sort=name")


@pytest.mark.parametrize("sort", ["nonsense", "phone", "-", "pk; drop table", "--name"])
def test_an_unknown_order_is_the_default_one(as_viewer, sort):
    for name in "BA":
        make_lead(last_name=name)
    assert names(as_viewer, f"?sort={sort}") == ["A", "B"]


def test_orders_by_expression_turn_round_too(as_viewer):
    make_lead(last_name="A", source="1")
    make_lead(last_name="B", source="2")
    assert names(as_viewer, "?sort=source") == ["A", "B"]
    assert names(as_viewer, "?sort=-source") == ["B", "A"]


@pytest.mark.parametrize("number", ["0", "-1", "x", "999999999999", "٣", "1e3", ""])
def test_a_page_number_that_makes_no_sense_shows_a_page_that_exists(as_viewer, number):
    make_leads(30)
    assert as_viewer.get("/samples/", {"page": number}).context["list"].page_rows


def test_the_number_of_rows_is_remembered(as_viewer, viewer):
    make_leads(60)
    page(as_viewer, "?size=50")
    viewer.refresh_from_db()
    assert viewer.preferences == {"size:samples": 50}
    assert "1 to 50 of 60" in page(as_viewer)
    assert "1 to 50 of 60" in page(as_viewer, "?size=7")


def test_active_filters_show_as_chips_that_can_be_taken_away(as_viewer):
    make_leads(2)
    html = page(as_viewer, "?status=NEW,CONTACTED&search=lead&createdFrom=2020-01-31&createdTo=2030-02-01")
    assert "Remove filter: Status is New or Contacted" in html
    assert "Remove filter: Added from  31 Jan 2020" in html
    assert "Remove filter: Added to  1 Feb 2030" in html
    assert 'href="?search=lead&createdFrom=2020-01-31&createdTo=2030-02-01"' in html
    assert "Clear all" in html


def test_a_filter_by_id_is_shown_by_name(as_viewer):
    campaign = make_campaign(name="Weekend code")
    make_campaign_lead(campaign, make_lead())
    make_lead()
    html = page(as_viewer, f"?campaignId={campaign.pk}")
    assert "1 lead" in html
    assert "Remove filter: Campaign is Weekend code" in html


def test_a_filter_that_cannot_be_read_is_named_and_left_out(as_viewer):
    make_leads(2)
    html = page(as_viewer, "?status=NOPE&createdFrom=31/02/2026")
    assert "2 leads" in html
    assert "Status: Select a valid choice" in html
    assert "Give a date (2026-01-31)" in html


def test_nothing_yet_and_no_match_are_two_different_answers(as_viewer):
    assert "Nothing here yet" in page(as_viewer)
    make_lead()
    html = page(as_viewer, "?search=nobody")
    assert "Nothing matches" in html
    assert "Clear all filters" in html


def test_htmx_gets_the_table_only_and_caches_are_told(as_viewer):
    make_lead()
    answer = as_viewer.get("/samples/", headers=HTMX)
    assert "<html" not in answer.content.decode()
    assert 'id="list"' in answer.content.decode()
    assert "HX-Request" in answer["Vary"]
    assert "HX-Request" in as_viewer.get("/samples/")["Vary"]


def test_chosen_columns_show_and_the_first_always_does(as_viewer):
    make_lead(phone="+12125550100")
    assert "+12125550100" not in page(as_viewer)
    html = page(as_viewer, "?cols=phone")
    assert "+12125550100" in html
    assert "Lovelace" in html
    assert 'class="status"' not in html


def test_what_filters_leave_is_counted_up_to_the_cap_and_everything_exactly(as_viewer, monkeypatch):
    monkeypatch.setattr("retention_center.pages.lists.CAP", 2)
    make_leads(30)
    assert "over 2 leads" in page(as_viewer, "?status=NEW")
    assert as_viewer.get("/samples/?status=NEW&page=2").context["list"].page_rows
    assert "30 leads" in page(as_viewer)


# Exports --------------------------------------------------------------------------------------------------------
def test_the_csv_holds_exactly_the_filtered_rows_in_the_shown_order(as_viewer):
    make_lead(last_name="=B", status=Lead.Status.CONTACTED)
    make_lead(first_name="=A", last_name="1", status=Lead.Status.CONTACTED)
    make_lead(last_name="C")
    answer = as_viewer.get("/samples/?status=CONTACTED&sort=-name&cols=source&cols=phone&export=csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["Lead", "Source", "Phone"]
    assert [row[0] for row in rows[1:]] == ["Ada =B", "'=A 1"]
    assert rows[1][2].startswith("'+1212")
    assert answer["Content-Disposition"].startswith('attachment; filename="samples-')


def test_the_workbook_holds_the_same_rows(as_viewer):
    make_lead(last_name="Byron")
    answer = as_viewer.get("/samples/?export=xlsx")
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    assert [cell.value for cell in sheet[1]] == ["Lead", "Status", "Source"]
    assert sheet["A2"].value == "Ada Byron"


# Selecting ------------------------------------------------------------------------------------------------------
def test_viewers_get_no_bulk_bar(as_viewer, as_operator):
    make_lead()
    assert "Greet" not in page(as_viewer)
    assert "Greet" in page(as_operator)


def test_a_bulk_action_takes_the_ticked_rows_or_all_that_match(as_operator):
    leads = make_leads(3)
    make_lead(status=Lead.Status.CONTACTED)
    ticked = as_operator.post("/samples/bulk", {"ids": [leads[0].pk, leads[1].pk], "query": "status=NEW"})
    assert ticked.content == b"2 False "
    every = as_operator.post("/samples/bulk", {"ids": [leads[0].pk], "all": "1", "query": "status=NEW"})
    assert every.content == b"3 True status=NEW"
    assert as_operator.post("/samples/bulk", {}).content == b"0 False "


# Saved views ----------------------------------------------------------------------------------------------------
def test_a_view_is_saved_under_a_name_and_becomes_a_tab(as_viewer, viewer):
    make_leads(2)
    query = "status=NEW&sort=-name&page=3&view=all"
    form = {"name": "Mine", "page": "samples", "query": query, "next": "/samples/"}
    answer = as_viewer.post("/views/", form)
    view = SavedView.objects.get()
    assert view.query == "sort=-name&status=NEW"
    assert answer["Location"] == f"/samples/?view={view.pk}&sort=-name&status=NEW"
    html = page(as_viewer, f"?view={view.pk}&sort=-name&status=NEW")
    assert 'aria-current="page">Mine' in html
    assert "Revert" not in html


def test_an_edited_view_says_changed_and_can_be_saved(as_viewer, viewer):
    make_lead()
    view = SavedView.objects.create(user=viewer, page="samples", name="Mine", query="status=NEW")
    html = page(as_viewer, f"?view={view.pk}&status=CONTACTED")
    assert "changed" in html
    assert "Revert" in html
    as_viewer.post(f"/views/{view.pk}/", {"query": "status=CONTACTED", "next": "/samples/"})
    view.refresh_from_db()
    assert view.query == "status=CONTACTED"


def test_a_list_opens_with_the_default_view(as_viewer, viewer):
    first = SavedView.objects.create(user=viewer, page="samples", name="A", query="status=NEW", is_default=True)
    assert as_viewer.get("/samples/")["Location"] == f"/samples/?view={first.pk}&status=NEW"
    assert as_viewer.get("/samples/?view=all").status_code == 200
    second = SavedView.objects.create(user=viewer, page="samples", name="B")
    as_viewer.post(f"/views/{second.pk}/", {"is_default": "1", "next": "/samples/"})
    assert list(SavedView.objects.filter(is_default=True)) == [second]


def test_a_shared_view_is_seen_by_all_and_changed_by_its_owner(as_viewer, viewer):
    make_lead()
    other = make_user()
    shared = SavedView.objects.create(user=other, page="samples", name="Ours", query="status=NEW", is_shared=True)
    private = SavedView.objects.create(user=other, page="samples", name="Theirs", is_default=True)
    html = page(as_viewer)
    assert "Ours" in html
    assert "Theirs" not in html
    for view in (shared, private):
        assert as_viewer.post(f"/views/{view.pk}/", {"query": ""}).status_code == 404
        assert as_viewer.post(f"/views/{view.pk}/delete").status_code == 404


def test_the_same_name_twice_is_refused_in_a_sentence(as_viewer, viewer):
    SavedView.objects.create(user=viewer, page="samples", name="Mine")
    form = {"name": "Mine", "page": "samples", "query": "", "next": "/samples/"}
    assert "already have a view named Mine" in unescape(as_viewer.post("/views/", form, follow=True).content.decode())
    form["name"] = " "
    assert "needs a name" in unescape(as_viewer.post("/views/", form, follow=True).content.decode())


def test_deleting_a_view_deletes_no_rows(as_viewer, viewer):
    make_lead()
    view = SavedView.objects.create(user=viewer, page="samples", name="Mine")
    as_viewer.post(f"/views/{view.pk}/delete", {"next": "/samples/"})
    assert not SavedView.objects.exists()
    assert Lead.objects.count() == 1


def test_saving_a_view_never_leads_to_another_host(as_viewer):
    form = {"name": "Mine", "page": "samples", "query": "", "next": "https://elsewhere.example/"}
    assert as_viewer.post("/views/", form)["Location"].startswith("/?view=")


def test_a_preference_saved_elsewhere_meanwhile_is_kept(as_viewer, viewer):
    make_lead()
    User.objects.filter(pk=viewer.pk).update(preferences={"theme": "dark"})
    page(as_viewer, "?size=100")
    viewer.refresh_from_db()
    assert viewer.preferences == {"theme": "dark", "size:samples": 100}
