"""STEP_20: what befalls a flow while people wait for their places, and that their order holds."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from activities.desk.participants import Participants
from activities.editing import versions
from activities.journeys.pace import Waiting, waiting
from activities.journeys.standing import Standing
from activities.life import brakes, commands
from flows.definition import Flow
from store.flows import ALL
from store.journeys import ParticipantRow
from store.people import Person
from tests.model.driver import Driver, WalkDatabase

HOUR = timedelta(hours=1)
NAMES = ("anna", "bo", "carl", "dora", "emil")
FLOW = "slow"


def flow(text: str = "Hello", rate: str = "1 per hour", *more: dict[str, Any]) -> Flow:
    """Sends so many messages; after its own, `more` steps."""
    settings = {"edit_while_running": True, "throttle": {"sms": rate}}
    given: dict[str, Any] = {
        "id": FLOW, "name": FLOW, "time_zone": "UTC", "settings": settings,
        "sms": {"from": "Fjord"}, "steps": [{"id": "sms", "kind": "send_sms", "text": text}, *more],
    }  # fmt: skip
    return Flow.model_validate(given)


class Slow:
    """A flow that sends one message an hour: anna's has left, bo and carl wait for their places."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        driver.people(dict.fromkeys(NAMES))
        driver.write(lambda session: versions.create(session, flow(), "", driver.now) and None)
        driver.flows.append(FLOW)
        self.gives("run")
        self.comes("anna", "bo", "carl")

    def comes(self, *names: str) -> None:
        for name in names:
            self.driver.propose(FLOW, name, again=True)
        self.driver.settle()

    def gives(self, given: Any) -> None:
        core = self.driver.core
        self.driver.write(
            lambda session: (
                commands.command(session, core.definitions, core.crm.catalog(session), FLOW, given, self.driver.now)
                and None
            )
        )
        self.driver.settle()

    def edits(self, to: Flow) -> None:
        core = self.driver.core
        self.driver.write(
            lambda session: (
                versions.replace(session, core.definitions, core.crm.catalog(session), to, "", self.driver.now) and None
            )
        )
        self.driver.settle()

    def brakes(self, give: Callable[[Session, Any, Any], object]) -> None:
        self.driver.write(lambda session: give(session, ALL, self.driver.now) and None)
        self.driver.settle()

    def passes(self, time: timedelta) -> None:
        """From one moment at which something happens to the next."""
        driver, to = self.driver, self.driver.now + time
        while moments := [at for at in driver.moments() if driver.now < at <= to]:
            driver.now = min(moments)
            driver.settle()
        driver.now = to
        driver.settle()

    def stands(self, name: str) -> ParticipantRow:
        """A person's participation."""
        query = select(ParticipantRow).where(col(ParticipantRow.person) == name)
        return self.driver.look(lambda session: session.scalars(query).one())

    def queue(self) -> Waiting:
        """The queue as it is shown."""
        return self.driver.look(lambda session: waiting(session, FLOW, self.driver.now))

    @property
    def people(self) -> Participants:
        """What a person can do about participants."""
        return Participants(self.driver.core.rules)

    @property
    def sent(self) -> list[str]:
        """To whom messages have left, in this order."""
        return [NAMES[int(number[-1])] for number in self.driver.sent]


@pytest.fixture
def slow(database_url: str) -> Iterator[Slow]:
    db = WalkDatabase(database_url)
    with asyncio.Runner() as runner:
        yield Slow(Driver(db, runner.get_loop()))
    db.close()


def paused(slow: Slow) -> None:
    slow.gives("pause")
    slow.passes(HOUR / 6)
    slow.gives("resume")


def paused_past_their_places(slow: Slow) -> None:
    slow.gives("pause")
    slow.passes(100 * HOUR)
    slow.gives("resume")


def all_paused(slow: Slow) -> None:
    slow.brakes(brakes.pause)
    slow.passes(2 * HOUR)
    slow.brakes(brakes.resume)


def edited(slow: Slow) -> None:
    slow.edits(flow("Hello again"))


def rate_changed(slow: Slow) -> None:
    slow.edits(flow(rate="2 per day"))


