"""The unsubscribe link of every e-mail: signed, for ever good, and nothing happens until somebody posts."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.signing import BadSignature, Signer, b64_encode
from django.utils.encoding import force_bytes

from leads import consent
from leads.models import Lead
from retention_center.audit import Actor
from retention_center.lib.channels import Channel

SOURCE = "unsubscribe link"
_SALT, _SEPARATOR = "leads.unsubscribe", "~"
PERSON = Actor("the lead", "system")


@dataclass(frozen=True)
class Link:
    """Who was written to, and by which attempt."""

    lead_id: str
    attempt_id: str


class Links:
    """Makes the links of a batch: Django's Signer would read the settings and derive its key for every single one."""

    def __init__(self) -> None:
        self._key = hashlib.sha256((_SALT + "signer").encode() + force_bytes(settings.SECRET_KEY)).digest()
        self._begin = f"{settings.PUBLIC_URL}/u/"

    def url_for(self, lead_id: str, attempt_id: str = "") -> str:
        """The absolute address that lets this lead unsubscribe; needs no sign-in and never expires."""
        named = f"{lead_id}.{attempt_id}"
        signature = b64_encode(hmac.digest(self._key, named.encode(), "sha256")).decode()
        return f"{self._begin}{named}{_SEPARATOR}{signature}"


def url_for(lead_id: str, attempt_id: str = "") -> str:
    """One link; see `Links`."""
    return Links().url_for(lead_id, attempt_id)


def read(token: str) -> Link | None:
    """What a link's token says; None when it was not made by us."""
    try:
        named = Signer(salt=_SALT, sep=_SEPARATOR).unsign(token)
    except BadSignature:
        return None
    lead_id, _, attempt_id = named.partition(".")
    return Link(lead_id, attempt_id)


def unsubscribe(link: Link, *, now: datetime) -> bool:
    """The person's own opt-out of e-mail; False when the lead is gone. Again: nothing more happens.

    Whoever was written to under another address than the lead has now is barred under both.
    """
    lead = Lead.objects.filter(pk=link.lead_id).first()
    if lead is None or lead.erased_at:
        return False
    written_to = lead.contact_attempts.filter(pk=link.attempt_id, channel=Channel.EMAIL)
    address = written_to.values_list("address", flat=True).first() or ""
    consent.stop(lead, address, channel=Channel.EMAIL, source=SOURCE, now=now, actor=PERSON)
    return True
