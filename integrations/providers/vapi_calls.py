"""Calls as VAPI knows them: what we ask for, and what one that ended comes to. Pure: no request, no model.

What a call says of itself stands in a report when it ends, and in the call when it is asked for: the same words, so
one reading serves both. Why it ended is one of some six hundred words; the file beside this one says what each means.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django.utils.dateparse import parse_datetime

from integrations.providers.base import Message

CURRENCY = "USD"
WHO = ("assistantId", "assistant", "squadId", "squad", "workflowId", "workflow")  # one of them speaks
TOP = {*WHO, "assistantVersion", "phoneNumberId", "phoneNumber", "transport", "squadOverrides", "workflowOverrides"}
OURS = {"customer", "customers", "customerId", "name", "schedulePlan"}  # whom and when is never a script's to say
MESSAGES = ("status-update", "end-of-call-report")
BACKOFF = {"type": "exponential", "maxRetries": 5, "baseDelaySeconds": 2}
LONGEST_NAME = 40
LONGEST_TALK = 50_000  # characters of a transcript that are kept
LONGEST_WORDS = 5_000
LONGEST_CALL = timedelta(hours=24)
MOST = Decimal("99999999.9999")  # what an attempt's cost holds
DROPPED, DROPPED_AFTER = "dropped", 30  # seconds: a line that failed after so long had been picked up
FAILED_LINES = ("transient", "config")
_MONEY = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)

REASONS = {"invalid_number": "invalid_address", "config": "misconfigured", "account": "misconfigured"}


# What we ask for ------------------------------------------------------------------------------------------------------


def layered(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Options over options: objects are merged name by name, everything else is replaced.

    Whoever names another speaker (an assistant, a squad, a workflow) takes the place of the one below.
    """
    if any(upper.get(name) for name in WHO):
        lower = {name: value for name, value in lower.items() if name not in WHO}
    merged = dict(lower)
    for name, value in upper.items():
        below = merged.get(name)
        merged[name] = layered(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def body_of(message: Message, config: Mapping[str, Any], server: Mapping[str, Any]) -> dict[str, Any]:
    """The call we ask for. ``config`` is the integration's; ``server`` where and how VAPI reports, empty for nowhere.

    Options that are none of a call's own are the assistant's, which VAPI checks itself.
    """
    own = {name: config[name] for name in ("assistantId", "phoneNumberId") if config.get(name)}
    options = layered(own, {name: value for name, value in message.options.items() if name not in OURS})
    overrides = layered(
        {name: value for name, value in options.items() if name not in {*TOP, "assistantOverrides"}},
        _object(options.get("assistantOverrides")),
    )
    asked = overrides.get("serverMessages")
    overrides["serverMessages"] = list(dict.fromkeys([*(asked if isinstance(asked, list) else []), *MESSAGES]))
    overrides["variableValues"] = _object(overrides.get("variableValues")) | {"rc_script": message.text}
    planted = {"attemptId": message.attempt_id, "key": message.key}
    overrides["metadata"] = _object(overrides.get("metadata")) | planted
    if server:
        overrides["server"] = layered(_object(overrides.get("server")), server)
    return {
        **{name: value for name, value in options.items() if name in TOP},
        "name": message.attempt_id[:LONGEST_NAME],
        "customer": {"number": message.to, "externalId": message.lead_id[:LONGEST_NAME]},
        "assistantOverrides": overrides,
    }


# What came of one -----------------------------------------------------------------------------------------------------


def planted_in(call: Mapping[str, Any]) -> tuple[str, str]:
    """(attempt, our key) as we wrote them into the call; blank where they are missing."""
    planted = _object(_object(call.get("assistantOverrides")).get("metadata"))
    attempt = text_of(call.get("name"), LONGEST_NAME + 1) or text_of(planted.get("attemptId"), LONGEST_NAME + 1)
    return (attempt if len(attempt) <= LONGEST_NAME else ""), text_of(planted.get("key"), 120)


def under_way(status: str, call: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a call that has not ended; of one that has, what a status alone tells: the report says the rest."""
    began = moment_of(call.get("startedAt"))
    result = {"call_status": status} | ({"startedAt": began.isoformat()} if began else {})
    return {"status": "FAILED" if status == "not-found" else "SENT", "result": result}


def ended(told: Mapping[str, Any], call: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a call that ended: ``told`` by its report, or by the call itself when it was asked for."""
    reason = text_of(told.get("endedReason") or call.get("endedReason"), 200)
    duration = _duration(told, call)
    outcome = outcome_of(reason, duration)
    facts: dict[str, Any] = {
        "status": _outcomes()[outcome][0] if outcome != DROPPED else "DELIVERED",
        "result": {"call_status": "ended", "outcome": outcome, "endedReason": reason} | _words(told, call),
    }
    if outcome in REASONS:
        facts["reason"] = REASONS[outcome]
    if outcome == "account":
        facts["hitsEverybody"] = f"{meaning_of(outcome)} ({reason})"
    if duration is not None:
        facts["duration"] = facts["result"]["duration"] = duration
    for name in ("startedAt", "endedAt"):
        if at := moment_of(told.get(name)) or moment_of(call.get(name)):
            (facts["result"] if name == "startedAt" else facts)[name] = at.isoformat()
    return facts | _cost(told, call)


def outcome_of(reason: str, duration: int | None) -> str:
    """What an ended call comes to: a class of the data file, or a line that dropped in the middle of the talk."""
    known = _classes().get(reason)
    if known is None:
        known = "answered" if duration and "error" not in reason else "transient"
    return DROPPED if known in FAILED_LINES and (duration or 0) >= DROPPED_AFTER else known


def meaning_of(outcome: str) -> str:
    return "the line dropped in the middle of the talk" if outcome == DROPPED else _outcomes()[outcome][1]


def moment_of(value: Any) -> datetime | None:
    """A time of VAPI's, with its offset; None for anything else."""
    try:
        at = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at and at.tzinfo else None


def text_of(value: Any, longest: int) -> str:
    """The value if it is text, storable in every database, and cut; else blank."""
    if not isinstance(value, str):
        return ""
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:longest].strip()


def _duration(told: Mapping[str, Any], call: Mapping[str, Any]) -> int | None:
    """Whole seconds; 0 for a call that never began, None when nobody says."""
    seconds = _number(told.get("durationSeconds"))
    if seconds is not None:
        return seconds
    ended_at = moment_of(told.get("endedAt")) or moment_of(call.get("endedAt"))
    began = moment_of(told.get("startedAt")) or moment_of(call.get("startedAt"))
    if began is None:
        return 0
    lasted = ended_at - began if ended_at else None
    return _number(lasted.total_seconds()) if lasted is not None else None


def _number(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value + 0.5) if 0 <= value <= LONGEST_CALL.total_seconds() else None


def _cost(told: Mapping[str, Any], call: Mapping[str, Any]) -> dict[str, Any]:
    """What it cost; an amount that is none counts as 0, and the event says so."""
    breakdown = _object(told.get("costBreakdown")) or _object(call.get("costBreakdown"))
    given = next((one for one in (told.get("cost"), call.get("cost"), breakdown.get("total")) if one is not None), None)
    if given is None:
        return {}
    text = f"{given:f}" if isinstance(given, float) and 0 <= given < 1 else str(given).strip()
    is_money = not isinstance(given, bool) and len(text) <= 40 and _MONEY.fullmatch(text) and Decimal(text) <= MOST
    amount = Decimal(text) if is_money else Decimal(0)
    facts = {"cost": str(amount.quantize(Decimal("0.0001"))), "currency": CURRENCY}
    return (
        facts if is_money else facts | {"warnings": [f"The cost {text_of(text, 40)!r} is no amount; it counts as 0."]}
    )


def _words(told: Mapping[str, Any], call: Mapping[str, Any]) -> dict[str, str]:
    """What was said, and where it can be heard; only what is there."""
    artifact = _object(told.get("artifact")) or _object(call.get("artifact"))
    analysis = _object(told.get("analysis")) or _object(call.get("analysis"))
    recording = _object(artifact.get("recording"))
    places = (
        artifact.get("recordingUrl"),
        _object(recording.get("mono")).get("combinedUrl"),
        recording.get("stereoUrl"),
        told.get("recordingUrl"),
        artifact.get("stereoRecordingUrl"),
    )
    found = {
        "recordingUrl": next((url for url in (text_of(place, 2_000) for place in places) if _is_web(url)), ""),
        "transcript": text_of(artifact.get("transcript") or told.get("transcript"), LONGEST_TALK),
        "summary": text_of(analysis.get("summary") or told.get("summary"), LONGEST_WORDS),
        "successEvaluation": text_of(analysis.get("successEvaluation"), LONGEST_WORDS),
    }
    return {name: text for name, text in found.items() if text}


def _is_web(url: str) -> bool:
    return url.lower().startswith(("https://", "http://"))


def _object(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


@cache
def _outcomes() -> dict[str, tuple[str, str]]:
    """(what it does to the attempt, what it means) by class."""
    return {name: (each["attempt"], each["meaning"]) for name, each in _read().items()}


@cache
def _classes() -> dict[str, str]:
    return {reason: name for name, each in _read().items() for reason in each["reasons"]}


@cache
def _read() -> dict[str, Any]:
    path = Path(__file__).parent / "data" / "vapi_ended_reasons.json"
    found: dict[str, Any] = json.loads(path.read_text())["outcomes"]
    return found