@pytest.mark.parametrize("befalls", [paused, paused_past_their_places, all_paused, edited, rate_changed])
def test_STEP_20_who_comes_later_does_not_get_ahead_of_those_who_wait(
    slow: Slow, befalls: Callable[[Slow], None]
) -> None:
    """LIFE_12, EDIT_5: nor do they leave at once."""
    befalls(slow)
    slow.comes("dora", "emil")
    assert slow.sent == (["anna", "bo"] if befalls is rate_changed else ["anna"])
    slow.passes(100 * HOUR)
    assert slow.sent == list(NAMES)


def test_LIFE_12_a_pause_puts_off_those_who_wait_by_as_long_as_it_lasts(slow: Slow) -> None:
    """STEP_20: it shows when the last of them leaves."""
    before = slow.queue()
    slow.passes(HOUR / 2)
    paused_past_their_places(slow)
    after = slow.queue()
    assert (before.waiting, after.waiting) == (2, 2)
    assert before.last_leaves_at is not None
    assert after.last_leaves_at == before.last_leaves_at + 100 * HOUR
    slow.passes(HOUR * 2 / 5)
    assert slow.sent == ["anna"]
    slow.passes(HOUR / 5)
    assert slow.sent == ["anna", "bo"]


def test_LIFE_5_after_an_end_nobody_waits_behind_those_who_are_gone(slow: Slow) -> None:
    """STEP_20: only what has really left counts."""
    slow.gives("end")
    assert slow.queue().waiting == 0
    slow.gives("run")
    slow.comes("dora", "emil")
    slow.passes(1.1 * HOUR)
    assert slow.sent == ["anna", "dora"]


def cancelled(slow: Slow, participant: str) -> None:
    slow.driver.write(lambda session: slow.people.cancel(session, participant, slow.driver.now) and None)


def removed(slow: Slow, participant: str) -> None:
    slow.driver.write(lambda session: slow.people.remove(session, participant, slow.driver.now))


def dropped_out(slow: Slow, participant: str) -> None:
    """The next look finds that the person is a colleague now."""

    def work(session: Session) -> None:
        here = Standing.lock(session, participant, slow.driver.now, slow.driver.core.rules)
        session.get_one(Person, here.row.person).former_employee = True
        here.check_now()

    slow.driver.write(work)


@pytest.mark.parametrize("leaves", [cancelled, removed, dropped_out])
@pytest.mark.parametrize("befalls", [None, paused, edited])
def test_STEP_20_those_behind_move_up_when_somebody_leaves_the_queue(
    slow: Slow, leaves: Callable[[Slow, str], None], befalls: Callable[[Slow], None] | None
) -> None:
    """LIFE_12, PART_4: each to the next place, in their order, and whoever comes takes the last."""
    slow.comes("dora")
    if befalls is not None:
        befalls(slow)
    places = [slow.stands(name).place for name in ("bo", "carl", "dora")]
    queue = slow.queue()
    leaves(slow, slow.stands("bo").id)
    slow.driver.settle()
    slow.comes("emil")
    assert [slow.stands(name).place for name in ("carl", "dora", "emil")] == places
    assert slow.queue() == queue
    slow.passes(1.2 * HOUR)
    assert slow.sent == ["anna", "carl"]
    slow.passes(2.1 * HOUR)
    assert slow.sent == ["anna", "carl", "dora", "emil"]


def test_STEP_20_a_place_that_has_come_is_not_handed_on(slow: Slow) -> None:
    """Who got it would be too late for it, and go behind all the others."""
    slow.comes("dora")
    slow.driver.working = False
    slow.passes(1.2 * HOUR)
    cancelled(slow, slow.stands("bo").id)
    slow.driver.working = True
    slow.driver.settle()
    slow.passes(3 * HOUR)
    assert slow.sent == ["anna", "carl", "dora"]


def test_STEP_20_who_needs_no_message_any_more_leaves_the_queue(slow: Slow) -> None:
    """PART_9: bo turns out to be anna, who has had the message, and goes on; carl and dora move up."""
    slow.edits(flow("Hello", "1 per hour", {"id": "rest", "kind": "wait", "for": "3 days"}))
    slow.comes("dora")
    place = slow.stands("bo").place
    merging = slow.driver.core.merging
    slow.driver.write(lambda session: merging.merge(session, "anna", "bo", slow.driver.now) and None)
    slow.driver.settle()
    assert slow.queue().waiting == 2
    assert slow.stands("carl").place == place
    slow.passes(2.2 * HOUR)
    assert slow.sent == ["anna", "carl", "dora"]
