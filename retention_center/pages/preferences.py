"""What a person chose for themselves and we remember: theme, rows per page, shortcuts."""

from django.db import transaction

from retention_center.models import User


def remember(user: User, name: str, value: object) -> None:
    """Keep one preference; others which are being saved at the same moment are not lost."""
    with transaction.atomic():
        preferences = User.objects.select_for_update().values_list("preferences", flat=True).get(pk=user.pk)
        preferences[name] = value
        User.objects.filter(pk=user.pk).update(preferences=preferences)
    user.preferences = preferences
