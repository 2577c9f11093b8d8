"""The forms of campaigns, scripts and the contact policy. What is right is decided by the verbs they call."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from campaigns import scripting
from campaigns.models import Campaign, ContactPolicy, Script
from campaigns.rule_fields import DAY_CHOICES, MINUTE, ChannelRulesForm, NarrowingForm
from campaigns.rules import PER_CHANNEL
from retention_center.lib import ids
from retention_center.lib.channels import Channel
from retention_center.pages.forms import PageForm, RowField, VersionedForm


def take_errors(form: forms.BaseForm, error: ValidationError) -> None:
    """Put a verb's errors beside the fields they speak of; others stand above the form."""
    for name, errors in error.error_dict.items() if hasattr(error, "error_dict") else [(NON_FIELD_ERRORS, [error])]:
        form.add_error(name if name in form.fields else None, errors)


class _Moment(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


SWITCHES = {"auto_assign": "autoAssign", "instantly_sync": "instantlySync"}  # field: name in a campaign's meta


class CampaignForm(NarrowingForm):
    """A campaign's columns, and those names of its ``meta`` that narrow the contact policy; the rest of meta stays."""

    channels = forms.MultipleChoiceField(choices=Channel.choices, widget=forms.CheckboxSelectMultiple, required=False)
    auto_assign = forms.BooleanField(
        label="Take new leads by itself",
        required=False,
        help_text="While it is active: every lead made from then on, by whatever way it comes.",
    )
    instantly_sync = forms.BooleanField(
        label="Instantly sends its e-mail",
        required=False,
        help_text="Leads are handed to a campaign at Instantly, which sends in its own schedule; nothing goes by SMTP.",
    )

    class Meta:
        model = Campaign
        fields = ("name", "description", "channels", "start_date", "end_date")
        widgets = {"description": forms.Textarea(attrs={"rows": 3}), "start_date": _Moment(), "end_date": _Moment()}
        labels = {"start_date": "Starts", "end_date": "Ends"}
        help_texts = {"start_date": "In your time zone.", "end_date": "An active campaign completes by itself then."}

    def __init__(self, *args: Any, instance: Campaign | None = None, **kwargs: Any) -> None:
        meta = instance.meta if instance else {}
        own = {name: bool(meta.get(key)) for name, key in SWITCHES.items()}
        kwargs["initial"] = own | (kwargs.get("initial") or {})
        super().__init__(*args, instance=instance, rules=meta, **kwargs)

    @property
    def values(self) -> dict[str, Any]:
        """What the verbs take: column and value."""
        own = {name: self.cleaned_data[name] for name in self._meta.fields or ()}
        meta = self.applied_to(self.instance.meta)
        for name, key in SWITCHES.items():
            if self.cleaned_data[name] != bool(meta.get(key)):
                meta = meta | {key: self.cleaned_data[name]}
        return own | {"meta": meta}


def provider_choices() -> list[tuple[str, str]]:
    return [
        ("", "The channel's first active provider"),
        *((name, name) for name in settings.PROVIDERS),
    ]


class ScriptForm(VersionedForm):
    """A script's columns that staff write."""

    provider = forms.ChoiceField(choices=provider_choices, required=False)

    class Meta:
        model = Script
        fields = ("name", "type", "campaign", "subject", "content_type", "content", "url", "provider", "is_default")
        field_classes = {"campaign": RowField}
        widgets = {
            "content": forms.Textarea(attrs={"rows": 12, "spellcheck": "true"}),
            "content_type": forms.RadioSelect,
        }
        labels = {
            "type": "Channel",
            "content_type": "Written as",
            "content": "Text",
            "url": "Address",
            "is_default": "Default for its channel",
        }
        help_texts = {
            "subject": "E-mail only. Blank: the name.",
            "content_type": "E-mail only.",
            "content": "A webhook's text is its JSON body.",
            "url": "Webhook only: where the body is posted.",
            "is_default": "One for each channel: it takes over from the default there is.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["type"].choices = Channel.choices  # type: ignore[attr-defined]
        self.fields["campaign"].empty_label = "Any campaign"  # type: ignore[attr-defined]
        self.fields["content"].required = True

    def clean(self) -> dict[str, Any]:
        """Everything that is wrong is said at once; saving checks again."""
        cleaned = super().clean() or {}
        if "type" not in cleaned:
            return cleaned
        given = {name: value for name, value in cleaned.items() if name != "version"}
        try:
            scripting.check(Script(**given))
        except ValidationError as error:
            unsaid = {name: said for name, said in error.error_dict.items() if name not in self.errors}
            take_errors(self, ValidationError(unsaid))
        return cleaned

    def validate_constraints(self) -> None:
        """One default per channel is no error here: saving takes it from the former."""

    @property
    def values(self) -> dict[str, Any]:
        """What the verbs take: column and value."""
        return {name: self.cleaned_data[name] for name in self._meta.fields or ()}


class PolicyForm(ChannelRulesForm):
    """The organisation's contact policy; gap in minutes, holidays one a line."""

    contact_days = forms.MultipleChoiceField(choices=DAY_CHOICES, widget=forms.CheckboxSelectMultiple)
    gap_minutes = forms.IntegerField(label="Minutes between contacts, at least", min_value=0)
    holiday_lines = forms.CharField(
        label="Holidays",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Days without contact, one a line as YYYY-MM-DD.",
    )

    class Meta:
        model = ContactPolicy
        fields = (
            "contact_hours_start",
            "contact_hours_end",
            "contact_days",
            "max_contacts_per_day",
            "late_after_hours",
        )
        labels = {
            "contact_hours_start": "Contact hours from",
            "contact_hours_end": "Contact hours to",
            "max_contacts_per_day": "Contacts a day for each lead, at most",
            "late_after_hours": "Hours after which a late contact waits for staff",
        }
        help_texts = {"contact_hours_end": "HH:MM in the lead's own time, up to 24:00."}

    def __init__(self, *args: Any, instance: ContactPolicy, **kwargs: Any) -> None:
        told = {
            "gap_minutes": -(-instance.delay_between_channels // MINUTE),
            "holiday_lines": "\n".join(instance.holidays),
        }
        rules = {PER_CHANNEL: instance.per_channel}
        super().__init__(*args, instance=instance, rules=rules, initial=told, **kwargs)
        self.order_fields([*list(self.fields)[:4], "gap_minutes", "holiday_lines", "late_after_hours"])

    @property
    def values(self) -> dict[str, Any]:
        """What the verb takes: column and value."""
        own = {name: self.cleaned_data[name] for name in self._meta.fields or ()}
        return own | {
            "delay_between_channels": self.cleaned_data["gap_minutes"] * MINUTE,
            "holidays": self.cleaned_data["holiday_lines"].split(),
            "per_channel": self.per_channel,
        }


class ContactNowForm(PageForm):
    """Which of a channel's scripts goes out now. ``token`` makes a second click the same wish as the first."""

    token = forms.CharField(max_length=40, widget=forms.HiddenInput, initial=ids.new_id)
    script = RowField(
        Script.objects.none(),
        empty_label=None,
        error_messages={"invalid_choice": "This script is archived, or not for this channel; choose another one."},
    )

    def __init__(self, channel: str, data: Any = None) -> None:
        self.channel = channel
        super().__init__(data, auto_id=f"id_{channel}_%s" if channel in Channel.values else "id_%s")
        known = {channel} & set(Channel.values)
        usable = Script.objects.select_related("campaign").filter(type__in=known, archived_at=None)
        self._scripts().queryset = usable.order_by("-is_default", "name", "pk")

    @property
    def first_script(self) -> Script | None:
        """The one that stands chosen: the channel's default, if there is one."""
        return self._scripts().queryset.first()

    def _scripts(self) -> Any:
        return self.fields["script"]
