"""Settings: one file, read from the environment, safe by default. `.env.example` says what each means."""

import secrets
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import environ
from cryptography.fernet import Fernet
from django.utils.csp import CSP

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = BASE_DIR / "var"

env = environ.Env()
env.read_env(BASE_DIR / ".env")


def kept_secret(name: str, make) -> str:
    """A secret made once, on the first run, and kept under var/ for this installation (mode 600)."""
    path = VAR / name
    if not path.exists():
        VAR.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(make())
    return path.read_text().strip()


DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env("SECRET_KEY", default="") or kept_secret("secret_key", lambda: secrets.token_urlsafe(64))
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
CREDENTIALS_KEYS = env.list("CREDENTIALS_KEYS", default=[]) or [
    kept_secret("credentials_key", lambda: Fernet.generate_key().decode())
]

# Where we are reached -------------------------------------------------------------------------------
PUBLIC_URL = env("PUBLIC_URL", default=f"http://127.0.0.1:{env('PORT', default='8000')}").rstrip("/")
IS_HTTPS = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[]) or [
    "127.0.0.1",
    "localhost",
    "[::1]",
    urlsplit(PUBLIC_URL).hostname or "localhost",
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
TRUST_PROXY = env.bool("TRUST_PROXY", default=False)
if TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
USE_X_FORWARDED_HOST = TRUST_PROXY
APPEND_SLASH = True

# Apps, from the ground up -----------------------------------------------------------------------------
INSTALLED_APPS = [
    "retention_center",
    "leads",
    "integrations",
    "campaigns",
    "sequences",
    "conversions",
    "retention_center.admin_app.ConfigurationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_filters",
    "django_htmx",
    "django_q",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "retention_center.lib.logs.request_id_in_answers",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "retention_center.auth.middleware.SignInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "retention_center.pages.middleware.PersonMiddleware",
    "retention_center.pages.acts.ActsMiddleware",
    "retention_center.pages.storable.StorableMiddleware",
]
ROOT_URLCONF = "retention_center.urls"
WSGI_APPLICATION = "retention_center.wsgi.application"
ASGI_APPLICATION = "retention_center.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "retention_center.pages.context.frame",
            ],
        },
    }
]

# The database holds everything, the queue too ------------------------------------------------------------
SQLITE_OPTIONS = {
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    # FULL: an intent must outlive a power cut, or a contact could be repeated
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        " PRAGMA cache_size=-64000; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=134217728;"
    ),
}
if not env("DATABASE_URL", default=""):
    VAR.mkdir(exist_ok=True)
DATABASES = {"default": env.db_url_config(env("DATABASE_URL", default="") or f"sqlite:///{VAR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
else:
    DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    # What several processes must agree on (throttles, the report cache) lives in the database
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},  # the default, 300, would drop counts while they are needed
    },
}

# Worker: an alarm clock. What is due, and who has claimed it, stands in our own tables -----------------
BROKER_URL = env("BROKER_URL", default="")
Q_CLUSTER = {
    "name": "rc",
    "workers": 2,
    "queue_limit": 2,
    "timeout": 120,
    "retry": 600,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": 50,
    "poll": 1,
    "guard_cycle": 2,  # seconds between the cluster's own notes in the cache; its default is one every half second
    "bulk": 1,
    "label": "Queue",
    **({"redis": BROKER_URL} if BROKER_URL else {"orm": "default"}),
}
SCHEDULES = {  # name: dotted path, cron
    "tick": ("sequences.tasks.tick", "* * * * *"),
    "housekeeping": ("retention_center.tasks.keep_house", "17 3 * * *"),
    "doctor": ("retention_center.examining.examine_now", "37 3 * * *"),
    "forgetting": ("leads.tasks.forget", "27 3 * * *"),
    "learning": ("conversions.tasks.learn", "47 3 * * *"),
    "campaigns": ("campaigns.tasks.complete_ended_campaigns", "*/5 * * * *"),
    "auth-keys": ("retention_center.tasks.fetch_keys", "*/5 * * * *"),
    "asking": ("campaigns.tasks.ask_providers", "*/10 * * * *"),
    "instantly": ("campaigns.tasks.push_newcomers_to_instantly", "*/5 * * * *"),
    "instantly_hours": ("campaigns.tasks.refresh_instantly", "47 3 * * *"),
}
JOBS = {  # kind: the function that does the job
    "examine": "retention_center.examining.run_job",
    "import_leads": "leads.importing.run.run_job",
    "check_import": "leads.importing.check.run_job",
    "change_leads": "leads.bulk.run_job",
    "enroll_leads": "sequences.bulk.run_job",
    "assign_leads": "campaigns.bulk.run_job",
    "push_leads_to_instantly": "campaigns.instantly.pushing.run_job",
    "mirror_to_instantly": "campaigns.instantly.syncing.mirror_job",
    "withdraw_from_instantly": "campaigns.instantly.withdrawing.run_job",
    "change_enrollments": "sequences.bulk.change_job",
    "release_held": "sequences.catching_up.run_job",
    "forecast_sequence": "sequences.forecast_job.run_job",
}

