"""What must be true of an installation before anything else is."""

import django
import pytest

from tests import builders


def test_django_is_the_version_we_build_on():
    assert django.VERSION[:2] == (6, 1), "a package that caps Django made the installer pick an older one"


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
