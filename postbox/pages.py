"""The mailbox in the browser and over HTTP, under /mailbox. Mails are strangers: nothing in them may run."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel

from postbox.store import Mail, NoSuchMail, Page, Store

Recipient = Annotated[str | None, Query(description="Only mails delivered to this address.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]

_TEMPLATES = Path(__file__).parent / "templates"
# No script, no form, no way out of the frame but a link in a new tab; pictures are fetched, which counts as an open.
_MAIL_POLICY = (
    "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; font-src http: https: data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_HEAD = re.compile(r"<head(?:\s[^>]*)?>|<html(?:\s[^>]*)?>|<!doctype[^>]*>", re.IGNORECASE)


class Deleted(BaseModel):
    """How many mails were deleted."""

    deleted: int


def router(folder: Path) -> APIRouter:
    """The routes over the mailbox kept in `folder`, to be included by an application."""
    store = Store(folder)
    templates = Jinja2Templates(_TEMPLATES)
    routes = APIRouter(prefix="/mailbox", tags=["mailbox"])

    @routes.get("", response_class=HTMLResponse, include_in_schema=False)
    def show_mails(request: Request, to: Recipient = None, cursor: Cursor = None, limit: Limit = 50) -> Response:
        page = store.page(to=_address(to), limit=limit, cursor=cursor)
        return templates.TemplateResponse(
            request, "mails.html", {"page": page, "to": _address(to), "cursor": cursor, "limit": limit}
        )

    @routes.get("/messages", summary="List mails")
    def list_messages(to: Recipient = None, limit: Limit = 50, cursor: Cursor = None) -> Page:
        """The mails in the local mailbox, newest first."""
        return store.page(to=_address(to), limit=limit, cursor=cursor)

    @routes.delete("/messages", summary="Empty the mailbox")
    def delete_messages() -> Deleted:
        """Delete every mail in the local mailbox."""
        return Deleted(deleted=store.clear())

    @routes.get("/messages/{mail_id}", summary="Read a mail")
    def get_message(mail_id: str) -> Mail:
        """One mail with its headers, text, html and the names of its attachments."""
        return _found(store, mail_id)

    @routes.get("/{mail_id}", response_class=HTMLResponse, include_in_schema=False)
    def show_mail(request: Request, mail_id: str) -> Response:
        return templates.TemplateResponse(request, "mail.html", {"mail": _found(store, mail_id)})

    @routes.get("/{mail_id}/html", response_class=HTMLResponse, include_in_schema=False)
    def show_html(mail_id: str) -> Response:
        return HTMLResponse(
            _opening_new_tabs(_found(store, mail_id).html),
            headers={"Content-Security-Policy": _MAIL_POLICY, "X-Content-Type-Options": "nosniff"},
        )

    @routes.get("/{mail_id}/source", include_in_schema=False)
    def show_source(mail_id: str) -> Response:
        try:
            source = store.source(mail_id)
        except NoSuchMail as error:
            raise _not_found(mail_id) from error
        return Response(source, media_type="text/plain; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"})

    @routes.get("/{mail_id}/attachments/{number}", include_in_schema=False)
    def download(mail_id: str, number: int) -> Response:
        try:
            attachment, data = store.attachment(mail_id, max(number, 0))
        except NoSuchMail as error:
            raise _not_found(mail_id) from error
        name = quote(attachment.name, safe="", errors="replace")
        return Response(
            data,
            media_type="application/octet-stream",
            headers={
                "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
                "X-Content-Type-Options": "nosniff",
            },
        )

    return routes


def _address(to: str | None) -> str | None:
    return (to or "").strip() or None


def _found(store: Store, mail_id: str) -> Mail:
    try:
        return store.read(mail_id)
    except NoSuchMail as error:
        raise _not_found(mail_id) from error


def _not_found(mail_id: str) -> HTTPException:
    return HTTPException(404, "There is no such mail; it may have been deleted. The list is at /mailbox.")


def _opening_new_tabs(html: str) -> str:
    """The mail, its links opening in a new tab, since nothing else may leave the frame."""
    places = [match.end() for match in _HEAD.finditer(html)]
    at = places[-1] if places else 0
    return f'{html[:at]}<base target="_blank">{html[at:]}'
