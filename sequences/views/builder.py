"""The builder: a sequence's steps, their figures, a preview, the draft that is kept, and publishing."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib.channels import Channel
from retention_center.models import Role, User
from retention_center.pages.partials import is_partial, pick_template
from retention_center.pages.words import plural
from sequences import condition_form, drafting, entrants, stats, trigger_config
from sequences.api.serializers import LONGEST_DELAY
from sequences.building import RULES, UNITS
from sequences.changing import CannotChange
from sequences.checking import draft_checks
from sequences.drafting import DraftedMeanwhile
from sequences.models import RetentionSequence
from sequences.publishing import MovedOn
from sequences.specs import InvalidSteps
from sequences.views import previews, record
from sequences.views.draft_form import MODE, DraftForm
from sequences.views.rows import ShownRow, shown_rows

TEMPLATE = "sequences/steps.html"


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.VIEWER, write=Role.OPERATOR)
def sequence_steps(request: HttpRequest, pk: str) -> HttpResponse:
    """See the steps and what came of each; change, review, publish."""
    page = Builder(request, record.find(pk))
    return page.answer() if request.method == "POST" else page.show()


def told_published(sequence: RetentionSequence, mode: str, people: int) -> str:
    """ "Version 5 of Win back is live. 412 people moved to it." """
    told = ""
    if people and mode == MODE.MOVE:
        told = f" {plural(people, 'person', 'people')} moved to it."
    elif people:
        told = f" {plural(people, 'person finishes', 'people finish')} on the version they began with."
    return f"Version {sequence.version} of {sequence} is live.{told}"


class Builder(DraftForm):
    """One request to the builder: what its buttons do, and what it shows."""

    # Answering -------------------------------------------------------------------------------------------------------

    def answer(self) -> HttpResponse:
        """Do what the pressed button says; Ctrl-Enter, which presses none, publishes."""
        button, _, uid = self.request.POST.get("do", "publish").partition(":")
        match button:
            case "publish" | "save" | "discard" | "discard-now":
                return self._decide(button)
            case "show":
                self.shown = uid[:9]
            case "refresh" | "lead":
                pass
            case _:
                pressed = self.draft.press(button, uid[:9], {step.key for step in self.live})
                self.shown = pressed if button in {"add", "copy"} else self.shown
                self.focus = pressed if self.draft.row(pressed) else "add-last"
        return self.show()

    def _decide(self, button: str) -> HttpResponse:
        """The buttons that keep the draft or end it; what became meanwhile of the live steps is told first."""
        if button.startswith("discard"):
            return self._discard() if button == "discard-now" else self._ask_to_discard()
        if self.request.POST.get("version") != str(self.sequence.version):
            told = f"{self.told_live_meanwhile()} Look at them once more before you {button}."
            return self._again(409, "hold", told)
        if self.seen_draft != self.sequence.drafted_at:
            return self._again(
                409, "hold", f"{self.told_draft_meanwhile()} Yours is still here: {button} it once more."
            )
        if not self.draft.check(self.scripts):
            done = {"publish": "published", "save": "saved"}[button]
            return self._again(422, "bad", f"Not {done}: correct what is marked below.")
        return self._publish() if button == "publish" else self._save()

    def _save(self) -> HttpResponse:
        if not self.is_changed:
            gone = drafting.discard(self.sequence, actor=audit.actor_of(self.request))
            told = "so the draft is gone" if gone else "so there is no draft to save"
            messages.info(self.request, f"The steps are those of version {self.sequence.version}, {told}.")
            return self._redirect()
        specs, actor = self.draft.specs(), audit.actor_of(self.request)
        verb = partial(drafting.keep, self.sequence, specs, began_from=self.sequence.version, seen=self.seen_draft)
        if refused := self._refused(lambda: verb(now=self.now, actor=actor)):
            return refused
        told = "Nobody in the sequence notices before you publish it." if self.sequence.version else ""
        messages.success(self.request, f"The draft of version {self.sequence.version + 1} is saved. {told}".strip())
        return self._redirect()

    def _publish(self) -> HttpResponse:
        if not self.is_changed:
            messages.info(self.request, "Nothing had changed, so no new version was published.")
            return self._redirect()
        people = self.impact.people if self.impact else 0
        if people and self.request.POST.get("reviewed") != self.draft.fingerprint:
            return self._again(200, "hold", "Look at who is affected, then publish.")
        verb = partial(
            drafting.publish_these,
            self.sequence,
            self.draft.specs(),
            mode=self.mode,
            seen=self.sequence.version,
            seen_draft=self.seen_draft,
        )
        if refused := self._refused(lambda: verb(now=self.now, actor=audit.actor_of(self.request))):
            return refused
        messages.success(self.request, told_published(self.sequence, self.mode, people))
        return self._redirect()

    def _ask_to_discard(self) -> HttpResponse:
        """Another person may have drawn it up, so it is asked once more."""
        self.asks_to_discard = True
        return self.show()

    def _discard(self) -> HttpResponse:
        if refused := self._refused(
            lambda: drafting.discard(self.sequence, seen=self.seen_draft, actor=audit.actor_of(self.request))
        ):
            return refused
        messages.success(self.request, "The draft is discarded; what it held is in the history.")
        return self._redirect()

    def _refused(self, verb: Callable[[], object]) -> HttpResponse | None:
        """Do it; if it was refused, the form again with why, and with everything that was typed."""
        try:
            verb()
        except InvalidSteps as bad:
            for number, field, sentence in bad.errors:
                at = field if field == "conditions" else "script"
                self.draft.kept[number - 1].errors[at] = sentence
            return self._again(422, "bad", "Correct what is marked below; nothing was saved or published.")
        except (CannotChange, MovedOn, DraftedMeanwhile) as refusal:
            return self._again(409, "bad", str(refusal))
        return None

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
            "is_unsaved": self.is_unsaved,
            "kept": self.kept,
            "asks_to_discard": self.asks_to_discard,
            "changes": self.changes if self.is_changed else [],
            "mode": self.mode,
            "next_version": self.sequence.version + 1,
            "impact": self.impact,
            "checks": draft_checks(self.draft) if self.is_changed else [],
            "focus": self.focus,
            "notices": self.notices,
            "banner": trigger_config.sentence(self.sequence),
            "matching": previews.matching(self.sequence, self.now),
            "entrants": entrants.in_words(self.sequence, self.now),
            "script_groups": self._script_groups(),
            "units": UNITS.items(),
            "rules": RULES.items(),
            "longest_delay": LONGEST_DELAY,
            "condition_ops": condition_form.OPS.items(),
            "preview": previews.of(self.request, self.sequence, rows, self.shown, self.now),
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
