"""The attention list over HTTP: unknown effects sent again, and the same done about many entries at once."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col

from activities.upkeep import chores
from store.chores import ChoreRow
from tests.support.backend import Call, Reply, backend
from tests.support.running import Running, problem
from tests.support.waiting import eventually
from tests.support.world import mail, now, wait


async def unknown(ferd: Running, flow: str, **person: Any) -> str:
    """A participant whose mail arrived and was never acknowledged; the effect's key."""
    ferd.world.inbox.answer = ""
    participant = await ferd.world.enrol(flow, await ferd.world.person(**person))
    key = f"{participant}/hello/1"
    await eventually(
        lambda: ferd.get("/attention", flow=flow),
        lambda listed: key in [entry["effect"] for entry in listed["items"]],
    )
    ferd.world.inbox.answer = "250 OK"
    return key


async def effects(ferd: Running, participant: str) -> dict[str, str]:
    """Key without the participant -> status."""
    rows = await ferd.world.effects(participant)
    return {row.key.removeprefix(f"{participant}/"): row.status.value for row in rows}


async def test_SAFE_2_an_unknown_mail_is_sent_again_by_hand(ferd: Running) -> None:
    """SAFE_1, SAFE_2: as the next visit, beside the journey, also when that has ended; journalled; never silently."""
    world = ferd.world
    flow = await world.flow("again", mail("hello"))
    key = await unknown(ferd, flow)
    participant = key.partition("/")[0]
    await world.until(participant, status="finished")
    assert world.inbox.subjects == ["hello"]

    again = await ferd.post("/attention", {"effect": key, "outcome": "again"})
    assert (again["key"], again["status"]) == (f"{participant}/hello/2", "planned")
    await eventually(lambda: effects(ferd, participant), lambda by: by.get("hello/2") == "done")
    assert await effects(ferd, participant) == {"hello/1": "repeated", "hello/2": "done"}
    assert world.inbox.subjects == ["hello", "hello"]
    first, second = world.inbox.mails
    assert first["Message-ID"] != second["Message-ID"]
    assert (await ferd.get("/attention", flow=flow))["items"] == []
    journal = [event for step, event in await world.journal(participant) if step == "hello"]
    assert journal == ["unknown", "repeated", "done"]
    assert (await ferd.get("/messages", participant=participant))["items"][-1]["state"] == "done"
    problem(404, await ferd.api.post("/v1/attention", json={"effect": key, "outcome": "again"}))


async def test_SAFE_2_what_cannot_be_sent_again_stays_in_the_list(ferd: Running) -> None:
    """SAFE_2, LIFE_3, PART_2: refused while the flow is paused, and for who may not be written to any more."""
    world = ferd.world
    flow = await world.flow("stays", mail("hello"), wait("rest", "9 days"))
    key = await unknown(ferd, flow)
    participant = key.partition("/")[0]
    await ferd.post(f"/flows/{flow}/pause")
    again = {"effect": key, "outcome": "again"}
    assert "paused" in problem(409, await ferd.api.post("/v1/attention", json=again))["detail"]
    await ferd.post(f"/flows/{flow}/resume")
    await world.until(participant, holding=False)

    world.inbox.answer = "550 no such mailbox"
    await ferd.post("/attention", again)
    await eventually(lambda: effects(ferd, participant), lambda by: by.get("hello/2") == "failed")
    assert await effects(ferd, participant) == {"hello/1": "unknown", "hello/2": "failed"}

    person = (await world.participant(participant)).person
    await ferd.api.patch(f"/v1/people/{person}", json={"consent": {"email": "withdrawn"}})
    assert "withdrawn" in problem(409, await ferd.api.post("/v1/attention", json=again))["detail"]
    assert await effects(ferd, participant) == {"hello/1": "unknown", "hello/2": "failed"}
    [entry] = (await ferd.get("/attention", flow=flow, step="hello"))["items"]
    assert (entry["effect"], entry["possible"]) == (key, ["done", "not_done", "again"])
    await ferd.post("/attention", {"effect": key, "outcome": "not_done"})
    assert (await ferd.get("/attention", flow=flow))["items"] == []


