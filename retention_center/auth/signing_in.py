"""Where to sign in, and where to go afterwards: never off our own host."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from retention_center.lib.returning import own_address
from retention_center.models import User

BACKEND = "django.contrib.auth.backends.ModelBackend"
CHANGE_ASKED = "changePassword"  # among the preferences: the password was printed or handed over


def safe_next(request: HttpRequest, wanted: str | None) -> str:
    """The address to return to: ``wanted`` when it is on our host and is no sign-in page, else the front page."""
    target = own_address(request, wanted)
    return settings.LOGIN_REDIRECT_URL if not target or target.startswith("/auth/") else target


def address_for(request: HttpRequest) -> str:
    """The sign-in page that leads back to what was asked for."""
    if "HX-Request" in request.headers:
        wanted = safe_next(request, request.headers.get("HX-Current-URL"))
    elif request.method in {"GET", "HEAD"}:
        wanted = safe_next(request, request.get_full_path())
    else:
        wanted = safe_next(request, request.headers.get("Referer"))
    query = "" if wanted == settings.LOGIN_REDIRECT_URL else "?" + urlencode({"next": wanted})
    return reverse("login") + query


def begin_session(request: HttpRequest, user: User) -> None:
    """Sign ``user`` in to a fresh session; whatever an earlier session held of somebody else is gone."""
    login(request, user, backend=BACKEND)


def should_change_password(user: User) -> bool:
    """Whether somebody else has seen the password; every page says so until it is changed."""
    return bool(user.preferences.get(CHANGE_ASKED))


def password_changed(user: User, password: str) -> None:
    """Keep the new password, and ask for no other."""
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=user.pk)
        row.set_password(password)
        row.preferences.pop(CHANGE_ASKED, None)
        row.save(update_fields=["password", "preferences"])
    user.password, user.preferences = row.password, row.preferences
