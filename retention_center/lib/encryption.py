"""JSON that is ciphertext in the database (Fernet, AES-128-CBC with HMAC; keys from CREDENTIALS_KEYS).

The first key encrypts, all keys decrypt, so that a key is changed by adding the new one in front,
running ``manage.py rotate_keys``, and then dropping the old one.
"""

import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

TOKENS_BEGIN = "gAAAA"  # every Fernet token: its version, and a time that will fit for another century


class Undecryptable(Exception):
    """None of CREDENTIALS_KEYS opens the value: a key was dropped too early, or the row is foreign."""


@lru_cache(maxsize=4)
def _keyring(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(value: Any) -> str:
    return _keyring(tuple(settings.CREDENTIALS_KEYS)).encrypt(json.dumps(value).encode()).decode()


def decrypt(token: str) -> Any:
    try:
        return json.loads(_keyring(tuple(settings.CREDENTIALS_KEYS)).decrypt(token.encode()))
    except InvalidToken as error:
        raise Undecryptable("No key of CREDENTIALS_KEYS opens this value.") from error


class EncryptedJSONField(models.TextField):
    """Holds any JSON value; only the ciphertext reaches the database."""

    _pyi_private_set_type: Any  # for django-stubs: TextField would say str
    _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else decrypt(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else encrypt(value)

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:
        """Serialised fixtures carry the ciphertext, never the secret."""
        return encrypt(self.value_from_object(obj))
