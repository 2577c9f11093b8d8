"""Rows with sensible defaults: name what a test is about, leave out the rest."""

import hashlib
import itertools
from datetime import timedelta
from typing import Any

from campaigns.models import Campaign, CampaignLead, ContactAttempt, Script
from conversions.models import Conversion
from integrations.models import InboundEvent, IntegrationConfig
from leads.models import Lead
from retention_center.lib import clock, ids
from retention_center.lib.channels import Channel
from retention_center.models import ApiKey, Role, User
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution, SequenceVersion

_numbers = itertools.count(1)
PASSWORD = "a password for tests"


def make_user(role: str = Role.OPERATOR, **fields: Any) -> User:
    number = next(_numbers)
    fields = {"email": f"{role}{number}@example.com", "name": f"{Role(role).label} {number}", "role": role} | fields
    return User.objects.create_user(password=PASSWORD, **fields)


def make_api_key(role: str = Role.OPERATOR, **fields: Any) -> str:
    """The key's text, as a caller sends it."""
    key = f"rc_{ids.new_id()}{next(_numbers)}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    ApiKey.objects.create(**{"name": f"key {role}", "prefix": key[:12], "digest": digest, "role": role} | fields)
    return key


def make_lead(**fields: Any) -> Lead:
    number = next(_numbers)
    defaults = {
        "first_name": "Ada",
        "last_name": f"Lovelace {number}",
        "email": f"lead{number}@example.com",
        "phone": f"+1212555{number % 10_000:04d}",
        "source": "MANUAL",
        "time_zone": "UTC",
    }
    return Lead.objects.create(**defaults | fields)


def make_leads(count: int, **fields: Any) -> list[Lead]:
    """Many leads in one INSERT, each with an e-mail address of its own and no phone number."""
    numbers = list(itertools.islice(_numbers, count))
    defaults = {"first_name": "Ada", "time_zone": "UTC"} | fields
    return Lead.objects.bulk_create(
        Lead(**{"last_name": f"Lovelace {number}", "email": f"lead{number}@example.com"} | defaults)
        for number in numbers
    )


def make_script(channel: str = Channel.EMAIL, **fields: Any) -> Script:
    defaults = {"name": f"Script {next(_numbers)}", "type": channel, "content": "Hello {{ firstName }}, come back."}
    if channel == Channel.WEBHOOK:
        defaults |= {"content": '{"lead": "{{ externalId }}"}', "url": "https://hooks.example.com/lead"}
    return Script.objects.create(**defaults | fields)


def make_campaign(**fields: Any) -> Campaign:
    defaults = {"name": f"Campaign {next(_numbers)}", "status": Campaign.Status.ACTIVE, "channels": [Channel.EMAIL]}
    return Campaign.objects.create(**defaults | fields)


def make_campaign_lead(campaign: Campaign | None = None, lead: Lead | None = None, **fields: Any) -> CampaignLead:
    """The row alone; `campaigns.assigning.assign` is what also says when its first contact is due."""
    return CampaignLead.objects.create(campaign=campaign or make_campaign(), lead=lead or make_lead(), **fields)


def make_sequence(steps: int | list[dict[str, Any]] = 3, **fields: Any) -> RetentionSequence:
    """A running sequence whose version 1 has ``steps``: a number of e-mails a day apart, or each step's fields."""
    each: list[dict[str, Any]] = [{} for _ in range(steps)] if isinstance(steps, int) else steps
    channels = list(dict.fromkeys(step.get("channel", Channel.EMAIL) for step in each))
    defaults = {
        "name": f"Sequence {next(_numbers)}",
        "status": RetentionSequence.Status.ACTIVE,
        "channels": channels,
        "version": 1 if each else 0,
        "activated_at": clock.now() - timedelta(days=30),
    }
    sequence = RetentionSequence.objects.create(**defaults | fields)
    for order, step in enumerate(each, start=1):
        make_step(sequence, order, **step)
    if sequence.version:
        SequenceVersion.objects.create(
            sequence=sequence, version=sequence.version, published_at=clock.now() - timedelta(days=30)
        )
    return sequence


