from django.apps import AppConfig


class GroundConfig(AppConfig):
    """The ground floor: sign-in, API and page base, audit, jobs. It imports no other app."""

    name = "retention_center"
    verbose_name = "Retention Center"

    def ready(self) -> None:
        from retention_center import checks  # noqa: F401 - Django asks that checks are registered here
