"""A part is kept running, ends when told, and never outlives the process that started it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from console import leash, parts
from console.parts import Part, Running
from console.shell import Failure

# Says who it is, then waits for ever.
TELLING = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"


def written(path: Path) -> int:
    """The process id in a file; 0 as long as there is none."""
    return int(path.read_text() or 0) if path.exists() else 0


async def soon(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Whether the process has ended; one that nobody has waited for yet has ended too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or while it was read
        return True


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[[Part], Awaitable[Running]]]:
    started: list[Running] = []

    async def start(part: Part) -> Running:
        started.append(Running(part, tmp_path / f"{part.name}.log", os.environ))
        await started[-1].start()
        return started[-1]

    yield start
    for running in started:
        running.kill()
        await running.stop()


def telling(tmp_path: Path, name: str = "Sleeper") -> tuple[Part, Path]:
    """A part that is ready once it has written its process id, and that file."""
    told = tmp_path / "pid"

    async def ready() -> bool:
        return not is_gone(written(told)) if written(told) else False

    return Part(name, (sys.executable, "-c", TELLING, str(told)), ready), told


async def test_a_part_that_is_killed_comes_back_and_ends_when_told(
    start: Callable[[Part], Awaitable[Running]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parts, "_FIRST_PAUSE", 0.1)
    part, told = telling(tmp_path)
    running = await start(part)
    first = written(told)
    os.kill(first, signal.SIGKILL)
    await soon(lambda: written(told) not in (0, first))
    second = written(told)
    said: list[str] = []

    def is_back() -> bool:
        said.append(capsys.readouterr().out)
        return "Sleeper is back." in "".join(said)

    await soon(is_back)
    assert "Sleeper was ended by SIGKILL; it is started again" in "".join(said)
    await running.stop()
    assert is_gone(second)


async def test_a_part_that_does_not_start_says_its_last_words(start: Callable[[Part], Awaitable[Running]]) -> None:
    async def never() -> bool:
        return False

    program = "import sys; print('the port is taken'); sys.exit(3)"
    with pytest.raises(Failure) as raised:
        await start(Part("Broken", (sys.executable, "-c", program), never))
    assert raised.value.what == "Broken ended with status 3 while starting."
    assert raised.value.details == ("the port is taken",)
    assert "Broken.log" in raised.value.remedy


async def test_a_part_that_ignores_the_request_is_ended_by_force(
    start: Callable[[Part], Awaitable[Running]], tmp_path: Path
) -> None:
    part, told = telling(tmp_path, "Deaf")
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {TELLING}"
    running = await start(replace(part, command=(sys.executable, "-c", deaf, str(told)), grace=0.3))
    await running.stop()
    assert is_gone(written(told))


@pytest.mark.parametrize("how", ["by_kernel", "by_pipe"])
async def test_nothing_outlives_a_parent_that_is_killed(tmp_path: Path, how: str) -> None:
    if how == "by_kernel" and sys.platform != "linux":
        pytest.skip("only Linux kills children with their parent")
    told = tmp_path / "pid"
    lead = "os.getppid(), " if how == "by_kernel" else ""
    tied = f"import os, sys; from console.leash import {how}; sys.exit({how}({lead}sys.argv[1:]))"
    parent = (
        "import subprocess, sys, time; "
        "subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True); time.sleep(600)"
    )
    command = (sys.executable, "-c", parent, sys.executable, "-c", tied, sys.executable, "-c", TELLING, str(told))
    root = Path(leash.__file__).parent.parent
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, "PYTHONPATH": str(root)})
    try:
        await soon(lambda: written(told) != 0)
        assert not is_gone(written(told))
    finally:
        process.kill()
        await process.wait()
    with contextlib.suppress(TimeoutError):
        await soon(lambda: is_gone(written(told)))
    assert is_gone(written(told))
