"""Columns that nearly every model shares."""

from django.db import models

from retention_center.lib import clock, ids

ID_LENGTH = 40


class Identified(models.Model):
    """An opaque, time-ordered id; ids of the old system (cuids) are kept as they are."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=ids.new_id, editable=False)

    class Meta:
        abstract = True


class Timestamped(models.Model):
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        abstract = True

    def save(self, *args, **kwargs) -> None:
        self.updated_at = clock.now()
        if (fields := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {*fields, "updated_at"}
        super().save(*args, **kwargs)
