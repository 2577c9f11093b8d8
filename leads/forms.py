"""The form of a lead, and that of a bulk action's target."""

from typing import Any

from django import forms

from leads.cleaning import clean, clean_some
from leads.identity import ZONES
from leads.models import Lead
from retention_center.pages.forms import PageForm, VersionedForm


class LeadForm(VersionedForm):
    """A lead as staff type it: addresses in any notation. The intake decides; the form shows what it says."""

    email = forms.CharField(label="E-mail", max_length=320, required=False,
                            widget=forms.EmailInput(attrs={"autocomplete": "off"}))  # fmt: skip
    phone = forms.CharField(max_length=60, required=False, widget=forms.TextInput(attrs={"type": "tel"}),
                            help_text="Any notation; it is kept as +49 151 23456789.")  # fmt: skip
    time_zone = forms.CharField(max_length=64, required=False, help_text="Blank: by the phone number’s prefix.",
                                widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}))  # fmt: skip

    class Meta:
        model = Lead
        fields = ("first_name", "last_name", "email", "phone", "status", "source", "external_id", "time_zone", "notes")
        widgets = {"notes": forms.Textarea(attrs={"rows": 4})}
        help_texts = {"status": "Do not contact stops everything that is planned, at once."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["source"].required = False
        self.fields["status"].required = False
        self.zones = sorted(zone for zone in ZONES if "/" in zone)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        given = {name: cleaned[name] for name in self.Meta.fields if name in cleaned}
        given = {name: value for name, value in given.items() if value or name not in {"status", "source"}}
        problems = clean(given).problems if self.instance._state.adding else clean_some(given)[1]
        for problem in problems:
            if problem.field not in self.errors:
                self.add_error(problem.field or None, problem.message)
        self.given = given
        return cleaned

    def _post_clean(self) -> None:
        """The intake writes, not the form: the row keeps what it holds."""


class TargetForm(PageForm):
    """What a bulk action needs to know: the status, campaign or sequence."""

    target = forms.ChoiceField()

    def __init__(self, *args: Any, label: str, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["target"].label = label
        self.fields["target"].choices = choices  # type: ignore[attr-defined]
