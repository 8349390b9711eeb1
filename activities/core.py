"""Everything that acts, put together: what a worker, the API and the command line need of one store."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session
from temporalio.client import Client

from activities.counting.recount import Recounts
from activities.crm.embedded import EmbeddedCrm
from activities.crm.suppression import Suppression
from activities.definitions import Definitions
from activities.desk.attention import Attention
from activities.desk.erasing import Erasing
from activities.desk.merging import Merging
from activities.desk.participants import Participants
from activities.desk.repeating import RepeatActivities
from activities.desk.repeats import Repeats
from activities.dispatcher import Dispatcher
from activities.enrolling.enrolment import Enrolment
from activities.enrolling.events import Events
from activities.enrolling.jobs import EnrolmentJobs
from activities.enrolling.recurrences import Recurrences
from activities.flow import FlowActivities
from activities.journey import JourneyActivities
from activities.journeys.handover import HandOvers, leave_for
from activities.journeys.pace import NO_LIMITS, Limits, Pace
from activities.journeys.standing import Rules, Standing
from activities.journeys.steps import Steps, StorePort
from activities.outside.elsewhere import NOTHING_ELSEWHERE, Elsewhere
from activities.ports import Ports
from activities.responses.forms import Forms
from activities.responses.pending import PendingEffects
from activities.responses.reactions import Reacting
from activities.responses.tracking import Tracking
from activities.scripts.runs import ScriptStarts
from activities.upkeep.background import Background
from activities.upkeep.chores import Chores
from activities.upkeep.sweep import Sweep
from flows.ports import StartScript
from store.database import Database
from workflows.contract import TASK_QUEUE


def now() -> datetime:
    """The time of this machine, for what no activity's clock governs."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Core:
    """One store and one Temporal, with all that acts on them."""

    db: Database
    dispatcher: Dispatcher
    definitions: Definitions
    crm: EmbeddedCrm
    enrolment: Enrolment
    events: Events
    jobs: EnrolmentJobs
    rules: Rules
    tracking: Tracking
    forms: Forms
    steps: Steps
    attention: Attention
    erasing: Erasing
    merging: Merging
    chores: Chores
    recurrences: Recurrences
    background: Background
    sweep: Sweep
    recounts: Recounts

    @classmethod
    def build(
        cls,
        db: Database,
        client: Client,
        *,
        task_queue: str = TASK_QUEUE,
        clock: Callable[[], datetime] = now,
        suppression: Suppression | None = None,
        elsewhere: Elsewhere = NOTHING_ELSEWHERE,
        limits: Limits = NO_LIMITS,
    ) -> "Core":
        """Put it together. `limits` are minded where messages are sent: by workers."""
        dispatcher = Dispatcher(db, client, task_queue)
        definitions = Definitions()

        def occur(*given: Any, **told: Any) -> None:  # the CRM tells events, and events look into the CRM
            events.occur(*given, **told)

        def came_together(*given: Any) -> None:  # likewise
            jobs.came_together(*given)

        def leave(session: Session, participant: str, to: str, at: datetime) -> None:  # likewise
            leave_for(Standing.lock(session, participant, at, rules), to)

        def check_now(session: Session, participant: str, at: datetime) -> None:  # likewise
            Standing.lock(session, participant, at, rules).check_now()

        crm = EmbeddedCrm(occur, came_together, suppression, elsewhere.refuses)
        enrolment = Enrolment(definitions, crm, leave)
        events = Events(definitions, crm, enrolment, check_now)
        jobs = EnrolmentJobs(definitions, crm, enrolment)
        rules = Rules(definitions, crm, HandOvers(enrolment, crm).hand_over)
        in_store: dict[type, StorePort] = {**dict.fromkeys(crm.performs, crm), StartScript: ScriptStarts()}
        steps = Steps(rules, in_store, Pace(limits), elsewhere)
        pending = PendingEffects(elsewhere)
        attention = Attention(Participants(rules), Repeats(steps), pending)
        reacting = Reacting(enrolment, crm, pending, elsewhere)
        tracking = Tracking(events, crm, definitions, reacting)
        erasing = Erasing(rules)
        recurrences = Recurrences(client, dispatcher, definitions, jobs, task_queue)
        chores = Chores(dispatcher, attention, crm.telling, erasing, clock)
        return cls(
            db=db,
            dispatcher=dispatcher,
            definitions=definitions,
            crm=crm,
            enrolment=enrolment,
            events=events,
            jobs=jobs,
            rules=rules,
            tracking=tracking,
            forms=Forms(events, crm, reacting),
            steps=steps,
            attention=attention,
            erasing=erasing,
            merging=Merging(rules),
            chores=chores,
            recurrences=recurrences,
            background=Background(dispatcher, rules, jobs, recurrences, clock),
            sweep=Sweep(client, dispatcher, rules, chores, tracking, clock),
            recounts=Recounts(db, definitions, clock),
        )

    def activities(self, ports: Ports) -> list[Callable[..., Any]]:
        """What runs on the common task queue. `ports` serve what leaves our store, by the type of the request."""
        journey = JourneyActivities(self.dispatcher, self.steps, self.events, ports)
        repeat = RepeatActivities(self.dispatcher, Repeats(self.steps), ports)
        return [*journey.all(), *repeat.all(), *self._flow().all(), *self.recurrences.activities()]

    def control_activities(self) -> list[Callable[..., Any]]:
        """What runs on the control task queue."""
        return self._flow().control()

    def _flow(self) -> FlowActivities:
        return FlowActivities(self.dispatcher, self.definitions, self.crm, self.jobs, self.background)
