"""What the API takes as a credential: a Bearer token, or our own pages' session with its CSRF token."""

from typing import Any

import structlog
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from retention_center.auth import keys, people, tokens
from retention_center.models import User

log = structlog.get_logger(__name__)


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer`` with an API key (``rc_…``) or the Auth Center's JWT."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer" or not credential.strip():
            raise AuthenticationFailed("Send Authorization: Bearer with a token or an API key.")
        return self._by_key(credential.strip()) or self._by_token(credential.strip())

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Retention Center"'

    def _by_key(self, text: str) -> tuple[Any, Any] | None:
        if not text.startswith(keys.PREFIX):
            return None
        caller = keys.holder_of(text)
        if caller is None:
            raise AuthenticationFailed("This API key is unknown, expired or revoked.")
        return caller, caller.key

    def _by_token(self, text: str) -> tuple[User, None]:
        try:
            return people.user_of(tokens.verify(text)), None
        except tokens.BadToken as refusal:
            log.info("token_refused", reason=str(refusal))
            raise AuthenticationFailed("This token is not valid, or has expired.") from refusal
        except people.Refused as refusal:
            raise AuthenticationFailed(str(refusal)) from refusal


class PageAuthentication(BaseAuthentication):
    """Our own pages: their session, which SignInMiddleware has verified, and for changes their CSRF token."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        user = getattr(request._request, "user", None)
        if not isinstance(user, User) or not user.is_active:
            return None
        if request.method not in SAFE_METHODS:
            self._require_csrf(request)
        return user, None

    def _require_csrf(self, request: Request) -> None:
        check: Any = _CsrfCheck(_no_view)
        check.process_request(request._request)
        if reason := check.process_view(request._request, _no_view, (), {}):
            raise AuthenticationFailed(f"A page's request needs its CSRF token ({reason}).")


def _no_view(_request: Any) -> HttpResponse:
    return HttpResponse()


class _CsrfCheck(CsrfViewMiddleware):
    def _reject(self, request: Any, reason: str) -> Any:
        return reason
