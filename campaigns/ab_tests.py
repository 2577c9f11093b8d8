"""A/B tests of a campaign's message: two texts on one channel, each lead always given the same one."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from campaigns import ab_figures, scripting
from campaigns.models import ABTest, Campaign, Script
from campaigns.plan import plan_of
from campaigns.rendering import problems
from retention_center import audit
from retention_center.lib import clock

COLUMNS = ("campaign_id", "channel", "variant_a", "variant_b")
MOVES = ("status", "winner_id")


class Refused(Exception):
    """What stands in the database forbids it; the text says why, for people."""


def create(test: ABTest, actor: audit.Actor) -> ABTest:
    """Start a test; raises ValidationError for its texts, Refused where the campaign cannot be tested so."""
    script = _tested_script(test.campaign, test.channel)
    _check(test, script)
    try:
        with transaction.atomic():
            test.save(force_insert=True)
            audit.record(actor, "create", test, after=audit.snapshot(test, *COLUMNS))
    except IntegrityError as error:
        raise Refused(f"{test} has a running test already; complete it first.") from error
    return test


def change(test: ABTest, values: dict[str, Any], actor: audit.Actor) -> ABTest:
    """Correct the texts of a test nobody was contacted in; raises ValidationError or Refused."""
    before = audit.snapshot(test, *COLUMNS)
    for column, value in values.items():
        setattr(test, column, value)
    old, new = audit.changed_values(test, before)
    if not new:
        return test
    if test.status != ABTest.Status.RUNNING or test.contact_attempts.exists():
        raise Refused("Its texts have been sent, so they stand; complete this test and start another.")
    _check(test, _tested_script(test.campaign, test.channel))
    with transaction.atomic():
        test.updated_at = clock.now()
        test.save(update_fields=[*new, "updated_at"])
        audit.record(actor, "change", test, before=old, after=new)
    return test


def complete(test: ABTest, winner: str, actor: audit.Actor) -> ABTest:
    """End the test and keep its figures; the winner's text, if one is named, becomes the campaign's from now on.

    Raises RefusedTransition for one that has ended.
    """
    before = audit.snapshot(test, *MOVES)
    counted = ab_figures.counts(test)
    kept = {"stats_a": counted["A"], "stats_b": counted["B"]}
    with transaction.atomic():
        test.move_to(ABTest.Status.COMPLETED, winner_id=winner, ended_at=clock.now(), **kept)
        audit.record(actor, "move", test, before=before, after=audit.snapshot(test, *MOVES))
        if winner:
            _adopt(test, winner, actor)
    return test


def _adopt(test: ABTest, winner: str, actor: audit.Actor) -> None:
    script = _tested_script(test.campaign, test.channel)
    if script.campaign_id == test.campaign_id:
        scripting.change(script, {"content": test.text_of(winner)}, actor)
        return
    # A default script is also others': the campaign gets its own
    parts = {name: getattr(script, name) for name in scripting.COLUMNS} | {
        "is_default": False,
        "campaign_id": test.campaign_id,
        "content": test.text_of(winner),
    }
    scripting.create(Script(**parts), actor)


def _tested_script(campaign: Campaign, channel: str) -> Script:
    """The script whose text the variants stand in for."""
    entry = next((one for one in plan_of(campaign).entries if one.key == channel), None)
    if entry is None:
        raise Refused(
            "The campaign makes no single contact on this channel: it is not among its channels, or it is a series "
            "of e-mails, or Instantly's."
        )
    if entry.script is None:
        raise Refused("The campaign has no script for this channel; write one first, its text is what is varied.")
    return entry.script


def _check(test: ABTest, script: Script) -> None:
    said: dict[str, list[str]] = {}
    for column in ("variant_a", "variant_b"):
        text = getattr(test, column)
        said[column] = (
            problems(text, channel=script.type, content_type=script.content_type)
            if text.strip()
            else ["Write what is sent."]
        )
    if test.variant_a.strip() == test.variant_b.strip():
        said["variant_b"] = ["Both texts are the same; there is nothing to compare."]
    if wrong := {column: sentences for column, sentences in said.items() if sentences}:
        raise ValidationError(wrong)
