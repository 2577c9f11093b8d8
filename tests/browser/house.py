"""A house in which every room has something in it, and the address of every page."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from campaigns.models import ABTest
from leads import barring, bulk, removing, unsubscribe
from leads.importing import start
from retention_center import audit, examining, jobs
from retention_center.auth import keys
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.models import Job
from sequences import drafting, forecast_job, publishing, starts
from sequences.models import RetentionSequence
from sequences.specs import spec_of
from tests import builders

NOT_WALKED = ("admin/", "api/", "auth/callback")  # Django's admin, the API's reference, the Auth Center's way back
_IF_NO_REPLY = {"field": "step.step-1.result", "op": "is_not", "value": "replied"}


def furnish() -> dict[str, Any]:
    """Rows of every kind; the values that addresses need, by the beginning of the address's name."""
    lead = builders.make_lead(first_name="Amara", last_name="Okafor", meta={"visits": 3}, notes="Asked for a call.")
    builders.make_leads(30)
    by_instantly = {
        "meta": {"instantlySync": True},
        "instantly_figures": {"counts": {"sent": 7}, "at": "2026-03-01T12:00Z"},
    }
    campaign = builders.make_campaign(name="Spring", channels=[Channel.EMAIL, Channel.SMS], **by_instantly)
    builders.make_campaign_lead(campaign, lead)
    script = builders.make_script(campaign=campaign)
    for channel in (Channel.SMS, Channel.CALL, Channel.WEBHOOK):
        builders.make_script(channel)
    steps = [{"script": script}, {"channel": Channel.SMS, "conditions": [_IF_NO_REPLY]}, {"channel": Channel.CALL}]
    sequence = builders.make_sequence(steps, name="Win back")
    draft = builders.make_sequence(2, name="Draft", status="DRAFT")
    enrollment = builders.make_enrollment(sequence, lead, current_step=1)
    attempt = builders.make_attempt(lead, campaign=campaign, script=script, message={"subject": "Hi", "text": "Hello"})
    at = clock.now() - timedelta(hours=3)
    done = {"status": "SENT", "contact_attempt": attempt, "scheduled_at": at, "executed_at": at}
    builders.make_execution(enrollment, 1, **done)
    builders.make_execution(enrollment, 2, held_reason="no_provider")
    late = {"held_reason": "late", "held_since": at, "scheduled_at": at - timedelta(days=2), "due_at": None}
    builders.make_execution(builders.make_enrollment(sequence, builders.make_lead()), 1, **late)
    builders.make_attempt(lead, channel=Channel.SMS, status="FAILED", reason="no_provider")
    conversion = builders.make_conversion(lead, campaign=campaign, contact_attempt=attempt)
    builders.make_conversion(source="keitaro", status="lead", standing="pending", sub_id="abc")
    builders.make_integration("sandbox", delivered=1)
    nobodys = builders.make_inbound_event(reason="No lead has this number.", status="UNMATCHED")
    builders.make_inbound_event(status="APPLIED", attempt_id=attempt.pk)
    jobs.run_here(forecast_job.KIND, {"sequence": sequence.pk, "days": 14})
    ABTest.objects.create(campaign=campaign, channel=Channel.EMAIL, variant_a="One", variant_b="Two")
    upload = start.upload(b"Email,Name\nada@example.com,Ada\nno address,Bob\n", "leads.csv", actor=audit.SYSTEM)
    change = Job.objects.create(kind=bulk.KIND, arguments={"action": "stop"}, done=3, total=9)
    barred, _stopped = barring.bar(
        "nobody@example.com", channel="ALL", reason="spam complaint", source="staff", now=at, actor=audit.SYSTEM
    )
    removing.delete(builders.make_lead(), actor=audit.SYSTEM, now=at)
    edited = _edited_sequence()
    key, _text = keys.create("CRM", "operator", actor=audit.SYSTEM)
    changed = audit.record(audit.SYSTEM, "change", lead, before={"status": "NEW"}, after={"status": "CONTACTED"})
    examining.examine_now()
    return {
        "lead": lead.pk,
        "campaign": campaign.pk,
        "script": script.pk,
        "sequence": sequence.pk,
        "enrollment": enrollment.pk,
        "attempt": attempt.pk,
        "conversion": conversion.pk,
        "import": upload.pk,
        "suppression": barred.pk,
        "leads-job": change.pk,
        "sequence-activation": draft.pk,
        "sequence-start": starts.STARTS[0].slug,
        "sequence-steps": edited.pk,
        "sequence-versions": edited.pk,
        "sequence-version": (edited.pk, 1),
        "integration": "sandbox",
        "inbox": nobodys.pk,
        "key": key.pk,
        "audit-event": changed.pk,
        "history": ("lead", lead.pk),
        "unsubscribe": unsubscribe.url_for(lead.pk, attempt.pk).rpartition("/")[2],
    }


def _edited_sequence() -> RetentionSequence:
    """Two versions with somebody in each, and a draft of the third."""
    now = clock.now()
    sequence = builders.make_sequence(3, name="Edited")
    builders.make_execution(builders.make_enrollment(sequence, builders.make_lead()), 2)
    first, second, third = [spec_of(step) for step in sequence.live_steps()]
    publishing.publish(sequence, [first, third], mode="pin", now=now, actor=audit.SYSTEM)
    builders.make_execution(builders.make_enrollment(sequence, builders.make_lead()), 2)
    drafting.keep(sequence, [second, first], now=now, actor=audit.SYSTEM)
    return sequence


def addresses(rows: dict[str, Any], client: Client) -> list[str]:
    """Every address that answers GET with a page of ours; the rest (moves, redirects, files) is left out."""
    client.raise_request_exception = False  # a page that fails is a page too: the walk tells
    every = sorted(set(_all(get_resolver().url_patterns, "", rows)))
    return [address for address in every if _is_page(client, address)]


def _all(patterns: list[Any], prefix: str, rows: dict[str, Any]) -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if route.startswith(NOT_WALKED):
            continue
        if isinstance(pattern, URLResolver):
            yield from _all(pattern.url_patterns, route, rows)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield from _filled_in(pattern, rows)


def _filled_in(pattern: URLPattern, rows: dict[str, Any]) -> Iterator[str]:
    wanted = pattern.pattern.regex.groupindex
    if not wanted:
        yield reverse(pattern.name)
        return
    if str(pattern.name).endswith("-html"):  # the inside of a preview's frame
        return
    kind = str(pattern.name).split("-")[0].rstrip("s")
    value = rows.get(str(pattern.name), rows.get(kind))
    values = value if isinstance(value, tuple) else (value,)
    if value and len(wanted) == len(values):
        yield reverse(pattern.name, args=values)


def _is_page(client: Client, address: str) -> bool:
    """Not a redirect, a move (405), a file, a piece for htmx, nor what the row is not ready for (409). Errors count."""
    answer = client.get(address)
    if answer.status_code in {301, 302, 405, 409} or "html" not in answer.headers.get("Content-Type", ""):
        return False
    return answer.status_code >= 400 or answer.content.lstrip()[:9].lower() == b"<!doctype"
