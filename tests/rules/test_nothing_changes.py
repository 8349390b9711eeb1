"""SAFE_5, LIFE_11: what is wrong or not allowed is answered with what to do, and changes no row of any table."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlmodel import Session, col, select, update

from activities.life.lifecycle import COMMANDS, TABLE
from flows.outcome import Reason, Status
from store.flows import FlowRow, FlowStatus
from store.journeys import ParticipantRow
from tests.support.dump import contents
from tests.support.running import Running, problem
from tests.support.world import World, mail, wait

YAML = {"Content-Type": "application/yaml"}
CSV = {"Content-Type": "text/csv"}


@dataclass(frozen=True, slots=True)
class Bad:
    """A request, the status that it is answered with, and, where the answer is a list, how its items end."""

    method: str
    path: str
    status: int
    sent: dict[str, Any] = field(default_factory=dict)
    outcome: str = ""


async def nothing_changes(ferd: Running, *requests: Bad) -> None:
    """Every one of the requests is answered so, with a remedy, and none has changed anything."""
    before = await contents(ferd.world.db)
    for bad in requests:
        answer = await ferd.api.request(bad.method, f"/v1{bad.path}", **bad.sent)
        if bad.status == 202:
            assert answer.status_code == 202, (bad, answer.text)
            assert {each.get("reason") or each["outcome"] for each in answer.json()["items"]} == {bad.outcome}, bad
        else:
            assert answer.status_code == bad.status, (bad, answer.text)
            problem(bad.status, answer)
    after = await contents(ferd.world.db)
    assert after == before, [name for name in before if before[name] != after[name]]


def text(flow: str, *steps: str, **settings: str) -> dict[str, Any]:
    """A flow file to send."""
    given = "".join(f"\n{name}: {value}" for name, value in settings.items())
    lines = "".join(f"\n  - {step}" for step in steps or ("{id: rest, kind: wait, for: 3 days}",))
    return {"content": f"id: {flow}{given}\nsteps:{lines}\n", "headers": YAML}


async def in_status(world: World, status: FlowStatus) -> tuple[str, str]:
    """A flow that stands so, guarded and with somebody in its wait; the flow and the participant."""
    flow = await world.flow(
        f"flow-{status.value}", wait("rest", "3 days"), mail("hello"), settings={"edit_while_running": True}
    )
    participant = await world.enrol(flow)

    def put(session: Session) -> None:
        session.get_one(FlowRow, flow).status = status

    await world.db.write(put)
    return flow, participant


def forbidden(flow: str, status: FlowStatus) -> Iterator[Bad]:
    """What the table of LIFE does not allow."""
    path, row = f"/flows/{flow}", TABLE[status]
    for command in COMMANDS:
        if command not in row.to:
            yield Bad("POST", f"{path}/{command}", 409)
            yield Bad("POST", f"{path}/{command}", 422, {"json": {"at": "2020-01-01 08:00"}})
        yield Bad("POST", f"{path}/{command}", 422, {"json": {"at": "soon"}})
        yield Bad("POST", f"{path}/{command}", 422, {"json": {"when": "now"}})
    if not row.delete:
        yield Bad("DELETE", path, 409)
    if row.edit == "no":
        yield Bad("PUT", path, 409, text(flow))
        yield Bad("POST", f"{path}/versions/1/restore", 409)
    if status not in (FlowStatus.RUNNING, FlowStatus.PAUSED):
        yield Bad("POST", f"{path}/participants", 202, {"json": {"person": "per_none"}}, "unknown_person")
        yield Bad("POST", f"{path}/participants", 409, {"json": {"selection": "newcomers"}})
        yield Bad("POST", f"{path}/enrolments", 409, {"json": {"people": ["per_none"]}})
        yield Bad("PUT", f"{path}?enrol_existing=true", 409, text(flow))
    yield Bad("POST", f"{path}/archive", 409)
    yield Bad("DELETE", f"{path}/scheduled/cmd_none", 404)


def bad_edits(flow: str, status: FlowStatus) -> Iterator[Bad]:
    """What no status makes good."""
    path = f"/flows/{flow}"
    yield Bad("PUT", path, 422, {"content": "id: [", "headers": YAML})
    yield Bad("PUT", path, 422, {"content": "", "headers": YAML})
    yield Bad("PUT", path, 415, {"content": b"\x00", "headers": {"Content-Type": "image/png"}})
    yield Bad("PUT", path, 422, text("another"))
    yield Bad("PUT", path, 422, text(flow, "{id: rest, kind: rest, for: 3 days}"))
    yield Bad("PUT", path, 422, text(flow, "{id: rest, kind: wait, for: three days}"))
    yield Bad("PUT", path, 422, text(flow, "{id: a b, kind: exit}"))
    yield Bad("PUT", path, 422, text(flow, color="red"))
    stale = text(flow)
    yield Bad("PUT", path, 412, {**stale, "headers": {**YAML, "If-Match": '"7"'}})
    yield Bad("PUT", path, 412, {**stale, "headers": {**YAML, "If-Match": "yesterday"}})
    yield Bad("POST", f"{path}/versions/9/restore", 404)
    yield Bad("POST", f"{path}/duplicate", 409, {"json": {"id": flow}})
    yield Bad("POST", f"{path}/duplicate", 422, {"json": {"id": "a b"}})
    if TABLE[status].edit != "no":
        yield Bad("PUT", path, 409, text(flow, "{id: other, kind: exit}"))  # the guard
    if status is FlowStatus.RUNNING:
        away = text(flow, "{id: rest, kind: wait, for: 3 days}", "{id: a, kind: send_email, content: missing}")
        yield Bad("PUT", path, 422, away)


def bad_operations(participant: str, *, inside: bool) -> Iterator[Bad]:
    """What cannot be done about a participant who is sound, or has left."""
    path = f"/participants/{participant}"
    for operation in ("retry", "skip", *(() if inside else ("pause", "resume", "cancel"))):
        yield Bad("POST", f"{path}/{operation}", 409)


@pytest.mark.parametrize("status", FlowStatus)
async def test_SAFE_5_LIFE_11_of_a_flow(still_ferd: Running, status: FlowStatus) -> None:
    """SAFE_5, LIFE_11, EDIT_2, EDIT_6: every status with every command that it forbids, bad edits, bad operations."""
    flow, participant = await in_status(still_ferd.world, status)
    await nothing_changes(still_ferd, *forbidden(flow, status))
    await nothing_changes(still_ferd, *bad_edits(flow, status))
    await nothing_changes(still_ferd, *bad_operations(participant, inside=True))


async def test_SAFE_5_of_who_has_left_and_of_who_is_not_there(still_ferd: Running) -> None:
    """SAFE_5, PART_4: a participant that has finished; ids that nobody has."""
    world = still_ferd.world
    _, participant = await in_status(world, FlowStatus.RUNNING)
    await world.db.write(
        lambda session: session.execute(
            update(ParticipantRow)
            .where(col(ParticipantRow.id) == participant)
            .values(status=Status.FINISHED, reason=Reason.COMPLETED)
        )
    )
    operations = ("pause", "resume", "cancel", "retry", "skip")
    await nothing_changes(
        still_ferd,
        *bad_operations(participant, inside=False),
        *(Bad("POST", f"/participants/par_none/{operation}", 404) for operation in operations),
        Bad("DELETE", "/participants/par_none", 404),
        Bad("POST", "/attention", 404, {"json": {"effect": f"{participant}/hello/1", "outcome": "done"}}),
        Bad("POST", "/attention", 422, {"json": {"effect": "no key", "outcome": "done"}}),
        Bad("POST", "/attention", 422, {"json": {"effect": f"{participant}/hello/1", "outcome": "perhaps"}}),
        Bad("POST", "/attention/retry", 404, {"json": {"flow": "nobody"}}),
        *(Bad("POST", f"/flows/nobody/{command}", 404) for command in COMMANDS),
        Bad("DELETE", "/flows/nobody", 404),
        Bad("POST", "/channels/pigeon/pause", 422),
    )


async def test_SAFE_5_of_events_people_and_files(still_ferd: Running) -> None:
    """SAFE_5: events, people, members and CSV files that are wrong, alone and in a list."""
    world = still_ferd.world
    flow, _ = await in_status(world, FlowStatus.RUNNING)
    person = await world.person()
    await world.selection("newcomers")
    await world.put("subscription-types/news")
    event = {"specversion": "1.0", "source": "shop", "id": "1", "type": "order.placed", "subject": f"person:{person}"}
    wrong: list[dict[str, Any]] = [
        {**event, "type": "placed"}, {**event, "id": ""}, {**event, "specversion": "0.3"}, {**event, "time": "noon"},
        {**event, "data": [1]}, {key: value for key, value in event.items() if key != "source"},
        {**event, "data": {"a": "\x00"}}, {**event, "ferdcause": "a b"},
    ]  # fmt: skip
    headers = "", "fist_name\nKari\n", "email,email\na@b.example,c@d.example\n", 'first_name,"email\nKari,k@x.example\n'
    await nothing_changes(
        still_ferd,
        *(Bad("POST", "/events", 422, {"json": each}) for each in wrong),
        Bad("POST", "/events", 202, {"json": wrong}, "invalid"),
        Bad("POST", "/events", 422, {"content": b"{", "headers": {"Content-Type": "application/json"}}),
        *(Bad("POST", "/people/import", 422, {"content": file, "headers": CSV}) for file in headers),
        *(Bad("POST", f"/flows/{flow}/enrolments", 422, {"content": file, "headers": CSV}) for file in headers),
        Bad("POST", f"/flows/{flow}/enrolments", 422, {"json": {"people": []}}),
        Bad("POST", f"/flows/{flow}/participants", 422, {"json": {"person": person, "selection": "newcomers"}}),
        Bad("POST", f"/flows/{flow}/participants", 422, {"json": {"selection": "nowhere"}}),
        Bad("PATCH", f"/people/{person}", 422, {"json": {"fist_name": "Kari"}}),
        Bad("PATCH", f"/people/{person}", 422, {"json": {"time_zone": "Mars/Olympus", "first_name": "Kari"}}),
        Bad("PATCH", f"/people/{person}", 422, {"json": {"subscriptions": ["news", "olds"]}}),
        Bad("POST", f"/people/{person}/merge", 422, {"json": {"into": person}}),
        Bad("POST", f"/people/{person}/merge", 404, {"json": {"into": "per_none"}}),
        Bad("POST", "/people/per_none/erase", 404),
        Bad("POST", "/selections/nowhere/members", 404, {"json": {"people": [person]}}),
        Bad("POST", "/flows", 422, text("new", "{id: rest, kind: wait, for: three days}")),
        Bad("POST", "/flows", 409, text(flow)),
    )
    # A file of which every row is wrong: each is refused with its line, and none has changed anybody.
    before = await contents(world.db)
    rows = "first_name,email\nKari,no address\nOla,another\n"
    answer = await still_ferd.api.post("/v1/people/import", content=rows, headers=CSV)
    assert [(each["line"], each["field"]) for each in answer.json()["refusals"]] == [(2, "email"), (3, "email")]
    assert await contents(world.db) == before
    assert json.loads(answer.text)["created"] == 0
    assert (await world.db.read(lambda session: session.scalars(select(FlowRow)).all()))[0].id == flow
