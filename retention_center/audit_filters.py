"""The filters of the audit: names as on the wire, one set for its page and its API."""

from retention_center.api.filters import ChoicesFilter, FromFilter, ToFilter, WireFilterSet, WordsFilter
from retention_center.models import AuditEvent, User

VIAS = [
    ("page", "a page"),
    ("api", "the API"),
    ("admin", "the configuration"),
    ("command", "a command"),
    ("system", "the system"),
]
MOST_PEOPLE = 500


def people_choices() -> list[tuple[str, str]]:
    """(id, name) of everybody who may have acted."""
    return [(person.pk, str(person)) for person in User.objects.order_by("name", "email")[:MOST_PEOPLE]]


class AuditFilters(WireFilterSet):
    search_fields = ("actor_name", "object_label")
    via = ChoicesFilter(choices=VIAS, label="By way of")
    actor_id = WordsFilter(label="Person")
    action = WordsFilter(label="What was done")
    object_type = WordsFilter(label="Kind of thing")
    object_id = WordsFilter(label="Thing")
    date_from = FromFilter("at", label="From")
    date_to = ToFilter("at", label="To")

    class Meta:
        model = AuditEvent
        fields: tuple[str, ...] = ()
