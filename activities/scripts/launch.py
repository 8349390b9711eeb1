"""Runs one script inside limits: `python -I launch.py CPU_SECONDS MEMORY_BYTES (exec PATH | call ENTRY_POINT)`.

A program of its own, so that limits are set before anything of the script runs, and that it dies with the worker. What
an entry point answers is printed as JSON; whatever it prints itself goes to its log.
"""

import ctypes
import importlib.metadata
import json
import os
import resource
import signal
import sys

GROUP = "ferd.scripts"
LARGEST_FILE = 16 * 1024 * 1024
"""Bytes of each file that a script writes, its output among them."""
_PR_SET_PDEATHSIG = 1


def main(cpu: int, memory: int, how: str, name: str) -> None:
    """Set the limits, then become the script or call it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for what, limit in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    if how == "exec":
        os.execv(name, [name])
    answers = os.dup(1)
    os.dup2(2, 1)
    (entry,) = importlib.metadata.entry_points(group=GROUP, name=name)
    answer = entry.load()(json.load(sys.stdin))
    sys.stdout.flush()
    with os.fdopen(answers, "w", encoding="utf-8") as out:
        json.dump(answer, out, ensure_ascii=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
