"""Flows over HTTP: saved, read, edited, commanded."""

import asyncio
from typing import Any

import pytest

from tests.support.running import Running, expect, problem
from tests.support.world import mail, wait

YAML = {"Content-Type": "application/yaml"}


def file(id: str, steps: str = "- {id: breathe, kind: wait, for: 3 days}", more: str = "") -> str:
    """A flow file that can run."""
    return f"""\
id: {id}
name: Welcome
description: Three days of peace.
email: {{from: hello@fjord.example, reply_to: same_as_from}}
{more}
steps:
  {steps}
"""


async def put(ferd: Running, text: str, flow: str, **headers: str) -> Any:
    return await ferd.api.put(f"/v1/flows/{flow}", content=text, headers={**YAML, **headers})


async def test_a_flow_file_becomes_a_draft(still_ferd: Running) -> None:
    """LIFE_1: a saved flow is a draft; only run is possible."""
    response = await still_ferd.api.post(
        "/v1/flows", params={"author": "Kari", "note": "first"}, content=file("welcome"), headers=YAML
    )
    saved = expect(201, response)
    assert response.headers["location"] == "/v1/flows/welcome"
    assert response.headers["etag"] == '"1"'
    assert saved["status"] == "draft"
    assert saved["version"] == 1
    assert saved["commands"] == ["run"]
    assert saved["problems"] == []

    read = await still_ferd.api.get("/v1/flows/welcome")
    flow = expect(200, read)
    assert read.headers["etag"] == '"1"'
    assert flow["description"] == "Three days of peace."
    assert flow["statistics"]["enrolled"] == 0
    assert flow["statistics"]["success_rate"] is None
    assert flow["temporal"] == "http://temporal.example:8233/namespaces/default/workflows/flow%2Fwelcome"

    source = await still_ferd.api.get("/v1/flows/welcome/source")
    assert source.headers["content-type"].startswith("text/yaml")
    assert source.text == file("welcome")


async def test_json_is_taken_as_well(still_ferd: Running) -> None:
    saved = await still_ferd.post("/flows", {"id": "plain", "steps": [wait("w", "1 day")]}, 201)
    assert saved["id"] == "plain"
    refused = await still_ferd.api.post("/v1/flows", content=b"<flow/>", headers={"Content-Type": "text/xml"})
    assert "application/yaml" in problem(415, refused)["remedy"]


async def test_SAFE_5_a_file_that_cannot_be_read_names_the_place(still_ferd: Running) -> None:
    """SAFE_5: every problem with line, column, and remedy; nothing is saved."""
    response = await still_ferd.api.post("/v1/flows", content="id: broken\nstpes: []\n", headers=YAML)
    [found] = problem(422, response)["problems"]
    assert (found["pointer"], found["line"], found["column"]) == ("/stpes", 2, 1)
    assert "steps" in found["remedy"]
    problem(404, await still_ferd.api.get("/v1/flows/broken"))


async def test_a_flow_with_problems_can_be_saved_and_not_run(still_ferd: Running) -> None:
    """LIFE_2: run is refused with every problem, each with its step and how to mend it."""
    text = file("wrong", "- {id: hello, kind: send_email, content: missing}")
    saved = await still_ferd.save(text)
    [found] = saved["problems"]
    assert (found["step"], found["pointer"], found["line"], found["severity"]) == (
        "hello",
        "/steps/0/content",
        7,
        "error",
    )
    read = await still_ferd.get("/flows/wrong")
    assert read["problems"] == saved["problems"]

    refused = problem(422, await still_ferd.api.post("/v1/flows/wrong/run"))
    assert refused["problems"][0]["step"] == "hello"
    assert refused["problems"][0]["line"] == 7
    assert (await still_ferd.get("/flows/wrong"))["status"] == "draft"


async def test_an_id_is_taken_once(still_ferd: Running) -> None:
    await still_ferd.save(file("welcome"))
    refused = problem(409, await still_ferd.api.post("/v1/flows", content=file("welcome"), headers=YAML))
    assert "PUT" in refused["remedy"]


