"""What the page tests share: the small site of ``pages_urls`` with its templates."""

from pathlib import Path

import pytest

TEMPLATES = Path(__file__).parent / "templates"


@pytest.fixture(autouse=True)
def sample_site(settings) -> None:
    settings.ROOT_URLCONF = "tests.ground.pages_urls"
    settings.SEARCHES = ["tests.ground.pages_urls.find"]
    engine = settings.TEMPLATES[0]
    settings.TEMPLATES = [engine | {"DIRS": [*engine["DIRS"], TEMPLATES]}]
