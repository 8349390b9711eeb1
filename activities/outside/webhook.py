"""Any program as the CRM: each effect is a signed POST with its key, and done when that is answered with success.

The body is a CloudEvent `ferd.crm.change_person`, `….change_membership`, `….create_follow_up`, `….create_request`,
`….create_sale` or `….distribute`; its data is the request, with `effect`, the key that is also the Idempotency-Key, and
the person's `external_id`. An answer may name what was made: `{"id": …}`. What a form or link makes itself (STEP_23)
has no flow and no participant in its `origin`, and names it as its step: `form contact`. What that program changes by
itself it tells through the API, so that the copy in our store, from which conditions decide, stays true.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlmodel import Session

from activities.outside.elsewhere import Elsewhere, as_asked
from activities.web import Web, judge
from activities.webhooks.calls import cloud_event, post
from activities.webhooks.signing import message_id
from flows.making import CreateFollowUp, CreateRequest, CreateSale, Distribute
from flows.ports import ChangeMembership, ChangePerson, Done
from store.database import Database
from store.people import Person

CrmRequest = ChangePerson | ChangeMembership | CreateFollowUp | CreateRequest | CreateSale | Distribute
REQUESTS: Collection[type] = (
    ChangePerson, ChangeMembership, CreateFollowUp, CreateRequest, CreateSale, Distribute,
)  # fmt: skip
ELSEWHERE = Elsewhere(requests=REQUESTS, copies={ChangePerson: as_asked, ChangeMembership: as_asked})

_JSON: Mapping[type, TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in REQUESTS}
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class CrmAddress:
    """Where the program is, and the secret that is shared with it."""

    url: str
    secret: str
    headers: Mapping[str, str] = field(default_factory=dict)


class WebhookCrm:
    """Hands effects on the CRM over."""

    def __init__(self, db: Database, web: Web, to: CrmAddress, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._web = web
        self._to = to
        self._clock = clock

    async def send(self, request: CrmRequest, key: str) -> Done:
        """Have it done. Raises NotDone and Silence."""
        kind, person = type(request), person_of(request)
        data = {
            "effect": key,
            "external_id": await self._db.read(lambda session: external_id(session, person)),
            "request": _JSON[kind].dump_python(request, mode="json"),
        }
        type_ = f"ferd.crm.{_WORD.sub('_', kind.__name__).lower()}"
        event = cloud_event(type_, message_id(key), "/crm", person, data)
        answer = await post(self._web, self._to, event, {"Idempotency-Key": key}, self._clock())
        judge(answer, self._clock())
        made = answer.data()
        id = made.get("id") if isinstance(made, Mapping) else None
        return Done(provider_id=str(id) if isinstance(id, str | int) else "")


def person_of(request: CrmRequest) -> str:
    """Whom the request is about."""
    return request.person if isinstance(request, ChangePerson | ChangeMembership) else request.origin.person


def external_id(session: Session, person: str) -> str | None:
    """The person's key in the other system."""
    row = session.get(Person, person)
    return row.external_id if row is not None else None
