"""Processes of the run, and how much processor time each has used."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ENDING = 30
_TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """One child process."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        with log.open("wb") as out:
            self._child = subprocess.Popen(command, env={**os.environ, **environment}, stdout=out, stderr=out)

    def cpu(self) -> float:
        """Seconds of processor time used so far."""
        stat = Path(f"/proc/{self._child.pid}/stat")
        if stat.exists():
            fields = stat.read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / _TICKS
        shown = subprocess.run(
            ["ps", "-o", "time=", "-p", str(self._child.pid)], check=True, capture_output=True, text=True
        )
        return _seconds(shown.stdout.strip())

    def end(self) -> None:
        """Ask it to end, and see that it has."""
        self._child.terminate()
        try:
            self._child.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


@contextmanager
def process(command: Sequence[str], log: Path, **environment: str) -> Iterator[Process]:
    """A process that ends with the block."""
    child = Process(command, environment, log)
    try:
        yield child
    finally:
        child.end()


def module(name: str, *arguments: str) -> list[str]:
    """The command line of a module of this project."""
    return [sys.executable, "-m", name, *arguments]


def _seconds(shown: str) -> float:
    """`[[days-]hours:]minutes:seconds`, as ps writes it."""
    days, _, clock = shown.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = total * 60 + float(part)
    return total + int(days or 0) * 86400
