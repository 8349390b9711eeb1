"""How commands speak: tables and progress for people, JSON for programs, failures with their remedy on stderr."""

import asyncio
import json
import os
import shutil
import sys
import sysconfig
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

_PLAIN_WIDTH = 240
"""Columns where the output is no terminal: programs and log files have no use for lines broken at 80."""


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, emoji=False, width=None if stream.isatty() else _PLAIN_WIDTH)


out = _console(stderr=False)
err = _console(stderr=True)


class Failure(Exception):
    """What was asked cannot be done: `what` and why, `remedy` says what to do, `details` are further lines."""

    def __init__(self, what: str, remedy: str = "", *details: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.details = details


@contextmanager
def failures() -> Iterator[None]:
    """A Failure becomes sentences on stderr and exit status 1."""
    try:
        yield
    except Failure as failure:
        show(failure)
        raise SystemExit(1) from None


def show(failure: Failure) -> None:
    """What is wrong, and what to do about it."""
    err.print(Text.assemble(("error: ", "bold red"), failure.what), soft_wrap=True)
    for line in failure.details:
        err.print(Text("  " + line), soft_wrap=True)
    if failure.remedy:
        err.print(Text("  " + failure.remedy.replace("\n", "\n  "), "yellow"), soft_wrap=True)


def say(line: str, style: str = "") -> None:
    """One line for people. Nothing in it is markup, and it is never broken."""
    out.print(Text(line, style), soft_wrap=True)


def as_json(data: Any) -> None:
    """Data for programs: one JSON document, nothing else on stdout."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2, default=str) + "\n")


def program() -> str:
    """How a person calls ferd from here: by name where that works, else by the environment's path."""
    if shutil.which("ferd"):
        return "ferd"
    own = Path(sysconfig.get_path("scripts")) / "ferd"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)


def run_async(work: Coroutine[Any, Any, None]) -> None:
    """asyncio.run for work with a Temporal client, whose threads may abort a process that ends in the same moment."""
    try:
        asyncio.run(work)
    finally:
        time.sleep(0.2)
