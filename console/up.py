"""`ferd up`: everything on this machine, started in order, kept running, ended in order.

The parts end with this process, also when it is killed: whatever they leave undone goes on at the next start.
"""

import asyncio
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from console.machine import Machine
from console.shell import Failure, out, say
from console.welcome import welcome
from settings import Settings

T = TypeVar("T")


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the data folder for this process; raise Failure if another `ferd up` holds it."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            process = lock.read().strip() or "?"
            raise Failure(
                f"`ferd up` runs already in {home} (process {process}).",
                f"Use that one, or end it: kill {process}. For a second one set FERD_HOME and the ports.",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@asynccontextmanager
async def everything(settings: Settings) -> AsyncIterator[asyncio.Event]:
    """All parts, running. The event is set when Ctrl-C, SIGTERM or a closed terminal asks for the end.

    When that happens while they start, or a part does not start, what has started is ended: EndedEarly, Failure.
    """
    ended = asyncio.Event()
    machine = Machine(settings)

    def end() -> None:
        if ended.is_set():
            machine.hurry()
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end)
    with only_one(settings.home):
        try:
            with out.status("Starting …"):
                await until(ended, machine.start())
            yield ended
        finally:
            if ended.is_set():
                say("Ending …")
            await machine.stop()


class EndedEarly(Exception):
    """Somebody asked for the end before the work was done."""


async def until(ended: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """Do the work; break it off and raise EndedEarly as soon as `ended` is set."""
    working = asyncio.ensure_future(work)
    waiting = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise EndedEarly
    finally:
        for task in (working, waiting):
            task.cancel()
            with suppress(asyncio.CancelledError, Failure):
                await task


async def run(settings: Settings) -> None:
    """Start everything, say where it is, and keep it until somebody asks for the end."""
    with suppress(EndedEarly):
        async with everything(settings) as ended:
            welcome(settings)
            await ended.wait()
    say("Ended. `ferd up` goes on where it stopped.")
