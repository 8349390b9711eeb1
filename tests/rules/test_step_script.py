"""STEP_12: a script is started and not waited for; what it does hurts nobody, and its result comes when it comes."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from activities.life import brakes
from activities.scripts import process
from activities.scripts.process import Limits, execute
from activities.scripts.runs import Job, claim
from flows.outcome import Reason
from store.database import Database
from store.journeys import EffectStatus
from store.outside import RunStatus, ScriptRow, ScriptRun
from tests.rules.given import left
from tests.support.waiting import eventually
from tests.support.world import World, mail, now

LIMITS = Limits(seconds=60, cpu_seconds=30, memory=512 * 1024 * 1024)


def executable(folder: Path, name: str, python: str) -> Path:
    """A script in Python."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable} -I\n{python}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


async def script(world: World, id: str, python: str, **settings: Any) -> dict[str, Any]:
    """A script of this id, and a step that runs it."""
    executable(world.settings.scripts, id, python)
    row = ScriptRow(id=id, name=id, executable=id, created_at=now(), updated_at=now(), **settings)
    await world.db.write(lambda session: session.add(row))
    return {"id": "run", "kind": "run_script", "script": id}


async def runs(db: Database) -> Sequence[ScriptRun]:
    """All runs, in order."""
    return await db.read(lambda session: session.scalars(select(ScriptRun).order_by(col(ScriptRun.id))).all())


async def over(world: World) -> ScriptRun:
    """The only run, once it has ended."""
    found = await eventually(lambda: runs(world.db), lambda found: found and found[0].ended_at)
    return found[0]


async def test_STEP_12_it_is_started_and_its_result_comes_after_the_journey_has_ended(
    world: World, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    step = await script(
        world,
        "score",
        f"""
import json, pathlib, sys, time
given = json.load(sys.stdin)
print("thinking", file=sys.stderr)
while not pathlib.Path({str(go)!r}).exists():
    time.sleep(0.05)
print(json.dumps({{"score": 7, "given": given}}))
""",
    )
    step["data"] = {"country": "{{ person.country }}", "n": 2}
    person = await world.person(country="NO")
    participant = await world.enrol(await world.flow("script", step, mail("after")), person)
    assert await left(world, participant) is Reason.COMPLETED
    assert world.inbox.subjects == ["after"]
    assert (await runs(world.db))[0].status in (RunStatus.WAITING, RunStatus.RUNNING)
    go.touch()
    run = await over(world)
    assert (run.status, run.result["score"], run.log) == (RunStatus.DONE, 7, "thinking\n")
    assert run.result["given"] == {
        "run": run.id, "script": "score", "flow": run.flow, "step": "run", "participant": participant,
        "person": person, "values": {"country": "NO", "n": 2},
    }  # fmt: skip
    lines = await world.lines(participant)
    assert ("run", "script_done", {"run": run.id}) in [(line.step, line.event, line.data) for line in lines]


async def test_STEP_12_a_script_that_fails_fails_alone(world: World) -> None:
    step = await script(world, "crash", "raise SystemExit(3)")
    participant = await world.enrol(await world.flow("crash", step))
    assert await left(world, participant) is Reason.COMPLETED
    run = await over(world)
    assert (run.status, run.why) == (RunStatus.FAILED, "It ended with exit code 3.")
    assert ("run", "script_failed") in await world.journal(participant)


async def test_STEP_12_nothing_starts_while_its_flow_is_paused(world: World) -> None:
    """LIFE_3: what was asked for and has not begun waits for the resume."""
    step = await script(world, "later", "print(1)")
    flow = await world.flow("later", {"id": "w", "kind": "wait", "for": "1 day"})
    participant = await world.enrol(flow)
    await world.command(flow, "pause")
    row = ScriptRun(
        id="run_1", script="later", flow=flow, step=step["id"], participant=participant, person="p", asked_at=now()
    )
    await world.db.write(lambda session: session.add(row))
    other = await world.enrol(await world.flow("other", step))
    await left(world, other)
    done = await eventually(lambda: runs(world.db), lambda found: [run for run in found if run.ended_at])
    assert {run.participant: run.status for run in done} == {
        participant: RunStatus.WAITING, other: RunStatus.DONE
    }  # fmt: skip
    await world.command(flow, "resume")
    await eventually(lambda: runs(world.db), lambda found: all(run.status is RunStatus.DONE for run in found))


async def test_STEP_12_nothing_starts_while_everything_is_paused(world: World) -> None:
    """LIFE_16: the brake for all flows holds scripts that wait, too."""
    step = await script(world, "later", "print(1)")
    flow = await world.flow("later", {"id": "w", "kind": "wait", "for": "1 day"})
    participant = await world.enrol(flow)
    row = ScriptRun(
        id="run_1", script="later", flow=flow, step=step["id"], participant=participant, person="p", asked_at=now()
    )

    def begun_under_the_brake(session: Session) -> list[Job]:
        brakes.pause(session, "all", now())
        session.add(row)
        session.flush()
        return claim(session, 5, now())

    assert await world.core.dispatcher.write(begun_under_the_brake) == []
    await world.core.dispatcher.write(lambda session: brakes.resume(session, "all", now()))
    await eventually(lambda: runs(world.db), lambda found: all(run.status is RunStatus.DONE for run in found))


async def test_STEP_12_one_that_outlives_its_worker_is_lost_and_listed(
    world: World, database_url: str, tmp_path: Path
) -> None:
    """SAFE_2: the worker is killed with its scripts; another finds the run, which is left to a person."""
    begun = tmp_path / "begun"
    hang = f"import os, pathlib, time; pathlib.Path({str(begun)!r}).write_text(str(os.getpid())); time.sleep(600)"
    step = await script(world, "hang", hang)
    await script(world, "again", f"print({str(begun)!r})", on_lost="rerun")
    participant = await world.enrol(await world.flow("lost", step))
    await left(world, participant)
    pid = await eventually(lambda: asyncio.to_thread(lambda: begun.exists() and begun.read_text()))
    run = (await runs(world.db))[0]
    assert run.status is RunStatus.RUNNING

    def stale(session: Any) -> None:
        row = session.get_one(ScriptRun, run.id)
        row.seen_at = now() - timedelta(hours=1)
        again = {"script": "again", "flow": row.flow, "participant": participant, "person": "p", "asked_at": now()}
        session.add(ScriptRun(id="run_9", step="x", status=RunStatus.RUNNING, tries=1, seen_at=row.seen_at, **again))

    await world.db.write(stale)
    found = await eventually(lambda: runs(world.db), lambda found: all(each.ended_at for each in found))
    assert [(each.status, each.tries) for each in found] == [(RunStatus.UNKNOWN, 1), (RunStatus.DONE, 2)]
    (effect,) = [each for each in await world.effects(participant) if each.step == "run"]
    assert effect.status is EffectStatus.UNKNOWN
    os.kill(int(str(pid)), signal.SIGKILL)


def test_STEP_12_scripts_die_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    """SIGKILL of the worker leaves nothing running behind."""
    begun = tmp_path / "begun"
    begun.mkdir()
    path = executable(tmp_path, "hang", RUNAWAY.format(told=str(begun), then="stay('itself')"))
    program = f"""
import asyncio
from activities.scripts.process import Limits, execute
from activities.scripts.runs import Job, claim
asyncio.run(execute("exec", {str(path)!r}, {{}}, Limits(600, 30, 2**29)))
"""
    root = Path(__file__).parents[2]
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=root)

    async def both() -> None:
        told = await eventually(lambda: asyncio.to_thread(lambda: list(begun.iterdir())), lambda told: len(told) == 3)
        pids = [int(each.read_text()) for each in told]
        worker.kill()
        worker.wait()
        await eventually(lambda: asyncio.to_thread(lambda: not any(map(running, pids))))

    asyncio.run(both())


