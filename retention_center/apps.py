from django.apps import AppConfig
from django.db.models.signals import post_migrate


class GroundConfig(AppConfig):
    """The ground floor: sign-in, API and page base, audit, jobs. It imports no other app."""

    name = "retention_center"
    verbose_name = "Retention Center"

    def ready(self) -> None:
        from retention_center import checks, schedules  # noqa: F401 - all need the models loaded
        from retention_center.api import checks as api_checks  # noqa: F401

        post_migrate.connect(schedules.complete_database, sender=self)
