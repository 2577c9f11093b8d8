"""An API key's standing in shape and word."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from retention_center.auth.key_pages import standing_of
from retention_center.lib import clock
from retention_center.models import ApiKey
from retention_center.templatetags.rc import shape

register = template.Library()
SHAPES = {
    "works": ("lamp", "good", "Works"),
    "expired": ("ring-clock", "idle", "Expired"),
    "revoked": ("ring-slash", "bad", "Revoked"),
}


@register.simple_tag
def key_standing(key: ApiKey) -> SafeString:
    """``{% key_standing key %}``."""
    name, tone, word = SHAPES[standing_of(key, clock.now())]
    return format_html('<span class="status">{}<span>{}</span></span>', shape(name, tone), word)
