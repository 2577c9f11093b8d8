"""What docs/api.md tells to type works as it is written."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conversions.models import Conversion
from leads.models import Lead
from sequences.models import SequenceEnrollment
from tests.builders import make_api_key

PAGE = Path(__file__).parent.parent / "docs" / "api.md"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not shutil.which("curl"), reason="curl is not here"),
]


def typed(live_server, name: str) -> str:
    """The output of a block of the page, typed into a shell that ends at the first failure."""
    found = re.search(rf"<!-- run: {name} -->\n```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found, name
    environment = os.environ | {"URL": live_server.url, "KEY": make_api_key("operator"), "NO_PROXY": "*"}
    shell = ["bash", "-euo", "pipefail", "-c", found[1]]
    done = subprocess.run(shell, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_quick_start_adds_a_lead_and_finds_it(live_server):
    assert '"total":1' in typed(live_server, "quick start")


def test_the_main_job_works_with_curl_alone(live_server):
    output = typed(live_server, "main job")
    assert '"created":2' in output
    assert '"index":2' in output
    assert Lead.objects.count() == 3
    assert SequenceEnrollment.objects.get().status == "CONVERTED"
    assert Conversion.objects.get().standing == "confirmed"
