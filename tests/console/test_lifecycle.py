"""A flow's life by the command line, against an API that runs: commands for later, brakes, copies, archive, delete."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment
from typer.main import get_command

from cli import app
from console.shell import failures
from store.flows import FlowStatus
from store.schedules import ScheduledCommand
from tests.support.databases import SqliteDatabases
from tests.support.running import listening
from tests.support.world import World, mail, now
from tests.support.world import world as make_world

Ferd = Callable[..., Awaitable[str]]
"""`ferd …`: what it prints; what it prints on stderr, if it fails."""


@pytest.fixture
async def world(
    temporal_env: WorkflowEnvironment, sqlite_databases: SqliteDatabases, tmp_path: Path
) -> AsyncIterator[World]:
    """A world without a worker; which database it has is no matter of the command line's."""
    url = sqlite_databases.create()
    async with make_world(temporal_env, url, tmp_path, worker=False) as small:
        yield small
    sqlite_databases.drop(url)


@pytest.fixture
async def ferd(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Ferd]:
    """The command line of a machine where the world's API runs."""

    def call(words: tuple[str, ...]) -> None:
        with failures():
            get_command(app).main(list(words), prog_name="ferd", standalone_mode=False)

    async def line(*words: str, fails: bool = False) -> str:
        capsys.readouterr()
        if fails:
            with pytest.raises(SystemExit) as ended:
                await asyncio.to_thread(call, words)
            assert ended.value.code == 1
            return capsys.readouterr().err
        await asyncio.to_thread(call, words)
        return capsys.readouterr().out

    async with listening(world) as port:
        monkeypatch.setenv("FERD_PORT", str(port))
        monkeypatch.setenv("FERD_HOME", str(world.settings.home))
        monkeypatch.setenv("FERD_API_KEY", world.settings.api_key.get_secret_value())
        yield line


async def as_data(ferd: Ferd, *words: str) -> Any:
    return json.loads(await ferd(*words, "--json"))


async def test_LIFE_14_a_command_for_later_is_listed_and_withdrawn(world: World, ferd: Ferd) -> None:
    """LIFE_14: `ferd run --at`, `ferd scheduled`, `ferd withdraw`; the choice of TRIG_7 is kept with the run."""
    flow = await world.save(world.definition("later", mail("hello")))
    said = await ferd("run", flow, "--at", "2087-01-01 08:00", "--enrol-existing")
    assert f"{flow} is draft; run is scheduled for 2087-01-01" in said
    assert "Who matches its triggers then is enrolled too." in said
    assert "is scheduled" in await ferd("stop", flow, "--at", "2087-02-01 08:00")
    run, stop = await as_data(ferd, "scheduled", flow)
    assert [(each["command"], each["enrol_existing"]) for each in (run, stop)] == [("run", True), ("stop", False)]
    listed = await ferd("scheduled", flow)
    assert all(each["id"] in listed for each in (run, stop))
    assert (await world.state(flow)).status is FlowStatus.DRAFT
    assert "withdrawn" in await ferd("withdraw", flow, stop["id"])
    assert [each["id"] for each in await as_data(ferd, "scheduled", flow)] == [run["id"]]
    assert stop["id"] in await ferd("withdraw", flow, stop["id"], fails=True)
    await ferd("withdraw", flow)
    assert "waits" in await ferd("scheduled", flow)
    assert await world.stored.count(ScheduledCommand) == 0
    past = f"{now() - timedelta(days=2):%Y-%m-%d %H:%M}"
    assert "past" in await ferd("run", flow, "--at", past, fails=True)


async def test_LIFE_16_pause_all_and_resume_all(world: World, ferd: Ferd) -> None:
    """LIFE_16: `ferd pause-all`, for a channel too; `ferd flows` shows what holds them."""
    flow = await world.flow("braked", mail("hello"))
    assert "ferd resume-all" in await ferd("pause-all")
    assert "email is paused in all flows" in await ferd("pause-all", "--channel", "email")
    assert "All flows are paused" in await ferd("flows")
    assert (await world.state(flow)).status is FlowStatus.RUNNING
    assert (await as_data(ferd, "resume-all"))["paused"] == ["email"]
    assert "No flow and no channel" in await ferd("resume-all", "--channel", "email")
    assert "'email', 'sms', 'crm' or 'webhook'" in await ferd("pause-all", "--channel", "pigeon", fails=True)


