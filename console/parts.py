"""A program that `ferd up` starts, keeps running and ends: one part of ferd, with its log."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from console import leash
from console.shell import Failure, say

_LARGEST_LOG = 10 * 1024 * 1024
_LAST_LINES = 15
_LOOK_EVERY = 0.1
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_STEADY = 60.0
"""Seconds after which a part counts as running well: should it end later, it is started again without a long pause."""


@dataclass(frozen=True, slots=True)
class Part:
    """What to run. `ready` is asked again and again until it says yes; `patience` and `grace` are seconds."""

    name: str
    command: Sequence[str]
    ready: Callable[[], Awaitable[bool]]
    patience: float = 180.0
    grace: float = 5.0


class Running:
    """A part that is kept running until `stop`, in a process that ends with this one whatever happens."""

    def __init__(self, part: Part, log: Path, environment: Mapping[str, str]) -> None:
        self.part = part
        self._log = log
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._written_before = 0
        self._started_at = 0.0

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises Failure with the last lines of its log."""
        await self._launch()
        self._keeper = asyncio.create_task(self._keep())

    def release(self) -> None:
        """Start it no more when it ends."""
        if self._keeper is not None:
            self._keeper.cancel()

    async def stop(self) -> None:
        """End it: kindly, and by force once its grace is over."""
        self.release()
        if self._keeper is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._process is None or self._process.returncode is not None:
            return
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self.part.grace):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        """End it by force."""
        self._signal(signal.SIGKILL)

    async def _launch(self) -> None:
        await self._spawn()
        deadline = time.monotonic() + self.part.patience
        while not await self.part.ready():
            assert self._process is not None
            if self._process.returncode is not None:
                raise self._failure(f"{self.part.name} {_ended(self._process.returncode)} while starting.")
            if time.monotonic() > deadline:
                self.kill()
                raise self._failure(f"{self.part.name} was not ready within {self.part.patience:.0f} seconds.")
            await asyncio.sleep(_LOOK_EVERY)

    async def _spawn(self) -> None:
        if self._log.exists() and self._log.stat().st_size > _LARGEST_LOG:
            self._log.replace(self._log.with_suffix(".log.1"))
        with self._log.open("ab") as log:
            self._written_before = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), *self.part.command),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment,
                # Ctrl-C reaches the whole group of a terminal; the parts end in order, when they are told.
                start_new_session=True,
            )
        self._started_at = time.monotonic()

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            assert self._process is not None
            status = await self._process.wait()
            if time.monotonic() - self._started_at > _STEADY:
                pause = _FIRST_PAUSE
            say(f"{self.part.name} {_ended(status)}; it is started again in {pause:.0f} s.", "yellow")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            try:
                await self._launch()
                say(f"{self.part.name} is back.", "green")
            except Failure as failure:
                say("\n  ".join([failure.what, *failure.details]), "yellow")

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _failure(self, what: str) -> Failure:
        with self._log.open("rb") as log:
            log.seek(self._written_before)
            lines = log.read().decode("utf-8", "replace").splitlines()[-_LAST_LINES:]
        said = lines or ["(It said nothing.)"]
        return Failure(what, f"Its whole log is {self._log}.", *said)


def _ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