def running(pid: int) -> bool:
    """Whether a process lives; one that has ended and was not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or while it was read
        return False


# Leaves the script's session, forks twice and once more, and minds no polite signal; tells its pids.
RUNAWAY = """
import contextlib, os, pathlib, signal, sys, time
told = pathlib.Path({told!r})
def stay(name):
    with contextlib.suppress(PermissionError):  # it leads a session already
        os.setsid()
    for polite in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(polite, signal.SIG_IGN)
    begun = told.with_name(name)
    begun.write_text(str(os.getpid()))
    begun.rename(told / name)  # a name in the folder is never seen without its pid
    while True:
        time.sleep(60)
if os.fork() == 0:
    if os.fork() == 0:
        if os.fork() == 0:
            stay("grandchild")
        stay("child")
    os._exit(0)
while len(list(told.iterdir())) < 2:
    time.sleep(0.01)
{then}
"""


@pytest.mark.parametrize(
    ("then", "limits", "status"),
    [
        ("print(1)", LIMITS, "done"),
        ("1/0", LIMITS, "failed"),
        ("os.kill(os.getpid(), signal.SIGKILL)", LIMITS, "failed"),
        ("os.kill(os.getppid(), signal.SIGKILL); stay('itself')", LIMITS, "failed"),
        ("stay('itself')", Limits(4, 30, 2**29), "failed"),
    ],
    ids=["ends", "crashes", "kills itself", "kills its keeper", "hangs and minds no signal"],
)
async def test_STEP_12_nothing_of_a_script_that_runs_away_is_left(
    tmp_path: Path, then: str, limits: Limits, status: str
) -> None:
    """Whatever process group and session it has moved to: when it is over all of it is."""
    told = tmp_path / "told"
    told.mkdir()
    path = executable(tmp_path, "runaway", RUNAWAY.format(told=str(told), then=then))
    ended = await execute("exec", str(path), {}, limits)
    assert ended.status == status, ended
    pids = [int(each.read_text()) for each in told.iterdir()]
    assert len(pids) >= 2
    assert [pid for pid in pids if running(pid)] == []


@pytest.mark.parametrize(
    ("python", "limits", "why"),
    [
        ("import time; time.sleep(600)", Limits(1.5, 30, 2**29), "after 1.5 seconds"),
        ("while True: pass", Limits(60, 1, 2**29), "processor time"),
        ("x = bytearray(2**30)", LIMITS, "exit code 1"),
        ("import sys\nfor _ in range(1024): sys.stdout.write('x' * 2**20)", LIMITS, "wrote more than"),
        ("import sys\nfor _ in range(1024): sys.stderr.write('x' * 2**20)", LIMITS, "wrote more than"),
        ("open('large', 'wb').write(b'x' * 2**27)", LIMITS, "ended"),
        ("import os; os.abort()", LIMITS, "SIGABRT"),
        ("1/0", LIMITS, "exit code 1"),
    ],
    ids=["hangs", "computes", "memory", "prints", "logs", "disk", "aborts", "crashes"],
)
async def test_STEP_12_what_a_script_takes_is_limited(tmp_path: Path, python: str, limits: Limits, why: str) -> None:
    path = executable(tmp_path, "bad", python)
    async with asyncio.timeout(120):
        ended = await execute("exec", str(path), {"run": "r"}, limits)
    assert ended.status == "failed"
    assert why in ended.why
    assert len(ended.log) <= process.LONGEST_LOG


async def test_STEP_12_what_it_leaves_behind_is_ended_and_nothing_of_ours_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FERD_API_KEY", "secret")
    monkeypatch.setenv("SCRIPT_TOKEN", "given")
    path = executable(
        tmp_path,
        "child",
        """
