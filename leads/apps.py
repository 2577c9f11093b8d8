from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LeadsConfig(AppConfig):
    name = "leads"

    def ready(self) -> None:
        from leads.suppression import make_key

        def make_suppression_key(**_: Any) -> None:
            """Made here, once, so that no request's roll-back can lose a key that others have used already."""
            make_key()

        post_migrate.connect(make_suppression_key, sender=self, weak=False)
