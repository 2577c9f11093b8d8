"""Light, dark, or as the system says: kept with the person, and in a cookie for pages before signing in."""

from django.http import HttpRequest

from retention_center.models import User

THEMES = ("light", "dark", "system")
COOKIE = "rc_theme"
YEAR = 365 * 86400


def theme_of(request: HttpRequest) -> str:
    """The person's choice, else the browser's cookie, else system."""
    user = getattr(request, "user", None)
    chosen = user.preferences.get("theme") if isinstance(user, User) else None
    chosen = chosen or request.COOKIES.get(COOKIE)
    return chosen if chosen in THEMES else "system"