import json, os, subprocess
child = subprocess.Popen(["sleep", "600"])
print(json.dumps({"child": child.pid, "folder": os.getcwd(), "env": sorted(os.environ)}))
""",
    )
    ended = await execute("exec", str(path), {}, LIMITS)
    assert ended.status == "done", ended
    await eventually(lambda: asyncio.to_thread(lambda: not running(ended.result["child"])))
    assert not os.path.exists(ended.result["folder"])  # noqa: ASYNC240 - one look, and it is over
    assert "SCRIPT_TOKEN" in ended.result["env"]
    assert not [name for name in ended.result["env"] if name.startswith("FERD_")]


async def test_STEP_12_text_is_a_result_too_and_what_is_not_there_fails(world: World, tmp_path: Path) -> None:
    path = executable(tmp_path, "text", "print('Hei')")
    assert (await execute("exec", str(path), {}, LIMITS)).result == "Hei\n"
    assert (await execute("call", "no-such-entry-point", {}, LIMITS)).status == "failed"
    row = ScriptRow(id="gone", name="gone", executable="gone", created_at=now(), updated_at=now())
    await world.db.write(lambda session: session.add(row))
    participant = await world.enrol(await world.flow("gone", {"id": "run", "kind": "run_script", "script": "gone"}))
    await left(world, participant)
    assert "no executable file gone" in (await over(world)).why


async def test_STEP_12_SAFE_3_a_result_that_cannot_be_stored_is_kept_as_text(world: World) -> None:
    """NUL, half a character and NaN are JSON to Python, and to no database: its run would stay under way for ever."""
    written = r'{"a": "\u0000", "b": "\ud83d", "c": NaN}'
    step = await script(world, "odd", f"print({written!r})")
    await left(world, await world.enrol(await world.flow("odd", step)))
    run = await over(world)
    assert (run.status, run.result) == (RunStatus.DONE, f"{written}\n")


async def test_STEP_12_a_result_nested_without_end_is_text(tmp_path: Path) -> None:
    path = executable(tmp_path, "nested", "print('[' * 100000)")
    assert (await execute("exec", str(path), {}, LIMITS)).result.startswith("[[[")


async def test_STEP_12_an_entry_point_is_called_with_the_data(tmp_path: Path) -> None:
    """A distribution of a team's own, as pip would put it there."""
    info = tmp_path / "team-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: team\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ferd.scripts]\nscore = team_scripts:score\n")
    (tmp_path / "team_scripts.py").write_text(
        "def score(given):\n    print('noise')\n    return {'score': given['values']['n'] + 1}\n"
    )
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[0] = 'launch';"
        "from activities.scripts.launch import main; main(30, 2**29, 'call', 'score')"
    )
    root = Path(__file__).parents[2]
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program],
        input=json.dumps({"values": {"n": 41}}),
        capture_output=True,
        text=True,
        cwd=root,
    )
    assert (json.loads(ran.stdout), ran.stderr) == ({"score": 42}, "noise\n")
