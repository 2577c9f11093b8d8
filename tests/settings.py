"""The suite's settings: the real ones in a fixed environment, made fit for tests.

The database is SQLite in a file of its own, or the PostgreSQL named by TEST_DATABASE_URL (see `tests/postgres.py`).
"""

import os

from tests.environment import ENVIRONMENT, SCRATCH

os.environ.update(ENVIRONMENT)

from retention_center.settings import *  # noqa: F403 - the environment must stand first
from retention_center.settings import DATABASES, SQLITE_OPTIONS, STORAGES

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: threads and other processes use it too. No test cuts the power, so it need not wait for disks
    DATABASES["default"]["TEST"] = {"NAME": str(SCRATCH / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS | {
        "init_command": SQLITE_OPTIONS["init_command"].replace("synchronous=FULL", "synchronous=OFF"),
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 0

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_ROOT = SCRATCH / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_USE_FINDERS = True
