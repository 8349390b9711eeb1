"""Mail servers for tests: one that follows a script, so that it can misbehave at any moment."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Act = str
"""What to do at a point of the conversation: `close` the connection, `never` answer, or answer this line."""


@dataclass
class ScriptedServer:
    """Answers each command by its `script`: keys are greeting, EHLO, MAIL, RCPT, DATA, body (while it comes), dot."""

    script: Mapping[str, Act] = field(default_factory=dict)
    once: dict[str, Act] = field(default_factory=dict)
    """What goes before the script, one time."""
    port: int = 0
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the script comes to something that is never answered."""
    closers: list[asyncio.StreamWriter] = field(default_factory=list)

    def hang_up(self) -> None:
        """Close every open connection, as a server does with idle ones."""
        for writer in self.closers:
            writer.close()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.closers.append(writer)
        try:
            await self._act(writer, "greeting", "220 hello")
            while line := await reader.readline():
                command = line.decode().split()[0].rstrip(":").upper()
                self.commands.append(line.decode().strip())
                standard = {"EHLO": "250-here\r\n250 SIZE 99999999", "DATA": "354 go on", "QUIT": "221 bye"}
                await self._act(writer, command, standard.get(command, "250 fine"))
                if command == "DATA" and self.script.get("DATA", "354").startswith("354"):
                    if "body" in self.script:
                        await reader.readline()
                        await self._act(writer, "body", "")
                    self.bodies.append(await reader.readuntil(b"\r\n.\r\n"))
                    await self._act(writer, "dot", "250 2.0.0 queued as 42")
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _act(self, writer: asyncio.StreamWriter, point: str, standard: str) -> None:
        act = self.once.pop(point, None) or self.script.get(point, standard)
        if act == "close":
            raise ConnectionAbortedError
        if act == "never":
            self.reached.set()
            await asyncio.Event().wait()
        writer.write(f"{act}\r\n".encode())
        await writer.drain()


@asynccontextmanager
async def scripted(script: Mapping[str, Act] | None = None) -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer(script or {})
    async with serving(server.talk) as port:
        server.port = port
        yield server


@asynccontextmanager
async def serving(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):  # the streams of Python 3.11 report a cancelled one as an error
            await talk(reader, writer)

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
