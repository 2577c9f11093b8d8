"""Which providers may send now, chosen by channel. Loaded once for a round, so that a round costs one query."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from django.conf import settings
from django.utils.module_loading import import_string

from integrations.models import IntegrationConfig
from integrations.providers.base import Provider

SANDBOX = "sandbox"
SMTP = "smtp"
TRACKER = "keitaro"


def adapter_of(name: str) -> type[Provider] | None:
    """The class that speaks to the provider, or None: such a provider cannot send yet."""
    path = settings.PROVIDERS.get(name)
    return import_string(path) if path else None


def is_active(name: str, row: IntegrationConfig | None) -> bool:
    """Whether the provider is switched on: by its row, or (SMTP) by EMAIL_URL.

    A row for SMTP that names no server is not enough: nothing could be sent by it.
    """
    if name == SMTP and settings.EMAIL_URL:
        return True
    if row is None or not row.is_active:
        return False
    return name != SMTP or bool(row.config.get("host"))


def _config(name: str, row: IntegrationConfig | None) -> Mapping[str, Any]:
    if row is None:
        return {}
    if name == SMTP and not row.is_active:  # active by EMAIL_URL, which then also names the server
        return {"ratePerSecond": row.config.get("ratePerSecond")}
    return row.config


def _tracker(row: IntegrationConfig | None) -> str:
    return row.config.get("trackerUrl", "") if row is not None and row.is_active else ""


@dataclass(frozen=True)
class ActiveProviders:
    """The providers that are switched on and that we have an adapter for, with their configs, in choosing order."""

    configs: Mapping[str, Mapping[str, Any]]
    tracker: str = ""

    @classmethod
    def load(cls) -> Self:
        """One query."""
        rows = {row.provider: row for row in IntegrationConfig.objects.all()}
        active = {name: _config(name, rows.get(name)) for name in settings.PROVIDERS if is_active(name, rows.get(name))}
        return cls(active, _tracker(rows.get("keitaro")))

    def choose(self, channel: str, preferred: str = "") -> str | None:
        """Who sends on the channel: the script's own provider if it names one, else the first; None holds the step."""
        if preferred:
            return preferred if preferred in self.configs and self._serves(preferred, channel) else None
        return next((name for name in self.configs if self._serves(name, channel)), None)

    def open(self, name: str) -> Provider:
        """The provider with its config; the caller closes it. KeyError when it is not active."""
        return self._adapter(name)(self.configs[name])

    def rates(self) -> dict[str, float | None]:
        """Calls per second which each may start; None is unlimited."""
        return {
            name: config.get("ratePerSecond") or self._adapter(name).default_rate
            for name, config in self.configs.items()
        }

    def parallel(self, name: str) -> int:
        """How many calls at once; 0: it answers at once, in this process."""
        return self._adapter(name).parallel

    def is_sandbox(self, name: str) -> bool:
        """Whether the provider only pretends to send."""
        return name == SANDBOX

    def tracking_url(self, attempt_id: str, lead_id: str) -> str:
        """Where a link in a message leads so that its conversion finds back to it; blank without a tracker."""
        if not self.tracker:
            return ""
        joint = "&" if "?" in self.tracker else "?"
        return f"{self.tracker}{joint}{urlencode({'sub_id_1': attempt_id, 'external_id': lead_id})}"

    def _serves(self, name: str, channel: str) -> bool:
        return channel in self._adapter(name).channels

    def _adapter(self, name: str) -> type[Provider]:
        return import_string(settings.PROVIDERS[name])
