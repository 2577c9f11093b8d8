"""What lead pages need in templates."""

from django import template

from leads import next_contact as next_contacts
from leads.models import Lead
from leads.next_contact import Next

register = template.Library()


@register.filter
def next_contact(lead: Lead) -> Next | None:
    """When the lead is contacted next; none when nothing is planned."""
    return next_contacts.of(lead)
