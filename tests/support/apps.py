"""Applications to borrow: making one takes FastAPI longer than most tests take, for it makes models of every call."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from fastapi import FastAPI

from api.app import create_app
from api.services import Services

_idle: dict[tuple[tuple[str, ...], ...], list[FastAPI]] = defaultdict(list)


@contextmanager
def borrowed(services: Services) -> Iterator[FastAPI]:
    """The application over these services, nobody else's as long as it is borrowed."""
    # What the application keeps of its services are the keys; all else it looks up at each call.
    idle = _idle[tuple(services.api_keys), tuple(services.editor_keys), tuple(services.viewer_keys)]
    app = idle.pop() if idle else create_app(services)
    app.state.services = services
    try:
        yield app
    finally:
        del app.state.services
        idle.append(app)


def caller(app: FastAPI, key: str | None = None) -> httpx2.AsyncClient:
    """A client of an application: with a key, or anybody."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://ferd.example", headers=headers)
