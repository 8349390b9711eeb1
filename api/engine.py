"""What the calls about flows work with, beside what the CRM's calls need."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import quote

import structlog
from fastapi import Depends, Request
from sqlmodel import Session
from temporalio.client import Client

from activities.core import Core, now
from activities.mail.tokens import Tokens
from activities.outside.superoffice.telling import Told
from api.services import Services
from settings import Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine(Services):
    """Services that can also run flows.

    `sms_token` signs what the SMS provider tells us, `hook_key` lets in who reports on mails. `temporal_ui` is the
    address of Temporal's pages; empty if it is not known.
    """

    core: Core
    client: Client
    tokens: Tokens
    sms_token: str
    hook_key: str = ""
    superoffice: Told | None = None
    temporal_ui: str = ""
    _later: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    def of(cls, core: Core, client: Client, settings: Settings, temporal_ui: str = "") -> Self:
        """The engine of one core, set up as the settings say."""
        return cls(
            db=core.db,
            dispatcher=core.dispatcher,
            crm=core.crm,
            api_keys=[settings.api_key.get_secret_value()],
            editor_keys=[key.get_secret_value() for key in settings.editor_keys],
            viewer_keys=[key.get_secret_value() for key in settings.viewer_keys],
            public_url=settings.public_url,
            core=core,
            client=client,
            tokens=Tokens([key.get_secret_value() for key in settings.secret_keys]),
            sms_token=settings.sms_token.get_secret_value(),
            hook_key=settings.hook_key.get_secret_value() if settings.hook_key else "",
            superoffice=_superoffice(core, settings),
            temporal_ui=temporal_ui,
        )

    def later(self, pause: timedelta, work: Callable[[Session], object]) -> None:
        """Run a transaction after a while. Only what the sweep does too if this process is gone by then."""

        async def run() -> None:
            await asyncio.sleep(pause.total_seconds())
            try:
                await self.dispatcher.write(work)
            except Exception as error:  # the sweep does it
                log.warning("later_failed", error=type(error).__name__)

        task = asyncio.create_task(run())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def workflow_page(self, workflow_id: str) -> str | None:
        """The page of a workflow in the Temporal UI."""
        if not self.temporal_ui:
            return None
        namespace = quote(self.client.namespace, safe="")
        return f"{self.temporal_ui.rstrip('/')}/namespaces/{namespace}/workflows/{quote(workflow_id, safe='')}"


def _superoffice(core: Core, settings: Settings) -> Told | None:
    """What keeps what SuperOffice tells, where it is the CRM."""
    if settings.crm != "superoffice":
        return None
    return Told(core.dispatcher, settings.superoffice_webhook_secret.get_secret_value(), now)


def engine_of(request: Request) -> Engine:
    """The engine behind the application that was asked."""
    services = request.app.state.services
    assert isinstance(services, Engine)
    return services


EngineDep = Annotated[Engine, Depends(engine_of)]
