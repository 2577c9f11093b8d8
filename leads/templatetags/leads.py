"""What lead pages need in templates."""

from django import template
from django.conf import settings
from django.utils.module_loading import import_string

from leads import next_contact as next_contacts
from leads.models import Lead
from leads.next_contact import Next

register = template.Library()


@register.filter
def next_contact(lead: Lead) -> Next | None:
    """When the lead is contacted next; none when nothing is planned."""
    return next_contacts.of(lead)


@register.filter
def reason_words(code: str) -> str:
    """A stored reason code as a sentence; a word staff typed stays as it is."""
    return import_string(settings.REASON_SENTENCE)(code)
