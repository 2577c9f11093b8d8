"""What lead pages need in templates."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils.module_loading import import_string

from leads import next_contact as next_contacts
from leads import removing
from leads.models import Lead
from leads.next_contact import Next
from retention_center.lib.channels import Channel
from retention_center.pages import words

register = template.Library()
_NOTHING: dict[str, str] = {
    Lead.Status.DO_NOT_CONTACT: "This lead is not to be contacted.",
    Lead.Status.CONVERTED: "This lead has converted.",
}


@register.filter
def next_contact(lead: Lead) -> Next | None:
    """When the lead is contacted next; none when nothing is planned."""
    return next_contacts.of(lead)


@register.filter
def channel_word(channel: str) -> str:
    return Channel(channel).label


@register.filter
def erased_on(lead: Lead) -> datetime | None:
    """When nothing will be left of a deleted lead."""
    return removing.erased_on(lead)


@register.filter
def their_time(at: datetime, zone: ZoneInfo) -> str:
    """ "Tue 08:00 in Sydney"."""
    return f"{at.astimezone(zone):%a %H:%M} in {zone.key.rsplit('/', 1)[-1].replace('_', ' ')}"


@register.filter
def inside(sentence: str) -> str:
    return words.inside(sentence)


@register.filter
def nothing_planned(lead: Lead) -> str:
    """Why nothing is planned for the lead."""
    if lead.deleted_at:
        return "The lead is deleted."
    return _NOTHING.get(lead.status, "This lead is in no running sequence or campaign. Enroll it to plan a contact.")


@register.filter
def reason_words(code: str) -> str:
    """A stored reason code as a sentence; a word staff typed stays as it is."""
    return import_string(settings.REASON_SENTENCE)(code)
