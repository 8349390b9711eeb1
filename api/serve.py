"""The API as a process: `ferd api`."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from temporalio.client import Client

from activities.core import Core
from activities.crm.suppression import Suppression
from activities.outside import choice
from api import mailbox, phone
from api.app import create_app, create_public_side
from api.engine import Engine
from postbox import pages
from settings import Settings
from store.database import Database

_GRACE = 3
"""Seconds that requests under way get to finish."""


class _Server(uvicorn.Server):
    """Leaves signals to `serve`: uvicorn would raise them once more after a clean end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings, client: Client) -> None:
    """Answer requests until SIGTERM or SIGINT; who is being answered may finish."""
    db = Database(settings.database_url.get_secret_value())
    try:
        app = build(settings, db, client)
        servers = [_server(app, settings.host, settings.port)]
        if settings.public_port is not None:
            side = create_public_side(app.state.services)
            servers.append(_server(side, settings.public_host, settings.public_port))

        def end() -> None:
            for server in servers:
                server.should_exit = True

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, end)
        await asyncio.gather(*(server.serve() for server in servers))
    finally:
        db.close()


def _server(app: FastAPI, host: str, port: int) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            # Paths carry the tokens of links in mails.
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=_GRACE,
        )
    )


def build(settings: Settings, db: Database, client: Client) -> FastAPI:
    """The application with everything behind it, and the local mailbox and phone if messages go there."""
    suppression = Suppression(settings.signing_keys, keep=settings.keep_blocked)
    core = Core.build(db, client, suppression=suppression, elsewhere=choice.elsewhere(settings.crm))
    engine = Engine.of(core, client, settings, _temporal_ui(settings, client))
    app = create_app(engine)
    if mailbox.is_local(settings):
        app.include_router(pages.router(mailbox.folder(settings)))
    if phone.is_local(settings):
        app.include_router(phone.router(settings, engine))
    return app


def _temporal_ui(settings: Settings, client: Client) -> str:
    """The pages of the development server of `ferd up`; those of another server are not known."""
    own = client.service_client.config.target_host == f"{mailbox.HOST}:{settings.temporal_port}"
    return f"http://{mailbox.HOST}:{settings.temporal_ui_port}" if own else ""
