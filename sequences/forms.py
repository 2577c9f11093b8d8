"""The form of a sequence's settings: its name and who enters by itself."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from campaigns import meta
from campaigns.rule_fields import NarrowingForm
from sequences.models import RetentionSequence
from sequences.trigger_config import LONGEST_AGE, LONGEST_LOOKBACK, LONGEST_SOURCE, STATUSES, with_defaults

TRIGGER = RetentionSequence.Trigger
HOURS_A_DAY = 24
_UNITS = [("1", "hours"), (str(HOURS_A_DAY), "days")]


class SequenceForm(NarrowingForm):
    """Trigger settings that do not belong to the chosen trigger are dropped; ``values`` is what the verbs take."""

    longest_gap = meta.LONGEST_OWN_GAP_MS

    source = forms.CharField(
        label="Only leads from this source",
        max_length=LONGEST_SOURCE,
        required=False,
        help_text="As it stands on the lead, such as CRM. Blank: any.",
    )
    status = forms.ChoiceField(
        label="Only leads with this status",
        choices=[("", "any"), *((one.value, one.label) for one in STATUSES)],
        required=False,
    )
    age = forms.IntegerField(
        label="Without a conversion for at least", min_value=0, max_value=LONGEST_AGE, required=False
    )
    age_unit = forms.ChoiceField(label="Counted in", choices=_UNITS, required=False)
    lookback = forms.IntegerField(
        label="Look back, in minutes",
        min_value=0,
        max_value=LONGEST_LOOKBACK,
        required=False,
        help_text="How far below its last look the trigger begins again, for leads saved late. 15 suits most.",
    )

    class Meta:
        model = RetentionSequence
        fields = (
            "name", "description", "trigger_type", "re_entry", "re_entry_days", "entrants_per_day", "stop_on_reply",
        )  # fmt: skip
        labels = {
            "trigger_type": "Who enters",
            "re_entry": "Enters again",
            "re_entry_days": "After how many days",
            "entrants_per_day": "At most this many a day",
            "stop_on_reply": "Stop for a lead who replies",
        }
        help_texts = {
            "re_entry": "Who has finished and still matches, at once or later. Whoever was taken out, opted out or "
            "converted never enters again by themselves.",
            "entrants_per_day": "The others enter on the days after, whoever has waited longest first. Blank: any "
            "number.",
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}

    field_order = (
        "name",
        "description",
        "trigger_type",
        "source",
        "status",
        "age",
        "age_unit",
        "lookback",
        "re_entry",
        "re_entry_days",
        "entrants_per_day",
        "stop_on_reply",
        "version",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        sequence: RetentionSequence | None = kwargs.get("instance")
        config = with_defaults(sequence.trigger_config if sequence else {})
        hours = config["minAgeHours"]
        in_days = hours >= HOURS_A_DAY and hours % HOURS_A_DAY == 0
        kwargs["rules"] = sequence.contact_rules if sequence else {}
        kwargs["initial"] = {
            "source": config.get("source", ""),
            "status": config.get("status", ""),
            "age": hours // HOURS_A_DAY if in_days else hours,
            "age_unit": str(HOURS_A_DAY) if in_days else "1",
            "lookback": config["lookbackMinutes"],
        } | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        self.fields["re_entry"].required = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        age, unit = cleaned.get("age"), int(cleaned.get("age_unit") or 1)
        if age is not None and age * unit > LONGEST_AGE:
            self.add_error("age", f"At most {LONGEST_AGE // HOURS_A_DAY:,} days.")
        return cleaned

    @property
    def values(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        columns = {name: cleaned[name] for name in ("name", "description", "trigger_type", "stop_on_reply")}
        return columns | {"contact_rules": self.rules, "trigger_config": self._config()} | self._entry()

    def _entry(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if cleaned["trigger_type"] == TRIGGER.MANUAL:
            return {"re_entry": RetentionSequence.ReEntry.NEVER, "re_entry_days": None, "entrants_per_day": None}
        again = cleaned["re_entry"] or RetentionSequence.ReEntry.NEVER
        return {"re_entry": again} | {name: cleaned[name] for name in ("re_entry_days", "entrants_per_day")}

    def _config(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if cleaned["trigger_type"] == TRIGGER.MANUAL:
            return {}
        config = {"source": cleaned["source"].strip(), "status": cleaned["status"]}
        config = {key: value for key, value in config.items() if value}
        if cleaned.get("lookback") is not None:
            config["lookbackMinutes"] = cleaned["lookback"]
        if cleaned["trigger_type"] == TRIGGER.NO_CONVERSION and cleaned.get("age") is not None:
            config["minAgeHours"] = cleaned["age"] * int(cleaned["age_unit"] or 1)
        return config


def take_errors(form: forms.BaseForm, error: ValidationError) -> None:
    """Show a verb's refusal beside the form's own fields."""
    found = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    for name, sentences in found.items():
        form.add_error(name if name in form.fields else None, sentences)
