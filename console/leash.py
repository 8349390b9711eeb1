"""Runs a program that must not outlive its parent, not even one that was ended by `kill -9`.

    python leash.py PID COMMAND…

PID is the parent's. Linux is asked to end the program with its parent, and this process becomes the program. Elsewhere
this process stays beside it and watches its own standard input, a pipe that ends when nobody is left who holds it.
Needs the standard library alone, so that it starts at once.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def by_kernel(parent: int, command: Sequence[str]) -> int:
    """Become the command, which Linux kills when the parent is gone. Raises OSError if that cannot be had."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    # The parent may have gone before the kernel was asked.
    if os.getppid() == parent:
        os.execvp(command[0], list(command))
    return 1


def by_pipe(command: Sequence[str]) -> int:
    """Run the command, and kill it when standard input ends. Answers its exit status."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: child.send_signal(received))

    def watch() -> None:
        while os.read(0, 1024):
            pass
        child.kill()

    threading.Thread(target=watch, daemon=True).start()
    status = child.wait()
    return status if status >= 0 else 128 - status


def main() -> int:
    parent, *command = sys.argv[1:]
    return by_kernel(int(parent), command) if sys.platform == "linux" else by_pipe(command)


if __name__ == "__main__":
    sys.exit(main())
