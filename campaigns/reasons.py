"""Every reason why a contact is held, skipped, stopped or failed: a code, a sentence for staff, an effect."""

from enum import StrEnum


class Effect(StrEnum):
    HOLD = "hold"  # it waits, and leaves later
    SKIP = "skip"  # this step is left out, the sequence goes on
    STOP = "stop"  # the lead leaves the sequence or campaign
    FAIL = "fail"  # it was tried, and did not arrive


class Reason(StrEnum):
    """A reason's wire code; ``sentence`` says it to staff, ``effect`` says what it does."""

    sentence: str
    effect: Effect

    def __new__(cls, code: str, effect: Effect, sentence: str) -> "Reason":
        reason = str.__new__(cls, code)
        reason._value_ = code
        reason.effect = effect
        reason.sentence = sentence
        return reason

    # Held
    QUIET_HOURS = "quiet_hours", Effect.HOLD, "Outside the contact hours in the lead's zone"
    CONTACT_DAY = "contact_day", Effect.HOLD, "Not a contact day in the lead's zone"
    HOLIDAY = "holiday", Effect.HOLD, "A holiday in the lead's zone"
    DAILY_CAP = "daily_cap", Effect.HOLD, "Daily cap reached, waiting for the next day"
    CHANNEL_CAP = "channel_cap", Effect.HOLD, "The channel's daily cap is reached, waiting for the next day"
    CHANNEL_GAP = "channel_gap", Effect.HOLD, "Too soon after the last contact"
    NO_WINDOW = "no_window", Effect.HOLD, "The contact rules together leave no time open"
    NO_PROVIDER = "no_provider", Effect.HOLD, "No active provider for this channel"
    SENDING_PAUSED = "sending_paused", Effect.HOLD, "Sending is stopped"
    SEQUENCE_PAUSED = "sequence_paused", Effect.HOLD, "The sequence is not active"
    CAMPAIGN_PAUSED = "campaign_paused", Effect.HOLD, "The campaign is not running"
    ENROLLMENT_PAUSED = "enrollment_paused", Effect.HOLD, "The enrollment is paused"
    LATE = "late", Effect.HOLD, "Later than the late rule allows; staff decide"
    RATE_LIMITED = "rate_limited", Effect.HOLD, "The provider asked us to wait"
    BEYOND_PACE = "beyond_pace", Effect.HOLD, "As much as the provider's pace allows is under way"
    PROVIDER_REFUSES = "provider_refuses", Effect.HOLD, "The provider refuses everything we send; check its credentials"
    PROVIDER_DOWN = "provider_down", Effect.HOLD, "The provider fails for everybody; one message tries again by itself"
    BAD_TEMPLATE = "bad_template", Effect.HOLD, "The script cannot be rendered; correct it"
    RESTORED = "restored", Effect.HOLD, "Restored from a backup; it may have gone out already, staff decide"
    SET_ASIDE = "set_aside", Effect.HOLD, "It could not be worked out, and waits for staff; the log says why"
    WAITS_FOR_STAFF = "waits_for_staff", Effect.HOLD, "It failed twice and waits for staff"
    # Skipped
    NO_ADDRESS = "no_address", Effect.SKIP, "Nothing to send to: no address for this channel"
    SUPPRESSED = "suppressed", Effect.SKIP, "The address opted out of this channel"
    STEP_OFF = "step_off", Effect.SKIP, "The step was switched off"
    STEP_REMOVED = "step_removed", Effect.SKIP, "The step was removed from the sequence"
    NO_SCRIPT = "no_script", Effect.SKIP, "The step has no script"
    CONDITION_NOT_MET = "condition_not_met", Effect.SKIP, "The step's condition was not met"
    EMPTY_PLACEHOLDER = "empty_placeholder", Effect.SKIP, "A placeholder without a fallback is empty for this lead"
    INVALID_ADDRESS = "invalid_address", Effect.SKIP, "The provider says the address cannot exist"
    SAME_SCRIPT = "same_script", Effect.SKIP, "Instantly sent this script to the lead before, and never does so twice"
    NOT_ADDED = "not_added", Effect.SKIP, "Instantly did not take the lead into its campaign"
    REFUSED = "refused", Effect.SKIP, "The provider refused it twice"
    SKIPPED_BY_STAFF = "skipped_by_staff", Effect.SKIP, "Skipped by staff"
    # Stopped
    DO_NOT_CONTACT = "do_not_contact", Effect.STOP, "The lead is marked do not contact"
    OPTED_OUT = "opted_out", Effect.STOP, "The lead opted out"
    CONVERTED = "converted", Effect.STOP, "The lead converted"
    DELETED = "deleted", Effect.STOP, "The lead was deleted"
    ERASED = "erased", Effect.STOP, "The lead was erased"
    REPLIED = "replied", Effect.STOP, "The lead replied"
    NOTHING_LEFT = "nothing_left", Effect.STOP, "The campaign has nothing more to send"
    SEQUENCE_ARCHIVED = "sequence_archived", Effect.STOP, "The sequence was archived"
    ENROLLMENT_ENDED = "enrollment_ended", Effect.STOP, "The enrollment had ended"
    CANCELLED = "cancelled", Effect.STOP, "Cancelled by staff"
    STEP_FAILED = "step_failed", Effect.STOP, "A step failed whose rule is to stop"
    REMOVED_FROM_CAMPAIGN = "removed_from_campaign", Effect.STOP, "Removed from the campaign by staff"
    # Failed
    NOT_CALLED = "not_called", Effect.FAIL, "Called off before the provider was asked; nothing was sent"
    NOT_HANDED_OVER = "not_handed_over", Effect.FAIL, "The provider could not be reached; tried again in an hour"
    OUTCOME_UNKNOWN = "outcome_unknown", Effect.FAIL, "The provider never answered; sent or not is unknown"
    NOT_DELIVERED = "not_delivered", Effect.FAIL, "The provider took it, and later could not deliver it"
    MISCONFIGURED = "misconfigured", Effect.FAIL, "Something at the provider is set up wrongly, or its account may not"
    BOUNCED = "bounced", Effect.FAIL, "The mailbox does not exist or refused it"


def sentence_of(code: str) -> str:
    """The sentence for a stored code; a code of an older version is shown as it is."""
    try:
        return Reason(code).sentence  # type: ignore[call-arg]
    except ValueError:
        return code
