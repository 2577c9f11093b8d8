"""Signing in by the Auth Center: its cookie is proved on every request, our session only remembers whose it is."""

import secrets
from urllib.parse import urlencode

import structlog
from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from retention_center.auth import people, signing_in, tokens
from retention_center.lib import clock
from retention_center.models import User

log = structlog.get_logger(__name__)
SUBJECT, STATES = "auth_center_subject", "auth_center_states"
STATE_SECONDS, MOST_STATES = 900, 5


def is_on() -> bool:
    return bool(settings.AUTH_CENTER_URL)


def claims_of(request: HttpRequest) -> tokens.Claims | None:
    """What the request's cookie proves; None when it has no valid one."""
    token = request.COOKIES.get(settings.AUTH_COOKIE_NAME, "")
    if not token:
        return None
    try:
        return tokens.verify(token)
    except tokens.BadToken as refusal:
        log.info("token_refused", reason=str(refusal))
        return None


def verify(request: HttpRequest, *, may_begin: bool) -> None:
    """Set ``request.user`` from the cookie, with the role it has now.

    Our session must be of the same person; on pages (``may_begin``) a valid cookie without one begins it, while
    the API takes no cookie without a session. Raises people.Refused.
    """
    has_session = SESSION_KEY in request.session
    claims = claims_of(request) if has_session or may_begin else None
    if claims is None:
        if has_session:
            logout(request)
        request.user = AnonymousUser()
        return
    is_same = has_session and request.session.get(SUBJECT) == claims.subject
    if not is_same and not may_begin:
        request.user = AnonymousUser()
        return
    user = people.user_of(claims)
    if not is_same or request.session[SESSION_KEY] != str(user.pk):
        begin(request, user, claims)
    request.user = user


def begin(request: HttpRequest, user: User, claims: tokens.Claims) -> None:
    """A session tied to the token's subject."""
    signing_in.begin_session(request, user)
    request.session[SUBJECT] = claims.subject


def departure(request: HttpRequest, wanted: str) -> str:
    """The Auth Center's address with our return address and a state that is good once, in this session."""
    state = secrets.token_urlsafe(24)
    waiting = dict(sorted(_waiting(request).items(), key=lambda item: item[1]["at"])[-MOST_STATES + 1 :])
    request.session[STATES] = waiting | {state: {"next": wanted, "at": clock.now().timestamp()}}
    returning = {"redirect_uri": f"{settings.PUBLIC_URL}/auth/callback", "state": state}
    joint = "&" if "?" in settings.AUTH_CENTER_URL else "?"
    return settings.AUTH_CENTER_URL + joint + urlencode(returning)


def take_state(request: HttpRequest, state: str) -> str | None:
    """Where the person wanted to go; None for a state that is unknown, used or old. It is gone afterwards."""
    waiting = _waiting(request)
    found = waiting.pop(state, None)
    if found is None:
        return None
    request.session[STATES] = waiting
    return found["next"]


def comes_from_another_site(request: HttpRequest) -> bool:
    """Whether the browser kept our session's cookie back, as it does (SameSite) when another site posts to us.

    The page that then stands there posts the same once more, from our own site; ``again`` says that it did.
    """
    is_bare = settings.SESSION_COOKIE_NAME not in request.COOKIES and "again" not in request.POST
    return request.method == "POST" and is_bare


def keep_cookie(answer: HttpResponse, token: str, claims: tokens.Claims) -> None:
    """The Auth Center posted the token instead of setting the cookie: set it, out of reach of scripts."""
    answer.set_cookie(
        settings.AUTH_COOKIE_NAME,
        token,
        expires=claims.expires_at,
        domain=settings.AUTH_COOKIE_DOMAIN or None,
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Lax",
    )


def drop_cookie(answer: HttpResponse) -> None:
    answer.delete_cookie(settings.AUTH_COOKIE_NAME, domain=settings.AUTH_COOKIE_DOMAIN or None, samesite="Lax")


def _waiting(request: HttpRequest) -> dict[str, dict]:
    oldest = clock.now().timestamp() - STATE_SECONDS
    states = request.session.get(STATES, {})
    return {state: entry for state, entry in states.items() if entry["at"] >= oldest}
