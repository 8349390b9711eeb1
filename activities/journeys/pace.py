"""How fast messages leave: the queues of flows and channels, and the cap for one person (STEP_20, STEP_21).

Asked in the gate, right before a message begins, with the person locked. Nobody sleeps: who has to wait is given a
place, and comes back for it. The clock of a flow's own queues stands still while the flow is paused: so after a pause
people leave at the flow's rate, and not as a flood (LIFE_12), in the order in which they stood. Their places are void
once the flow was ended, or the rate changed: then who held one asks for another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from activities import ledger
from activities.journeys.places import stood_still
from activities.journeys.standing import Standing
from flows.outcome import Status
from flows.pacing import Queue, after
from flows.planning import Line
from flows.steps.base import Channel, Message, Sending
from flows.units import Rate
from store.flows import FlowRow
from store.inserts import insert_new
from store.journeys import EffectStatus, MessageRow, ParticipantRow
from store.queues import QueueRow
from workflows.contract import Plan

# Who comes later than this to a place has lost it: a worker that was away does not let all of them leave at once.
LATE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds over all flows, by channel: `rates` for everybody together, `caps` for one person."""

    rates: Mapping[Channel, Rate] = field(default_factory=dict)
    caps: Mapping[Channel, Rate] = field(default_factory=dict)


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A flow's queue as it is shown: how many wait for their place, and when the last of them leaves."""

    waiting: int
    last_leaves_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Gate:
    """One queue that a message goes through. `still` is how long its clock has stood still; places are by its clock."""

    name: str
    stamp: str
    rate: Rate
    channel: Channel | None = None
    still: timedelta = timedelta()
    common: bool = False

    @property
    def ticket(self) -> str:
        """What a participant holds who has a place in it."""
        return f"{self.name} {self.stamp}"


class Pace:
    """Lets messages leave, or says when."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def later(self, here: Standing, step: Sending) -> Plan | None:
        """What comes instead of sending now; None: it may leave. The cap is for messages to the person alone."""
        capped = self._over_cap(here, step) if isinstance(step, Message) else None
        return capped or self._queued(here, step)

    def _over_cap(self, here: Standing, step: Message) -> Plan | None:
        cap = self._limits.caps.get(step.channel)
        if cap is None or step.transactional:
            return None
        # Rolling: the period that ends now. Of those that fill it, the earliest makes room when it is a period old.
        query = (
            select(col(MessageRow.at))
            .where(col(MessageRow.person) == here.row.person, col(MessageRow.at) > here.now - cap.per)
            .where(col(MessageRow.channel) == step.channel, ~col(MessageRow.transactional), ~col(MessageRow.notice))
            .where(col(MessageRow.state) != EffectStatus.FAILED)
            .where(col(MessageRow.effect) != ledger.key_of(here.row.id, step.id))
            .order_by(col(MessageRow.at).desc())
            .limit(cap.count)
        )
        sent = here.session.scalars(query).all()
        if len(sent) < cap.count:
            return None
        text = f"frequency cap: at most {cap} to one person"
        if step.over_cap == "wait":
            return here.wait_here(step, sent[-1] + cap.per, text)
        here.tell(Line(step.id, step.kind, "skipped", text))
        here.on_from(step)
        return here.plan

    def _queued(self, here: Standing, step: Sending) -> Plan | None:
        row, gates = here.row, list(self._gates(here, step))
        tickets = [gate.ticket for gate in gates]
        held = tickets.index(row.queue) if row.queue in tickets else -1
        if held >= 0 and row.place is not None:
            at = row.place + gates[held].still
            if at > here.now:  # woken before its time, or there was a pause
                return self._wait(here, step, gates[held], at)
            if here.now - at > LATE:
                held = -1
        for gate in gates[held + 1 :]:
            row.queue, row.place = gate.ticket, _take(here, gate)
            at = row.place + gate.still
            if at > here.now:
                return self._wait(here, step, gate, at)
        row.queue, row.place = "", None
        return None

    def _wait(self, here: Standing, step: Sending, gate: _Gate, at: datetime) -> Plan:
        return here.wait_here(step, at, f"throttle: at most {gate.rate}")

    def _gates(self, here: Standing, step: Sending) -> Iterator[_Gate]:
        """The queues on the way out, the flow's own first: a place in a common one is not kept by who has to wait."""
        flow, channel = here.flow, step.channel
        throttle = here.outline.flow.settings.throttle
        if throttle is not None:
            own = throttle.email if channel == "email" else throttle.sms
            still = stood_still(here.session, flow, here.now)
            for name, rate, only in ((f"flow/{flow.id}", throttle.flow, None), (f"{channel}/{flow.id}", own, channel)):
                if rate is not None:
                    yield _Gate(name, f"{flow.generation}: {rate}", rate, only, still)
        common = self._limits.rates.get(channel)
        if common is not None:
            yield _Gate(channel, str(common), common, channel, common=True)


def waiting(session: Session, flow: str, now: datetime) -> Waiting:
    """Who waits for a place in a flow's queues, its own and common ones."""
    row = session.get_one(FlowRow, flow)
    still = stood_still(session, row, now)
    own, place = col(ParticipantRow.queue).contains("/"), col(ParticipantRow.place)
    query = (
        select(own, func.count(), func.max(place))
        .where(col(ParticipantRow.flow) == flow, col(ParticipantRow.status) == Status.ACTIVE)
        .where(col(ParticipantRow.generation) == row.generation)
        .where(place > now - still - LATE, or_(own, place > now - LATE))
        .group_by(own)
    )
    found = [(number, last + still if mine else last) for mine, number, last in session.execute(query)]
    return Waiting(sum(number for number, _ in found), max((last for _, last in found), default=None))


def _take(here: Standing, gate: _Gate) -> datetime:
    session, now = here.session, here.now - gate.still
    row = session.get(QueueRow, gate.name, with_for_update=True)
    if row is None:
        insert_new(session, QueueRow, [{"name": gate.name, "stamp": gate.stamp, "slot": 0, "counts": []}])
        row = session.get_one(QueueRow, gate.name, with_for_update=True)
    queue = Queue(row.slot, tuple(row.counts))
    if row.stamp != gate.stamp:
        queue = after(_sent(here, gate), gate.rate, now)
    at, queue = queue.place(gate.rate, now)
    row.stamp, row.slot, row.counts = gate.stamp, queue.slot, list(queue.counts)
    return at


def _sent(here: Standing, gate: _Gate) -> int:
    """How many have left in the last period, for a queue whose places are void; not counted further than the rate."""
    if gate.common:
        return gate.rate.count  # its rate was changed: rather a period too long than a flood
    recent = select(col(MessageRow.id)).where(
        col(MessageRow.flow) == here.flow.id, col(MessageRow.at) > here.now - gate.rate.per
    )
    if gate.channel is not None:
        recent = recent.where(col(MessageRow.channel) == gate.channel)
    return here.session.scalar(select(func.count()).select_from(recent.limit(gate.rate.count).subquery())) or 0