async def test_a_repeated_post_is_answered_again(still_ferd: Running) -> None:
    headers = {**YAML, "Idempotency-Key": "once"}
    first = await still_ferd.api.post("/v1/flows", content=file("welcome"), headers=headers)
    again = await still_ferd.api.post("/v1/flows", content=file("welcome"), headers=headers)
    assert expect(201, first) == expect(201, again)


async def test_lists_come_in_pages(still_ferd: Running) -> None:
    for id in ("a", "b", "c"):
        await still_ferd.save(file(id))
    first = await still_ferd.get("/flows", limit=2)
    assert [flow["id"] for flow in first["items"]] == ["a", "b"]
    rest = await still_ferd.get("/flows", limit=2, cursor=first["next_cursor"])
    assert [flow["id"] for flow in rest["items"]] == ["c"]
    assert rest["next_cursor"] is None


async def test_lists_are_narrowed_by_what_is_said_and_by_nothing_that_is_empty(still_ferd: Running) -> None:
    """CONTRACT: `?status=&step=` and `?person=&flow=`; a program may send those that it leaves empty."""
    world = still_ferd.world
    flow = await world.flow("welcome", wait("rest", "1 day"))
    await still_ferd.save(file("draft"))
    participant = await world.enrol(flow)

    async def ids(path: str) -> list[str]:
        return [each["id"] for each in expect(200, await still_ferd.api.get(f"/v1{path}"))["items"]]

    assert (await ids("/flows?status=running"), await ids("/flows?status=draft")) == ([flow], ["draft"])
    assert await ids("/flows?status=") == sorted(["draft", flow])
    assert await ids(f"/flows/{flow}/participants?status=&step=") == [participant]
    assert await ids(f"/flows/{flow}/participants?status=queued&step=") == []
    assert await ids(f"/participants?person=&flow={flow}") == [participant]
    assert await ids("/participants?person=&flow=draft") == []
    problem(422, await still_ferd.api.get("/v1/flows?status=runing"))


@pytest.mark.parametrize(
    ("word", "channel"), [("mail", "email"), ("SMS", "sms"), ("CRM", "crm"), ("webhooks", "webhook")]
)
async def test_LIFE_16_a_channel_by_the_word_of_the_rule(still_ferd: Running, word: str, channel: str) -> None:
    """LIFE_16: "one channel (mail, SMS, CRM, webhooks)"; told by the name that flow files have for it."""
    assert (await still_ferd.post(f"/channels/{word}/pause"))["paused"] == [channel]
    assert (await still_ferd.post(f"/channels/{word}/resume"))["paused"] == []


async def test_an_edit_is_a_new_version(still_ferd: Running) -> None:
    """EDIT_1: every save is a version with author and note; a stale edit changes nothing."""
    await still_ferd.save(file("welcome"))
    longer = file("welcome", "- {id: breathe, kind: wait, for: 5 days}")
    saved = await still_ferd.api.put(
        "/v1/flows/welcome", params={"author": "Ola"}, content=longer, headers={**YAML, "If-Match": '"1"'}
    )
    assert expect(200, saved)["version"] == 2
    assert saved.headers["etag"] == '"2"'

    stale = problem(412, await put(still_ferd, file("welcome"), "welcome", **{"If-Match": '"1"'}))
    assert stale["version"] == 2
    problem(412, await put(still_ferd, longer, "welcome", **{"If-Match": "yesterday"}))
    problem(422, await put(still_ferd, file("other"), "welcome"))
    problem(404, await put(still_ferd, file("nobody"), "nobody"))

    versions = await still_ferd.get("/flows/welcome/versions")
    assert [(each["version"], each["author"]) for each in versions["items"]] == [(1, ""), (2, "Ola")]
    first = await still_ferd.get("/flows/welcome/versions/1")
    assert first["source"] == file("welcome")
    assert first["definition"]["steps"][0]["id"] == "breathe"
    problem(404, await still_ferd.api.get("/v1/flows/welcome/versions/3"))


