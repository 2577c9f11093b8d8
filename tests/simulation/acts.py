"""What people do in the middle of it all: each act is a whole call of the product, and is watched from its commit."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from campaigns import sending
from conversions import recording
from conversions.matching import Clues
from conversions.models import Conversion
from integrations.providers.base import Message
from leads import consent, removing
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib.states import RefusedTransition
from sequences import changing, enrolling
from sequences.changing import CannotActivate, CannotChange
from sequences.enrolling import CannotEnroll
from sequences.models import RetentionSequence, SequenceEnrollment
from tests.simulation import world

if TYPE_CHECKING:
    from tests.simulation.history import History

__all__ = ["Message", "any_of", "enroll"]
REFUSALS = (RefusedTransition, CannotEnroll, CannotChange, CannotActivate)


def any_of(history: "History") -> None:
    """Something staff, a lead or a tracker does; refusals are answers too."""
    act = history.random.choice(ACTS)
    try:
        told = act(history)
    except REFUSALS as refusal:
        told = f"refused: {type(refusal).__name__}"
    history.tell(f"{act.__name__.replace('_', ' ')}: {told}")


def enroll(history: "History") -> str:
    """Somebody enrolls a few leads by hand; a buyer who enters again may be contacted again."""
    sequence = history.random.choice(history.world.sequences)
    sequence.refresh_from_db()
    chosen = [lead for lead in history.world.leads if history.random.random() < 0.7]
    done = enrolling.enroll(
        sequence, [lead.pk for lead in chosen], now=history.time.now(), source="manual", actor=SYSTEM
    )
    left_out = {lead_id for lead_id, _reason in done.skipped}
    for lead in chosen:
        if lead.pk not in left_out:
            history.watcher.went_on(lead.pk)
    return f"{done.enrolled} in {_name(history, sequence)}"


def convert(history: "History") -> str:
    return _tell_tracker(history, "sale")


def reject(history: "History") -> str:
    return _tell_tracker(history, "rejected")


def _tell_tracker(history: "History", status: str) -> str:
    lead = _lead(history)
    told = recording.Told(
        source="simulated",
        key=f"{lead.pk}:{history.random.randint(1, 2)}",
        status=status,
        revenue=Decimal(10),
        received_at=history.time.now(),
        clues=Clues(lead_id=lead.pk),
    )
    row, _is_new = recording.record(told, history.time.now())
    if row.standing == Conversion.Standing.CONFIRMED and _is_new:
        history.watcher.went_off(lead.pk)
    return f"{_lead_name(history, lead)} {row.standing}"


def opt_out(history: "History") -> str:
    lead = _lead(history)
    channel = history.random.choice(world.CHANNELS)
    because = {"reason": consent.OPTED_OUT, "source": "unsubscribe", "now": history.time.now(), "actor": SYSTEM}
    consent.opt_out(lead, channel=channel, **because)
    history.watcher.went_off(lead.pk)
    return _lead_name(history, lead)


def do_not_contact(history: "History") -> str:
    lead = _lead(history)
    consent.do_not_contact(lead, now=history.time.now(), actor=SYSTEM)
    lead.refresh_from_db()
    if lead.status == Lead.Status.DO_NOT_CONTACT:
        history.watcher.went_off(lead.pk)
    return _lead_name(history, lead)


def allow_again(history: "History") -> str:
    lead = consent.allow_again(_lead(history), now=history.time.now(), actor=SYSTEM)
    if lead.deleted_at is None and lead.status != Lead.Status.CONVERTED:
        history.watcher.went_on(lead.pk)
    return _lead_name(history, lead)


def delete_lead(history: "History") -> str:
    lead = _lead(history)
    how = history.random.choice((removing.delete, removing.erase))
    how(lead, actor=SYSTEM, now=history.time.now())
    history.watcher.went_off(lead.pk)
    return f"{how.__name__} {_lead_name(history, lead)}"


def a_lead_arrives(history: "History") -> str:
    if history.world.arrivals <= 0:
        return "nobody"
    history.world.arrivals -= 1
    return _lead_name(history, world.arrive(history.world, history.random))


def pause_or_resume_enrollment(history: "History") -> str:
    enrollments = list(SequenceEnrollment.objects.open().order_by("pk"))
    if not enrollments:
        return "nobody is in"
    enrollment = history.random.choice(enrollments)
    if enrollment.status == SequenceEnrollment.Status.PAUSED:
        return resume_enrollment(history, enrollment)
    enrolling.pause(enrollment, actor=SYSTEM)
    history.watcher.was_paused(f"{enrollment.pk} {enrollment.run_no}", begun_only=True)
    return f"paused {enrollment.pk}"


def resume_enrollment(history: "History", enrollment: SequenceEnrollment) -> str:
    enrolling.resume(enrollment, actor=SYSTEM)
    history.watcher.was_resumed(f"{enrollment.pk} {enrollment.run_no}")
    return f"resumed {enrollment.pk}"


def pause_or_resume_sequence(history: "History") -> str:
    sequence = history.random.choice(history.world.sequences)
    sequence.refresh_from_db()
    if sequence.status != RetentionSequence.Status.ACTIVE:
        return resume_sequence(history, sequence)
    changing.move(sequence, RetentionSequence.Status.PAUSED, now=history.time.now(), actor=SYSTEM)
    history.watcher.was_paused(sequence.pk, begun_only=False)
    return f"paused {_name(history, sequence)}"


def resume_sequence(history: "History", sequence: RetentionSequence) -> str:
    changing.move(sequence, RetentionSequence.Status.ACTIVE, now=history.time.now(), actor=SYSTEM)
    history.watcher.was_resumed(sequence.pk)
    return f"resumed {_name(history, sequence)}"


def publish(history: "History") -> str:
    sequence = history.random.choice(history.world.sequences)
    sequence.refresh_from_db()
    specs = world.edited(list(sequence.live_steps()), history.world.scripts, history.random)
    version = changing.replace_steps(sequence, specs, now=history.time.now(), actor=SYSTEM)
    return f"{_name(history, sequence)} version {version}: {[(spec.key[-6:], spec.is_active) for spec in specs]}"


def stop_or_go_on_sending(history: "History") -> str:
    if sending.standing():
        sending.resume_all(SYSTEM)
        history.watcher.was_resumed("")
        return "go on"
    sending.pause_all(SYSTEM)
    history.watcher.was_paused("", begun_only=False)
    return "stop"


ACTS: tuple[Callable[["History"], str], ...] = (
    enroll,
    enroll,
    convert,
    reject,
    opt_out,
    do_not_contact,
    allow_again,
    delete_lead,
    a_lead_arrives,
    pause_or_resume_enrollment,
    pause_or_resume_enrollment,
    pause_or_resume_sequence,
    publish,
    publish,
    stop_or_go_on_sending,
)


def _lead(history: "History") -> Lead:
    lead = history.random.choice(history.world.leads)
    lead.refresh_from_db()
    return lead


def _lead_name(history: "History", lead: Lead) -> str:
    return f"lead {[known.pk for known in history.world.leads].index(lead.pk)}"


def _name(history: "History", sequence: RetentionSequence) -> str:
    return f"sequence {[known.pk for known in history.world.sequences].index(sequence.pk)}"