async def test_LIFE_14_16_a_brake_for_later_is_listed_and_withdrawn(world: World, ferd: Ferd) -> None:
    """LIFE_14, LIFE_16: `ferd pause-all --at`, `ferd withdraw-all`; `ferd flows` shows what waits."""
    await world.flow("braked", mail("hello"))
    said = await ferd("pause-all", "--channel", "email", "--at", "2087-01-01 08:00+01:00")
    assert "To pause email in all flows is scheduled for 2087-01-01" in said
    resume, pause = [
        (await as_data(ferd, f"{verb}-all", "--at", f"{year}-01-01 08:00Z"))["scheduled"][0]
        for verb, year in (("resume", 2086), ("pause", 2085))
    ]
    listed = await ferd("flows")
    assert all(each["id"] in listed for each in (resume, pause))
    assert f"{pause['id']} is withdrawn" in await ferd("withdraw-all", pause["id"])
    assert "ferd flows lists them" in await ferd("withdraw-all", pause["id"], fails=True)
    await ferd("withdraw-all")
    assert "scheduled" not in await ferd("flows")
    assert "offset" in await ferd("pause-all", "--at", "2087-01-01 08:00", fails=True)


async def test_LIFE_11_a_command_that_is_not_allowed_says_what_is(world: World, ferd: Ferd) -> None:
    """LIFE_11: with exit status 1, on stderr."""
    flow = await world.flow("stopped", mail("hello"))
    assert f"{flow} is stopped." in await ferd("stop", flow)
    refused = await ferd("run", flow, fails=True)
    assert "stopped" in refused
    assert (await world.state(flow)).status is FlowStatus.STOPPED
    unknown = await ferd("pause", "nobody", fails=True)
    assert "There is no flow nobody." in unknown
    assert "ferd flows lists them" in unknown
    assert "ferd participants FLOW lists them" in await ferd("why", "nobody", fails=True)
    assert f"ferd scheduled {flow} lists them" in await ferd("withdraw", flow, "nothing", fails=True)


async def test_LIFE_6_delete_asks_first_and_says_what_a_running_flow_needs(world: World, ferd: Ferd) -> None:
    """LIFE_6: a program says --yes; what the status does not allow is answered with what to do first."""
    flow = await world.flow("gone", mail("hello"))
    await world.enrol(flow)
    assert "First pause or end it" in await ferd("delete", flow, "--yes", fails=True)
    await ferd("pause", flow)
    assert "1 person inside will be cancelled" in await ferd("delete", flow, fails=True)
    assert not (await world.stored.flow(flow)).deleted
    await ferd("delete", flow, "--yes")
    assert (await world.stored.flow(flow)).deleted


async def test_LIFE_7_copies_and_the_archive(world: World, ferd: Ferd) -> None:
    """LIFE_7: duplicate, new version and archive, as over the API."""
    flow = await world.flow("first", mail("hello"))
    follows = (await as_data(ferd, "new-version", flow))["id"]
    assert (await world.state(follows)).ancestor == flow
    twin = world.id("twin")
    assert f"{twin} is a draft now, made of {flow}." in await ferd("duplicate", flow, "--id", twin, "--name", "Twin")
    assert ((await world.state(twin)).name, (await world.state(twin)).ancestor) == ("Twin", None)
    assert twin in await ferd("duplicate", flow, "--id", twin, fails=True)
    await ferd("archive", twin)
    assert [each["id"] for each in await as_data(ferd, "flows", "--archived")] == [twin]
    assert twin not in await ferd("flows")
    await ferd("unarchive", twin)
    assert twin in await ferd("flows")
    await world.enrol(flow)
    assert "inside" in await ferd("archive", flow, fails=True)