# What must call upwards, named once ------------------------------------------------------------------------
PROVIDERS = {  # in the order in which a channel chooses its provider
    "smtp": "integrations.providers.smtp.Smtp",
    "instantly": "integrations.providers.instantly.Instantly",
    "twilio": "integrations.providers.twilio.Twilio",
    "vapi": "integrations.providers.vapi.Vapi",
    "webhook": "integrations.providers.webhook.Webhook",
    "sandbox": "integrations.providers.sandbox.Sandbox",
}
INBOUND_HANDLERS = {  # kind of event: who acts on it, in this order, in one transaction
    "delivery": [
        "campaigns.inbound.record_delivery",
        "sequences.inbound.settle_delivery",
    ],
    "note": ["campaigns.inbound.record_note"],
    "reply": [
        "campaigns.inbound.record_reply",
        "sequences.inbound.stop_on_reply",
        "campaigns.instantly.reported.bring_forward",
    ],
    "interest": ["campaigns.inbound.record_delivery", "campaigns.instantly.reported.bring_forward"],
    "address_opt_out": ["campaigns.instantly.reported.record_unsubscribe"],
    "campaign_event": ["campaigns.instantly.reported.record_campaign_event"],
    "message": ["campaigns.messages.take_in", "sequences.inbound.stop_on_message"],
    "opt_out": ["campaigns.messages.record_opt_out"],
    "conversion": ["conversions.inbound.record_postback"],
}
LEAD_WENT_OFF = [  # called inside the transaction that makes a lead not contactable
    "sequences.enrolling.stop_for_lead",
    "campaigns.assigning.complete_for_lead",
    "campaigns.instantly.withdrawing.withdraw_for_lead",
]
CHANNEL_WENT_OFF = [  # called inside the transaction that bars leads from one channel; the rest goes on
    "sequences.barring.skip_channel",
    "campaigns.barring.skip_channel",
]
ERASERS = [  # called inside the transaction that erases leads: each app takes the personal data out of its own rows
    "campaigns.erasing.erase_leads",
    "sequences.erasing.erase_leads",
    "conversions.erasing.erase_leads",
]
IMPORTED = "campaigns.assigning.assign_imported"  # called with the leads of each imported slice, in its transaction
TIMELINES = [  # each tells one floor's part of a lead's story
    "campaigns.events.of_lead",
    "sequences.events.of_lead",
    "conversions.events.of_lead",
]
REASON_SENTENCE = "campaigns.reasons.sentence_of"  # a reason code in words
MAY_CONTACT = "campaigns.explaining.may_contact"  # each rule of the contact policy, for one lead and some channels
OUTLOOK = "campaigns.outlook.of_lead"  # what the processor will do with all that is open for a lead
OPEN_CONTACTS = [  # each tells one floor's part of what is open, in the order in which the processor takes it up
    "sequences.upcoming.of_lead",
    "campaigns.upcoming.of_lead",
    "campaigns.upcoming.by_hand",
]
LEAD_ACTIONS = {  # what staff may do to many leads that only a higher floor can: choices, and the doing of it
    "campaign": ("campaigns.lead_actions.campaigns", "campaigns.lead_actions.add_to_campaign"),
    "sequence": ("sequences.lead_actions.sequences", "sequences.lead_actions.enroll_in_sequence"),
}
OVERDUE = "sequences.processor.count_overdue"  # for the processor light
WAITING = "sequences.glance.waiting"  # for every page: what is overdue, and what waits for staff, by page
STANDING = "sequences.glance.standing"  # for every page: what is stopped, which providers fail, when it ran
STOPPED = "campaigns.sending.standing"  # what is stopped now
OUTAGES = "sequences.outages.standing"  # providers that fail for everybody
WAKE_HELD = "sequences.outages.wake"  # called when staff want a failing provider tried at once
SENT_TODAY = "campaigns.stats.sent_today"  # for the page of providers: what each sent and failed to send
INVARIANTS = [  # each app's checks for `manage.py doctor`
    "retention_center.invariants.CHECKS",
    "leads.invariants.CHECKS",
    "integrations.invariants.CHECKS",
    "campaigns.invariants.CHECKS",
    "sequences.invariants.CHECKS",
    "conversions.invariants.CHECKS",
]
NARROWERS = [  # who narrows the contact policy, for its page
    "campaigns.narrowers.campaigns",
    "sequences.narrowers.sequences",
]
HEALTH_SIGNS = {  # what the health page shows, by its headings
    "Steps": "sequences.health_signs.of_steps",
    "Sending": "campaigns.health_signs.of_sending",
    "What comes in": "campaigns.health_signs.of_inbox",
}
RESTORED = [  # each holds its part for staff when the database was restored from a backup, in this order
    "campaigns.restoring.stop_sending",
    "campaigns.restoring.doubt_calls",
    "campaigns.restoring.hold_due",
    "sequences.restoring.hold_due",
]
SEARCHES = [
    "leads.search.find",
    "campaigns.search.find",
    "sequences.search.find",
]

