"""Ready starts: sequences to begin from, each a draft with draft scripts. Nothing is sent until it is activated."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns import scripting
from campaigns.models import Script
from retention_center.audit import Actor
from retention_center.lib.channels import Channel
from sequences import changing, publishing
from sequences.models import RetentionSequence, SequenceStep
from sequences.specs import StepSpec

HOURS, DAYS, WEEKS = SequenceStep.DelayUnit.HOURS, SequenceStep.DelayUnit.DAYS, SequenceStep.DelayUnit.WEEKS
TRIGGER = RetentionSequence.Trigger


@dataclass(frozen=True)
class StartStep:
    """``wait`` is how the delay reads in the little chain: '2 days'."""

    channel: Channel
    name: str
    content: str
    subject: str = ""
    delay_value: int = 0
    delay_unit: str = DAYS

    @property
    def wait(self) -> str:
        unit = self.delay_unit.lower()
        return f"{self.delay_value} {unit.removesuffix('s') if self.delay_value == 1 else unit}"


@dataclass(frozen=True)
class Start:
    slug: str
    name: str
    when: str
    trigger_type: str
    steps: tuple[StartStep, ...]
    trigger_config: dict[str, Any] = field(default_factory=dict)


HELLO = 'Hello {{ firstName | default: "there" }},'

STARTS = (
    Start(
        "win-back",
        "Win back",
        "No conversion for 30 days",
        TRIGGER.NO_CONVERSION,
        (
            StartStep(
                Channel.EMAIL,
                "Win back 1: we kept your place",
                f"{HELLO}\n\nit has been a while, and your account is as you left it. Is there anything we can "
                "help with?\n\nJust answer this e-mail, a person reads it.",
                subject="We kept your place",
            ),
            StartStep(
                Channel.SMS,
                "Win back 2: a short reminder",
                'Hi {{ firstName | default: "there" }}, your account is still open for you. '
                "Questions? Just answer. Reply STOP to opt out.",
                delay_value=2,
            ),
            StartStep(
                Channel.CALL,
                "Win back 3: a call",
                'Hello, am I speaking with {{ firstName | default: "our customer" }}? I am calling to ask whether '
                "there is anything that kept you from coming back.",
                delay_value=2,
            ),
            StartStep(
                Channel.EMAIL,
                "Win back 4: goodbye, and a way back",
                f"{HELLO}\n\nthis is the last message of this kind. Whenever you want to come back, your account "
                "is there.",
                subject="Goodbye, and a way back",
                delay_value=1,
                delay_unit=WEEKS,
            ),
        ),
        {"minAgeHours": 30 * 24},
    ),
    Start(
        "welcome",
        "Welcome",
        "Every new lead, from the first hour",
        TRIGGER.NEW_LEAD,
        (
            StartStep(
                Channel.EMAIL,
                "Welcome 1: good to have you",
                f"{HELLO}\n\ngood to have you. Here is how to begin, in two minutes: sign in, look around, and ask "
                "us whatever is unclear.",
                subject="Good to have you",
                delay_value=1,
                delay_unit=HOURS,
            ),
            StartStep(
                Channel.EMAIL,
                "Welcome 2: three things to try",
                f"{HELLO}\n\nthree things that most people like to try first: set up your profile, tell us what you "
                "are looking for, and say hello to support.",
                subject="Three things to try",
                delay_value=1,
            ),
            StartStep(
                Channel.SMS,
                "Welcome 3: can we help?",
                'Hi {{ firstName | default: "there" }}, is everything clear so far? Just answer and we help. '
                "Reply STOP to opt out.",
                delay_value=2,
            ),
        ),
    ),
    Start(
        "ask-once",
        "Ask once",
        "One message and nothing more",
        TRIGGER.MANUAL,
        (
            StartStep(
                Channel.SMS,
                "Ask once: are you still interested?",
                'Hi {{ firstName | default: "there" }}, are you still interested? Answer yes or no. '
                "Reply STOP to opt out.",
            ),
        ),
    ),
)
BY_SLUG = {start.slug: start for start in STARTS}


@transaction.atomic
def begin(start: Start, *, now: datetime, actor: Actor) -> RetentionSequence:
    """A draft of its own, with scripts of its own."""
    sequence = RetentionSequence(
        name=start.name, trigger_type=start.trigger_type, trigger_config=dict(start.trigger_config)
    )
    changing.create(sequence, actor)
    specs = []
    for step in start.steps:
        script = Script(name=step.name, type=step.channel, subject=step.subject, content=step.content)
        script = scripting.create(script, actor)
        specs.append(StepSpec(step.channel, script.pk, step.delay_value, step.delay_unit))
    publishing.publish(sequence, specs, now=now, actor=actor)
    return sequence
