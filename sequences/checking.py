"""What staff should know about a draft of steps before they publish it. Nothing here stops them."""

from integrations.providers.registry import ActiveProviders
from retention_center.lib.channels import Channel
from sequences.building import Draft


def draft_checks(draft: Draft) -> list[tuple[str, str]]:
    """(tone, sentence), tone good or hold. One query."""
    on = [(number, row) for number, row in enumerate(draft.kept, 1) if row.is_active]
    if not on:
        return [("hold", "No step is on, so nothing would be sent.")]
    mute = [str(number) for number, row in on if not row.script_id]
    providers = ActiveProviders.load()
    silent = [channel for channel in dict.fromkeys(row.channel for _, row in on) if not providers.choose(channel)]
    found = [("hold", _told_mute(mute))] if mute else []
    found += [
        ("hold", f"No active provider for {Channel(channel).label}: its steps would be held.") for channel in silent
    ]
    if not mute:
        found.append(("good", "Every step has a script"))
    if not silent:
        found.append(("good", "Every channel has an active provider"))
    return found


def _told_mute(numbers: list[str]) -> str:
    if len(numbers) == 1:
        return f"Step {numbers[0]} has no script and would be skipped."
    return f"Steps {', '.join(numbers[:-1])} and {numbers[-1]} have no script and would be skipped."
