"""The local phone: takes every SMS as an SMS provider would, and shows them all. Nothing leaves the machine."""

import json
import os
import re
import secrets
import time
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from itertools import islice
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, ConfigDict, Field

_TEMPLATES = Path(__file__).parent / "templates"
_NUMBER = re.compile(r"\+[1-9][0-9]{5,14}")

Answered = Callable[[str, str], Awaitable[None]]
"""Told what somebody answers: from which number, and the text."""


class Text(BaseModel):
    """An SMS. `id` begins with the time of arrival."""

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    id: str
    at: datetime
    sender: Annotated[str, Field(alias="from")]
    to: str
    text: str


class Texts(BaseModel):
    """Some SMS, newest first; `next_cursor` leads to the older ones."""

    items: list[Text]
    next_cursor: str | None


class PhoneStore:
    """Keeps SMS in `folder`, a file for each; the folder is made with the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, sender: str, to: str, text: str) -> Text:
        """Keep an SMS; it is there entirely and for good when this returns, or not at all."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        id = f"{time.time_ns():020}{secrets.token_hex(6)}"
        kept = Text(id=id, at=datetime.now(UTC), sender=sender, to=to, text=text)
        draft = self.folder / f".{id}"
        with draft.open("x", encoding="utf-8") as file:
            file.write(kept.model_dump_json(by_alias=True))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self.folder / f"{id}.json")
        return kept

    def page(self, *, to: str | None = None, limit: int = 50, cursor: str | None = None) -> Texts:
        """Up to `limit` SMS, newest first, after `cursor`; with `to` only those to this number."""
        items = list(islice(self._texts(to, cursor), limit + 1))
        return Texts(items=items[:limit], next_cursor=items[limit - 1].id if len(items) > limit else None)

    def clear(self) -> int:
        """Delete every SMS and return how many there were."""
        files = list(self.folder.glob("*.json"))
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)

    def _texts(self, to: str | None, cursor: str | None) -> Iterator[Text]:
        for file in sorted(self.folder.glob("*.json"), reverse=True):
            if cursor is not None and file.stem >= cursor:
                continue
            try:
                text = Text.model_validate(json.loads(file.read_text(encoding="utf-8")))
            except FileNotFoundError:  # deleted meanwhile
                continue
            if to is None or text.to == to:
                yield text


Recipient = Annotated[str | None, Query(description="Only SMS to this number.")]


def router(folder: Path, account: str, token: str, answered: Answered) -> APIRouter:
    """The routes over the phone kept in `folder`, to be included by an application."""
    store = PhoneStore(folder)
    templates = Jinja2Templates(_TEMPLATES)
    routes = APIRouter(prefix="/phone", tags=["phone"])

    @routes.post("/2010-04-01/Accounts/{account_id}/Messages.json", include_in_schema=False)
    def take(
        request: Request,
        account_id: str,
        To: Annotated[str, Form()],
        From: Annotated[str, Form()],
        Body: Annotated[str, Form()],
    ) -> Response:
        """As Twilio's Messages API takes an SMS."""
        if account_id != account or not _let_in(request.headers.get("authorization", ""), account, token):
            return JSONResponse({"code": 20003, "message": "Authenticate", "status": 401}, 401)
        if not _NUMBER.fullmatch(To):
            return JSONResponse({"code": 21211, "message": "This is not a number", "status": 400}, 400)
        kept = store.add(From, To, Body)
        return JSONResponse({"sid": f"SM{kept.id}", "status": "queued"}, 201)

    @routes.get("", response_class=HTMLResponse, include_in_schema=False)
    def show_texts(request: Request, to: Recipient = None, cursor: str | None = None) -> Response:
        page = store.page(to=_number(to), cursor=cursor)
        return templates.TemplateResponse(request, "phone.html", {"page": page, "to": _number(to), "cursor": cursor})

    @routes.post("/answer", include_in_schema=False)
    async def answer(number: Annotated[str, Form()], text: Annotated[str, Form(max_length=1_600)]) -> Response:
        if not _NUMBER.fullmatch(number):
            raise HTTPException(422, "This is not a number with country code.")
        await answered(number, text)
        return RedirectResponse("/phone", 303)

    @routes.get("/messages", summary="List SMS")
    def list_texts(
        to: Recipient = None,
        limit: Annotated[int, Query(ge=1, le=500, description="How many at most.")] = 50,
        cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
    ) -> Texts:
        """The SMS on the local phone, newest first."""
        return store.page(to=_number(to), limit=limit, cursor=cursor)

    @routes.delete("/messages", summary="Empty the phone")
    def delete_texts() -> dict[str, int]:
        """Delete every SMS on the local phone."""
        return {"deleted": store.clear()}

    return routes


def _let_in(authorization: str, account: str, token: str) -> bool:
    scheme, _, credentials = authorization.partition(" ")
    try:
        given = b64decode(credentials) if scheme.lower() == "basic" else b""
    except Base64Error:
        given = b""
    wanted = f"{account}:{token}".encode()
    return compare_digest(sha256(given).digest(), sha256(wanted).digest())


def _number(to: str | None) -> str | None:
    # In an address, + stands for a blank.
    number = (to or "").strip()
    return (f"+{number}" if number[:1].isdigit() else number) or None