# The engine ----------------------------------------------------------------------------------------------------
LEASE_SECONDS = env.int("LEASE_SECONDS", default=300)
SETTLE_SECONDS = env.int("SETTLE_SECONDS", default=600)
CALL_SECONDS = min(20, LEASE_SECONDS / 2)
OPT_OUT_SCOPE = env("OPT_OUT_SCOPE", default="all")
DEFAULT_REGION = env("DEFAULT_REGION", default="US")
CURRENCY = env("CURRENCY", default="USD")
POSTAL_ADDRESS = env("POSTAL_ADDRESS", default="")
CRON_TOKEN = env("CRON_TOKEN", default="")

# Providers' own addresses; for another region, or a mock
TWILIO_API_URL = env("TWILIO_API_URL", default="") or "https://api.twilio.com"
VAPI_API_URL = env("VAPI_API_URL", default="") or "https://api.vapi.ai"
INSTANTLY_API_URL = env("INSTANTLY_API_URL", default="") or "https://api.instantly.ai"

# Webhooks go to public addresses only; networks named here (10.1.0.0/16) are opened to them besides
WEBHOOK_ALLOWED_NETWORKS = [ip_network(each.strip()) for each in env.list("WEBHOOK_ALLOWED_NETWORKS", default=[])]

# E-mail ------------------------------------------------------------------------------------------------------------
EMAIL_URL = env("EMAIL_URL", default="")
SMTP = env.email_url_config(EMAIL_URL) if EMAIL_URL else {}
# The SMTP provider opens its own connections from SMTP; Django itself (mail_admins and such) sends nothing
MAILERS: dict[str, dict[str, str]] = {}
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="Retention Center <retention@localhost>")

