"""The gate of a step that acts: may it be done now, and how it went (PART_2, STEP_19, SAFE_1, SAFE_2).

`enter` and `settle` each are one transaction. Between them, and only there, the world is touched.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlmodel import Session

from activities import ledger
from activities.journeys import eligibility
from activities.journeys.pace import Pace
from activities.journeys.sparing import spared_from
from activities.journeys.standing import Rules, Standing
from activities.life.pauses import paused
from activities.mail.compose import mail_id
from activities.outside.elsewhere import NOTHING_ELSEWHERE, Elsewhere
from flows.openings import Openings
from flows.outcome import Reason
from flows.planning import Line
from flows.ports import Done, Email, NotDone, Request, Silence, Sms
from flows.sms import segments
from flows.steps.base import Action, BaseStep, Do, Fail, GoOn, Leave, Message, Sending, Stay
from flows.steps.notification import Notification
from store.columns import new_id
from store.journeys import EffectRow, EffectStatus, MessageRow
from workflows.contract import STEP_ATTEMPTS, Plan
from workflows.contract import Done as DonePlan

# After Temporal's own tries: waits that double from a minute to an hour, a day in all beside pauses and brakes, then a
# person has to look.
FIRST_WAIT, LONGEST_WAIT, GIVE_UP = timedelta(minutes=1), timedelta(hours=1), timedelta(hours=24)
# A pause that the other side asks for is waited out by Temporal's own tries up to this, else by the journey.
SHORT_PAUSE = timedelta(seconds=30)


class StorePort(Protocol):
    """A port whose effects happen inside our own store: in the gate's transaction, so never in doubt."""

    def perform(self, session: Session, request: Any, *, at: datetime, cause: Sequence[str]) -> Done:
        """Do it. Raises NotDone with nothing changed: behind a savepoint of its own."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An effect that was planned and has to be handed over now."""

    key: str
    step: str
    request: Request
    text: str


