"""LIFE: duplicate, new version and archive work from every status; ids are never used again."""

import json

import pytest

from flows.copying import renamed
from flows.loading import read
from flows.outcome import Status
from store.flows import FlowRow, FlowStatus
from tests.rules.given import resting, when
from tests.support.dump import contents
from tests.support.running import Running, expect, problem, running
from tests.support.world import World, mail, now, wait

FILE = """\
# What we say first.
name: Welcome   # a name
id: welcome
email: {from: hello@fjord.example, reply_to: same_as_from}
steps:
  - {id: breathe, kind: wait, for: 3 days}  # peace
"""


def test_LIFE_7_a_copy_is_the_file_as_it_was_written_under_another_id() -> None:
    text = renamed(FILE, id="welcome-2", name='“Ærlig” and "quoted"')
    assert text == FILE.replace("id: welcome\n", 'id: "welcome-2"\n').replace(
        "name: Welcome ", 'name: "“Ærlig” and \\"quoted\\"" '
    )
    flow = read(text.encode(), "", "yaml").flow
    assert flow is not None
    assert (flow.id, flow.name) == ("welcome-2", '“Ærlig” and "quoted"')
    nameless = read(renamed("# first\nid: a\nsteps: []\n", id="b", name="B").encode(), "", "yaml").flow
    assert nameless is not None
    assert (nameless.id, nameless.name) == ("b", "B")
    assert json.loads(renamed('{"id": "a", "steps": []}', id="b", name="B")) == {"id": "b", "steps": [], "name": "B"}


def file(flow: str) -> str:
    return FILE.replace("id: welcome", f"id: {flow}")


@pytest.mark.parametrize("status", FlowStatus)
async def test_LIFE_7_a_new_version_is_a_draft_that_names_its_ancestor(still_world: World, status: FlowStatus) -> None:
    """Duplicate, new version and archive from every status; the flow they are made of does not change."""
    world = still_world
    flow, hei = world.id("welcome"), world.id("hei")
    async with running(world) as ferd:
        await ferd.save(file(flow))

        def put(row: FlowRow) -> None:
            row.status = status

        await world.db.write(lambda session: put(session.get_one(FlowRow, flow)))
        before = await ferd.get(f"/flows/{flow}")
        made = await ferd.post(f"/flows/{flow}/new-version", status=201)
        assert (made["id"], made["status"], made["version"]) == (f"{flow}-2", "draft", 1)
        assert (await ferd.get(f"/flows/{flow}-2"))["ancestor"] == flow
        source = await ferd.api.get(f"/v1/flows/{flow}-2/source")
        assert source.text == file(flow).replace(f"id: {flow}\n", f'id: "{flow}-2"\n').replace("Welcome ", '"Welcome" ')
        assert (await ferd.post(f"/flows/{flow}-2/new-version", status=201))["id"] == f"{flow}-3"
        copied = await ferd.post(f"/flows/{flow}/duplicate", status=201)
        assert (copied["id"], copied["name"]) == (f"{flow}-copy", "Welcome (copy)")
        assert (await ferd.get(f"/flows/{flow}-copy"))["ancestor"] is None
        named = await ferd.post(f"/flows/{flow}/duplicate", {"id": hei, "name": "Hei"}, status=201)
        assert (named["id"], named["name"]) == (hei, "Hei")
        problem(409, await ferd.api.post(f"/v1/flows/{flow}/duplicate", json={"id": hei}))
        assert await ferd.get(f"/flows/{flow}") == before
        await ferd.post(f"/flows/{flow}/archive")
        assert flow not in [each["id"] for each in (await ferd.get("/flows"))["items"]]
        assert [each["id"] for each in (await ferd.get("/flows", archived=True))["items"]] == [flow]
        await ferd.post(f"/flows/{flow}/unarchive")
        assert flow in [each["id"] for each in (await ferd.get("/flows"))["items"]]


async def test_LIFE_6_a_copy_never_gets_the_id_of_a_deleted_flow(still_world: World) -> None:
    flow = still_world.id("welcome")
    async with running(still_world) as ferd:
        await ferd.save(file(flow))
        await ferd.post(f"/flows/{flow}/new-version", status=201)
        expect(204, await ferd.api.delete(f"/v1/flows/{flow}-2"))
        assert (await ferd.post(f"/flows/{flow}/new-version", status=201))["id"] == f"{flow}-3"
        problem(409, await ferd.api.post(f"/v1/flows/{flow}/duplicate", json={"id": f"{flow}-2"}))
        problem(404, await ferd.api.post(f"/v1/flows/{flow}-2/duplicate"))


async def test_LIFE_14_a_copy_does_not_start_by_itself(still_world: World) -> None:
    flow = still_world.id("welcome")
    async with running(still_world) as ferd:
        await ferd.save(file(flow) + "schedule: {run_at: 2087-01-01 08:00}\n")
        assert len((await ferd.get(f"/flows/{flow}/scheduled"))["items"]) == 1
        await ferd.post(f"/flows/{flow}/duplicate", status=201)
        assert (await ferd.get(f"/flows/{flow}-copy/scheduled"))["items"] == []


async def test_LIFE_7_a_flow_is_not_archived_while_anyone_is_inside(world: World) -> None:
    flow = await world.flow("archive", wait("rest", "3 days"), mail("hello"))
    participant = await world.enrol(flow)
    await resting(world, participant, "rest")
    await world.settled(flow)
    before = await contents(world.db)
    async with running(world) as ferd:
        refused = problem(409, await ferd.api.post(f"/v1/flows/{flow}/archive"))
        assert refused["flow_status"] == "running"
        assert await contents(world.db) == before
        await world.command(flow, "end")
        await world.stored.until(participant, status=Status.CANCELLED)
        await ferd.post(f"/flows/{flow}/archive")
    assert (await world.state(flow)).changed_at < now()


async def test_LIFE_7_whoever_comes_into_an_archived_flow_brings_it_back(still_ferd: Running) -> None:
    """Archived from running with nobody inside, it still takes people: then it is in the lists, as they are inside."""
    world = still_ferd.world
    flow = await world.flow("archive", wait("rest", "3 days"), enrolment={"filter": when("person.country", "NO")})
    await still_ferd.post(f"/flows/{flow}/archive")

    async def archived() -> list[str]:
        return [each["id"] for each in (await still_ferd.get("/flows", archived=True))["items"]]

    people = f"/flows/{flow}/participants"
    await still_ferd.post(people, {"person": await world.person(country="SE")}, status=202)
    assert await archived() == [flow]
    await still_ferd.post(people, {"person": await world.person(country="NO")}, status=202)
    assert await archived() == []