# Signing in ---------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "retention_center.User"
AUTH_CENTER_URL = env("AUTH_CENTER_URL", default="")
AUTH_CENTER_JWT_SECRET = env("AUTH_CENTER_JWT_SECRET", default="")
AUTH_CENTER_PUBLIC_KEY = env.str("AUTH_CENTER_PUBLIC_KEY", default="", multiline=True)
AUTH_CENTER_JWKS_URL = env("AUTH_CENTER_JWKS_URL", default="")
AUTH_CENTER_ALGORITHMS = env.list("AUTH_CENTER_ALGORITHMS", default=[])
AUTH_CENTER_ISSUER = env("AUTH_CENTER_ISSUER", default="")
AUTH_CENTER_AUDIENCE = env("AUTH_CENTER_AUDIENCE", default="")
AUTH_COOKIE_NAME = env("AUTH_COOKIE_NAME", default="ac_access")
AUTH_COOKIE_DOMAIN = env("AUTH_COOKIE_DOMAIN", default="")
AUTH_ROLE_CLAIM = env("AUTH_ROLE_CLAIM", default="role")
AUTH_DEFAULT_ROLE = env("AUTH_DEFAULT_ROLE", default="viewer")
LOGIN_URL = "/auth/login"
LOGIN_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# The browser's side ------------------------------------------------------------------------------------------------
_auth_origin = "{0.scheme}://{0.netloc}".format(urlsplit(AUTH_CENTER_URL)) if AUTH_CENTER_URL else None
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "frame-src": [CSP.SELF],
    "form-action": [CSP.SELF, *([_auth_origin] if _auth_origin else [])],
    "base-uri": [CSP.NONE],
    "object-src": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$", r"^api/webhooks/"]
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = False  # the Auth Center's domain is shared: not ours to decide
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_NAME = "__Host-rc_session" if IS_HTTPS else "rc_session"
CSRF_COOKIE_NAME = "__Host-rc_csrf" if IS_HTTPS else "rc_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "retention_center.pages.errors.csrf_failed"
SESSION_COOKIE_AGE = 8 * 3600
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains and preload: see above
    "security.W021",
    "mail.W001",  # Django itself sends no mail
]

# The API ------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "retention_center.api.authentication.BearerAuthentication",
        "retention_center.api.authentication.PageAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["retention_center.api.permissions.ByRole"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["retention_center.api.parsers.WireJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "retention_center.api.negotiation.OneFormat",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_FILTER_BACKENDS": ["retention_center.api.filters.WireFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "retention_center.api.paging.WirePagination",
    "DEFAULT_SCHEMA_CLASS": "retention_center.api.schema.WireSchema",
    "EXCEPTION_HANDLER": "retention_center.api.problems.as_problem",
    "DEFAULT_THROTTLE_CLASSES": ["retention_center.api.throttles.PerCaller"],
    "DEFAULT_THROTTLE_RATES": {
        "caller": "1200/min",
        "anonymous": "60/min",
        "sign_in": "10/min",
    },
    "COERCE_DECIMAL_TO_STRING": False,
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Retention Center",
    "VERSION": "1",
    "DESCRIPTION": "Leads, campaigns, sequences, attempts and conversions.",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "AUTHENTICATION_WHITELIST": ["retention_center.api.authentication.BearerAuthentication"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Choices stand where they are used: names for them would collide
    "POSTPROCESSING_HOOKS": ["retention_center.api.schema.made_exact"],
}

# Languages, times, static files -----------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = env("TIME_ZONE", default="UTC")
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "retention_center.static_files.StaticFiles"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

# Logs ---------------------------------------------------------------------------------------------------------------
LOG_FORMAT = env("LOG_FORMAT", default="console")
LOGGING_CONFIG = "retention_center.lib.logs.configure"
LOGGING = {"format": LOG_FORMAT}
SENTRY_DSN = env("SENTRY_DSN", default="")
if SENTRY_DSN:
    import sentry_sdk

    sentry_sdk.init(SENTRY_DSN, send_default_pii=False)
