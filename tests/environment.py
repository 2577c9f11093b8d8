"""The environment in which everything here runs: every variable fixed, so that no `.env` changes a result."""

import os
import tempfile
from pathlib import Path

SCRATCH = Path(os.environ.setdefault("TEST_SCRATCH", tempfile.mkdtemp(prefix="rc-tests-")))
ENVIRONMENT = {
    "ALLOWED_HOSTS": "",
    "AUTH_CENTER_ALGORITHMS": "",
    "AUTH_CENTER_AUDIENCE": "",
    "AUTH_CENTER_ISSUER": "",
    "AUTH_CENTER_JWKS_URL": "",
    "AUTH_CENTER_JWT_SECRET": "",
    "AUTH_CENTER_PUBLIC_KEY": "",
    "AUTH_CENTER_URL": "",
    "AUTH_COOKIE_DOMAIN": "",
    "AUTH_COOKIE_NAME": "ac_access",
    "AUTH_DEFAULT_ROLE": "viewer",
    "AUTH_ROLE_CLAIM": "role",
    "BROKER_URL": os.environ.get("TEST_BROKER_URL", ""),
    "CREDENTIALS_KEYS": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "CRON_TOKEN": "",
    "CURRENCY": "USD",
    "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", "") or f"sqlite:///{SCRATCH / 'db.sqlite3'}",
    "DEBUG": "",
    "DEFAULT_FROM_EMAIL": "Retention Center <retention@localhost>",
    "DEFAULT_REGION": "US",
    "EMAIL_URL": "",
    "INSTANTLY_API_URL": "",
    "LEASE_SECONDS": "300",
    "LOG_FORMAT": "console",
    "OPT_OUT_SCOPE": "all",
    "PORT": "8000",
    "POSTAL_ADDRESS": "",
    "PUBLIC_URL": "http://testserver",
    "SECRET_KEY_FALLBACKS": "",
    "SECRET_KEY": "only-for-tests-and-long-enough-for-every-check-that-measures-it-0123456789",
    "SENTRY_DSN": "",
    "SETTLE_SECONDS": "600",
    "TIME_ZONE": "UTC",
    "TRUST_PROXY": "",
    "TWILIO_API_URL": "",
    "VAPI_API_URL": "",
    "WEBHOOK_ALLOWED_NETWORKS": "",
}
