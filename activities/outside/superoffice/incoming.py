"""What SuperOffice tells by its webhooks: the copy of people follows, and what happens there becomes events here.

A notification names an entity and no more, so the entity is read. Each is signed with a shared secret; one that comes
twice changes nothing the second time.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from sqlmodel import Session, col, select

from activities.crm.embedded import EmbeddedCrm
from activities.crm.models import PersonIn
from activities.dispatcher import Dispatcher
from activities.enrolling.events import Event, Events
from activities.outside.superoffice.client import SuperOffice
from store.people import Person

SOURCE = "superoffice"
_HAPPENED: Mapping[str, tuple[str, str]] = {
    "sale.created": ("/Sale/{}", "sale_created"),
    "sale.changed": ("/Sale/{}", ""),
    "ticket.created": ("/Ticket/{}", "request_created"),
    "activity.created": ("/Appointment/{}", "follow_up_created"),
}
_SALES: Mapping[str, str] = {"Sold": "sale_sold", "Lost": "sale_lost"}


class Notification(BaseModel):
    """What comes in; the rest of it is not needed."""

    event: str = Field(alias="Event")
    key: int = Field(alias="PrimaryKey")


class SuperOfficeFeed:
    """Takes notifications in."""

    def __init__(
        self,
        client: SuperOffice,
        dispatcher: Dispatcher,
        crm: EmbeddedCrm,
        events: Events,
        secret: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._dispatcher = dispatcher
        self._crm = crm
        self._events = events
        self._secret = secret.encode()
        self._clock = clock

    def is_signed(self, body: bytes, signature: str) -> bool:
        """Whether SuperOffice has sent this; never without a secret."""
        wanted = base64.b64encode(hmac.digest(self._secret, body, hashlib.sha256))
        return bool(self._secret) and hmac.compare_digest(wanted, signature.encode())

    async def take(self, told: Notification) -> None:
        """Follow it. Raises NotDone where SuperOffice cannot be asked now: it will tell again."""
        if told.event in ("person.created", "person.changed"):
            entity = await self._client.get(f"/Person/{told.key}")
            await self._dispatcher.write(partial(self._follow, told.key, entity))
        elif told.event in ("person.softdeleted", "person.deleted"):
            await self._dispatcher.write(partial(self._delete, told.key))
        elif told.event in _HAPPENED:
            path, type = _HAPPENED[told.event]
            entity = await self._client.get(path.format(told.key))
            type = type or _SALES.get(str(entity.get("Status")), "")
            person = (entity.get("Person") or {}).get("PersonId")
            if type and person:
                await self._dispatcher.write(partial(self._happened, type, told.key, person))

    def _follow(self, key: int, entity: Mapping[str, Any], session: Session) -> None:
        fields = _fields(entity)
        row = _known(session, key)
        if row is not None:
            self._crm.people.patch(session, row.id, fields, self._clock())
        else:
            given = PersonIn.model_validate({**fields, "external_id": str(key)})
            self._crm.people.create(session, given, self._clock())

    def _delete(self, key: int, session: Session) -> None:
        row = _known(session, key)
        if row is not None:
            self._crm.people.delete(session, row.id, self._clock())

    def _happened(self, type: str, key: int, person: int, session: Session) -> None:
        row, now = _known(session, person), self._clock()
        if row is not None:
            data = {"external_id": str(key)}
            self._events.take(session, Event(type, now, row.id, data=data, source=SOURCE, id=f"{type}/{key}"), now)


def _known(session: Session, key: int) -> Person | None:
    query = select(Person).where(col(Person.external_id) == str(key), col(Person.deleted_at).is_(None))
    return session.scalars(query).one_or_none()


def _fields(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Our fields of a person there; what would not be taken here is left out."""
    fields = {
        "first_name": entity.get("Firstname"),
        "last_name": entity.get("Lastname"),
        "email": _first(entity.get("Emails")),
        "mobile": _first(entity.get("MobilePhones")),
        "category": str((entity.get("Category") or {}).get("Id") or "") or None,
        "former_employee": bool(entity.get("Retired")),
    }
    try:
        PersonIn.model_validate(fields)
    except ValidationError as error:
        wrong = {each["loc"][0] for each in error.errors()}
        fields = {name: value for name, value in fields.items() if name not in wrong}
    return fields


def _first(entries: Any) -> str | None:
    return entries[0].get("Value") if isinstance(entries, list) and entries else None
