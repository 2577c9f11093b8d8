"""Forms that have contact rules in them, for all channels together and for each alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from campaigns import meta, wording
from campaigns.rules import NARROWING, PER_CHANNEL
from retention_center.lib.channels import Channel
from retention_center.pages.forms import VersionedForm

MINUTE = 60_000  # milliseconds
DAY_CHOICES = [(code, name) for code, name in wording.NAMES.items()]
RULES = {  # the form's field: the rule's name
    "contact_hours_start": "contactHoursStart",
    "contact_hours_end": "contactHoursEnd",
    "contact_days": "contactDays",
    "max_contacts_per_day": "maxContactsPerDay",
    "gap_minutes": "delayBetweenChannels",
}


@dataclass(frozen=True)
class ChannelPart:
    """One channel's fields. ``told`` is what stands now, in words; open where there is something to see."""

    label: str
    told: str
    fields: Mapping[str, forms.BoundField]

    @property
    def is_open(self) -> bool:
        return bool(self.told) or any(field.errors for field in self.fields.values())


class ChannelRulesForm(VersionedForm):
    """Fields for what is narrower on a channel, named ``SMS_gap_minutes``; ``per_channel`` is what they say."""

    longest_gap: ClassVar[int] = meta.LONGEST_GAP_MS

    def __init__(self, *args: Any, rules: Mapping[str, Any], initial: Mapping[str, Any] = {}, **kwargs: Any) -> None:
        self.given = meta.sound(rules).get(PER_CHANNEL, {})
        told = {
            f"{channel}_{field}": value for channel, own in self.given.items() for field, value in shown(own).items()
        }
        own_fields = {f"{channel}_{name}": made for channel in Channel.values for name, made in _channel_fields()}
        self.base_fields = {**type(self).base_fields, **own_fields}  # type: ignore[misc]  # of this form alone
        super().__init__(*args, initial=told | dict(initial), **kwargs)

    @property
    def channel_parts(self) -> list[ChannelPart]:
        return [
            ChannelPart(
                Channel(channel).label,
                "; ".join(how for _what, how in wording.channel_rules(self.given.get(channel, {}))),
                {name: self[f"{channel}_{name}"] for name in RULES},
            )
            for channel in Channel.values
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        own = {channel: self.rules_in(cleaned, self.given.get(channel, {}), channel) for channel in Channel.values}
        self.per_channel = {channel: rules for channel, rules in own.items() if rules}
        return cleaned

    def rules_in(self, cleaned: Mapping[str, Any], given: Mapping[str, Any], channel: str = "") -> dict[str, Any]:
        """What the fields of one part say, each checked; one that nobody touched stays to the millisecond."""
        found: dict[str, Any] = {}
        for name, rule in RULES.items():
            field = f"{channel}_{name}" if channel else name
            value = cleaned.get(field)
            if value in (None, "", []):
                continue
            try:
                if name == "gap_minutes":
                    value = self._milliseconds(value, given.get(rule) if field not in self.changed_data else None)
                meta.RULES[rule](value)
            except ValidationError as error:
                self.add_error(field, error)
            else:
                found[rule] = value
        return found

    def _milliseconds(self, minutes: int, untouched: int | None) -> int:
        if not 0 <= minutes * MINUTE <= self.longest_gap:
            raise ValidationError(
                f"Give a whole number of minutes from 0 to {self.longest_gap // MINUTE:,}.", code="number"
            )
        return untouched or minutes * MINUTE


class NarrowingForm(ChannelRulesForm):
    """The same with fields for all channels together: how a campaign or a sequence narrows the contact policy."""

    contact_hours_start = forms.CharField(label="Contact hours from", required=False, max_length=5)
    contact_hours_end = forms.CharField(
        label="Contact hours to", required=False, max_length=5, help_text="HH:MM in the lead's own time, up to 24:00."
    )
    contact_days = forms.MultipleChoiceField(
        choices=DAY_CHOICES, widget=forms.CheckboxSelectMultiple, required=False, help_text="None ticked: every day."
    )
    max_contacts_per_day = forms.IntegerField(label="Contacts a day, at most", required=False)
    gap_minutes = forms.IntegerField(label="Minutes between contacts, at least", required=False)

    def __init__(self, *args: Any, rules: Mapping[str, Any], initial: Mapping[str, Any] = {}, **kwargs: Any) -> None:
        self.given_everywhere = meta.sound(rules)
        super().__init__(*args, rules=rules, initial=shown(self.given_everywhere) | dict(initial), **kwargs)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self.rules = self.rules_in(cleaned, self.given_everywhere)
        if self.per_channel:
            self.rules[PER_CHANNEL] = self.per_channel
        return cleaned

    def applied_to(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """A ``meta`` with these rules in place of its own; its other names stay."""
        others = {name: value for name, value in document.items() if name not in {*NARROWING, PER_CHANNEL}}
        return others | self.rules


def shown(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Rules as the fields show them: the gap in whole minutes, rounded up."""
    told = {field: rules.get(name) for field, name in RULES.items()}
    if told["gap_minutes"]:
        told["gap_minutes"] = -(-told["gap_minutes"] // MINUTE)
    return told


def _channel_fields() -> Iterator[tuple[str, forms.Field]]:
    yield "contact_hours_start", forms.CharField(label="Hours from", required=False, max_length=5)
    yield "contact_hours_end", forms.CharField(label="Hours to", required=False, max_length=5)
    days = forms.MultipleChoiceField(
        label="Days", choices=DAY_CHOICES, widget=forms.CheckboxSelectMultiple, required=False
    )
    yield "contact_days", days
    yield "max_contacts_per_day", forms.IntegerField(label="Contacts of this channel a day, at most", required=False)
    yield "gap_minutes", forms.IntegerField(label="Minutes after any contact, at least", required=False)
