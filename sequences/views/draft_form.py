"""The builder's form as one request sees it: the live steps, the draft that is kept, and what was typed."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from django.http import HttpRequest

from campaigns.models import Script
from retention_center.lib import clock
from sequences import drafting
from sequences.building import Draft
from sequences.drafting import KeptDraft
from sequences.impact import Impact, impact_of
from sequences.models import RetentionSequence, SequenceStep, SequenceVersion
from sequences.specs import StepSpec, as_steps
from sequences.step_changes import changes_between

MODE = SequenceVersion.Mode


class DraftForm:
    """The form holds the whole draft; it is kept when staff save or publish it."""

    def __init__(self, request: HttpRequest, sequence: RetentionSequence) -> None:
        self.request = request
        self.sequence = sequence
        self.now = clock.now()
        self.notices: list[tuple[str, str]] = []  # (tone, sentence)
        self.asks_to_discard = False
        self.focus = ""  # the uid of the step whose control takes the focus when the page comes back
        self.live: list[SequenceStep] = list(sequence.live_steps().select_related("script"))
        self.kept = drafting.kept(sequence)
        self.draft = Draft.posted(request.POST) if request.method == "POST" else self._begun()
        self.mode = request.POST.get("mode", MODE.MOVE) if request.POST.get("mode") in MODE.values else str(MODE.MOVE)
        self.shown = request.POST.get("shown", "")[:9]
        if request.method != "POST" and self.draft.rows:
            asked = request.GET.get("step", "")
            self.shown = next((row.uid for row in self.draft.rows if row.key == asked), "")

    def _begun(self) -> Draft:
        """What the page opens with: the draft somebody kept, or the live steps."""
        if self.kept is None:
            return Draft.of_steps(self.live)
        if self.kept.began_from != self.sequence.version:
            self.notices.append(("hold", self._told_overtaken(self.kept)))
        return Draft.of_kept(self.kept.specs, self.live)

    @cached_property
    def scripts(self) -> dict[str, Script]:
        """All that may be chosen where something is, and those that live steps use, archived ones too."""
        if self.request.method != "POST" and not self.shown and self.kept is None:
            return {step.script.pk: step.script for step in self.live if step.script}
        usable = Script.objects.filter(archived_at=None).order_by("type", "name").defer("vapi_config")
        found = {script.pk: script for script in usable}
        return found | {step.script.pk: step.script for step in self.live if step.script}

    @cached_property
    def is_changed(self) -> bool:
        return self.draft.fingerprint != Draft.of_steps(self.live).fingerprint

    @cached_property
    def is_unsaved(self) -> bool:
        """Whether something in the form is kept nowhere."""
        if self.kept is None:
            return self.is_changed
        return self.draft.fingerprint != Draft.of_kept(self.kept.specs, self.live).fingerprint

    @cached_property
    def changes(self) -> list[str]:
        """What the form changes about the live steps, in words."""
        return self._changes_of(self.draft.specs())

    def _changes_of(self, specs: Sequence[StepSpec]) -> list[str]:
        steps = as_steps(self.sequence, specs, self.sequence.version + 1)
        return changes_between(self.live, steps, self.scripts)

    @cached_property
    def impact(self) -> Impact | None:
        """What publishing would do; nothing while the draft is unchanged or cannot be published."""
        if not self.is_changed or any(row.errors for row in self.draft.rows):
            return None
        return impact_of(self.sequence, self.draft.specs(), self.scripts) if self.draft.check(self.scripts) else None

    # In words --------------------------------------------------------------------------------------------------------

    @property
    def seen_draft(self) -> datetime | None:
        """When the draft was kept that this form began from."""
        return drafting.moment(self.request.POST.get("drafted", "")[:40])

    def told_live_meanwhile(self) -> str:
        return f"Version {self.sequence.version} was published meanwhile. Your steps are still here, compared with it."

    def told_draft_meanwhile(self) -> str:
        if self.kept is None:
            return "The draft was published or discarded meanwhile."
        theirs = " ".join(self._changes_of(self.kept.specs)) or "The steps as they are live."
        return f"{self.kept.kept_by} saved another draft meanwhile, which yours would replace: {theirs}"

    def _told_overtaken(self, kept: KeptDraft) -> str:
        return (
            f"Version {self.sequence.version} was published after {kept.kept_by} saved this draft, which began from"
            f" version {kept.began_from}. Below it is compared with version {self.sequence.version}."
        )