async def test_LIFE_11_what_is_not_allowed_says_what_is(still_ferd: Running) -> None:
    """LIFE_11: 409 with the status and the commands allowed now; nothing has changed."""
    flow = still_ferd.world.id("welcome")
    await still_ferd.save(file(flow))
    refused = problem(409, await still_ferd.api.post(f"/v1/flows/{flow}/pause"))
    assert (refused["flow_status"], refused["allowed"]) == ("draft", ["run"])
    assert (await still_ferd.get(f"/flows/{flow}"))["status"] == "draft"

    ran = await still_ferd.post(f"/flows/{flow}/run")
    running = ["pause", "off", "close", "end", "stop"]
    assert ran == {"id": flow, "status": "running", "under_way": 0, "commands": running}
    edited = problem(409, await put(still_ferd, file(flow), flow))
    assert (edited["flow_status"], edited["allowed"]) == ("running", running)
    assert await still_ferd.post(f"/flows/{flow}/run") == ran

    paused = await still_ferd.post(f"/flows/{flow}/pause")
    assert (paused["status"], paused["commands"]) == ("paused", ["run", "resume", "close", "end", "stop"])
    expect(200, await put(still_ferd, file(flow), flow))
    assert (await still_ferd.post(f"/flows/{flow}/end"))["status"] == "ended"
    await still_ferd.save(file("gone"))
    await still_ferd.post("/flows/gone/run")
    await still_ferd.post("/flows/gone/stop")
    over = problem(409, await still_ferd.api.post("/v1/flows/gone/run"))
    assert (over["allowed"], "duplicate" in over["remedy"], "new version" in over["remedy"]) == ([], True, True)
    problem(404, await still_ferd.api.post("/v1/flows/nobody/run"))
    expect(404, await still_ferd.api.post(f"/v1/flows/{flow}/dance"))


async def test_a_flow_in_numbers(ferd: Running) -> None:
    """PART_6, LIFE_15: how many wait in each step; after the end everyone reads as cancelled at once."""
    world = ferd.world
    flow = await world.flow("numbers", mail("hello"), wait("breathe", "3 days"), mail("bye"))
    participants = [await world.enrol(flow) for _ in range(3)]
    for participant in participants:
        await world.until(participant, step="breathe")
    withdrawn = await world.person(consent={"email": "withdrawn"})
    await world.until(await world.enrol(flow, withdrawn), status="dropped_out")
    await world.forward(flow, participants[0])
    await world.until(participants[0], status="finished")

    counts = (await ferd.get(f"/flows/{flow}"))["statistics"]
    assert {name: counts[name] for name in ("enrolled", "active", "queued", "finished", "cancelled")} == {
        "enrolled": 4,
        "active": 2,
        "queued": 0,
        "finished": 1,
        "cancelled": 0,
    }
    assert counts["dropped_out"] == {"consent_withdrawn": 1}
    assert [(step["id"], step["waiting"], step["passed"]) for step in counts["steps"]] == [
        ("hello", 0, 3),
        ("breathe", 2, 1),
        ("bye", 0, 1),
    ]
    assert counts["steps"][1]["kind"] == "wait"

    await ferd.post(f"/flows/{flow}/end")
    counts = (await ferd.get(f"/flows/{flow}"))["statistics"]
    assert (counts["active"], counts["cancelled"], counts["enrolled"]) == (0, 2, 4)
    assert all(step["waiting"] == 0 for step in counts["steps"])
    await world.settled(flow)
    assert (await ferd.get(f"/flows/{flow}"))["statistics"] == counts


async def test_health(still_ferd: Running) -> None:
    """The process says how it is to whoever asks."""
    flow = await still_ferd.world.flow("metered", wait("w", "1 day"))
    await still_ferd.world.enrol(flow)
    assert expect(200, await still_ferd.public.get("/healthz")) == {"status": "ok"}
    assert expect(200, await still_ferd.public.get("/readyz")) == {"store": True, "temporal": True}
    metrics = (await still_ferd.public.get("/metrics")).text
    assert f'ferd_participants{{flow="{flow}",status="active"}} 1.0' in metrics
    assert 'ferd_flows{status="running"} 1.0' in metrics


async def test_every_v1_call_asks_for_the_key(still_ferd: Running) -> None:
    paths = ["/v1/flows", "/v1/participants", "/v1/messages", "/v1/attention"]
    answers = await asyncio.gather(*(still_ferd.public.get(path) for path in paths))
    for answer in answers:
        problem(401, answer)
