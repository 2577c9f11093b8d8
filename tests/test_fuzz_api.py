"""A fuzzer reads the API's document and finds it true: nothing fails, nothing is answered that it does not say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from retention_center.models import Role
from tests import builders
from tests.knobs import FUZZ_SECONDS, IS_VERIFYING

# What the document cannot say (an address that is somebody else's, a date that has passed) is refused all the same
LEFT_OUT = "positive_data_acceptance"
NEVER = 100_000_000


@pytest.fixture
def populated(transactional_db) -> None:
    lead = builders.make_lead()
    builders.make_campaign_lead(lead=lead)
    builders.make_enrollment()
    builders.make_conversion(lead, contact_attempt=builders.make_attempt(lead))
    builders.make_inbound_event()


@pytest.mark.timeout(FUZZ_SECONDS * 3 + 120)
@pytest.mark.usefixtures("populated")
@pytest.mark.parametrize("role", [*Role] if IS_VERIFYING else [Role.ADMIN])
def test_the_document_is_true(role, live_server, settings, tmp_path):
    if connection.vendor != "sqlite" and not IS_VERIFYING:
        pytest.skip("On SQLite only; make verify fuzzes both.")
    rates = dict.fromkeys(("caller", "anonymous", "sign_in"), f"{NEVER}/s")
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"DEFAULT_THROTTLE_RATES": rates}
    key = builders.make_api_key(role)
    program = str(Path(sys.executable).with_name("schemathesis"))
    phases = "examples,coverage,fuzzing" if IS_VERIFYING else "fuzzing"
    command = [program, "run", f"{live_server.url}/api/schema", "--header", f"Authorization: Bearer {key}"]
    command += ["--checks", "all", "--exclude-checks", LEFT_OUT, "--phases", phases, "--no-color"]
    command += ["--max-examples", "200" if IS_VERIFYING else "2", "--max-time", str(FUZZ_SECONDS)]
    command += ["--suppress-health-check", "all", "--warnings", "off", "--no-shrink"]
    environment = os.environ | {"NO_PROXY": "*"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
