"""Forms of conversions."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Q

from campaigns.models import Campaign
from conversions.changing import Given
from conversions.models import Conversion
from conversions.standing import CONFIRMED, PENDING
from leads.identity import BadValue, clean_phone
from leads.models import Lead
from retention_center.lib.models import ID_LENGTH
from retention_center.pages.forms import PageForm, RowField


class LeadField(forms.CharField):
    """One lead, named by whatever staff have at hand: e-mail, phone, external id or our id."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "E-mail, phone number, external id or id.")
        super().__init__(max_length=255, **kwargs)

    def clean(self, value: Any) -> Lead | None:
        text = super().clean(value)
        if not text:
            return None
        found = list(Lead.objects.present().filter(_named(text)).order_by("-created_at", "pk")[:2])
        if not found:
            raise forms.ValidationError("No lead has this e-mail, phone number, external id or id.")
        if found[1:]:
            raise forms.ValidationError("Several leads have this external id; give the e-mail or the phone number.")
        return found[0]


class LinkForm(PageForm):
    lead = LeadField(label="Lead")


class NewConversionForm(PageForm):
    """A conversion that staff write down by hand."""

    lead = LeadField(label="Lead", required=False)
    status = forms.ChoiceField(
        label="What it is",
        choices=[("sale", "Sale"), ("deposit", "Deposit"), ("rebill", "Rebill"), ("lead", "Lead, not money yet")],
    )
    revenue = forms.DecimalField(
        label="Amount", min_value=Decimal(0), max_digits=14, decimal_places=4, initial=Decimal(0)
    )
    currency = forms.RegexField(
        r"^[A-Za-z]{3}$", label="Currency", error_messages={"invalid": "Three letters, as USD."}
    )
    campaign = RowField(Campaign.objects.order_by("name"), required=False, empty_label="No campaign")
    external_ref = forms.CharField(
        label="Reference", required=False, max_length=255, help_text="An order number; it makes the conversion once."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"initial": {"currency": settings.CURRENCY} | kwargs.pop("initial", {})} | kwargs)

    def given(self) -> Given:
        values = self.cleaned_data
        return Given(
            source="manual",
            status=values["status"],
            revenue=values["revenue"],
            currency=values["currency"].upper(),
            external_ref=values["external_ref"],
            lead_id=values["lead"].pk if values["lead"] else "",
            campaign_id=values["campaign"].pk if values["campaign"] else "",
        )


def moves_of(conversion: Conversion) -> list[tuple[str, str]]:
    """What staff may do with it: (status word, verb)."""
    confirm, reject = ("confirmed", "Confirm"), ("rejected", "Reject")
    return {PENDING: [confirm, reject], CONFIRMED: [reject]}.get(Conversion.Standing(conversion.standing), [])


def _named(text: str) -> Q:
    named = Q(email=text.lower()) | Q(external_id=text)
    if len(text) <= ID_LENGTH:
        named |= Q(pk=text)
    with suppress(BadValue):
        named |= Q(phone=clean_phone(text, settings.DEFAULT_REGION).e164)
    return named
