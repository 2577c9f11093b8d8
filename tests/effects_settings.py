"""The real settings, with a provider more: what workers run on that tests kill."""

from retention_center.settings import *  # noqa: F403
from retention_center.settings import PROVIDERS

PROVIDERS = PROVIDERS | {"effects": "tests.effects.Effects"}
