"""LIFE_11: the table of a flow's life, cell by cell, against a copy of SEMANTICS that can fail."""

import subprocess
import sys
from dataclasses import dataclass

import pytest
from typer.main import get_command

from activities.life.lifecycle import COMMANDS, MEANING, TABLE, allowed
from cli import app
from store.flows import FlowRow, FlowStatus
from tests.support.dump import contents
from tests.support.histories import ROOT
from tests.support.running import problem, running
from tests.support.world import FILE, Refused, World, file_of, mail, taken
from workflows.flow import FlowWorkflow

COLUMNS = ("run", "pause", "resume", "off", "close", "end", "stop", "delete", "edit")
# What the rules say, as they are written there.
RULES = """
draft    | running | -      | -       | -   | -      | -     | -       | yes | yes
running  | =       | paused | =       | off | closed | ended | stopped | -   | if allowed
paused   | running | =      | running | -   | closed | ended | stopped | yes | yes
off      | running | -      | -       | =   | -      | ended | stopped | -   | yes
closed   | -       | -      | -       | -   | =      | -     | stopped | -   | -
finished | -       | -      | -       | -   | -      | -     | -       | -   | -
ended    | running | -      | -       | -   | -      | =     | -       | yes | yes
stopped  | -       | -      | -       | -   | -      | -     | =       | -   | -
"""


@dataclass(frozen=True, slots=True)
class Cell:
    status: FlowStatus
    act: str
    says: str


CELLS = [
    Cell(FlowStatus(line.split("|")[0].strip()), act, says.strip())
    for line in RULES.strip().splitlines()
    for act, says in zip(COLUMNS, line.split("|")[1:], strict=True)
]


async def in_status(world: World, name: str, status: FlowStatus) -> str:
    """A flow that stands so, with somebody inside."""
    flow = await world.flow(name, mail("hello"))
    await world.enrol(flow)

    def put(row: FlowRow) -> None:
        row.status = status

    await world.db.write(lambda session: put(session.get_one(FlowRow, flow)))
    return flow


async def do(world: World, flow: str, act: str) -> None:
    """Over HTTP. Raises Refused."""
    if act == "delete":
        taken(await world.api.delete(f"/v1/flows/{flow}"))
    elif act == "edit":
        new = world.definition(flow.removesuffix(f"-{world.suffix}"), mail("hello"), mail("more"))
        taken(await world.api.put(f"/v1/flows/{flow}", content=file_of(new), headers=FILE))
    else:
        taken(await world.api.post(f"/v1/flows/{flow}/{act}"))


@pytest.mark.parametrize("status", FlowStatus)
async def test_LIFE_11_every_cell_of_the_table(still_world: World, status: FlowStatus) -> None:
    """LIFE_6, LIFE_11: where it is refused or answered only, no row of any table changes."""
    world = still_world
    for cell in [cell for cell in CELLS if cell.status is status]:
        flow = await in_status(world, f"{cell.status.value}-{cell.act}", status)
        before = await contents(world.db)
        if cell.says in ("-", "if allowed"):
            with pytest.raises(Refused, match="409") as refused:
                await do(world, flow, cell.act)
            assert refused.value.problem["flow_status"] == status
            assert await contents(world.db) == before, cell
        elif cell.says == "=":
            await do(world, flow, cell.act)
            assert await contents(world.db) == before, cell
        else:
            await do(world, flow, cell.act)
            row = await world.stored.flow(flow)
            assert await contents(world.db) != before, cell
            if cell.act == "delete":
                assert row.deleted
            elif cell.act == "edit":
                assert (row.version, row.status) == (2, status)
            else:
                assert row.status.value == cell.says, cell


def test_LIFE_11_what_is_allowed_now_is_what_the_table_says() -> None:
    for status in FlowStatus:
        cells = [cell for cell in CELLS if cell.status is status]
        assert allowed(status) == [cell.act for cell in cells if cell.says not in ("-", "=", "yes", "if allowed")]


async def test_LIFE_6_11_the_answer_names_status_commands_and_what_to_do_first(still_world: World) -> None:
    closed = await in_status(still_world, "closed", FlowStatus.CLOSED)
    running_flow = await in_status(still_world, "running", FlowStatus.RUNNING)
    async with running(still_world) as ferd:
        refused = problem(409, await ferd.api.post(f"/v1/flows/{closed}/pause"))
        assert (refused["flow_status"], refused["allowed"]) == ("closed", ["stop"])
        refused = problem(409, await ferd.api.delete(f"/v1/flows/{closed}"))
        assert "archive" in refused["remedy"]
        refused = problem(409, await ferd.api.delete(f"/v1/flows/{running_flow}"))
        assert refused["remedy"] == "First pause or end it, then delete it."


def test_LIFE_11_api_command_line_and_temporal_know_the_same_commands() -> None:
    """The table's commands, everywhere under the same names and, on the command line, with the same words."""
    assert set(COMMANDS) == {act for act in COLUMNS if act not in ("delete", "edit")} == set(MEANING)
    assert set(TABLE) == set(FlowStatus)
    line = get_command(app).commands  # type: ignore[attr-defined]
    assert {name: line[name].help for name in COMMANDS} == dict(MEANING)
    signals = FlowWorkflow.__temporal_workflow_definition.signals  # type: ignore[attr-defined]
    assert set(COMMANDS) <= set(signals)


def test_LIFE_11_the_page_is_made_from_the_table() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "activities.life.lifecycle"], cwd=ROOT, capture_output=True, check=True
    )
    assert (ROOT / "docs" / "lifecycle.md").read_text() == made.stdout.decode()
