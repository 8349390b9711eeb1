"""Endpoints: the addresses of other programs, by name, each with the secret that signs what goes there."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from activities.crm.library import Url
from activities.crm.models import Incoming
from activities.crm.records import Records
from activities.crm.values import Line, Maybe, Name, wrong
from activities.webhooks import signing
from activities.webhooks.telling import EventName
from store.journeys import JournalRow
from store.outside import Delivery, EndpointRow

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS = ("host", "content-", "transfer-", "connection", "webhook-", "idempotency-key")


def _secret(secret: str) -> str:
    try:
        signing.key_of(secret)
    except ValueError:
        raise wrong(
            "This is not a signing secret", "Write whsec_ and 24 to 64 bytes in base64, or leave it out to get one."
        ) from None
    return secret


def _headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or name.lower().startswith(_OURS):
            raise wrong("A header has a name that cannot be used", "Use a name such as Authorization or X-Team.")
        if not value.isascii():
            raise wrong("The value of a header is not ASCII", "Encode it first.")
    return headers


class EndpointIn(Incoming):
    """What can be written of an endpoint."""

    name: Name = Field(title="Name")
    url: Url = Field(title="Address", description="Called with POST. Redirects are not followed.")
    secret: Maybe[Annotated[str, StringConstraints(max_length=200), AfterValidator(_secret)]] = Field(
        default=None,
        title="Secret",
        description="Signs what is sent, as Standard Webhooks says. Left out: one is made, or the present one stays.",
    )
    headers: Annotated[dict[str, Line], AfterValidator(_headers), Field(max_length=20)] = Field(
        default_factory=dict,
        title="Headers",
        description="Go along with every call, as in Authorization. Values are never answered.",
    )
    events: Annotated[list[EventName], AfterValidator(lambda names: sorted(set(names)))] = Field(
        default_factory=list, title="Events", description="What it is told of, from now on; nothing if left out."
    )


class Endpoints(Records[EndpointRow, EndpointIn]):
    """Endpoints as they are kept: each has a secret, given or made."""

    def renew(self, session: Session, id: str, at: datetime) -> EndpointRow:
        """A new secret instead of the present one. Raises Missing."""
        row = self._lock(session, id)
        row.secret, row.updated_at = signing.new_secret(), at
        return row

    def _insert(self, session: Session, id: str, given: EndpointIn, at: datetime) -> EndpointRow:
        row = super()._insert(session, id, _with_secret(given, signing.new_secret()), at)
        _subscribe(session, row)
        return row

    def delete(self, session: Session, id: str, at: datetime) -> None:
        """It goes, and with it what it has not been told yet."""
        super().delete(session, id, at)
        session.execute(delete(Delivery).where(col(Delivery.endpoint) == id))

    def _write(self, session: Session, row: EndpointRow, id: str, given: EndpointIn, at: datetime) -> None:
        super()._write(session, row, id, _with_secret(given, row.secret), at)
        _subscribe(session, row)


def _subscribe(session: Session, row: EndpointRow) -> None:
    """What happened before it subscribed is not told."""
    if row.events and not row.subscribed:
        row.told = session.scalar(select(func.max(col(JournalRow.number)))) or 0
    row.subscribed = bool(row.events)


def _with_secret(given: EndpointIn, secret: str) -> EndpointIn:
    return given if given.secret else given.model_copy(update={"secret": secret})


ENDPOINTS = Endpoints("endpoint", "end", EndpointRow, EndpointIn)
