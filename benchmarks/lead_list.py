"""Milliseconds of one page of the list of leads, asked as a program asks for it, but in this process.

``first``: the newest 20; ``filtered``: by status, source and age; ``search``: the slowest of a rare name, a common one,
a whole address and part of a number; ``deep``: by cursor, nine tenths down. ``value`` is the slowest of the four.
"""

import statistics
from datetime import datetime, timedelta
from typing import Any

from benchmarks import harness

REPEATED = 9
GIVEN = "'Ada', 'Bea', 'Cem', 'Dia', 'Eli', 'Fay', 'Gus', 'Hal', 'Ida', 'Jon', 'Kim', 'Lea', 'Max'"
FAMILY = "'Lovelace', 'Fischer', 'Garcia', 'Novak', 'Okafor', 'Petrov', 'Rossi', 'Silva', 'Tanaka', 'Weber', 'Yilmaz'"
SEARCHES = ("Zebedee", "Lovelace", "lead-77777@example.com", "Ada Lovelace", "1077777")


def measure(rows: int) -> dict[str, list[float]]:
    from benchmarks import people  # models can be imported only after the set-up
    from leads.models import Lead
    from retention_center.api.sorting import Order
    from retention_center.lib import clock
    from tests.builders import make_api_key
    from tests.wire import Wire

    apart, now = 20, clock.now()
    people.make_many(rows, now - timedelta(seconds=rows * apart), seconds_apart=apart)
    _told_apart()
    deep = Order("createdAt", "created_at", True).cursor_at(Lead.objects.order_by("created_at", "pk")[rows // 10])
    wire = Wire(make_api_key("viewer"))

    def page(**query: Any) -> float:
        answers: list[Any] = []
        spent = harness.milliseconds(lambda: answers.append(wire.get("/api/leads", query, Host="localhost")))
        if answers[0].status_code != 200 or not answers[0].json()["data"]:
            raise RuntimeError(f"{query} gave {answers[0].content[:200]}; the figure would be worth nothing.")
        return spent

    page()  # what the first request of a process loads
    middle = _day(now - timedelta(seconds=rows * apart // 2))
    chosen = {"status": "NEW,CONTACTED", "source": "API", "createdTo": middle}
    searches = {text: statistics.median(page(search=text) for _ in range(REPEATED)) for text in SEARCHES}
    import sys

    print(searches, file=sys.stderr)
    slowest = max(searches, key=lambda text: searches[text])
    return {
        "first": [page() for _ in range(REPEATED)],
        "filtered": [page(**chosen) for _ in range(REPEATED)],
        "search": [page(search=slowest) for _ in range(REPEATED)],
        "deep": [page(cursor=deep) for _ in range(REPEATED)],
    }


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _told_apart() -> None:
    """Names, numbers, sources and statuses of all kinds; one lead is called as nobody else."""
    from django.db import connection

    n = "CAST(substr(id, 2) AS INTEGER)"
    pick = (
        "(ARRAY[{}])[1 + ({}) % {}]"
        if connection.vendor == "postgresql"
        else "json_extract(json_array({}), '$[' || (({}) % {}) || ']')"
    )
    own = {
        "first_name": pick.format(GIVEN, n, GIVEN.count(",") + 1),
        "last_name": pick.format(FAMILY, f"{n} / 7", FAMILY.count(",") + 1),
        "phone": f"'+1415' || CAST(1000000 + {n} AS TEXT)",
        "source": pick.format("'API', 'CRM', 'UPLOAD'", n, 3),
        "status": pick.format("'NEW', 'CONTACTED', 'IN_PROGRESS', 'CONVERTED'", f"{n} / 3", 4),
    }
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE leads_lead SET {', '.join(f'{column} = {sql}' for column, sql in own.items())}")
        cursor.execute("UPDATE leads_lead SET first_name = 'Zebedee' WHERE id = 'L77'")
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


if __name__ == "__main__":
    harness.main("lead_list", "ms", measure, rows=100_000)
