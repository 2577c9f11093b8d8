"""Saved views of a list: the tabs above it, and saving, changing and deleting them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib.returning import own_address
from retention_center.models import Role, SavedView, User
from retention_center.pages.columns import Preset

NOT_PART_OF_A_VIEW = ("view", "page", "export", "size")


@dataclass(frozen=True)
class Tab:
    """``query`` is what the view stands for; ``pk`` is empty for All and for presets."""

    key: str
    name: str
    query: str
    pk: str = ""
    is_mine: bool = False
    is_shared: bool = False
    is_default: bool = False

    @property
    def href(self) -> str:
        return f"?view={self.key}" + (f"&{self.query}" if self.query else "")


@dataclass(frozen=True)
class Tabs:
    """All, the presets and the saved views; ``current`` is the one open, ``is_changed`` whether it was edited since."""

    all: list[Tab]
    current: Tab
    is_changed: bool
    query: str

    @property
    def default_query(self) -> str:
        return next((tab.href[1:] for tab in self.all if tab.is_default), "")


def canonical(query: str) -> str:
    """A query without what belongs to no view, in one fixed order, so that equal views compare equal."""
    params = QueryDict(query)
    pairs = [(key, value) for key in params for value in params.getlist(key) if value and key not in NOT_PART_OF_A_VIEW]
    tidy = QueryDict(mutable=True)
    for key, value in sorted(pairs):
        tidy.appendlist(key, value)
    return tidy.urlencode()


def tabs_for(user: User, page: str, params: QueryDict, presets: Sequence[Preset]) -> Tabs:
    """The tabs of one list for one person; one query."""
    fixed = [Tab("all", "All", ""), *(Tab(f"p{i}", p.name, canonical(p.query)) for i, p in enumerate(presets))]
    rows = SavedView.objects.filter(Q(user=user) | Q(is_shared=True), page=page)[:12]
    saved = [
        Tab(
            row.pk,
            row.name,
            row.query,
            row.pk,
            row.user_id == user.pk,
            row.is_shared,
            row.is_default and row.user_id == user.pk,
        )
        for row in rows
    ]
    tabs, query = [*fixed, *saved], canonical(params.urlencode())
    asked = params.get("view")
    named = next((tab for tab in tabs if tab.key == asked), None)
    current = named or next((tab for tab in tabs if tab.query == query), tabs[0])
    return Tabs(tabs, current, current.query != query, query)


@require_POST
@needs(Role.VIEWER)
def save_as(request: HttpRequest) -> HttpResponse:
    """Keep a list's filters, sort and columns under a name, for oneself or for everybody."""
    name = request.POST.get("name", "").replace("\x00", "").strip()[:60]
    page = request.POST.get("page", "").replace("\x00", "")[:60]
    query = canonical(request.POST.get("query", ""))[:2000]
    if not name or not page:
        messages.error(request, "A view needs a name.")
        return _back(request)
    view = SavedView(user=_user(request), page=page, name=name, query=query, is_shared="shared" in request.POST)
    view.is_default = "default" in request.POST
    try:
        with transaction.atomic():
            if view.is_default:
                _no_other_default(view)
            view.save()
            audit.record(audit.actor_of(request), "save", view, after={"query": query})
    except IntegrityError:
        messages.error(request, f"You already have a view named {name}. Choose another name.")
        return _back(request)
    messages.success(request, f"Saved as {name}.")
    return _back(request, f"view={view.pk}&{query}")


@require_POST
@needs(Role.VIEWER)
def save(request: HttpRequest, pk: str) -> HttpResponse:
    """Give a saved view of one's own the list's present filters, or make it the default, or share it."""
    view = get_object_or_404(SavedView, pk=pk, user=_user(request))
    before = audit.snapshot(view, "query", "is_default", "is_shared")
    if "query" in request.POST:
        view.query = canonical(request.POST["query"])[:2000]
    for flag in ("is_default", "is_shared"):
        if flag in request.POST:
            setattr(view, flag, request.POST[flag] == "1")
    with transaction.atomic():
        if view.is_default:
            _no_other_default(view)
        view.save()
        old, new = audit.changed_values(view, before)
        audit.record(audit.actor_of(request), "change", view, before=old, after=new)
    messages.success(request, f"{view} is saved.")
    return _back(request, f"view={view.pk}&{view.query}")


@require_POST
@needs(Role.VIEWER)
def delete(request: HttpRequest, pk: str) -> HttpResponse:
    """Delete a saved view: one's own, or as an admin anybody's shared one."""
    user = _user(request)
    mine = Q(user=user) | Q(is_shared=True) if user.is_staff else Q(user=user)
    view = get_object_or_404(SavedView, mine, pk=pk)
    with transaction.atomic():
        audit.record(audit.actor_of(request), "delete", view, before={"query": view.query})
        view.delete()
    messages.success(request, f"The view {view} is deleted. The rows it showed are still there.")
    return _back(request, "view=all")


def _no_other_default(view: SavedView) -> None:
    SavedView.objects.filter(user_id=view.user_id, page=view.page, is_default=True).exclude(pk=view.pk).update(
        is_default=False
    )


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)  # needs() let nobody else through


def _back(request: HttpRequest, query: str = "") -> HttpResponse:
    """To the list, at ``query`` if given, else where the form stood."""
    target = own_address(request, request.POST.get("next")) or "/"
    return redirect(f"{target.partition('?')[0]}?{query}" if query else target)
