"""`python -m postbox`: the local mailbox as a program. Ends cleanly at SIGTERM and SIGINT."""

import argparse
import asyncio
import errno
import signal
import sys
from pathlib import Path

from postbox.server import listen
from postbox.store import Store


async def run(host: str, port: int, folder: Path) -> None:
    """Take mail until a signal comes. Raises OSError if the port or the folder cannot be used."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = await listen(Store(folder), host, port)
    print(f"Mailbox listens on {host}:{server.sockets[0].getsockname()[1]} and keeps mail in {folder}", flush=True)
    try:
        await ended.wait()
    finally:
        server.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m postbox", description="A local mailbox: takes every mail by SMTP.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=2525, help="port to listen on (default: %(default)s)")
    parser.add_argument("--folder", type=Path, required=True, help="folder that keeps the mails, a Maildir")
    given = parser.parse_args()
    try:
        asyncio.run(run(given.host, given.port, given.folder))
    except (OSError, OverflowError) as error:
        print(_explain(error, given.host, given.port, given.folder), file=sys.stderr)
        return 1
    return 0


def _explain(error: OSError | OverflowError, host: str, port: int, folder: Path) -> str:
    where = f"The mailbox cannot listen on {host}:{port}"
    if isinstance(error, OverflowError):
        return f"{where}: a port is a number from 1 to 65535. Choose another with --port (FERD_MAILBOX_PORT)."
    if error.errno == errno.EADDRINUSE:
        return f"{where}: the port is taken. Choose another with --port (FERD_MAILBOX_PORT) or end what uses it."
    if error.filename is not None:
        return f"The mailbox cannot use the folder {folder}: {error.strerror}. Choose another with --folder."
    return f"{where}: {error.strerror or error}. Choose another with --host and --port."


if __name__ == "__main__":
    sys.exit(main())
