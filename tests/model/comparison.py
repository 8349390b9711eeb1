"""What is compared after every rule: all that can be seen of flows, people and participations, and what is counted."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from activities.counting.statistics import statistics
from activities.desk.attention import entries
from activities.desk.participants import reason_of, status_of
from activities.journeys.pace import Waiting, waiting
from flows.experiment import Arm
from flows.outcome import Status
from store.enrolments import EnrolmentJob
from store.flows import FlowRow
from store.journeys import EffectRow, ParticipantRow
from store.people import Person, SelectionMember
from store.schedules import ScheduledCommand
from tests.model.driver import Driver
from tests.model.model import Model
from tests.model.queue import LATE
from tests.model.state import Participation


def compare(driver: Driver, model: Model) -> None:
    """Nothing is otherwise than the model says."""
    driver.look(lambda session: _compare(session, driver, model))


def _compare(session: Session, driver: Driver, model: Model) -> None:
    flows = {row.id: row for row in session.scalars(select(FlowRow))}
    rows = session.scalars(select(ParticipantRow).order_by(col(ParticipantRow.number))).all()
    _same(
        {"who takes part": [(row.flow, row.person) for row in rows]},
        {"who takes part": [(one.flow, one.person) for one in model.everyone]},
    )
    for one, row in zip(model.everyone, rows, strict=True):
        one.id = row.id
    _same(_lives(session, flows), _wanted_lives(model))
    _same(
        {row.id: _stands(row, flows[row.flow]) for row in rows},
        {one.id: _wanted_stand(one, model) for one in model.everyone},
    )
    effects: dict[str, dict[str, str]] = {row.id: {} for row in rows}
    for effect in session.scalars(select(EffectRow)):
        effects[effect.participant][effect.step] = effect.status.value
    _same(effects, {one.id: one.did for one in model.everyone})
    people = {row.id: row for row in session.scalars(select(Person))}
    _same(
        {id: (row.language, dict(row.custom)) for id, row in people.items() if not row.deleted_at},
        {id: (one.language, dict(one.done)) for id, one in model.people.items() if not one.deleted},
    )
    members: dict[str, set[str]] = {id: set() for id in model.people}
    for member in session.scalars(select(SelectionMember)):
        members[member.person].add(member.selection)
    _same(members, {id: one.groups for id, one in model.people.items()})
    jobs = session.scalars(select(EnrolmentJob).order_by(col(EnrolmentJob.at))).all()
    _same(
        {id: [_done(job) for job in jobs if job.flow == id] for id in flows},
        {id: [(job.done, job.enrolled, dict(job.refused)) for job in life.jobs] for id, life in model.flows.items()},
    )
    _same({"to look at": _attention(session)}, {"to look at": _wanted_attention(model)})
    names = list(model.people)
    _same({"sent": [names[int(number[-1])] for number in driver.sent]}, {"sent": model.sent})
    if driver.hearing:
        began = set(driver.began)
        _same({"began": driver.began}, {"began": [one.id for one in model.began if one.id in began]})
        assert all(one.id in began for one in model.everyone if one.status is Status.ACTIVE)
    for flow in flows.values():
        if not flow.deleted:
            numbers = statistics(session, flow, driver.core.definitions.current(session, flow))
            _same(_counted(numbers), _wanted_count(flow.id, model))
            _same(
                {"queue": waiting(session, flow.id, driver.now)}, {"queue": _wanted_queue(flow.id, model, driver.now)}
            )


def _same(seen: dict[str, Any], wanted: dict[str, Any]) -> None:
    """The same under every name; else what differs is said."""
    different = [
        f"{name}: is {seen.get(name)}, should be {wanted.get(name)}"
        for name in {**seen, **wanted}
        if seen.get(name) != wanted.get(name)
    ]
    if different:
        raise AssertionError("\n".join(different))


def _lives(session: Session, flows: Mapping[str, FlowRow]) -> dict[str, Any]:
    waiting = session.scalars(
        select(ScheduledCommand).where(col(ScheduledCommand.refused) == "").order_by(col(ScheduledCommand.at))
    ).all()
    return {
        id: (row.status, row.deleted, row.generation, [(each.at, each.command) for each in waiting if each.flow == id])
        for id, row in flows.items()
    }


def _wanted_lives(model: Model) -> dict[str, Any]:
    return {
        id: (life.status, life.deleted, life.generation, sorted(life.scheduled)) for id, life in model.flows.items()
    }


def _stands(row: ParticipantRow, flow: FlowRow) -> tuple[Any, ...]:
    status = status_of(row, flow)
    place = (row.step, row.since) if status is Status.ACTIVE else ()
    held = sorted(row.held) if status.inside else []
    met = row.success_at is not None, row.arm is not None and row.converted_at is not None
    return status, reason_of(row, flow), place, held, row.passed, met


def _wanted_stand(one: Participation, model: Model) -> tuple[Any, ...]:
    status, reason = model.read(one)
    place = (one.step, one.since) if status is Status.ACTIVE else ()
    met = one.met, one.arm is not None and one.converted
    return status, reason, place, one.holds if status.inside else [], one.passed, met


def _done(job: EnrolmentJob) -> tuple[Any, ...]:
    assert job.refused == sum(job.refusals.values())
    return job.done, job.enrolled, job.refusals


def _attention(session: Session) -> list[tuple[str, str, str]]:
    return sorted((entry.participant, entry.step, entry.reason) for entry in entries(session, "", 1_000))


def _wanted_attention(model: Model) -> list[tuple[str, str, str]]:
    """PART_4, SAFE_2, SAFE_3: who fails, whose journey is lost, and what nobody knows of."""
    held = [
        (one.id, one.step, "failing" if one.failing else "lost")
        for one in model.everyone
        if (one.failing or one.lost) and model.read(one)[0] is Status.ACTIVE
    ]
    unknown = [(one.id, step, "unknown") for one in model.everyone for step, how in one.did.items() if how == "unknown"]
    return sorted(held + unknown)


def _wanted_queue(flow: str, model: Model, now: datetime) -> Waiting:
    """STEP_20: who waits for a place, and when the last of them leaves."""
    life = model.flows[flow]
    held = [
        one.place[1] + life.still
        for one in model.everyone
        if one.flow == flow and one.step == "sms" and one.place and model.read(one)[0] is Status.ACTIVE
    ]
    places = [at for at in held if now - at < LATE]
    return Waiting(len(places), max(places, default=None))


def _counted(numbers: Any) -> dict[str, Any]:
    sides = numbers.comparison
    return {
        "enrolled": numbers.enrolled,
        "active": numbers.active,
        "queued": numbers.queued,
        "finished": numbers.finished,
        "success": numbers.finished_with_success,
        "cancelled": numbers.cancelled,
        "dropped out": numbers.dropped_out,
        "refused": numbers.refused,
        "arms": None if sides is None else [(side.enrolled, side.successes) for side in (sides.treated, sides.control)],
        "waiting": {step.id: step.waiting for step in numbers.steps if step.waiting},
        "passed": {step.id: step.passed for step in numbers.steps if step.passed and step.kind is not None},
    }


def _wanted_count(flow: str, model: Model) -> dict[str, Any]:
    """PART_6: counted one by one."""
    everyone = [one for one in model.everyone if one.flow == flow]
    read = [model.read(one) for one in everyone]
    of = Counter(status for status, _ in read)
    arms = [[one for one in everyone if one.arm is arm] for arm in Arm]
    standing = [one.step for one in everyone if model.read(one)[0] is Status.ACTIVE and one.step]
    steps = model.flows[flow].design.steps
    return {
        "enrolled": len(everyone),
        "active": of[Status.ACTIVE],
        "queued": of[Status.QUEUED],
        "finished": of[Status.FINISHED],
        "success": of[Status.FINISHED_WITH_SUCCESS],
        "cancelled": of[Status.CANCELLED],
        "dropped out": dict(Counter(str(reason) for status, reason in read if status is Status.DROPPED_OUT)),
        "refused": {reason.value: number for reason, number in model.flows[flow].refused.items()},
        "arms": [(len(arm), sum(one.converted for one in arm)) for arm in arms] if any(arms) else None,
        "waiting": dict(Counter(standing)),
        "passed": dict(Counter(step for one in everyone for step in one.passed if step in steps)),
    }


def recount(driver: Driver) -> None:
    """PART_6: the recount finds nothing to mend."""
    for flow in driver.flows:
        if not driver.look(lambda session, flow=flow: session.get_one(FlowRow, flow).deleted):  # type: ignore[misc]
            assert driver.loop.run_until_complete(driver.core.recounts.recount(flow)) == []
