"""A script as a process that can hurt nobody: little of our environment, limits on all it takes, no shell.

It gets JSON on standard input. What it prints is its result, JSON or text; what it writes to standard error is its log.
It runs in a folder of its own that is gone afterwards, below a keeper (`launch`) that ends it with all that it started,
wherever that has gone: when it ends, when its time is over, and when the worker dies.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from store.json_data import storable

LAUNCH = Path(__file__).with_name("launch.py")
LARGEST_OUTPUT = 1024 * 1024
"""Bytes of result, and of log, that a script may write."""
LONGEST_LOG = 64 * 1024
"""Bytes of log that are kept: the last ones."""
ENDING = 10.0
"""Seconds that a keeper gets for ending what it keeps."""
_SWEEPS = 200
"""How often what was left is looked for: a process that ends may start another meanwhile."""
HANDED_ON = "SCRIPT_"
"""Variables of the worker that begin so are handed on to scripts; all others are not."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a script may take: seconds on the clock and of the processor, bytes of memory."""

    seconds: float
    cpu_seconds: int
    memory: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a script ended. `why` is a sentence; `result` is what it printed, JSON where it can be read so."""

    status: Literal["done", "failed"]
    why: str
    result: Any = None
    log: str = ""


async def execute(how: Literal["exec", "call"], name: str, given: Mapping[str, Any], limits: Limits) -> Ended:
    """Run the executable or entry point to its end, whatever it does."""
    # Files, not pipes: the kernel limits their size, and nobody waits for whoever else may hold an end of a pipe.
    with (
        tempfile.TemporaryDirectory(prefix="ferd-script-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile(dir=folder) as stdin,
        tempfile.TemporaryFile(dir=folder) as stdout,
        tempfile.TemporaryFile(dir=folder) as stderr,
    ):
        stdin.write(json.dumps(given).encode())
        stdin.seek(0)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", str(LAUNCH), str(limits.cpu_seconds), str(limits.memory), how, name,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        )  # fmt: skip
        in_time = True
        try:
            async with asyncio.timeout(limits.seconds):
                await process.wait()
        except TimeoutError:
            in_time = False
        finally:
            await _end(process)
            if process.returncode != 0:  # perhaps killed, with its work undone
                await asyncio.to_thread(_end_orphans, folder)
        output, log = _read(stdout), _read(stderr)
    text = log[-LONGEST_LOG:].decode("utf-8", "replace").replace("\0", "")
    if not in_time:
        return Ended("failed", f"It was ended after {limits.seconds:g} seconds.", log=text)
    if max(len(output), len(log)) > LARGEST_OUTPUT:
        return Ended("failed", f"It wrote more than {LARGEST_OUTPUT:,} bytes.", log=text)
    if process.returncode != 0:
        return Ended("failed", _how_it_ended(process.returncode or 0), log=text)
    return Ended("done", "It ended well.", _result(output), text)


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(LARGEST_OUTPUT + 1)


def _environment(folder: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TZ")}
    theirs = {name: value for name, value in os.environ.items() if name.startswith(HANDED_ON)}
    return {**ours, **theirs, "HOME": folder, "TMPDIR": folder}


async def _end(keeper: asyncio.subprocess.Process) -> None:
    """Have the keeper end the script, if it still runs; one that does not answer is killed."""
    try:
        with suppress(ProcessLookupError):
            keeper.terminate()
        async with asyncio.timeout(ENDING):
            await keeper.wait()
    except TimeoutError:
        keeper.kill()
        await keeper.wait()


def _end_orphans(folder: str) -> None:
    """Kill what was left by a script that killed its keeper: the run's folder stands in its environment."""
    mark = f"TMPDIR={folder}".encode()
    for _ in range(_SWEEPS):
        left = False
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):  # another user's, or it has just ended
                if mark in environment.read_bytes().split(b"\0"):
                    os.kill(int(environment.parent.name), signal.SIGKILL)
                    left = True
        if not left:
            return
        time.sleep(0.01)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"It ended with exit code {code}."
    name = signal.Signals(-code).name
    if name in ("SIGXCPU", "SIGKILL"):
        return f"It was ended by {name}: most likely it used up its processor time or memory."
    return f"It was ended by {name}."


def _result(output: bytes) -> Any:
    """What it has written, as JSON, or as text where it is none that can be kept."""
    text = output.decode("utf-8", "replace").replace("\0", "")
    try:
        result = json.loads(text)
    except (ValueError, RecursionError):  # no JSON, or nested without end
        return text or None
    return result if storable(result) else text
