"""The builder: a sequence's steps, their figures, a preview, and publishing."""

from functools import cached_property
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from campaigns.models import Script
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.models import Role, User
from retention_center.pages.partials import is_partial, pick_template
from retention_center.pages.words import plural
from sequences import changing, condition_form, stats, trigger_config
from sequences.api.serializers import LONGEST_DELAY
from sequences.building import RULES, UNITS, Draft
from sequences.changing import CannotChange
from sequences.checking import draft_checks
from sequences.impact import Impact, impact_of
from sequences.models import RetentionSequence, SequenceStep
from sequences.specs import InvalidSteps
from sequences.views import previews, record
from sequences.views.rows import ShownRow, shown_rows

TEMPLATE = "sequences/steps.html"


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.VIEWER, write=Role.OPERATOR)
def sequence_steps(request: HttpRequest, pk: str) -> HttpResponse:
    """See the steps and what came of each; change, review, publish."""
    page = Builder(request, record.find(pk))
    return page.answer() if request.method == "POST" else page.show()


class Builder:
    """One request to the builder. The form holds the whole draft; nothing is kept before publishing."""

    def __init__(self, request: HttpRequest, sequence: RetentionSequence) -> None:
        self.request = request
        self.sequence = sequence
        self.now = clock.now()
        self.notices: list[tuple[str, str]] = []  # (tone, sentence)
        self.focus = ""  # the uid of the step whose control takes the focus when the page comes back
        self.live: list[SequenceStep] = list(sequence.live_steps().select_related("script"))
        self.draft = Draft.posted(request.POST) if request.method == "POST" else Draft.of_steps(self.live)
        self.shown = request.POST.get("shown", "")[:9]
        if request.method != "POST" and self.draft.rows:
            asked = request.GET.get("step", "")
            self.shown = next((row.uid for row in self.draft.rows if row.key == asked), "")

    @cached_property
    def scripts(self) -> dict[str, Script]:
        """All that may be chosen where something is, and those that live steps use, archived ones too."""
        if self.request.method != "POST" and not self.shown:
            return {step.script.pk: step.script for step in self.live if step.script}
        usable = Script.objects.filter(archived_at=None).order_by("type", "name").defer("vapi_config")
        found = {script.pk: script for script in usable}
        return found | {step.script.pk: step.script for step in self.live if step.script}

    @cached_property
    def is_changed(self) -> bool:
        return self.draft.fingerprint != Draft.of_steps(self.live).fingerprint

    @cached_property
    def impact(self) -> Impact | None:
        """What publishing would do; nothing while the draft is unchanged or cannot be published."""
        if not self.is_changed or any(row.errors for row in self.draft.rows):
            return None
        return impact_of(self.sequence, self.draft.specs(), self.scripts) if self.draft.check(self.scripts) else None

    # Answering -------------------------------------------------------------------------------------------------------

    def answer(self) -> HttpResponse:
        """Do what the pressed button says; Ctrl-Enter, which presses none, publishes."""
        button, _, uid = self.request.POST.get("do", "publish").partition(":")
        if button == "publish":
            return self._publish()
        if button == "show":
            self.shown = uid[:9]
        elif button not in {"refresh", "lead"}:
            pressed = self.draft.press(button, uid[:9], {step.key for step in self.live})
            self.shown = pressed if button in {"add", "copy"} else self.shown
            self.focus = pressed if self.draft.row(pressed) else "add-last"
        return self.show()

    def _publish(self) -> HttpResponse:
        post = self.request.POST
        if post.get("version") != str(self.sequence.version):
            told = (
                f"Version {self.sequence.version} was published meanwhile. Your steps are still here, compared with it."
            )
            return self._again(409, "hold", f"{told} Look at them once more before you publish.")
        if not self.draft.check(self.scripts):
            return self._again(422, "bad", "Not published: correct what is marked below.")
        if not self.is_changed:
            messages.info(self.request, "Nothing had changed, so no new version was published.")
            return self._redirect()
        if self.impact and self.impact.people and post.get("reviewed") != self.draft.fingerprint:
            return self._again(200, "hold", "Look at who is affected, then publish.")
        return self._publish_now()

    def _publish_now(self) -> HttpResponse:
        specs, actor = self.draft.specs(), audit.actor_of(self.request)
        moved = self.impact.people if self.impact else 0
        try:
            version = changing.replace_steps(self.sequence, specs, now=self.now, actor=actor)
        except InvalidSteps as bad:
            for number, field, sentence in bad.errors:
                at = field if field == "conditions" else "script"
                self.draft.kept[number - 1].errors[at] = sentence
            return self._again(422, "bad", "Not published: correct what is marked below.")
        except CannotChange as refusal:
            return self._again(409, "bad", str(refusal))
        people = f" {plural(moved, 'person', 'people')} moved to it." if moved else ""
        messages.success(self.request, f"Version {version} of {self.sequence} is live.{people}")
        return self._redirect()

    def _redirect(self) -> HttpResponse:
        href = self.sequence.get_absolute_url()
        return HttpResponseClientRedirect(href) if is_partial(self.request) else redirect(href)

    def _again(self, status: int, tone: str, sentence: str) -> HttpResponse:
        self.notices.append((tone, sentence))
        return self.show(status)

    def show(self, status: int = 200) -> HttpResponse:
        template = pick_template(self.request, TEMPLATE, "builder")
        answer = render(self.request, template, self._context(), status=status)
        patch_vary_headers(answer, ["HX-Request"])
        return answer

    # What the page shows ---------------------------------------------------------------------------------------------

    def _context(self) -> dict[str, Any]:
        user: User = self.request.user  # type: ignore[assignment]
        may_edit = user.may(Role.OPERATOR) and self.sequence.status != RetentionSequence.Status.ARCHIVED
        rows = self._rows()
        return record.context(self.request, self.sequence, "steps") | {
            "rows": rows,
            "may_edit": may_edit,
            "draft": self.draft,
            "shown": next((row for row in rows if row.uid == self.shown), None),
            "is_changed": self.is_changed,
            "next_version": self.sequence.version + 1,
            "impact": self.impact,
            "checks": draft_checks(self.draft) if self.is_changed else [],
            "focus": self.focus,
            "notices": self.notices,
            "banner": trigger_config.sentence(self.sequence),
            "matching": previews.matching(self.sequence, self.now),
            "script_groups": self._script_groups(),
            "units": UNITS.items(),
            "rules": RULES.items(),
            "longest_delay": LONGEST_DELAY,
            "condition_ops": condition_form.OPS.items(),
            "preview": previews.of(self.request, rows, self.shown, self.now),
            "action": reverse("sequence-steps", args=[self.sequence.pk]),
        }

    def _rows(self) -> list[ShownRow]:
        funnels = stats.funnel(self.sequence, self.now)
        return shown_rows(self.sequence, self.draft.rows, self.live, self.scripts, funnels)

    def _script_groups(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        """(channel, its label, [(value, name)]) with "no script yet" first, for one select that chooses both."""
        groups = []
        for channel in Channel:
            own = [(f"{channel}:{one.pk}", one.name) for one in self.scripts.values() if one.type == channel]
            groups.append((channel.value, channel.label, [(f"{channel}:", f"{channel.label}, no script yet"), *own]))
        return groups
