"""The form of one provider, made from the options it takes."""

from typing import Any

from django import forms

from integrations import credentials
from integrations.catalogue import Kind, Known, Option
from integrations.models import IntegrationConfig
from integrations.providers.registry import is_active
from retention_center.audit import Actor
from retention_center.pages.forms import PageForm

KEPT = "Kept as it is unless you type another."


class ProviderForm(PageForm):
    """All options as text; `integrations.credentials` reads and refuses them."""

    is_active = forms.BooleanField(required=False, label="Active")

    def __init__(self, known: Known, row: IntegrationConfig | None, *args: Any, **kwargs: Any) -> None:
        self.known = known
        config = credentials.masked(known, row.config) if row else {}
        initial = {"is_active": is_active(known.name, row)} | {
            option.key: _as_shown(option, config.get(option.key)) for option in known.shown_options
        }
        super().__init__(*args, initial=initial, **kwargs)
        self.fields["is_active"].label = f"{known.label} is active"
        for option in known.shown_options:
            self.fields[option.key] = _field(option, is_kept=bool(config.get(option.key)))

    @property
    def options(self) -> list[forms.BoundField]:
        return [self[option.key] for option in self.known.shown_options]

    def save(self, actor: Actor) -> IntegrationConfig | None:
        """Save, or say at each field what is wrong with it."""
        given = {option.key: self.cleaned_data[option.key] for option in self.known.shown_options}
        try:
            return credentials.save(self.known, config=given, is_active=self.cleaned_data["is_active"], actor=actor)
        except credentials.BadConfig as bad:
            for key, message in bad.problems.items():
                self.add_error("is_active" if key == "isActive" else key, message)
            return None


def _field(option: Option, *, is_kept: bool) -> forms.Field:
    if option.kind == Kind.CHOICE:
        choices = [("", "Not chosen"), *option.choices]
        return forms.ChoiceField(choices=choices, required=False, label=option.label, help_text=option.help)
    if option.kind == Kind.SWITCH:
        return forms.BooleanField(required=False, label=option.label, help_text=option.help)
    widget = forms.Textarea(attrs={"rows": 4}) if option.kind == Kind.TEXTS else forms.TextInput()
    widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}
    if option.kind in {Kind.NUMBER, Kind.SHARE, Kind.PORT}:
        widget.attrs["inputmode"] = "decimal"
    hint = " ".join(filter(None, [option.help, KEPT if option.is_secret and is_kept else ""]))
    return forms.CharField(required=False, widget=widget, label=option.label, help_text=hint, strip=True)


def _as_shown(option: Option, value: Any) -> str | bool:
    if option.kind == Kind.SWITCH:
        return bool(value)
    if value is None:
        return ""
    if option.kind == Kind.TEXTS:
        return "\n".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
