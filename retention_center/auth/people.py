"""The Auth Center's people as our users: made at first sign-in, kept in step with every token."""

from django.db import IntegrityError, transaction

from retention_center import audit
from retention_center.auth.tokens import Claims
from retention_center.models import User


class Refused(Exception):
    """The token is good, but this person may not come in; the text is for them."""


def user_of(claims: Claims) -> User:
    """The user behind a verified token, with the token's e-mail, name and role. Raises Refused.

    Known by the Auth Center's id; by e-mail only when that user has no such id yet.
    """
    user = User.objects.filter(subject=claims.subject).first() or _join(claims)
    if not user.is_active:
        raise Refused("This account is disabled.")
    _keep_in_step(user, claims)
    return user


def _join(claims: Claims) -> User:
    if not claims.email:
        raise Refused("The Auth Center did not tell your e-mail address.")
    try:
        with transaction.atomic():
            if (found := User.objects.filter(subject=claims.subject).first()) is not None:  # by a request beside this
                return found
            known = User.objects.select_for_update().filter(email=claims.email).first()
            if known is None:
                made = User.objects.create_user(
                    claims.email, name=claims.name, role=claims.role, subject=claims.subject
                )
                audit.record(_actor(made), "create", made, after=audit.snapshot(made, "email", "name", "role"))
                return made
            if known.subject is not None:
                raise Refused("Another account of the Auth Center has this e-mail address.")
            known.subject = claims.subject
            known.save(update_fields=["subject"])
            return known
    except IntegrityError:  # two first requests at once, where neither waits for the other
        found = User.objects.filter(subject=claims.subject).first()
        if found is None:
            raise Refused("Another account has this e-mail address.") from None
        return found


def _keep_in_step(user: User, claims: Claims) -> None:
    wanted = {"name": claims.name or user.name, "role": str(claims.role)}
    is_new_address = claims.email and claims.email != user.email
    if is_new_address and not User.objects.filter(email=claims.email).exclude(pk=user.pk).exists():
        wanted["email"] = claims.email
    before = audit.snapshot(user, *wanted)
    if before == wanted:
        return
    with transaction.atomic():
        for name, value in wanted.items():
            setattr(user, name, value)
        user.save(update_fields=list(wanted))
        old, new = audit.changed_values(user, before)
        audit.record(_actor(user), "change", user, before=old, after=new)


def _actor(user: User) -> audit.Actor:
    return audit.Actor("Auth Center", "system", user)
