"""What must be true of an installation before anything else is."""

import ast
import re
from pathlib import Path

import django
import pytest
from django.conf import settings

from tests import builders
from tests.settings import ENVIRONMENT

ROOT = Path(settings.BASE_DIR)


def variables_read_by_settings() -> set[str]:
    """The first argument of every `env(...)` and `env.something(...)` in settings.py."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / "retention_center" / "settings.py").read_text())):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            if isinstance(function, ast.Name) and function.id == "env":
                found.add(node.args[0].value)
    return found


def test_django_is_the_version_we_build_on():
    assert django.VERSION[:2] == (6, 1), "a package that caps Django made the installer pick an older one"


def test_the_example_environment_lists_every_variable_and_no_other():
    lines = (ROOT / ".env.example").read_text().splitlines()
    listed = [match[1] for line in lines if (match := re.match(r"#?([A-Z_]+)=", line))]
    assert sorted(listed) == sorted(variables_read_by_settings())


def test_the_example_environment_changes_no_default():
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert not [line for line in lines if line and not line.startswith("#")]


def test_the_suite_fixes_every_variable():
    assert set(ENVIRONMENT) == variables_read_by_settings()


@pytest.mark.django_db
def test_the_builders_make_what_they_name():
    lead = builders.make_lead()
    builders.make_leads(3)
    sequence = builders.make_sequence(steps=2)
    execution = builders.make_execution(builders.make_enrollment(sequence, lead))
    assert execution.step.step_order == 1
    builders.make_campaign_lead(lead=lead)
    builders.make_attempt(lead)
    builders.make_conversion(lead)
    builders.make_integration("sandbox", delivered=1)
    builders.make_api_key()
    assert builders.make_user("admin").is_staff
