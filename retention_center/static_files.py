"""Static files with hashed names, compressed once when they are collected."""

from typing import Any

import brotli
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
