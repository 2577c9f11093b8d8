"""Lists: pages, cursors, order, filters, totals."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from retention_center.models import ApiKey, AuditEvent
from tests.wire import Wire

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def caller(api) -> Wire:
    return api("admin")


def make_events(count: int, **fields) -> list[AuditEvent]:
    defaults = {"actor_name": "Ada", "via": "page", "action": "change", "object_type": "lead"} | fields
    return AuditEvent.objects.bulk_create(
        AuditEvent(**{"at": START + timedelta(minutes=n), "object_id": f"id{n}"} | defaults) for n in range(count)
    )


def make_keys(*used: datetime | None) -> None:
    ApiKey.objects.bulk_create(
        ApiKey(name=f"key {n}", prefix="rc_", digest=str(n), last_used_at=at) for n, at in enumerate(used)
    )


def walk(caller: Wire, path: str, **query) -> list[str]:
    """The ids of all pages, read by cursor."""
    found, cursor = [], None
    while True:
        page = caller.get(path, query | ({"cursor": cursor} if cursor else {})).json()
        found += [row["id"] for row in page["data"]]
        cursor = page["nextCursor"]
        if cursor is None:
            return found


def test_a_list_answers_in_pages_with_the_newest_first(caller):
    make_events(45)
    answer = caller.get("/api/audit", {"page": 2})
    page = answer.json()
    assert answer.status_code == 200
    assert [row["objectId"] for row in page["data"]] == [f"id{n}" for n in range(24, 4, -1)]
    assert page | {"data": 0, "nextCursor": 0} == {
        "data": 0,
        "total": 45,
        "page": 2,
        "pageSize": 20,
        "totalPages": 3,
        "nextCursor": 0,
    }


def test_the_last_page_has_no_next_cursor_and_a_later_one_is_empty(caller):
    make_events(25)
    assert caller.get("/api/audit", {"page": 2}).json()["nextCursor"] is None
    beyond = caller.get("/api/audit", {"page": 3}).json()
    assert (beyond["data"], beyond["total"], beyond["totalPages"]) == ([], 25, 2)


def test_an_empty_list_is_a_list(caller):
    assert caller.get("/api/audit").json() == {
        "data": [],
        "total": 0,
        "page": 1,
        "pageSize": 20,
        "totalPages": 0,
        "nextCursor": None,
    }


def test_a_page_never_has_more_than_200_rows(caller):
    make_events(205)
    page = caller.get("/api/audit", {"pageSize": 5000}).json()
    assert (len(page["data"]), page["pageSize"]) == (200, 200)


@pytest.mark.parametrize("name", ["page", "pageSize"])
@pytest.mark.parametrize("value", ["0", "-1", "abc", "1.5", "99999999999999999999", "٣", "1e3"])
def test_a_page_that_is_no_number_is_refused(caller, name, value):
    answer = caller.get("/api/audit", {name: value})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == name


def test_an_unknown_order_falls_back_to_the_default(caller):
    make_events(3)
    expected = caller.get("/api/audit").json()["data"]
    assert caller.get("/api/audit", {"sortBy": "password", "sortOrder": "sideways"}).json()["data"] == expected


def test_a_list_is_sorted_both_ways(caller):
    make_keys(None, None, None)
    query = {"sortBy": "name", "sortOrder": "asc"}
    names = [row["name"] for row in caller.get("/api/api-keys", query).json()["data"]]
    assert names == sorted(names)
    assert [row["name"] for row in caller.get("/api/api-keys", query | {"sortOrder": "desc"}).json()["data"]] == names[
        ::-1
    ]


def test_a_cursor_reads_every_row_once_though_rows_come_and_go(caller):
    events = make_events(30)
    first = caller.get("/api/audit", {"pageSize": 10}).json()
    make_events(5, at=START + timedelta(days=9))  # newer: before the cursor
    AuditEvent.objects.filter(pk=first["data"][-1]["id"]).delete()  # the very row it points at
    second = caller.get("/api/audit", {"pageSize": 10, "cursor": first["nextCursor"]}).json()
    third = caller.get("/api/audit", {"pageSize": 10, "cursor": second["nextCursor"]}).json()
    seen = [row["id"] for page in (first, second, third) for row in page["data"]]
    assert seen == [event.pk for event in reversed(events)]
    assert third["nextCursor"] is None


def test_rows_with_the_same_time_are_not_lost_between_pages(caller):
    events = make_events(25, at=START)
    assert walk(caller, "/api/audit", pageSize=4) == sorted((event.pk for event in events), reverse=True)


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_blanks_come_last_and_a_cursor_goes_through_them(caller, direction):
    make_keys(*[START + timedelta(days=n) if n % 3 else None for n in range(20)])
    found = walk(caller, "/api/api-keys", pageSize=3, sortBy="lastUsedAt", sortOrder=direction)
    used = dict(ApiKey.objects.values_list("pk", "last_used_at"))
    times = [used[pk] for pk in found]
    told = [at for at in times if at is not None]
    assert sorted(found) == sorted(used)
    assert told == sorted(told, reverse=direction == "desc")
    assert times == told + [None] * (len(times) - len(told))


def encoded(*position) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!!!",
        "bm90IGpzb24",
        encoded("at", "desc", "2026-01-01T00:00:00+00:00"),
        encoded("password", "desc", "x", "y"),
        encoded("at", "sideways", "2026-01-01T00:00:00+00:00", "id"),
        encoded("at", "desc", "no time", "id"),
        encoded("at", "desc", 10**40, "id"),
        encoded("at", "desc", {"a": 1}, "id"),
        encoded("at", "desc", "2026-01-01T00:00:00+00:00", ["id"]),
        encoded("at", "desc", "2026-01-01T00:00:00+00:00", "a\x00b"),
        encoded("at", "desc", "2026-01-01T00:00:00+00:00", "\ud800"),
        encoded("at", "desc", "0001-01-01T00:00:00+14:00", "id"),
    ],
)
def test_a_made_up_cursor_is_refused_or_harmless(caller, cursor):
    make_events(3)
    answer = caller.get("/api/audit", {"cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "cursor"


def test_a_choice_takes_one_word_several_or_a_comma_list(caller):
    for via in ("page", "api", "system"):
        make_events(2, via=via)
    assert caller.get("/api/audit", {"via": "api"}).json()["total"] == 2
    assert caller.get("/api/audit", {"via": "api, system"}).json()["total"] == 4
    assert caller.get("/api/audit?via=api&via=page").json()["total"] == 4
    assert caller.get("/api/audit", {"via": ""}).json()["total"] == 6


def test_a_choice_that_is_none_is_malformed(caller):
    answer = caller.get("/api/audit", {"via": "api,pigeon"})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": "via", "code": "invalid_choice", "message": answer.json()["errors"][0]["message"]}
    ]
    assert "pigeon" in answer.json()["detail"]


def test_words_nobody_checks_match_what_is_there(caller):
    make_events(4)
    assert caller.get("/api/audit", {"objectId": "id1,id3,nowhere"}).json()["total"] == 2


def test_a_day_is_whole_and_a_time_is_exact(caller):
    make_events(1, at=datetime(2026, 1, 1, 23, 59, tzinfo=UTC))
    make_events(1, at=datetime(2026, 1, 2, 0, 0, tzinfo=UTC))
    assert caller.get("/api/audit", {"dateTo": "2026-01-01"}).json()["total"] == 1
    assert caller.get("/api/audit", {"dateFrom": "2026-01-02"}).json()["total"] == 1
    assert caller.get("/api/audit", {"dateFrom": "2026-01-01T23:59:30Z"}).json()["total"] == 1
    assert caller.get("/api/audit", {"dateTo": "2026-01-02T01:00:00+01:00"}).json()["total"] == 1
    assert caller.get("/api/audit?dateTo=2026-01-02T01:00:00+01:00").json()["total"] == 1


@pytest.mark.parametrize(
    "moment", ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]
)
@pytest.mark.parametrize("name", ["dateFrom", "dateTo"])
def test_the_ends_of_time_are_times_too(caller, name, moment):
    assert caller.get("/api/audit", {name: moment}).status_code == 200


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01", "2026-02-30", "2026-01-01T25:00:00Z", "1", "\x00"])
def test_a_time_that_is_none_is_malformed(caller, moment):
    answer = caller.get("/api/audit", {"dateFrom": moment})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "dateFrom"


def test_every_word_of_a_search_must_stand_somewhere(caller):
    make_events(2, object_label="Amara Okafor")
    make_events(3, object_label="Amara Diallo")
    assert caller.get("/api/audit", {"search": "amara"}).json()["total"] == 5
    assert caller.get("/api/audit", {"search": "okafor amara"}).json()["total"] == 2
    assert caller.get("/api/audit", {"search": "x" * 201}).status_code == 400


def test_totals_of_filtered_lists_stop_at_ten_thousand(caller):
    make_events(10_001)
    filtered = caller.get("/api/audit", {"via": "page", "pageSize": 1}).json()
    assert (filtered["total"], filtered["totalIsCapped"], filtered["totalPages"]) == (10_000, True, 10_000)
    unfiltered = caller.get("/api/audit", {"pageSize": 1}).json()
    assert unfiltered["total"] == 10_001
    assert "totalIsCapped" not in unfiltered


def test_a_list_costs_a_count_and_a_page(caller, django_assert_num_queries):
    make_events(50)
    caller.get("/api/audit")
    with django_assert_num_queries(3):  # the key, the count, the rows
        caller.get("/api/audit")
