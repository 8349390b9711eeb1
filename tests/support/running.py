"""A world that is driven over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI
from httpx2 import Response
from sqlmodel import col, select

from activities.mail.tokens import Tokens
from store.journeys import EventRow
from tests.support.ports import free_port
from tests.support.waiting import eventually
from tests.support.world import World


@dataclass
class Running:
    """The API of a world: `api` is let in, `public` is anybody."""

    world: World
    api: httpx2.AsyncClient
    public: httpx2.AsyncClient

    @property
    def tokens(self) -> Tokens:
        """What signs the links in mails."""
        return Tokens([key.get_secret_value() for key in self.world.settings.secret_keys])

    async def get(self, path: str, **query: Any) -> Any:
        """What a GET answers, which must be 200."""
        return expect(200, await self.api.get(f"/v1{path}", params=query))

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        """What a POST answers, which must have this status."""
        return expect(status, await self.api.post(f"/v1{path}", json=body))

    async def save(self, text: str) -> Any:
        """Save a flow file."""
        return expect(201, await self.api.post("/v1/flows", content=text, headers={"Content-Type": "text/yaml"}))

    async def events(self, person: str) -> list[Any]:
        """What is stored about a person, in order: (type, data)."""
        rows = await self.world.db.read(
            lambda session: session.scalars(
                select(EventRow).where(col(EventRow.person) == person).order_by(col(EventRow.number))
            ).all()
        )
        return [(row.type, row.data) for row in rows]


def expect(status: int, response: Response) -> Any:
    """The answer's data; fails with the whole answer if the status is another."""
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    return response.json() if response.content else None


def problem(status: int, response: Response) -> Any:
    """The problem that was answered."""
    answered = expect(status, response)
    assert response.headers["content-type"] == "application/problem+json"
    assert answered["status"] == status
    assert answered["detail"], answered
    assert answered["remedy"], answered
    return answered


@asynccontextmanager
async def listening(world: World) -> AsyncIterator[int]:
    """The API over a world on a port of this machine, which it answers."""
    port = free_port()
    async with serving(world.app, port):
        yield port


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncIterator[None]:
    """An application on a port of this machine."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())
    try:
        await eventually(lambda: _started(server, task))
        yield
    finally:
        server.should_exit = True
        await task


async def _started(server: uvicorn.Server, task: "asyncio.Task[None]") -> bool:
    if task.done():
        await task  # what keeps it from serving
    return server.started


@asynccontextmanager
async def running(world: World) -> AsyncIterator[Running]:
    """The API over a world."""
    yield Running(world, world.api, world.public)