async def test_SAFE_3_all_of_a_step_are_retried_skipped_or_removed(
    ferd: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SAFE_3: the first page at once, the rest in the background, each entry once."""
    monkeypatch.setattr(chores, "PAGE", 2)
    world = ferd.world
    flow = await world.flow("many", mail("frail"), wait("rest", "9 days"))
    other = await world.flow("other", mail("frail"))
    await world.content(state="draft")
    people = [await world.enrol(flow) for _ in range(5)]
    stays = await world.enrol(other)
    for participant in (*people, stays):
        await world.until(participant, held=["failing"])

    listed = await ferd.get("/attention", flow=flow, step="frail")
    assert len(listed["items"]) == 5
    assert await ferd.post("/attention/retry", {"flow": flow, "step": "rest"}, 202) == {
        "done": 0, "refused": 0, "more": False,
    }  # fmt: skip
    assert await ferd.post("/attention/again", {"flow": flow}, 202) == {"done": 0, "refused": 0, "more": False}
    await ferd.post("/attention/remove", {"flow": other}, 202)
    assert (await ferd.get("/attention", flow=other))["items"] == []
    await world.content()
    begun = await ferd.post("/attention/retry", {"flow": flow, "step": "frail"}, 202)
    assert begun == {"done": 2, "refused": 0, "more": True}
    await world.core.sweep.once()
    for participant in people:
        await world.until(participant, step="rest")
    assert world.inbox.subjects == ["frail"] * 5
    assert await world.stored.count(ChoreRow) == 0
    assert (await ferd.get("/attention", flow=flow))["items"] == []
    problem(404, await ferd.api.post("/v1/attention/retry", json={"flow": "nothing"}))
    problem(422, await ferd.api.post("/v1/attention/forget", json={"flow": flow}))
    for unclear in ({}, {"flow": flow, "source": "form contact"}, {"step": "frail", "source": "form contact"}):
        problem(422, await ferd.api.post("/v1/attention/again", json=unclear))


def refuses(call: Call) -> Reply:
    """For good."""
    return Reply(422)


def accepts(call: Call) -> Reply:
    """And says so."""
    return Reply(200)


async def test_SAFE_2_SAFE_3_each_policy_and_all_that_a_person_can_do_about_it(ferd: Running) -> None:
    """Refused: hold, continue, drop_out; retried and skipped, singly and all. Unheard of: done, not done, again."""
    world = ferd.world

    async def flow_of(name: str, **policy: str) -> str:
        step = {"id": "act", "kind": "call_webhook", "endpoint": "erp", **policy}
        return await world.flow(name, step, wait("rest", "9 days"))

    async def state(participant: str) -> list[str]:
        return [row.status.value for row in await world.effects(participant)]

    async with backend() as program:
        await ferd.api.put("/v1/endpoints/erp", json={"name": "ERP", "url": program.url})
        program.reply = refuses
        hold, go_on, drop_out = [await flow_of(each, on_error=each) for each in ("hold", "continue", "drop_out")]
        held = [await world.enrol(hold) for _ in range(4)]
        await world.until(await world.enrol(go_on), step="rest")
        out = await world.until(await world.enrol(drop_out), status="dropped_out")
        assert out.reason == "step_failed"
        for participant in held:
            await world.until(participant, held=["failing"])
        listed = (await ferd.get("/attention"))["items"]
        assert {(entry["participant"], entry["reason"]) for entry in listed} == {(each, "failing") for each in held}

        calls = len(program.calls)
        await ferd.post(f"/participants/{held[0]}/retry")  # and it is refused again
        await eventually(lambda: state(held[0]), lambda _: len(program.calls) > calls)
        await world.until(held[0], held=["failing"])
        program.reply = accepts
        await ferd.post(f"/participants/{held[0]}/retry")
        await ferd.post(f"/participants/{held[1]}/skip")
        assert (await ferd.post("/attention/retry", {"flow": hold, "step": "act"}, 202))["done"] == 2
        for participant in held:
            await world.until(participant, step="rest")
        assert [await state(each) for each in held] == [["done"], ["failed"], ["done"], ["done"]]
        assert (await ferd.get("/attention"))["items"] == []

        program.reply = lambda call: "drop"
        leave = await flow_of("leave", on_unknown="leave")
        left = [await world.enrol(leave) for _ in range(4)]
        for participant in left:
            await world.until(participant, step="rest")
        assert [await state(each) for each in left] == [["unknown"]] * 4
        program.reply = accepts
        for participant, outcome in zip(left, ("done", "not_done", "again"), strict=False):
            await ferd.post("/attention", {"effect": f"{participant}/act/1", "outcome": outcome})
        assert (await ferd.post("/attention/again", {"flow": leave, "step": "act"}, 202))["done"] == 1
        for participant in left[2:]:
            await eventually(lambda id=participant: state(id), lambda found: found == ["repeated", "done"])  # type: ignore[misc]
        assert [await state(each) for each in left[:2]] == [["done"], ["failed"]]
        assert (await ferd.get("/attention"))["items"] == []
        keys = [
            call.headers["idempotency-key"] for call in program.calls if "/act/2" in call.headers["idempotency-key"]
        ]
        assert sorted(keys) == sorted(f"{participant}/act/2" for participant in left[2:])


async def test_a_company_of_thousands_is_told_page_by_page(
    still_ferd: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STEP_14: no transaction tells more than a page of people what has changed about their company."""
    monkeypatch.setattr("activities.crm.telling.PAGE", 2)
    created = await still_ferd.post("/companies", {"name": "Fjord"}, 201)
    people = [await still_ferd.world.person(company=created["id"]) for _ in range(5)]
    await still_ferd.api.patch(f"/v1/companies/{created['id']}", json={"employees": 7})

    async def told() -> list[bool]:
        return [("person_updated", {"changed": ["company.employees"]}) in await still_ferd.events(p) for p in people]

    assert await told() == [True, True, False, False, False]
    assert await still_ferd.world.stored.count(ChoreRow, col(ChoreRow.after) == people[1]) == 1
    assert await still_ferd.world.core.chores.once() == 2
    assert await told() == [True] * 5


async def test_a_chore_that_fails_holds_up_no_other(still_ferd: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is put off, and tried again later."""
    monkeypatch.setattr("activities.crm.telling.PAGE", 1)
    world = still_ferd.world
    broken = ChoreRow(id="cho_1", what={"type": "unheard_of"}, at=now() - timedelta(days=1))
    await world.db.write(lambda session: session.add(broken))
    company = (await still_ferd.post("/companies", {"name": "Fjord"}, 201))["id"]
    people = [await world.person(company=company) for _ in range(2)]
    await still_ferd.api.patch(f"/v1/companies/{company}", json={"employees": 7})
    assert await world.core.chores.once() == 2
    assert "person_updated" in [type for type, _ in await still_ferd.events(people[1])]
    assert await world.stored.count(ChoreRow, col(ChoreRow.at) > now()) == 1
