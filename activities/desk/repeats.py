"""An effect that nobody knows of is done again because a person asks for it (SAFE_2).

A message goes out under the next visit's key, so that it is a message of its own; what has a provider's key is handed
over under the same one. The journey has gone on long ago, or ended: a workflow of its own carries the repetition, and
nothing about the participant moves. It passes the same gate: nobody is written to whom the rules forbid to write to.
"""

from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Session, col

from activities import ledger
from activities.desk.participants import OperationRefused, possible, status_of
from activities.dispatcher import StartRepeat, ask
from activities.journeys import eligibility
from activities.journeys.fitness import unfit
from activities.journeys.standing import Standing
from activities.journeys.steps import Begun, Steps
from flows.outcome import Status
from flows.planning import Line
from flows.ports import Done, Email, NotDone, Silence, Sms
from flows.steps.base import Action, Do, Fail, GoOn, Leave, Message
from store.columns import new_id
from store.flows import FlowStatus
from store.journeys import AddressClaim, EffectRow, EffectStatus, MessageRow
from workflows.contract import Repeated

# In which a person may have effects repeated: while paused or off none may begin, and who was cancelled has none.
_REPEATS_IN = (FlowStatus.RUNNING, FlowStatus.CLOSED, FlowStatus.FINISHED)


class Repeats:
    """Asks for repetitions, and carries them out in two transactions with the world between them, as steps are."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._rules = steps.rules

    def ask(self, session: Session, effect: str, now: datetime) -> EffectRow:
        """Have an unknown effect done again; answers the entry to watch. Raises OperationRefused if it may not be."""
        before = session.get_one(EffectRow, effect)
        here = Standing.lock(session, before.participant, now, self._rules)
        before = _locked(session, effect)
        step, why = self._may(here, before)
        stands = before.step == here.row.step and before.step not in here.row.passed
        if step is not None and stands and self._steps.repeats(step):
            why = "its journey is trying it again"
        if before.status is not EffectStatus.UNKNOWN:
            why = "somebody was faster"
        if why or step is None:
            raise OperationRefused(
                here.row.id, f"The effect is not repeated: {why}.", "Mend that, or mark it done or not done.",
                possible(here.row, here.flow),
            )  # fmt: skip
        again = before
        if self._steps.repeats(step):
            again.status, again.settled_at = EffectStatus.PLANNED, None
        else:
            before.status = EffectStatus.REPEATED
            again = EffectRow(
                **before.model_dump(include={"participant", "flow", "step", "kind", "channel"}),
                key=ledger.key_of(before.participant, before.step, ledger.visit_of(effect) + 1),
                status=EffectStatus.PLANNED,
                planned_at=now,
            )
            session.add(again)
        again.planned_at, again.tries = now, 0
        here.tell(Line(before.step, before.kind, "repeated", "sent again by hand"), effect=again.key)
        ask(session, StartRepeat(before.flow, again.key))
        return again

    def enter(self, session: Session, effect: str, now: datetime, *, mine: bool = False) -> Begun | None:
        """Pass the gate; None: there is nothing to do (any more), and the record says why."""
        row = session.get(EffectRow, effect)
        if row is None:  # removed with its participant
            return None
        here = Standing.lock(session, row.participant, now, self._rules)
        row = _locked(session, effect)
        if row.status not in (EffectStatus.PLANNED, EffectStatus.FAILED):
            return None
        step, why = self._may(here, row)
        if step is None or why:
            self._not_done(here, row, why)
            return None
        if row.tries and not mine and row.status is EffectStatus.PLANNED and not self._steps.repeats(step):
            self._unknown(here, row, "no answer: the worker was lost while it acted")
            return None
        sent = _message_of(session, effect)
        message = sent.id if sent is not None else new_id("msg")
        move = step.enter(here.outline.flow, here.facts_for(message))
        if not isinstance(move, Do):
            self._not_done(here, row, move.text if isinstance(move, Fail | GoOn | Leave) else "the step waits")
            return None
        row.status, row.settled_at = EffectStatus.PLANNED, None
        row.tries += 0 if mine else 1
        port = self._steps.store_ports.get(type(move.request))
        if port is not None:
            try:
                done = port.perform(session, move.request, at=now, cause=here.row.cause)
            except NotDone as error:
                self._not_done(here, row, error.text)
            else:
                self._done(here, row, done, done.text or move.text)
            return None
        if isinstance(move.request, Email | Sms):
            self._steps.keep(here, step, move.request, effect, sent)
        return Begun(effect, step.id, move.request, move.text)

    def settle(
        self, session: Session, begun: Begun, outcome: Done | NotDone | Silence, now: datetime, *, last_try: bool
    ) -> bool:
        """Write down how it went; False: it is worth another try at once."""
        row = session.get(EffectRow, begun.key)
        if row is None:
            return True
        here = Standing.lock(session, row.participant, now, self._rules)
        row = _locked(session, begun.key)
        step = here.outline.step.get(begun.step)
        if isinstance(outcome, Done):
            self._done(here, row, outcome, begun.text)
            return True
        retryable = isinstance(step, Action) and (
            self._steps.repeats(step) if isinstance(outcome, Silence) else outcome.retryable
        )
        if retryable and not last_try:
            ledger.settle(row, EffectStatus.FAILED, now, error=outcome.text)
            return False
        if isinstance(outcome, Silence):
            self._unknown(here, row, outcome.text)
        else:
            self._not_done(here, row, outcome.text)
        return True

    def unanswered(self, session: Session, effect: str, now: datetime) -> None:
        """All tries ended without an answer: whether it happened is unknown again."""
        row = session.get(EffectRow, effect)
        if row is None:
            return
        here = Standing.lock(session, row.participant, now, self._rules)
        row = _locked(session, effect)
        if row.status is EffectStatus.PLANNED:
            if row.tries:
                self._unknown(here, row, "no answer")
            else:
                self._not_done(here, row, "no worker answered")

    def state(self, session: Session, effect: str) -> Repeated:
        """How it stands, for the workflow's result."""
        row = session.get(EffectRow, effect)
        return Repeated(status=row.status.value if row is not None else "removed")

    def _may(self, here: Standing, effect: EffectRow) -> tuple[Action | None, str]:
        """The step, or why it may not act for this participant now (PART_1, PART_2, LIFE_3, LIFE_15, LIFE_16)."""
        flow, row = here.flow, here.row
        step = here.outline.step.get(effect.step)
        if status_of(row, flow) is Status.CANCELLED:
            return None, "the participation was cancelled"
        if flow.status not in _REPEATS_IN:
            return None, f"the flow is {flow.status.value}"
        if not isinstance(step, Action) or step.kind != effect.kind:
            return None, "its step is no longer in the flow"
        if flow.paused or step.channel in flow.braked:
            return None, "a brake for all flows holds it"
        if (out := unfit(here.session, here.outline.flow, row.id, here.facts())) is not None:
            return step, out.text
        if isinstance(step, Message):
            person = here.facts().person
            barred = eligibility.check(here.session, self._rules.crm, row, here.outline.flow, step, person)
            return step, barred.text if barred is not None else ""
        return step, ""

    def _done(self, here: Standing, row: EffectRow, done: Done, text: str) -> None:
        ledger.settle(row, EffectStatus.DONE, here.now, provider_id=done.provider_id)
        self._message(here.session, row, headers=dict(done.data))
        here.tell(Line(row.step, row.kind, "done", text))
        self._give_back(here)

    def _unknown(self, here: Standing, row: EffectRow, error: str) -> None:
        ledger.settle(row, EffectStatus.UNKNOWN, here.now, error=error)
        self._message(here.session, row)
        here.tell(Line(row.step, row.kind, "unknown", "nobody knows whether it happened; left to a person"))
        self._give_back(here)

    def _not_done(self, here: Standing, row: EffectRow, error: str) -> None:
        """It did not happen this time; of the time before still nobody knows, and a person has to look."""
        ledger.settle(row, EffectStatus.FAILED, here.now, error=error)
        self._message(here.session, row)
        before = row
        if (visit := ledger.visit_of(row.key)) > ledger.VISIT:
            before = here.session.get_one(EffectRow, ledger.key_of(row.participant, row.step, visit - 1))
        before.status = EffectStatus.UNKNOWN
        here.tell(Line(row.step, row.kind, "failed", "could not be sent again; left to a person"))
        self._give_back(here)

    def _message(self, session: Session, effect: EffectRow, headers: dict[str, str] | None = None) -> None:
        message = _message_of(session, effect.key)
        if message is not None:
            message.state, message.headers = effect.status, headers or message.headers

    def _give_back(self, here: Standing) -> None:
        """Who has left claims no address."""
        if not here.row.status.inside:
            here.session.execute(delete(AddressClaim).where(col(AddressClaim.participant) == here.row.id))


def _locked(session: Session, effect: str) -> EffectRow:
    """The effect as it is by now: what was read before its participant was locked may be out of date."""
    return session.get_one(EffectRow, effect, with_for_update=True, populate_existing=True)


def _message_of(session: Session, effect: str) -> MessageRow | None:
    return session.scalar(select(MessageRow).where(col(MessageRow.effect) == effect))
