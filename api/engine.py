"""What the calls about flows work with, beside what the CRM's calls need."""

from dataclasses import dataclass
from typing import Annotated, Self
from urllib.parse import quote

from fastapi import Depends, Request
from temporalio.client import Client

from activities.core import Core
from activities.mail.tokens import Tokens
from api.services import Services
from settings import Settings


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
    temporal_ui: str = ""

    @classmethod
    def of(cls, core: Core, client: Client, settings: Settings, temporal_ui: str = "") -> Self:
        """The engine of one core, set up as the settings say."""
        return cls(
            db=core.db,
            dispatcher=core.dispatcher,
            crm=core.crm,
            api_keys=[settings.api_key.get_secret_value()],
            public_url=settings.public_url,
            core=core,
            client=client,
            tokens=Tokens([key.get_secret_value() for key in settings.secret_keys]),
            sms_token=settings.sms_token.get_secret_value(),
            hook_key=settings.hook_key.get_secret_value() if settings.hook_key else "",
            temporal_ui=temporal_ui,
        )

    def workflow_page(self, workflow_id: str) -> str | None:
        """The page of a workflow in the Temporal UI."""
        if not self.temporal_ui:
            return None
        namespace = quote(self.client.namespace, safe="")
        return f"{self.temporal_ui.rstrip('/')}/namespaces/{namespace}/workflows/{quote(workflow_id, safe='')}"


def engine_of(request: Request) -> Engine:
    """The engine behind the application that was asked."""
    services = request.app.state.services
    assert isinstance(services, Engine)
    return services


EngineDep = Annotated[Engine, Depends(engine_of)]
