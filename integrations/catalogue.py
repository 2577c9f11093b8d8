"""The providers we know: what each is for, and the options it takes. Who of them can send: settings.PROVIDERS."""

from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings

from integrations import instantly_zones
from integrations.models import IntegrationConfig

Type = IntegrationConfig.Type


class Kind(StrEnum):
    """What an option's value must be."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - a kind of option; goes in, never comes out
    CHOICE = "choice"
    TEXTS = "texts"
    NUMBER = "number"
    PORT = "port"
    SHARE = "share"  # 0 to 1
    URL = "url"
    SWITCH = "switch"  # on or off


@dataclass(frozen=True, slots=True)
class Option:
    """One key of a provider's config. ``is_needed``: an active provider cannot do without it."""

    key: str
    label: str
    kind: Kind = Kind.TEXT
    is_needed: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    help: str = ""

    @property
    def is_secret(self) -> bool:
        return self.kind == Kind.SECRET


@dataclass(frozen=True, slots=True)
class Known:
    """A provider we know. ``purpose`` is a few words for its row in the list."""

    name: str
    label: str
    type: Type
    purpose: str
    options: tuple[Option, ...]
    needs_one_of: tuple[str, ...] = ()

    @property
    def is_sender(self) -> bool:
        """Whether it is for sending at all; Keitaro only calls us."""
        return self.type != Type.TRACKING

    @property
    def shown_options(self) -> tuple[Option, ...]:
        """The options with an effect: a pace has none where nothing is sent."""
        return tuple(option for option in self.options if self.is_sender or option is not RATE)

    @property
    def can_send(self) -> bool:
        """Whether this version has an adapter for it."""
        return self.name in settings.PROVIDERS

    @property
    def is_available(self) -> bool:
        return self.can_send or not self.is_sender


RATE = Option("ratePerSecond", "Calls per second", Kind.NUMBER, help="Shared by all workers. Blank: the default.")
OLD_SECRET = Option(
    "previousWebhookSecret",
    "Secret before this one",
    Kind.SECRET,
    help="Still accepted. Empty it once the provider uses the new one.",
)

PROVIDERS = {
    known.name: known
    for known in (
        Known(
            "smtp",
            "SMTP",
            Type.EMAIL,
            "E-mail, default",
            (
                Option("host", "Server", help="Blank: the server in EMAIL_URL."),
                Option("port", "Port", Kind.PORT, help="Blank: 25, 587 with STARTTLS, 465 with TLS."),
                Option(
                    "security",
                    "Encryption",
                    Kind.CHOICE,
                    choices=(("none", "None"), ("starttls", "STARTTLS"), ("tls", "TLS")),
                ),
                Option("username", "User name"),
                Option("password", "Password", Kind.SECRET),
                RATE,
            ),
        ),
        Known(
            "instantly",
            "Instantly",
            Type.EMAIL,
            "E-mail, by campaign",
            (
                Option("apiKey", "API key", Kind.SECRET, is_needed=True),
                Option(
                    "emailAccounts",
                    "Mailboxes",
                    Kind.TEXTS,
                    help="The addresses Instantly sends from, one a line. Without any, nothing can be sent.",
                ),
                Option(
                    "timeZone",
                    "Time zone",
                    Kind.CHOICE,
                    choices=tuple((zone, zone) for zone in instantly_zones.accepted()),
                    help="Of Instantly's schedules. Not chosen: the organisation's, where Instantly knows one like it.",
                ),
                Option(
                    "webhookSecret",
                    "Webhook secret",
                    Kind.SECRET,
                    help="Instantly sends it in the header X-Webhook-Secret.",
                ),
                OLD_SECRET,
                RATE,
            ),
        ),
        Known(
            "twilio",
            "Twilio",
            Type.SMS,
            "SMS",
            (
                Option("accountSid", "Account SID", is_needed=True),
                Option("authToken", "Auth token", Kind.SECRET, is_needed=True),
                Option("from", "Send from", help="A phone number, or leave it blank and name a messaging service."),
                Option("messagingServiceSid", "Messaging service"),
                Option("previousAuthToken", "Auth token before this one", Kind.SECRET, help="Still accepted."),
                RATE,
            ),
            needs_one_of=("from", "messagingServiceSid"),
        ),
        Known(
            "vapi",
            "VAPI",
            Type.CALL,
            "Calls",
            (
                Option("apiKey", "API key", Kind.SECRET, is_needed=True),
                Option("assistantId", "Assistant", is_needed=True),
                Option("phoneNumberId", "Phone number id", is_needed=True),
                Option(
                    "webhookAuth",
                    "How it signs its calls",
                    Kind.CHOICE,
                    choices=(("secret", "Secret"), ("bearer", "Bearer token"), ("hmac", "HMAC")),
                    help="Blank: the secret.",
                ),
                Option(
                    "webhookSecret",
                    "Webhook secret",
                    Kind.SECRET,
                    help="Without it no report is believed; what became of a call is then asked for an hour later.",
                ),
                OLD_SECRET,
                Option(
                    "webhookCredentialId",
                    "Its credential for reports",
                    help="Its id at VAPI; HMAC needs one. Blank: the secret or token travels with each call.",
                ),
                RATE,
            ),
        ),
        Known(
            "keitaro",
            "Keitaro",
            Type.TRACKING,
            "Conversions",
            (
                Option("webhookSecret", "Webhook secret", Kind.SECRET, is_needed=True),
                OLD_SECRET,
                Option("trackerUrl", "Tracker address", Kind.URL),
                Option("adminApiKey", "Admin API key", Kind.SECRET),
                RATE,
            ),
        ),
        Known(
            "webhook",
            "Webhook",
            Type.WEBHOOK,
            "Your own systems",
            (
                Option(
                    "signingSecret",
                    "Signing secret",
                    Kind.SECRET,
                    is_needed=True,
                    help="Signs as Standard Webhooks says: any text, or whsec_ and base64.",
                ),
                Option(
                    "previousSigningSecret",
                    "Secret before this one",
                    Kind.SECRET,
                    help="Signs beside the new one. Empty it once every receiver knows the new one.",
                ),
                Option(
                    "allowedHosts",
                    "Allowed hosts",
                    Kind.TEXTS,
                    help="One a line; .example.com is all below it. Blank: every public host.",
                ),
                Option(
                    "allowHttp", "Post to http addresses, too", Kind.SWITCH, help="Without TLS others can read along."
                ),
                Option("testUrl", "Address for tests", Kind.URL, help="Test connection posts a signed test to it."),
                RATE,
            ),
        ),
        Known(
            "sandbox",
            "Sandbox",
            Type.SANDBOX,
            "Pretends to send",
            (
                Option("delivered", "Delivered", Kind.SHARE, help="Share of all messages, from 0 to 1."),
                Option("replied", "Replied", Kind.SHARE, help="Share of all messages, from 0 to 1."),
                Option("failed", "Failed", Kind.SHARE, help="Share of all messages, from 0 to 1."),
                RATE,
            ),
        ),
    )
}


def label_of(provider: str) -> str:
    """What staff call it: "Twilio"."""
    known = PROVIDERS.get(provider)
    return known.label if known else provider
