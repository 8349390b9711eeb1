"""The ports that `ferd up` needs: free before anything starts, or one clear sentence for each that is not."""

import errno
import socket
import time
from collections.abc import Iterator, Mapping

from console.shell import Failure

Address = tuple[str, int]

_LINGER = 2.0
"""Seconds for the parts of a run that was just killed to let go of their ports."""


def check(wanted: Mapping[str, Address]) -> None:
    """Raise Failure if somebody else has a port; `wanted` is setting -> host and port."""
    deadline = time.monotonic() + _LINGER
    while problems := [*_twice(wanted), *_taken(wanted)]:
        if time.monotonic() > deadline:
            what, remedy = problems[0]
            raise Failure(what, remedy, *(f"{more} {how}" for more, how in problems[1:]))
        time.sleep(0.1)


def _twice(wanted: Mapping[str, Address]) -> Iterator[tuple[str, str]]:
    first: dict[int, str] = {}
    for name, (_, port) in wanted.items():
        if port in first:
            yield f"{first[port]} and {name} are both {port}.", f"Choose another port: {_example(name, wanted)}"
        first.setdefault(port, name)


def _taken(wanted: Mapping[str, Address]) -> Iterator[tuple[str, str]]:
    for name, (host, port) in wanted.items():
        match _refusal(host, port):
            case None:
                continue
            case errno.EADDRINUSE:
                remedy = f"End that program, or choose another port with {name}: {_example(name, wanted)}"
                yield f"Port {port} is taken: another program listens on {host}:{port}.", remedy
            case errno.EACCES:
                remedy = f"Choose another with {name}: {_example(name, wanted)}"
                yield f"Port {port} is for the system's administrator only.", remedy
            case error:
                reason = errno.errorcode.get(error, str(error))
                yield f"Nothing can listen on {host}:{port} ({reason}).", "Set FERD_HOST to an address of this machine."


def _refusal(host: str, port: int) -> int | None:
    """The error number that listening meets, or None."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do: a connection that lingers on a closed port is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            return error.errno or errno.EINVAL
    return None


def _example(name: str, wanted: Mapping[str, Address]) -> str:
    """A command with a port that is free now."""
    host, port = wanted[name]
    used = {port for _, port in wanted.values()}
    start = port if 1_024 <= port < 65_000 else 8_080
    others = (each for each in range(start + 1, 65_536) if each not in used)
    free = next(each for each in others if _refusal(host, each) != errno.EADDRINUSE)
    return f"{name}={free} ferd up (or make up)."
