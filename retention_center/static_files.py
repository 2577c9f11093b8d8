"""Static files with hashed names, compressed once when they are collected."""

import hashlib
from pathlib import Path
from typing import Any

import brotli
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

QUALITY = 6  # of 11: a few percent larger, and `make run` does not wait a minute for the last ones
SKIPPED = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")  # source maps are for developers, and the largest files of all


class QuickCompressor(Compressor):
    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        return brotli.compress(data, quality=QUALITY)


class StaticFiles(CompressedManifestStaticFilesStorage):
    """What whitenoise does, but in seconds."""

    def create_compressor(self, **options: Any) -> QuickCompressor:
        return QuickCompressor(**options | {"extensions": SKIPPED})


def collect() -> None:
    """Collect the static files, unless those collected last time are still the same: the same names, sizes and ages."""
    note = Path(settings.STATIC_ROOT) / ".collected"
    now_there = _fingerprint()
    if not note.exists() or note.read_text() != now_there:
        call_command("collectstatic", verbosity=0, interactive=False)
        note.write_text(now_there)


def _fingerprint() -> str:
    seen = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            seen.update(f"{name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return seen.hexdigest()