def make_step(sequence: RetentionSequence, order: int, **fields: Any) -> SequenceStep:
    channel = fields.get("channel", Channel.EMAIL)
    defaults = {
        "sequence": sequence,
        "version": sequence.version or 1,
        "key": f"step-{order}",
        "step_order": order,
        "channel": channel,
        "delay_value": 0 if order == 1 else 1,
        "delay_unit": SequenceStep.DelayUnit.DAYS,
    }
    if "script" not in fields:
        defaults["script"] = make_script(channel)
    return SequenceStep.objects.create(**defaults | fields)


def make_enrollment(
    sequence: RetentionSequence | None = None, lead: Lead | None = None, **fields: Any
) -> SequenceEnrollment:
    """The row alone; `sequences.enrolling.enroll` is what also schedules the first step."""
    sequence = sequence or make_sequence()
    defaults = {"sequence": sequence, "lead": lead or make_lead(), "version": sequence.version}
    return SequenceEnrollment.objects.create(**defaults | fields)


def make_execution(
    enrollment: SequenceEnrollment | None = None, order: int = 1, **fields: Any
) -> SequenceStepExecution:
    """A step of the enrollment, scheduled and due now unless ``fields`` say otherwise."""
    enrollment = enrollment or make_enrollment()
    step = enrollment.sequence.steps.get(version=enrollment.version, step_order=order)
    at = fields.get("scheduled_at", clock.now())
    defaults = {
        "enrollment": enrollment,
        "sequence": enrollment.sequence,
        "lead": enrollment.lead,
        "step": step,
        "step_key": step.key,
        "run_no": enrollment.run_no,
        "scheduled_at": at,
        "due_at": at if fields.get("status", "SCHEDULED") == "SCHEDULED" else None,
    }
    return SequenceStepExecution.objects.create(**defaults | fields)


def make_attempt(lead: Lead | None = None, **fields: Any) -> ContactAttempt:
    number = next(_numbers)
    defaults = {
        "lead": lead or make_lead(),
        "channel": Channel.EMAIL,
        "status": ContactAttempt.Status.SENT,
        "provider": "sandbox",
        "origin": ContactAttempt.Origin.MANUAL,
        "work_id": f"work-{number}",
        "idempotency_key": f"key-{number}",
    }
    return ContactAttempt.objects.create(**defaults | fields)


def make_conversion(lead: Lead | None = None, **fields: Any) -> Conversion:
    defaults = {
        "lead": lead,
        "status": "sale",
        "standing": Conversion.Standing.CONFIRMED,
        "source": "manual",
        "dedupe_key": f"key-{next(_numbers)}",
        "revenue": 100,
        "currency": "USD",
    }
    return Conversion.objects.create(**defaults | fields)


def make_integration(provider: str = "sandbox", *, is_active: bool = True, **config: Any) -> IntegrationConfig:
    """A provider set up with ``config``; several calls for one provider change it."""
    kinds = {"smtp": "email", "instantly": "email", "twilio": "sms", "vapi": "call", "keitaro": "tracking"}
    defaults = {"type": kinds.get(provider, provider), "config": config, "is_active": is_active}
    row, _created = IntegrationConfig.objects.update_or_create(provider=provider, defaults=defaults)
    return row


def make_inbound_event(**fields: Any) -> InboundEvent:
    """What Twilio told of a message, waiting to be applied unless ``fields`` say otherwise."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "provider": "twilio",
        "kind": "delivery",
        "event_key": f"SM{number}:delivered",
        "provider_ref": f"SM{number}",
        "facts": {"status": "DELIVERED", "result": {"status": "delivered"}},
        "payload": {"MessageSid": f"SM{number}", "MessageStatus": "delivered"},
    }
    if fields.get("status", "WAITING") != "WAITING":
        defaults["processed_at"] = clock.now()
    return InboundEvent.objects.create(**defaults | fields)
