"""`python -m bench.sink PORT`: an SMTP server that takes every mail, keeps none, and answers VRFY with their number."""

import asyncio
import signal
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    """Counts."""

    def __init__(self) -> None:
        self.taken = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Called by aiosmtpd for each mail."""
        self.taken += 1
        return "250 OK"

    async def handle_VRFY(self, server: SMTP, session: Session, envelope: Envelope, address: str) -> str:
        """How many mails were taken."""
        return f"252 {self.taken}"


async def main(port: int) -> None:
    """Listen until ended."""
    sink, ended, loop = Sink(), asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    async with await loop.create_server(lambda: SMTP(sink, hostname="localhost", loop=loop), "127.0.0.1", port):
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