class Steps:
    """Enters and settles steps that act."""

    def __init__(
        self,
        rules: Rules,
        store_ports: Mapping[type, StorePort],
        pace: Pace,
        elsewhere: Elsewhere = NOTHING_ELSEWHERE,
    ) -> None:
        self.rules = rules
        self._pace = pace
        self.store_ports = {kind: port for kind, port in store_ports.items() if kind not in elsewhere.requests}
        self._copying = store_ports
        self._elsewhere = elsewhere

    def enter(
        self,
        session: Session,
        participant: str,
        position: int,
        kind: str,
        now: datetime,
        *,
        mine: bool = False,
        in_store: bool = False,
    ) -> Plan | Begun:
        """Pass the gate with the plan at this position; do what the store itself can do, else plan the effect.

        `mine`: this very attempt has planned the effect already and not yet called. `in_store`: begin no
        effect elsewhere, but plan it as a common activity.
        """
        here = Standing.lock(session, participant, now, self.rules)
        here.row.started, here.row.wake = True, None
        answer = self._enter(here, position, kind, mine=mine, in_store=in_store)
        if mine and not isinstance(answer, Begun):
            ledger.let_go(session, participant, EffectStatus.FAILED, now, "not handed over: held up before it")
        return answer

    def _enter(self, here: Standing, position: int, kind: str, *, mine: bool, in_store: bool) -> Plan | Begun:
        stopped = here.stop() if mine else self._stop(here)
        if stopped is not None:
            return stopped
        if here.row.position != position:  # a later answer was lost on its way: give it again
            return here.plan
        stood = here.row.step
        answer = self._go_on(here, kind, mine=mine, in_store=in_store)
        if not mine and here.row.acted_at != here.now:
            self._heed(here, stood)
        return answer

    def _go_on(self, here: Standing, kind: str, *, mine: bool, in_store: bool) -> Plan | Begun:
        step = here.walk()
        if step is None:
            return here.plan
        if step.kind != kind:  # the activity that is named by that kind does it
            return here.due(step)
        return self._act(here, step, mine=mine, in_store=in_store)

    def _heed(self, here: Standing, stood: str) -> None:
        """Who leaves a step undone in which somebody had planned an effect and was not heard of again (SAFE_2)."""
        step = here.outline.step.get(stood)
        if self._stands_at(here, stood) or (step is not None and not step.acts):
            return
        effect, message = ledger.look_up(here.session, ledger.key_of(here.row.id, stood))
        if effect is None or effect.status is not EffectStatus.PLANNED:
            return
        ledger.settle(effect, EffectStatus.UNKNOWN, here.now, error="no answer, and then the step was not done again")
        if message is not None:
            message.state = EffectStatus.UNKNOWN
        self._unknown(here, effect)

    def _stop(self, here: Standing) -> Plan | None:
        """Why it may not go on. If it is over, nobody will be heard of who had planned an effect (SAFE_2)."""
        stopped = here.stop()
        if isinstance(stopped, DonePlan):
            text = "no answer, and then the journey was over"
            ledger.let_go(here.session, here.row.id, EffectStatus.UNKNOWN, here.now, text)
        return stopped

    def look(self, session: Session, participant: str, now: datetime) -> Plan:
        """What comes next, without doing it."""
        here = Standing.lock(session, participant, now, self.rules)
        here.row.started, here.row.wake = True, None
        stopped = here.stop()
        if stopped is not None:
            return stopped
        step = here.walk()
        return here.due(step) if step is not None else here.plan

    def _act(self, here: Standing, step: BaseStep, *, mine: bool, in_store: bool) -> Plan | Begun:
        if not isinstance(step, Action):
            raise TypeError(f"{step.id} does not act")
        spared = spared_from(here.flow, here.row, here.outline.flow, step)
        if step.channel in here.flow.braked and spared is None:
            here.due(step)
            return here.hold()
        later = self._not_yet(here, step)
        if later is not None:
            return later
        if spared is not None:
            here.tell(Line(step.id, step.kind, "skipped", spared))
            here.on_from(step)
            return here.plan
        refused = None
        if isinstance(step, Message):
            refused = eligibility.check(
                here.session, self.rules.crm, here.row, here.outline.flow, step, here.facts().person
            )
        effect, sent = ledger.look_up(here.session, ledger.key_of(here.row.id, step.id))
        message = sent.id if sent is not None else new_id("msg")
        move = refused or step.enter(here.outline.flow, here.facts_for(message))
        if isinstance(move, Leave):
            return here.leave(move)
        if isinstance(move, Fail):
            return self._given_up(here, step, move.text)
        if isinstance(move, GoOn):
            here.tell(Line(step.id, step.kind, "skipped" if move.skipped else "passed", move.text))
            here.on_from(step)
            return here.plan
        if isinstance(move, Stay) and move.until is not None:
            return here.wait_here(step, move.until, move.text)
        if not isinstance(move, Do):
            raise TypeError(f"{step.id} acts, yet answered {move}")
        if in_store and type(move.request) not in self.store_ports:
            return here.due(step, away=True)
        if isinstance(step, Sending) and not mine and ledger.may_begin(effect, repeat=self.repeats(step)):
            later = self._pace.later(here, step)
            if later is not None:
                return later
        return self._begin(here, step, move, effect, sent, mine=mine)

    def _not_yet(self, here: Standing, step: Action) -> Plan | None:
        """The moment before which the step may not act, as a wait (STEP_19, LIFE_13)."""
        flow, now = here.outline.flow, here.now
        at, openings = now, Openings(flow, step, here.facts().person)
        if flow.settings.pause_dates is not None:  # who is woken on a pause date still moves to when the step was due
            at = max(now, flow.settings.pause_dates.permitted(here.row.since, flow.zone))
        at = openings.first(at)
        if at <= now:
            return None
        if openings.skips(now):
            here.tell(Line(step.id, step.kind, "skipped", "outside the sending window"))
            here.on_from(step)
            return here.plan
        return here.wait_here(step, at, f"not before {at:%Y-%m-%d %H:%M} UTC: sending window or pause date")

    def _begin(
        self,
        here: Standing,
        step: Action,
        move: Do,
        known: EffectRow | None,
        sent: MessageRow | None,
        *,
        mine: bool,
    ) -> Plan | Begun:
        beginning, effect = ledger.begin(
            here.row,
            known,
            step=step.id,
            kind=step.kind,
            channel=step.channel,
            now=here.now,
            repeat=self.repeats(step),
            mine=mine,
        )
        if beginning != "begun":
            if beginning == "lost":
                self._unknown(here, effect)
            here.on_from(step)
            return here.plan
        here.row.acted_at = here.now
        port = self.store_ports.get(type(move.request))
        if port is not None:
            return self._in_store(here, step, move, effect, port)
        here.session.add(effect)
        if isinstance(move.request, Email | Sms):
            self.keep(here, step, move.request, effect.key, sent)
        return Begun(effect.key, step.id, move.request, move.text)

    def _in_store(self, here: Standing, step: Action, move: Do, effect: EffectRow, port: StorePort) -> Plan:
        try:
            done = port.perform(here.session, move.request, at=here.now, cause=here.row.cause)
        except NotDone as error:
            here.session.add(effect)
            ledger.settle(effect, EffectStatus.FAILED, here.now, error=error.text)
            return self._given_up(here, step, "the change was refused")
        here.session.add(effect)
        return self._done(here, step, effect, done, done.text or move.text)

    def settle(
        self,
        session: Session,
        participant: str,
        begun: Begun,
        outcome: Done | NotDone | Silence,
        now: datetime,
        *,
        last_try: bool,
    ) -> Plan | None:
        """Write down how an effect went and plan on; None: it is worth another try at once."""
        here = Standing.lock(session, participant, now, self.rules)
        effect, message = ledger.look_up(session, begun.key)
        if effect is None:
            raise LookupError(begun.key)
        step = here.outline.step.get(begun.step)
        if isinstance(outcome, Done):
            if message is not None:
                message.state, message.headers = EffectStatus.DONE, dict(outcome.data)
            self._copy(here, begun.request, outcome)
            return self._done(here, step, effect, outcome, begun.text)
        status = EffectStatus.UNKNOWN if isinstance(outcome, Silence) else EffectStatus.FAILED
        ledger.settle(effect, status, now, error=outcome.text)
        if message is not None:
            message.state = status
        if not self._stands_at(here, begun.step) or not isinstance(step, Action):
            return here.stop() or here.plan
        if isinstance(outcome, Silence):
            if self.repeats(step):
                return self._later(here, step, effect) if last_try else None
            self._unknown(here, effect)
            here.on_from(step)
            return here.plan
        return self._not_done(here, step, effect, outcome, last_try=last_try)

    def repeats(self, step: Action) -> bool:
        """Whether an effect that may have happened is done again (SAFE_2): messages are not, what has a key is."""
        if step.on_unknown is not None:
            return step.on_unknown == "repeat"
        return not isinstance(step, Sending) and step.kind not in self._elsewhere.unkeyed

    def _copy(self, here: Standing, request: Request, done: Done) -> None:
        """What another CRM has done is so in our copy too, at once: later steps decide from it."""
        copy = self._elsewhere.copies.get(type(request))
        if copy is not None:
            the_same = copy(request, done)
            with suppress(NotDone):  # our copy may lag behind; what that CRM tells later mends it
                self._copying[type(the_same)].perform(here.session, the_same, at=here.now, cause=here.row.cause)

    def _stands_at(self, here: Standing, step: str) -> bool:
        """Whether the journey still stands at the step; else it has left or gone on meanwhile."""
        return here.row.status.inside and here.row.step == step and step not in here.row.passed

    def _done(self, here: Standing, step: BaseStep | None, effect: EffectRow, done: Done, text: str) -> Plan:
        ledger.settle(effect, EffectStatus.DONE, here.now, provider_id=done.provider_id)
        if done.kept:
            here.row.kept = {**here.row.kept, **done.kept}
            text += f" and kept {', '.join(sorted(done.kept))}"
        here.tell(Line(effect.step, effect.kind, "done", text))
        here.forget()
        if not self._stands_at(here, effect.step) or here.row.generation < here.flow.generation:
            return here.stop() or here.plan
        if step is not None:
            here.on_from(step)
            return here.plan
        # Removed from the flow while it acted: on from what followed it.
        here.mark_passed(effect.step)
        due = here.walk()
        return here.due(due) if due is not None else here.plan

    def _not_done(
        self, here: Standing, step: Action, effect: EffectRow, outcome: NotDone, *, last_try: bool
    ) -> Plan | None:
        if outcome.retryable:
            if outcome.retry_after is not None and outcome.retry_after > SHORT_PAUSE:
                return self._later(here, step, effect, outcome.retry_after)
            return self._later(here, step, effect) if last_try or effect.tries > STEP_ATTEMPTS else None
        if outcome.unreachable and isinstance(step, Message):
            return here.leave(Leave(Reason.UNREACHABLE, "the recipient cannot be reached at this address"))
        return self._given_up(here, step, "the provider refused it for good")

    def _later(self, here: Standing, step: Action, effect: EffectRow, asked: timedelta = timedelta()) -> Plan:
        """Temporal's own tries, or as many behind a throttle, are used up: wait, longer each time; after a day a
        person has to look.

        `asked`: at least as long as the other side asks for.
        """
        first = effect.planned_at
        if here.now - first - paused(here.session, here.row, step.channel, first, here.now) >= GIVE_UP:
            text = f"tried {effect.tries} times since {first:%Y-%m-%d %H:%M} UTC without success"
            return self._given_up(here, step, text)
        rounds = max(0, effect.tries - STEP_ATTEMPTS)
        pause = max(asked, min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(rounds, 10)))
        return here.wait_here(step, here.now + pause, "the other side cannot be reached; trying again later")

    def _given_up(self, here: Standing, step: Action, text: str) -> Plan:
        if step.on_error == "drop_out":
            return here.leave(Leave(Reason.STEP_FAILED, text))
        if step.on_error == "continue":
            here.tell(Line(step.id, step.kind, "failed", text))
            here.on_from(step)
            return here.plan
        return here.fail(step, text)

    def _unknown(self, here: Standing, effect: EffectRow) -> None:
        text = "nobody knows whether it happened; left to a person"
        here.tell(Line(effect.step, effect.kind, "unknown", text))

    def unanswered(self, session: Session, participant: str, position: int, now: datetime) -> Plan:
        """All tries of a step ended without an answer: whatever may have happened is settled by the step's policy."""
        here = Standing.lock(session, participant, now, self.rules)
        stopped, stood = self._stop(here), here.row.step
        step = None if stopped is not None else here.walk()
        if stopped is None:
            self._heed(here, stood)
        if stopped is not None or not isinstance(step, Action) or here.row.position != position:
            return stopped or here.plan
        effect, _ = ledger.look_up(session, ledger.key_of(here.row.id, step.id))
        if effect is not None and effect.status is EffectStatus.PLANNED and not self.repeats(step):
            ledger.settle(effect, EffectStatus.UNKNOWN, now, error="no answer")
            self._unknown(here, effect)
            here.on_from(step)
            return here.plan
        if effect is not None:
            return self._later(here, step, effect)
        return here.wait_here(step, now + FIRST_WAIT, "no worker answered; trying again later")

    def keep(self, here: Standing, step: Action, sent: Email | Sms, effect: str, row: MessageRow | None) -> None:
        """Keep the message as it leaves, so that a person can see what was sent."""
        if row is None:
            row = MessageRow(
                id=sent.message, effect=effect, channel=step.channel, person=here.row.person,
                participant=here.row.id, flow=here.row.flow, step=step.id, to="", sender="", at=here.now,
            )  # fmt: skip
            here.session.add(row)
        row.at, row.state, row.text = here.now, EffectStatus.PLANNED, sent.text
        row.transactional = isinstance(step, Message) and step.transactional
        row.notice = isinstance(step, Notification)
        if isinstance(sent, Sms):
            row.to, row.sender = ", ".join((sent.to, *sent.also)), sent.sender
            row.segments = segments(sent.text).count
            return
        row.to = ", ".join(mailbox.address for mailbox in (sent.to, *sent.also))
        row.sender, row.subject, row.html = sent.sender.address, sent.subject, sent.html
        row.content, row.mail_id = getattr(step, "content", None) or "", mail_id(effect)
        row.links, row.campaign = sorted(sent.links.values()), dict(sent.campaign)
