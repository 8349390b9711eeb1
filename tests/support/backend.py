"""Another program, for tests: an HTTP server that keeps what it gets and misbehaves when it is told to."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

Fault = Literal["drop", "silent", "refuse"]
"""Take the call and hang up; take it and never answer; hang up before it is read."""


@dataclass(frozen=True, slots=True)
class Call:
    """What came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: int = 200
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Backend:
    """Answers with `reply` what is not in the script; `script` is used up call by call."""

    port: int = 0
    calls: list[Call] = field(default_factory=list)
    script: deque[Reply | Fault] = field(default_factory=deque)
    reply: Callable[[Call], Reply | Fault] = field(default=lambda call: Reply())

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := (await reader.readline()).decode("latin-1").split():
                if self.script and self.script[0] == "refuse":
                    self.script.popleft()
                    return
                call = await _read(reader, line[0], line[1])
                self.calls.append(call)
                act = self.script.popleft() if self.script else self.reply(call)
                if act == "silent":
                    await asyncio.Event().wait()
                if not isinstance(act, Reply):
                    return
                body = b"" if act.data is None else json.dumps(act.data).encode()
                headers = {"Content-Type": "application/json", **act.headers, "Content-Length": str(len(body))}
                head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                writer.write(f"HTTP/1.1 {act.status} X\r\n{head}\r\n".encode() + body)
                await writer.drain()


async def _read(reader: asyncio.StreamReader, method: str, path: str) -> Call:
    headers: dict[str, str] = {}
    while line := (await reader.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Call(method, path, headers, body)


@asynccontextmanager
async def backend() -> AsyncIterator[Backend]:
    """A backend that listens."""
    program, open_calls = Backend(), set[asyncio.Task[None]]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_calls.add(task)
        try:
            with suppress(asyncio.CancelledError):  # the streams of Python 3.11 report a cancelled one as an error
                await program._talk(reader, writer)
        finally:
            open_calls.discard(task)
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    program.port = server.sockets[0].getsockname()[1]
    try:
        yield program
    finally:
        server.close()
        for task in list(open_calls):
            task.cancel()
        await asyncio.gather(*open_calls, return_exceptions=True)
