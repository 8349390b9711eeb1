"""TRIG_11: people in bulk, with progress, resumable, each refusal with its reason."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col
from temporalio.testing import WorkflowEnvironment

from activities.enrolling.jobs import PAGE
from bench.proofs.enrolling import prove
from bench.proofs.findings import Findings
from flows.outcome import Status
from store.columns import new_id
from store.enrolments import EnrolmentJob, JobSource
from store.flows import FlowRow
from store.journeys import ParticipantRow
from store.people import Person
from tests.rules.given import when
from tests.support.running import Running, expect
from tests.support.waiting import eventually
from tests.support.world import World, now, wait
from tests.support.world import world as make_world
from workflows.contract import TASK_QUEUE


async def begin(world: World, flow: str, people: list[str]) -> str:
    """A job with a list of people."""

    def work(session: Session) -> str:
        return world.core.jobs.begin(session, session.get_one(FlowRow, flow), JobSource.PEOPLE, now(), people=people).id

    return await world.db.write(work)


async def job_row(world: World, job: str) -> EnrolmentJob:
    return await world.db.read(lambda session: session.get_one(EnrolmentJob, job))


async def people(world: World, number: int, country: str | None = None) -> list[str]:
    """Many people, written at once."""
    ids = [new_id("per") for _ in range(number)]
    person = Person(id="", created_at=now(), updated_at=now(), country=country).model_dump()
    rows = [{**person, "id": id} for id in ids]
    await world.db.write(lambda session: session.execute(insert(Person), rows) and None)
    return ids


async def test_TRIG_11_a_selection_is_enrolled_with_progress_and_each_refusal_has_its_reason(ferd: Running) -> None:
    """TRIG_7: and a dry run gives the number beforehand."""
    world = ferd.world
    norwegians, swedes = await people(world, PAGE + 10, country="NO"), await people(world, 5, country="SE")
    await world.selection("all", *norwegians, *swedes)
    await world.selection("staff", norwegians[0])
    flow = await world.flow(
        "bulk", wait("rest", "30 days"), enrolment={"filter": when("person.country", "NO"), "exclude": "staff"}
    )
    before = await world.enrol(flow, norwegians[1])
    for given in ({"selection": "all"}, {"people": [*norwegians, *swedes]}):
        would = (await ferd.post(f"/flows/{flow}/participants?dry_run=true", given))["forecast"]
        assert would["enrolled"] == PAGE + 8
        assert would["refused"] == {"filter": 5, "on_exclusion_list": 1, "already_active": 1}
    assert len(await world.participants(flow)) == 1
    answer = await ferd.post(f"/flows/{flow}/participants", {"selection": "all"}, 202)
    path = f"/flows/{flow}/enrolments/{answer['job']['id']}"
    job = await eventually(lambda: ferd.get(path), lambda job: job["done"])
    assert (job["enrolled"], job["refused"], job["total"]) == (PAGE + 8, 7, PAGE + 15)
    assert job["refusals"] == {"filter": 5, "on_exclusion_list": 1, "already_active": 1}
    listed = (await ferd.get(f"{path}/refusals"))["items"]
    expected = {
        **{person: "filter" for person in swedes},
        norwegians[0]: "on_exclusion_list",
        norwegians[1]: "already_active",
    }
    assert {each["person"]: each["reason"] for each in listed} == expected
    assert (await ferd.get(f"/flows/{flow}/refusals", reason="on_exclusion_list"))["items"][0]["why"] == "selection"
    statistics = (await ferd.get(f"/flows/{flow}"))["statistics"]
    assert statistics["enrolled"] == statistics["active"] == PAGE + 9
    assert statistics["refused"] == job["refusals"]
    assert before in {row.id for row in await world.participants(flow)}
    # Every one of them has its workflow; one that a busy server did not take at once, after the sweep's minute.
    unstarted = ~col(ParticipantRow.started)
    await eventually(lambda: world.stored.count(ParticipantRow, unstarted), lambda number: number == 0, seconds=240)


async def test_TRIG_11_killed_half_way_it_goes_on_without_double_or_gap(
    temporal_env: WorkflowEnvironment, database_url: str, tmp_path: Path
) -> None:
    """PART_5: and each has a workflow in the end. `make proofs` does the same with 100,000."""
    async with make_world(temporal_env, database_url, tmp_path, worker=False, queue=TASK_QUEUE) as world:
        await prove(world, 2 * PAGE + 10, Findings())


async def test_TRIG_11_two_at_the_same_job_take_nobody_twice(still_world: World) -> None:
    world = still_world
    flow = await world.flow("both", wait("rest", "30 days"))
    await world.command(flow, "pause")
    everyone = await people(world, 2 * PAGE)
    job = await begin(world, flow, everyone)
    await asyncio.gather(*(world.core.background.settle(flow, lambda _: None) for _ in range(2)))
    done = await eventually(lambda: job_row(world, job), lambda row: row.done)
    assert [row.person for row in await world.participants(flow)] == everyone
    assert (done.enrolled, done.refused) == (len(everyone), 0)


async def test_TRIG_11_a_command_comes_between_two_pages(still_world: World) -> None:
    """LIFE_5: what is left of a job after `end` is never taken up; LIFE_3: during a pause the rest queues."""
    world = still_world
    flow = await world.flow("between", wait("rest", "30 days"))
    everyone = await people(world, 2 * PAGE)
    job = await begin(world, flow, everyone)
    row = await world.stored.flow(flow)

    def page(epoch: int) -> Any:
        return world.core.dispatcher.commit(lambda session: world.core.jobs.page(session, flow, epoch, now()))

    assert (await page(row.epoch))[0] == f"enrolled {PAGE}, refused 0"
    await world.command(flow, "pause")
    assert (await page(row.epoch))[0] is None
    answer, asked = await page(row.epoch + 1)
    assert answer == f"enrolled {2 * PAGE}, refused 0"
    assert asked == []
    statuses = Counter(participant.status for participant in await world.participants(flow))
    assert statuses == {Status.ACTIVE: PAGE, Status.QUEUED: PAGE}
    second = await begin(world, flow, await people(world, 3))
    await world.command(flow, "end")
    await world.command(flow, "run")
    assert (await page(row.epoch + 3))[0] is None
    assert (await job_row(world, job)).done
    assert (await job_row(world, second)).enrolled == 0


async def test_TRIG_11_a_list_is_enrolled_in_one_call_in_its_order(still_ferd: Running) -> None:
    world = still_ferd.world
    flow = await world.flow("list", wait("rest", "30 days"))
    kari, lars = await world.person(), await world.person()
    answer = await still_ferd.post(f"/flows/{flow}/enrolments", {"people": [lars, kari, lars, "nobody"]}, 202)
    await world.core.background.settle(flow, lambda _: None)
    assert [row.person for row in await world.participants(flow)] == [lars, kari]
    job = await still_ferd.get(f"/flows/{flow}/enrolments/{answer['job']['id']}")
    assert (job["done"], job["total"], job["refusals"]) == (True, 4, {"already_active": 1, "unknown_person": 1})
    assert [each["id"] for each in (await still_ferd.get(f"/flows/{flow}/enrolments"))["items"]] == [job["id"]]


async def test_TRIG_11_a_file_is_enrolled_in_one_call(still_ferd: Running) -> None:
    """Sent again after a break with the same key it goes on, and makes nobody twice."""
    world = still_ferd.world
    flow = await world.flow("file", wait("rest", "30 days"), enrolment={"filter": when("person.country", "NO")})
    csv = "email,country\n" + "".join(f"{number}@x.example,NO\n" for number in range(600)) + "e@x.example,SE\nx,NO\n"
    headers = {"Content-Type": "text/csv", "Idempotency-Key": "one"}
    path = f"/v1/flows/{flow}/enrolments"
    answers = [expect(202, await still_ferd.api.post(path, content=csv, headers=headers)) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["import"]["created"] == 601
    assert [each["line"] for each in answers[0]["import"]["refusals"]] == [603]
    await world.core.background.settle(flow, lambda _: None)
    job = await still_ferd.get(f"/flows/{flow}/enrolments/{answers[0]['job']['id']}")
    assert (job["enrolled"], job["refusals"], job["done"]) == (600, {"filter": 1}, True)
    assert await world.stored.count(Person) == 601
    wrong = await still_ferd.api.post(path, content="nonsense\n1\n", headers={"Content-Type": "text/csv"})
    assert wrong.status_code == 422
    assert len((await still_ferd.get(f"/flows/{flow}/enrolments"))["items"]) == 1


async def test_TRIG_11_a_file_enrols_those_who_are_there(still_ferd: Running) -> None:
    """Named by id or by address, with a mark and semicolons of another program: nobody is made a second time."""
    world = still_ferd.world
    flow = await world.flow("known", wait("rest", "30 days"))
    kari, ola = await world.person(email="kari@fjord.example"), await world.person(email="ola@fjord.example")
    path, media = f"/v1/flows/{flow}/enrolments", {"Content-Type": "text/csv"}
    await still_ferd.api.post(path, content=f"id\n{kari}\n", headers=media)
    file = "\ufeffemail;category\r\nKari@fjord.example;vip\r\nola@fjord.example;vip\r\n".encode()
    answer = expect(202, await still_ferd.api.post(path, content=file, headers=media))
    assert (answer["import"]["created"], answer["import"]["updated"]) == (0, 2)
    await world.core.background.settle(flow, lambda _: None)
    assert [row.person for row in await world.participants(flow)] == [kari, ola]
    job = await still_ferd.get(f"/flows/{flow}/enrolments/{answer['job']['id']}")
    assert (job["enrolled"], job["refusals"]) == (1, {"already_active": 1})
