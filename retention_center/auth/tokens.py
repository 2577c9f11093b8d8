"""The Auth Center's tokens (JWT), verified one fixed way: the way of the settings, never the token's (RFC 8725)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from django.conf import settings

from retention_center.auth import jwks
from retention_center.lib import clock
from retention_center.models import Role

LEEWAY_SECONDS = 30
LONGEST_TOKEN = 16_384
OLDEST_SECONDS = 24 * 3600  # whatever its expiry says
TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
REQUIRED = ("exp", "iat", "sub")
SYMMETRIC = ("HS256", "HS384", "HS512")
ASYMMETRIC = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA")


class BadToken(Exception):
    """The token is not one that we accept; the text says why, for the log, without the token."""


@dataclass(frozen=True)
class Claims:
    """What a verified token says of its holder."""

    subject: str
    email: str
    name: str
    role: Role
    expires_at: datetime


def is_configured() -> bool:
    """Whether tokens can be verified at all."""
    return any((settings.AUTH_CENTER_JWT_SECRET, settings.AUTH_CENTER_PUBLIC_KEY, settings.AUTH_CENTER_JWKS_URL))


def verify(token: str) -> Claims:
    """Check signature, times, issuer and audience; raise BadToken when anything is wrong."""
    if not is_configured():
        raise BadToken("no way to verify tokens is set")
    if len(token) > LONGEST_TOKEN:
        raise BadToken("too long")
    try:
        _check_type(token)
        payload = jwt.decode(
            token,
            _key_for(token),
            algorithms=list(algorithms()),
            issuer=settings.AUTH_CENTER_ISSUER or None,
            audience=settings.AUTH_CENTER_AUDIENCE or None,
            leeway=LEEWAY_SECONDS,
            options={
                "require": list(REQUIRED),
                "verify_aud": bool(settings.AUTH_CENTER_AUDIENCE),
                "verify_iss": bool(settings.AUTH_CENTER_ISSUER),
            },
        )
    except (jwt.PyJWTError, jwks.Unavailable, ValueError, TypeError) as error:
        raise BadToken(f"{type(error).__name__}: {error}") from error
    return _claims(payload)


def algorithms() -> tuple[str, ...]:
    """What settings allow, within the family of the one configured key: a public key is never an HMAC secret."""
    family = SYMMETRIC if settings.AUTH_CENTER_JWT_SECRET else ASYMMETRIC
    chosen = tuple(name for name in settings.AUTH_CENTER_ALGORITHMS if name in family)
    return chosen or (("HS256",) if settings.AUTH_CENTER_JWT_SECRET else ("RS256", "ES256"))


def _key_for(token: str) -> Any:
    if settings.AUTH_CENTER_JWT_SECRET:
        return settings.AUTH_CENTER_JWT_SECRET
    if settings.AUTH_CENTER_PUBLIC_KEY:
        return settings.AUTH_CENTER_PUBLIC_KEY
    return jwks.key_for(settings.AUTH_CENTER_JWKS_URL, str(jwt.get_unverified_header(token).get("kid", "")))


def _check_type(token: str) -> None:
    """A token that says it is something else (a logout token, a security event) is no sign-in."""
    kind = jwt.get_unverified_header(token).get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise BadToken("typ is another one")


def _claims(payload: dict[str, Any]) -> Claims:
    if float(payload["iat"]) < clock.now().timestamp() - OLDEST_SECONDS - LEEWAY_SECONDS:
        raise BadToken("issued too long ago")
    subject = payload["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or "\x00" in subject:
        raise BadToken("sub is not a usable text")
    try:
        expires_at = datetime.fromtimestamp(float(payload["exp"]), UTC)
    except (ValueError, OverflowError, OSError, TypeError) as error:
        raise BadToken("exp is no time") from error
    email = payload.get("email")
    return Claims(
        subject=subject,
        email=email.strip().lower()[:254] if isinstance(email, str) and "\x00" not in email else "",
        name=_text(payload.get("name"))[:200],
        role=_role(payload.get(settings.AUTH_ROLE_CLAIM)),
        expires_at=expires_at,
    )


def _role(claim: Any) -> Role:
    """The highest of the roles we know, in a text or a list of texts; else the default."""
    given = claim if isinstance(claim, list) else [claim]
    words = {word.strip().lower() for word in given if isinstance(word, str)}
    known = [role for role in Role if role.value in words]
    return known[-1] if known else Role(settings.AUTH_DEFAULT_ROLE)


def _text(value: Any) -> str:
    return value.replace("\x00", "").strip() if isinstance(value, str) else ""
