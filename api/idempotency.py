"""`Idempotency-Key`: a POST that is sent again is answered again, and does nothing.

The answer is kept for a day, in the transaction that did the work: either both are there or neither.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from sqlalchemy import delete
from sqlmodel import Session, col

from api.errors import ProblemDetail, Unprocessable
from store.inserts import insert_new
from store.people import IdempotencyRecord

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """What a request says about being repeated; `key` is None if it says nothing."""

    key: str | None
    route: str

    def once(
        self, session: Session, request: bytes | str, at: datetime, make: Callable[[], BaseModel], status: int = 201
    ) -> Any:
        """What `make` answers, as JSON data, or what it answered to the same key. `request` is what was asked for.

        Raises Unprocessable if the key was used for something else.
        """
        if self.key is None:
            return make().model_dump(mode="json")
        digest = sha256(request.encode() if isinstance(request, str) else request).hexdigest()
        session.execute(delete(IdempotencyRecord).where(col(IdempotencyRecord.at) < at - KEPT))
        claim = {"key": self.key, "route": self.route, "request": digest, "status": status, "body": None, "at": at}
        first = insert_new(session, IdempotencyRecord, [claim])
        record = session.get_one(IdempotencyRecord, (self.key, self.route))
        if first:
            record.body = make().model_dump(mode="json")
        elif record.request != digest:
            remedy = "Use a new key for a new request."
            wrong = ProblemDetail(place="header", pointer="/Idempotency-Key", what="It was used before.", remedy=remedy)
            raise Unprocessable("The Idempotency-Key was used for another request.", remedy, problems=[wrong])
        return record.body


def _idempotency(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="Any text of your own; sent again with the same body it is answered again and does nothing.",
        ),
    ] = None,
) -> Idempotency:
    return Idempotency(idempotency_key, f"{request.method} {request.url.path}")


IdempotencyDep = Annotated[Idempotency, Depends(_idempotency)]
