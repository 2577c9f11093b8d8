"""Words of sequences for templates."""

from django import template
from django.utils.safestring import SafeString

from campaigns.reasons import sentence_of
from retention_center.templatetags.rc import status
from sequences import trigger_config
from sequences.models import RetentionSequence, SequenceStep, SequenceStepExecution

register = template.Library()


@register.filter
def trigger_words(sequence: RetentionSequence) -> str:
    """When leads enter: "Every new lead from CRM"."""
    return trigger_config.in_words(sequence)


@register.filter
def reason_words(code: str) -> str:
    """A reason's sentence."""
    return sentence_of(code)


@register.filter
def decision_words(how: str) -> str:
    """What staff decided about held steps: "spread" -> "released"."""
    return {"spread": "released", "next_window": "moved to the next contact hours", "skip": "skipped"}.get(how, how)


@register.filter
def delay_short(step: SequenceStep) -> str:
    """ "2 d", "1 h", "3 w"; "now" for none."""
    return f"{step.delay_value} {step.delay_unit[0].lower()}" if step.delay_value else "now"


@register.simple_tag
def execution_status(execution: SequenceStepExecution) -> SafeString:
    """Shape and word; one that waits with a reason is Held."""
    is_held = execution.status == SequenceStepExecution.Status.SCHEDULED and execution.held_reason
    return status("SequenceStepExecution", "HELD" if is_held else execution.status)
