"""The base of every list: filters, search, sort, pages, columns, saved views, selection, export; all in the address."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views import View
from django_filters import FilterSet

from retention_center.api.text import is_storable
from retention_center.auth.roles import require
from retention_center.models import Role, User
from retention_center.pages import exports
from retention_center.pages.chips import Chip, chips_of
from retention_center.pages.columns import BulkAction, Column, Preset, sorted_by
from retention_center.pages.counting import CAP, capped_counts, in_words
from retention_center.pages.filter_form import NameChoices, dress
from retention_center.pages.navigation import address
from retention_center.pages.partials import is_partial
from retention_center.pages.preferences import remember
from retention_center.pages.saved_views import Tab, Tabs, tabs_for
from retention_center.pages.words import number, plural

SIZES = (25, 50, 100)
FURTHEST = 100_000  # pages beyond it are answered with the last one that is cheap enough


@dataclass(frozen=True)
class Selection:
    """What a bulk action acts on: the rows, how many, and for a job the ids or the query they stand for."""

    rows: QuerySet
    count: int
    ids: list[str]
    query: str
    is_everything: bool


class ListPage(View):
    """A list. A subclass names its parts and gives ``rows``; ``retention_center.pages`` shows an example."""

    name: ClassVar[str]  # saved views and the page size are kept under it
    title: ClassVar[str]
    one: ClassVar[str]
    many: ClassVar[str]
    filterset_class: ClassVar[type[FilterSet]]
    columns: ClassVar[Sequence[Column]]
    cells: ClassVar[str]  # the template whose partials draw the cells
    default_sort: ClassVar[str]
    template_name: ClassVar[str] = "pages/list.html"
    search_hint: ClassVar[str] = "Search"
    presets: ClassVar[Sequence[Preset]] = ()
    bulk_actions: ClassVar[Sequence[BulkAction]] = ()
    filter_choices: ClassVar[NameChoices] = {}  # for filters by id: wire name -> a function giving (id, name) pairs
    needed_role: ClassVar[Role] = Role.VIEWER

    def rows(self) -> QuerySet:
        """All rows there are, with what the cells need (select_related, annotations). Required."""
        raise NotImplementedError

    def extra_context(self) -> dict[str, Any]:
        """Anything else the page's own template shows."""
        return {}

    # Answering -------------------------------------------------------------------------------------------------
    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        require(request, self.needed_role)
        if not request.GET and (default := self.tabs.default_query):
            return redirect(f"{request.path}?{default}")
        if (kind := request.GET.get("export", "")) in exports.KINDS:
            columns = [column for column in self.shown_columns if column.is_exported]
            return exports.answer(kind, self.name, columns, self.ordered)
        self._remember_size()
        template = "components/list_table.html" if is_partial(request) else self.template_name
        answer = render(request, template, {"list": self, **self.extra_context()})
        patch_vary_headers(answer, ["HX-Request"])
        return answer

    @classmethod
    def selection(cls, request: HttpRequest, **kwargs: Any) -> Selection:
        """What the posted form of this list selected: the ticked rows, or all that match its query.

        ``kwargs`` are the list's own parts of the address, where it has some.
        """
        everything = request.POST.get("all") == "1"
        page = cls()
        page.setup(request, **kwargs)
        page.params = QueryDict(request.POST.get("query", "") if everything else "")
        rows = page.filtered
        ids = [] if everything else [one for one in request.POST.getlist("ids") if is_storable(one)]
        rows = rows if everything else rows.filter(pk__in=ids)
        return Selection(rows, rows.count(), ids, page.params.urlencode(), everything)

    # What the template asks for -----------------------------------------------------------------------------------
    @cached_property
    def params(self) -> QueryDict:
        return self.request.GET

    @cached_property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    @cached_property
    def filters(self) -> FilterSet:
        filters = self.filterset_class(self.params, queryset=self.rows(), request=self.request)
        dress(filters.form, self.filter_choices)
        return filters

    @cached_property
    def filtered(self) -> QuerySet:
        """The rows that match; a filter that cannot be read is shown as a problem and left out."""
        return self.filters.qs

    @cached_property
    def _sorted(self) -> tuple[QuerySet, str, bool]:
        return sorted_by(self.filtered, self.columns, self.params.get("sort", ""), self.default_sort)

    @property
    def ordered(self) -> QuerySet:
        return self._sorted[0]

    @cached_property
    def shown_columns(self) -> list[Column]:
        chosen = set(self.params.getlist("cols"))
        first, *others = self.columns
        return [first, *(c for c in others if (c.key in chosen if chosen else not c.is_extra))]

    @cached_property
    def heads(self) -> list[dict[str, Any]]:
        """The shown columns with their sort direction and what a click on the head asks for."""
        _, key, downwards = self._sorted
        return [
            {
                "column": column,
                "sorts": bool(column.order),
                "direction": ("descending" if downwards else "ascending") if column.key == key else "",
                "next": f"-{column.key}" if column.key == key and not downwards else column.key,
            }
            for column in self.shown_columns
        ]

    @cached_property
    def chips(self) -> list[Chip]:
        return chips_of(self.filters, self.params)

    @property
    def search_term(self) -> str:
        return self.params.get("search", "")

    @property
    def is_filtered(self) -> bool:
        return bool(self.chips or self.search_term)

    @property
    def kept_by_filters(self) -> Sequence[str]:
        """What the filter form passes on untouched."""
        return ("search", "sort", "view", "size", "cols")

    @property
    def clear_query(self) -> str:
        query = QueryDict(mutable=True)
        for name in {"sort", "size"} & self.params.keys():
            query[name] = self.params.get(name, "")
        return "?" + (query.urlencode() or "view=all")

    @cached_property
    def tabs(self) -> Tabs:
        return tabs_for(self.user, self.name, self.params, self.presets)

    @cached_property
    def _counts(self) -> list[int]:
        """This view's count first, then one for each tab, all in one query."""
        tabs = [
            self.filterset_class(QueryDict(tab.query), queryset=self.rows(), request=self.request).qs
            for tab in self.tabs.all
        ]
        caps = [self._cap, *(CAP if tab.query else None for tab in self.tabs.all)]
        return capped_counts([self.filtered, *tabs], caps)

    @property
    def counted_tabs(self) -> list[tuple[Tab, str]]:
        counts = zip(self.tabs.all, self._counts[1:], strict=True)
        return [(tab, in_words(count, CAP if tab.query else None)) for tab, count in counts]

    @property
    def _cap(self) -> int | None:
        """Everything there is is counted exactly; what filters leave, up to the cap."""
        return CAP if self.is_filtered else None

    @property
    def is_counted(self) -> bool:
        """Whether the total is exact."""
        return self._cap is None or self.total <= CAP

    @cached_property
    def total(self) -> int:
        return self._counts[0]

    @property
    def total_in_words(self) -> str:
        """ "1,240 leads", or "over 10,000 leads"."""
        return plural(self.total, self.one, self.many) if self.is_counted else f"{self.total_number} {self.many}"

    @property
    def total_number(self) -> str:
        return in_words(self.total, self._cap)

    # Pages ---------------------------------------------------------------------------------------------------------
    @cached_property
    def size(self) -> int:
        """Rows per page: asked for, else the last choice, else 25."""
        for wanted in (self.params.get("size"), self.user.preferences.get(f"size:{self.name}")):
            if str(wanted) in map(str, SIZES):
                return int(str(wanted))
        return SIZES[0]

    @property
    def sizes(self) -> Sequence[int]:
        return SIZES

    @cached_property
    def page_number(self) -> int:
        asked = self.params.get("page", "1")
        wanted = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 1
        last = -(-self.total // self.size) if self.is_counted else FURTHEST // self.size
        return max(min(wanted, last), 1)

    @cached_property
    def _page(self) -> tuple[list[Any], bool]:
        """This page's rows and whether more follow. Ids first: only the index is walked, however deep the page."""
        start = (self.page_number - 1) * self.size
        ids = list(self.ordered.values_list("pk", flat=True)[start : start + self.size + 1])
        found = {row.pk: row for row in self.rows().filter(pk__in=ids[: self.size])}
        return [found[pk] for pk in ids[: self.size] if pk in found], len(ids) > self.size

    @property
    def page_rows(self) -> list[Any]:
        return self._page[0]

    @property
    def has_next(self) -> bool:
        return self._page[1]

    @property
    def range_in_words(self) -> str:
        """ "1 to 25 of 1,240"."""
        if not self.page_rows:
            return f"0 {self.many}"
        start = (self.page_number - 1) * self.size
        return f"{number(start + 1)} to {number(start + len(self.page_rows))} of {self.total_number}"

    @property
    def allowed_bulk_actions(self) -> list[tuple[BulkAction, str]]:
        """The bulk actions this person may take, each with its address."""
        found = [(action, address(action.route)) for action in self.bulk_actions if self.user.may(action.role)]
        return [(action, href) for action, href in found if href]

    def _remember_size(self) -> None:
        key = f"size:{self.name}"
        if self.params.get("size", "") in map(str, SIZES) and self.user.preferences.get(key) != self.size:
            remember(self.user, key, self.size)
