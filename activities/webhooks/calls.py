"""The port of call_webhook: a CloudEvent, signed, to a named endpoint, once (STEP_22)."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from activities.web import Answer, Web, judge
from activities.webhooks import signing
from flows import fields
from flows.ports import CallWebhook, Done, NotDone
from store.database import Database
from store.json_data import storable
from store.outside import EndpointRow

LARGEST_KEPT = 10_000
"""Characters of one value that is kept, written as JSON."""


class WebhookCalls:
    """Hands calls over. The effect's key goes along as Idempotency-Key, so that a repeated call can be told."""

    def __init__(self, db: Database, web: Web, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._web = web
        self._clock = clock

    async def send(self, request: CallWebhook, key: str) -> Done:
        """Call the endpoint and keep what was asked for. Raises NotDone and Silence."""
        endpoint = await self._db.read(lambda session: session.get(EndpointRow, request.endpoint))
        if endpoint is None:
            raise NotDone(f"There is no endpoint {request.endpoint} any more.", retryable=False)
        data = {
            "flow": request.flow,
            "step": request.step,
            "participant": request.participant,
            "person": request.person,
            "values": dict(request.values),
        }
        source = f"/flows/{request.flow}"
        answer = await post(
            self._web,
            endpoint,
            cloud_event("ferd.webhook_called", signing.message_id(key), source, request.person, data, request.at),
            {"Idempotency-Key": key},
            self._clock(),
        )
        judge(answer, self._clock())
        return Done(text=f"HTTP {answer.status}", kept=_kept(answer, request.keep))


class Receiver(Protocol):
    """Who is called: an endpoint, or whatever else has an address and a secret."""

    @property
    def url(self) -> str: ...
    @property
    def secret(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


def cloud_event(
    type: str, id: str, source: str, person: str, data: Mapping[str, object], at: datetime | None = None
) -> Mapping[str, object]:
    """A CloudEvent 1.0; about a person, and with a time, if they are named."""
    return {
        "specversion": "1.0",
        "id": id,
        "type": type,
        "source": source,
        **({"subject": f"person:{person}"} if person else {}),
        **({"time": at.isoformat()} if at is not None else {}),
        "datacontenttype": "application/json",
        "data": data,
    }


async def post(web: Web, to: Receiver, event: Mapping[str, object], headers: Mapping[str, str], at: datetime) -> Answer:
    """Send an event, signed. Raises NotDone and Silence; the answer may have any status."""
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    return await web.call(
        "POST",
        to.url,
        {
            **to.headers,
            "Content-Type": "application/cloudevents+json",
            **headers,
            **signing.headers(to.secret, str(event["id"]), at, body),
        },
        body,
    )


def _kept(answer: Answer, keep: Mapping[str, str]) -> Mapping[str, object]:
    """The values that are there, can be stored and are not too large; another one is as if it were missing."""
    data = answer.data() if keep else None
    if not isinstance(data, Mapping):
        return {}
    found = {name: fields.value(data, path) for name, path in keep.items()}
    return {name: value for name, value in found.items() if value is not None and _keepable(value)}


def _keepable(value: object) -> bool:
    return storable(value) and len(json.dumps(value)) <= LARGEST_KEPT
