"""What the page and the API say of a provider: whether it works, what to paste where, what is not there yet."""

from dataclasses import dataclass
from urllib.parse import quote

from django.conf import settings
from django.urls import reverse

from integrations import keitaro
from integrations.catalogue import Known
from integrations.credentials import mask
from integrations.models import IntegrationConfig
from integrations.providers.base import NotSent
from integrations.providers.registry import adapter_of


@dataclass(frozen=True, slots=True)
class Tested:
    """``ok`` is None where there is nothing to test."""

    ok: bool | None
    detail: str


def test(known: Known, row: IntegrationConfig | None) -> Tested:
    """Try the provider with what is saved; may wait for its answer as long as a call may."""
    if known.name == keitaro.PROVIDER:
        return _test_keitaro(row)
    adapter = adapter_of(known.name)
    if adapter is None:
        return Tested(None, not_yet(known))
    if known.name == "smtp" and not settings.EMAIL_URL and not (row and row.config.get("host")):
        return Tested(False, "No server is named: fill it in, or set EMAIL_URL.")
    provider = adapter(row.config if row else {})
    try:
        return Tested(True, provider.check())
    except NotSent as error:
        return Tested(False, f"It did not work: {error}.")
    finally:
        provider.close()


def not_yet(known: Known) -> str:
    """For a provider we can only keep the settings of."""
    return f"Sending by {known.label} is not available yet: its settings are kept, and nothing is sent by it."


def postback_url(row: IntegrationConfig | None, secret: str = "") -> str:
    """The address to paste in Keitaro; without ``secret`` only the end of the saved one stands in it."""
    saved = row.config.get("webhookSecret", "") if row else ""
    shown = quote(secret, safe="") or (mask(saved) if saved else "SECRET")
    return f"{settings.PUBLIC_URL}{reverse('webhook-keitaro')}?secret={shown}&{keitaro.URL_PARAMETERS}"


def _test_keitaro(row: IntegrationConfig | None) -> Tested:
    if not keitaro.is_ready(row):
        return Tested(False, "Postbacks are refused: switch Keitaro on and give it a secret.")
    return Tested(None, f"Keitaro calls us, so there is nothing to call. Paste this there: {postback_url(row)}")
