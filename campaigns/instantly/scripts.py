"""A script's own campaign at Instantly, made before its first message, so that no lead can get the script twice."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from campaigns.delivery.call import refused
from campaigns.delivery.work import Answer, Intent, Outcome
from campaigns.instantly import setting_up
from campaigns.instantly.setting_up import PROVIDER, NotReady
from campaigns.models import ContactAttempt, Script
from campaigns.policy import LOOK_AGAIN
from campaigns.reasons import Reason
from integrations.providers.base import NotSent, OutcomeUnknown
from integrations.providers.instantly import CAMPAIGN, STEP
from integrations.providers.instantly_api import InstantlyApi
from integrations.providers.registry import ActiveProviders
from retention_center.lib import clock
from retention_center.lib.bulk import listed

SILENCE = timedelta(minutes=1)
NAMED = 80  # characters of a script's name
STATUS = ContactAttempt.Status


def prepared(intents: Sequence[Intent], providers: ActiveProviders) -> tuple[list[Intent], list[Answer]]:
    """The intents as they can be called, and the answers of those by Instantly that cannot be.

    Called between the intents' commit and the provider's call, outside of any transaction. Nothing is done, and nothing
    asked, where no intent goes by Instantly.
    """
    ours = [intent for intent in intents if intent.provider == PROVIDER]
    if not ours:
        return list(intents), []
    known = _known_campaigns(ours)
    had_it = _had_it_before(ours)
    answers = [_twice(intent) for intent in ours if _who(intent) in had_it]
    others = [intent for intent in ours if _who(intent) not in had_it]
    ready: list[Intent] = []
    failures: dict[str, Exception] = {}
    api = InstantlyApi(providers.configs[PROVIDER])
    try:
        for intent in others:
            script = intent.item.script
            if script is None or script.pk in failures:
                continue
            if not known.get(script.pk):
                try:
                    known[script.pk] = campaign_for(script, api, providers.configs[PROVIDER])
                except (NotReady, NotSent, OutcomeUnknown) as failure:
                    failures[script.pk] = failure
                    continue
            message = replace(intent.message, options={CAMPAIGN: known[script.pk]})
            ready.append(replace(intent, message=message))
    finally:
        api.close()
    answers += [
        _held(intent, failures[intent.item.script.pk])
        for intent in others
        if intent.item.script and intent.item.script.pk in failures
    ]
    return [*(intent for intent in intents if intent.provider != PROVIDER), *ready], answers


def campaign_for(script: Script, api: InstantlyApi, known: Mapping[str, Any]) -> str:
    """Make the script's campaign, running; the id it then has. Two who make it at once agree on one of them."""
    mark = f"[{script.pk}]"
    body = {"name": f"RC: {script.name[:NAMED]} {mark}", "sequences": [{"steps": [STEP]}]}
    body |= setting_up.sending(known) | {"is_evergreen": True}
    made = api.campaign_marked(mark) or api.create_campaign(body)
    api.activate(made)
    if Script.objects.filter(pk=script.pk, instantly_campaign_id="").update(instantly_campaign_id=made):
        return made
    kept = str(Script.objects.values_list("instantly_campaign_id", flat=True).get(pk=script.pk))
    if kept != made:
        with suppress(NotSent, OutcomeUnknown):  # an empty one left behind harms nobody
            api.delete_campaign(made)
    return kept


def refresh() -> int:
    """Tell Instantly the mailboxes and hours of today for every script's campaign: how many were told."""
    try:
        known = setting_up.config()
        body = setting_up.sending(known)
    except NotReady:
        return 0
    api, told = InstantlyApi(known), 0
    try:
        with suppress(NotSent, OutcomeUnknown):  # tomorrow again
            for campaign_id in _campaign_ids():
                api.change_campaign(campaign_id, body)
                told += 1
    finally:
        api.close()
    return told


def _campaign_ids() -> list[str]:
    usable = Script.objects.filter(archived_at=None).exclude(instantly_campaign_id="")
    return list(usable.order_by("pk").values_list("instantly_campaign_id", flat=True))


def _known_campaigns(intents: Sequence[Intent]) -> dict[str, str]:
    wanted = {intent.item.script.pk for intent in intents if intent.item.script}
    return dict(Script.objects.filter(pk__in=listed(wanted)).values_list("pk", "instantly_campaign_id"))


def _had_it_before(intents: Sequence[Intent]) -> set[tuple[str, str]]:
    """(lead, script) of those that went to Instantly before, or may have."""
    leads = listed({intent.message.lead_id for intent in intents})
    before = ContactAttempt.objects.counted().filter(provider=PROVIDER, lead__in=leads).exclude(script=None)
    before = before.exclude(pk__in=[intent.attempt_id for intent in intents])
    went = before.exclude(status=STATUS.PENDING, called_at=None)
    return {(str(lead), str(script)) for lead, script in went.values_list("lead_id", "script_id")}


def _who(intent: Intent) -> tuple[str, str]:
    return intent.message.lead_id, intent.item.script.pk if intent.item.script else ""


def _twice(intent: Intent) -> Answer:
    return Answer(intent, Outcome.REFUSED, reason=Reason.SAME_SCRIPT, is_permanent=True)


def _held(intent: Intent, failure: Exception) -> Answer:
    """Its script has no campaign yet, which costs it no try."""
    if isinstance(failure, NotSent):
        answer = refused(intent, failure)
        answer.called_at = clock.now()  # the breaker is to know
        if answer.outcome == Outcome.POSTPONED:
            return answer
    wait = SILENCE if isinstance(failure, OutcomeUnknown) else LOOK_AGAIN[Reason.PROVIDER_REFUSES]
    detail = str(failure)[:255]
    return Answer(intent, Outcome.POSTPONED, reason=Reason.PROVIDER_REFUSES, detail=detail, wait=wait)
