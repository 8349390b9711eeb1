"""Runs one script inside limits: `python -I launch.py CPU_SECONDS MEMORY_BYTES (exec PATH | call ENTRY_POINT)`.

A program of its own, so that limits are set before anything of the script runs. It stays as the script's keeper: what
the script has started and left behind falls to it, whatever process group or session that has moved to, and it ends all
of it when the script has ended, when it is told to end (SIGTERM), and when the worker dies. It ends as the script did.

What an entry point answers is printed as JSON; whatever it prints itself goes to its log.

Only Linux hands orphans to a keeper; elsewhere what leaves the script's process group stays. A script may kill its
keeper, which has the same user: what it leaves then the worker finds by its environment, unless that is hidden too. Who
runs scripts of strangers gives them a container of their own.
"""

import ctypes
import importlib.metadata
import json
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

GROUP = "ferd.scripts"
LARGEST_FILE = 16 * 1024 * 1024
"""Bytes of each file that a script writes, its output among them."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_TOLD = {signal.SIGTERM}


def main(cpu: int, memory: int, how: str, name: str) -> None:
    """Start the script and keep it; returns in the script's own process alone, once what was called has answered."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.pthread_sigmask(signal.SIG_BLOCK, _TOLD)  # until there is something to end
    _on_linux(_PR_SET_PDEATHSIG, signal.SIGTERM)
    _on_linux(_PR_SET_CHILD_SUBREAPER, 1)
    script = os.fork()
    if script:
        _keep(script)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD)
    _on_linux(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    for what, limit in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
    ):
        resource.setrlimit(what, (limit, limit))
    if how == "exec":
        os.execv(name, [name])
    _call(name)


def _call(name: str) -> None:
    answers = os.dup(1)
    os.dup2(2, 1)
    (entry,) = importlib.metadata.entry_points(group=GROUP, name=name)
    answer = entry.load()(json.load(sys.stdin))
    sys.stdout.flush()
    with os.fdopen(answers, "w", encoding="utf-8") as out:
        json.dump(answer, out, ensure_ascii=False)


def _on_linux(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


def _keep(script: int) -> None:
    """Wait for the script, end all that it has left, and end as it did."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD)
        _, status = os.waitpid(script, 0)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # at it already
        _end(script)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _end(script: int) -> None:
    """Kill every process below this one, again and again until none is left."""
    while True:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(script, signal.SIGKILL)
        for process in _below(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def _below(keeper: int) -> list[int]:
    """Every process whose parent, or parent's parent and so on, is the keeper."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            parent = int(stat.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found: list[int] = []
    next_ones = [keeper]
    while next_ones:
        next_ones = [child for parent in next_ones for child in children.get(parent, [])]
        found += next_ones
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
