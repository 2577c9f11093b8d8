"""What people do in the middle of it all: each act is a whole call of the product, and is watched from its commit."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import models

from campaigns import assigning, sending
from campaigns import changing as campaign_changing
from campaigns.models import Campaign, SendingPause
from conversions import recording
from conversions.matching import Clues
from conversions.models import Conversion
from leads import consent, intake, removing
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib.states import RefusedTransition
from sequences import catching_up, changing, enrolling
from sequences.changing import CannotActivate, CannotChange
from sequences.enrolling import CannotEnroll
from sequences.models import RetentionSequence, SequenceEnrollment
from tests.simulation import world

if TYPE_CHECKING:
    from tests.simulation.history import History

REFUSALS = (RefusedTransition, CannotEnroll, CannotChange, CannotActivate, intake.Conflict)
STOPS = ((SendingPause.Scope.ALL, ""), (SendingPause.Scope.CHANNEL, "EMAIL"), (SendingPause.Scope.CHANNEL, "SMS"))


def any_of(history: "History") -> None:
    """Something staff, a lead or a tracker does; refusals are answers too."""
    do(history, history.random.choice(ACTS))


def do(history: "History", act: Callable[["History"], str]) -> None:
    try:
        told = act(history)
    except REFUSALS as refusal:
        told = f"refused: {type(refusal).__name__}"
    history.tell(f"{act.__name__.replace('_', ' ')}: {told}")


def enroll(history: "History") -> str:
    """Somebody enrolls a few leads by hand; a buyer who enters again may be contacted again."""
    sequence = _fresh(history.random.choice(history.world.sequences))
    chosen = [lead for lead in history.world.leads if history.random.random() < 0.7]
    done = enrolling.enroll(
        sequence, [lead.pk for lead in chosen], now=history.time.now(), source="manual", actor=SYSTEM
    )
    left_out = {lead_id for lead_id, _reason in done.skipped}
    for lead in chosen:
        if lead.pk not in left_out:
            history.watcher.entered_anew(lead.pk)
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
    row, is_new = recording.record(told, history.time.now())
    if row.standing == Conversion.Standing.CONFIRMED:
        if is_new:
            history.watcher.has_bought(lead.pk)
    elif _lead_status(history, lead) != Lead.Status.CONVERTED:
        history.watcher.entered_anew(lead.pk)
    return f"{_lead_name(history, lead)} {row.standing}"


def opt_out(history: "History") -> str:
    lead = _lead(history)
    because = {"reason": consent.OPTED_OUT, "source": history.random.choice(("unsubscribe", "stop"))}
    consent.opt_out(lead, channel=_channel(history), now=history.time.now(), actor=SYSTEM, **because)
    history.watcher.went_off(lead.pk)
    return _lead_name(history, lead)


def opt_back_in(history: "History") -> str:
    """START, after STOP."""
    lead = _lead(history)
    consent.opt_back_in(lead, channel=_channel(history), source="start", now=history.time.now(), actor=SYSTEM)
    history.watcher.may_have_gone_on(lead.pk)
    return _lead_name(history, lead)


def do_not_contact(history: "History") -> str:
    lead = _lead(history)
    consent.do_not_contact(lead, now=history.time.now(), actor=SYSTEM)
    if _lead_status(history, lead) == Lead.Status.DO_NOT_CONTACT:
        history.watcher.went_off(lead.pk)
    return _lead_name(history, lead)


def allow_again(history: "History") -> str:
    lead = consent.allow_again(_lead(history), now=history.time.now(), actor=SYSTEM)
    history.watcher.may_have_gone_on(lead.pk)
    return _lead_name(history, lead)


def remove_lead(history: "History") -> str:
    lead = _lead(history)
    how = history.random.choice((removing.delete, removing.delete, removing.erase))
    how(lead, actor=SYSTEM, now=history.time.now())
    history.watcher.went_off(lead.pk)
    if how is removing.erase:
        history.watcher.erased.add(lead.pk)
    return f"{how.__name__} {_lead_name(history, lead)}"


def restore_lead(history: "History") -> str:
    lead = removing.restore(_lead(history), actor=SYSTEM, now=history.time.now())
    history.watcher.may_have_gone_on(lead.pk)
    return _lead_name(history, lead)


def import_lead(history: "History") -> str:
    """A file names somebody we know: blanks are filled, nobody is made twice, nobody barred is let in."""
    number = history.random.randrange(len(history.world.leads))
    values = {"email": f"lead{number}@example.com", "firstName": "Grace", "meta": {"plan": "gold"}}
    if Lead.objects.present().filter(email=values["email"]).exists():
        intake.add(values, actor=SYSTEM, now=history.time.now(), source="IMPORT")
        return f"lead {number}"
    return "nobody"


def a_lead_arrives(history: "History") -> str:
    if history.world.arrivals <= 0:
        return "nobody"
    history.world.arrivals -= 1
    return _lead_name(history, world.arrive(history.world, history.random))


def assign(history: "History") -> str:
    """Whoever is not in the campaign yet enters it."""
    lead, campaign = _lead(history), history.world.campaign
    if campaign is None:
        return "no campaign"
    if assigning.assign(campaign, [lead.pk], history.time.now(), SYSTEM).assigned:
        history.watcher.entered_anew(lead.pk)
    return _lead_name(history, lead)


def pause_or_resume_campaign(history: "History") -> str:
    campaign = history.world.campaign
    if campaign is None:
        return "no campaign"
    campaign = _fresh(campaign)
    if campaign.status == Campaign.Status.ACTIVE:
        campaign_changing.move(campaign, Campaign.Status.PAUSED, SYSTEM, history.time.now())
        history.watcher.was_paused(campaign.pk, begun_only=True)
        return "paused"
    return resume_campaign(history, campaign)


def resume_campaign(history: "History", campaign: Campaign) -> str:
    campaign_changing.move(campaign, Campaign.Status.ACTIVE, SYSTEM, history.time.now())
    history.watcher.was_resumed(campaign.pk)
    return "resumed"


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
    sequence = _fresh(history.random.choice(history.world.sequences))
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
    sequence = _fresh(history.random.choice(history.world.sequences))
    specs = world.edited(list(sequence.live_steps()), history.world.scripts, history.random)
    version = changing.replace_steps(sequence, specs, now=history.time.now(), actor=SYSTEM)
    return f"{_name(history, sequence)} version {version}: {[(spec.key[-6:], spec.is_active) for spec in specs]}"


def stop_or_go_on_sending(history: "History") -> str:
    """Everything, or one channel."""
    scope, target = history.random.choice(STOPS)
    what = f"channel {target}" if target else ""
    if SendingPause.objects.filter(scope=scope, target=target).exists():
        sending.resume(scope, target, SYSTEM)
        history.watcher.was_resumed(what)
        return f"go on {target}"
    sending.pause(scope, target, SYSTEM)
    history.watcher.was_paused(what, begun_only=False)
    return f"stop {target}"


def release_held(history: "History") -> str:
    """Staff decide at the catch-up desk about what came too late."""
    how = history.random.choice(list(catching_up.How))
    done, _job = catching_up.release(catching_up.Choice(), how, now=history.time.now(), actor=SYSTEM)
    return f"{how} {done.changed if done else 0}"


ACTS: tuple[Callable[["History"], str], ...] = (
    *[enroll] * 3,
    *[convert, reject, opt_out, opt_back_in, do_not_contact, allow_again, remove_lead, restore_lead],
    *[import_lead, a_lead_arrives, assign, pause_or_resume_campaign],
    *[pause_or_resume_enrollment] * 2,
    *[pause_or_resume_sequence, publish, publish, stop_or_go_on_sending, release_held],
)
LIVELY = (enroll, allow_again, a_lead_arrives, assign, release_held)  # what brings work where none is left


def _lead(history: "History") -> Lead:
    return _fresh(history.random.choice(history.world.leads))


def _fresh[M: models.Model](row: M) -> M:
    """The row as it is now, as an instance that nobody else holds."""
    return type(row)._base_manager.get(pk=row.pk)  # type: ignore[attr-defined]


def _lead_status(history: "History", lead: Lead) -> str:
    with history.aside():
        return str(Lead.objects.values_list("status", flat=True).get(pk=lead.pk))


def _channel(history: "History") -> str:
    return history.random.choice(world.CHANNELS)


def _lead_name(history: "History", lead: Lead) -> str:
    return f"lead {[known.pk for known in history.world.leads].index(lead.pk)}"


def _name(history: "History", sequence: RetentionSequence) -> str:
    return f"sequence {[known.pk for known in history.world.sequences].index(sequence.pk)}"
