"""The filters of API keys: names as on the wire."""

from django.db.models import Q, QuerySet

from retention_center.api.filters import ChoicesFilter, WireFilterSet
from retention_center.lib import clock
from retention_center.models import ApiKey, Role

STANDINGS = [("works", "Works"), ("expired", "Expired"), ("revoked", "Revoked")]


class KeyFilters(WireFilterSet):
    search_fields = ("name", "prefix")
    role = ChoicesFilter(choices=Role.choices, label="Role")
    standing = ChoicesFilter(choices=STANDINGS, label="Standing", method="by_standing")

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = ()

    def by_standing(self, queryset: QuerySet, _name: str, chosen: list[str]) -> QuerySet:
        """Keys in any of the chosen standings."""
        now = clock.now()
        of_standing = {
            "works": Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now)),
            "expired": Q(revoked_at=None, expires_at__lte=now),
            "revoked": Q(revoked_at__isnull=False),
        }
        found = Q(pk__in=[])
        for one in chosen:
            found |= of_standing[one]
        return queryset.filter(found) if chosen else queryset
