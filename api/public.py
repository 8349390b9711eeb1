"""The public side: what the links in mails and the forms on web pages lead to. It asks for no key and trusts nothing.

GET changes nothing but the record of a click or an opening, so that a scanner that follows links unsubscribes nobody.
"""

import base64
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError

from activities.mail.tokens import BadToken
from activities.responses.forms import NotFilledIn, Wrong, read
from activities.responses.machines import is_machine
from activities.responses.tracking import SETTLED
from api.engine import Engine, EngineDep
from api.errors import NotFound, ProblemDetail, Unprocessable, answer
from api.public_page import HEADERS, page
from flows.model import Id
from store.library import FormRow

TOKEN_FIELD = "ferd_token"
"""The hidden field of a form that says who fills it in (`Tokens.person`)."""
HONEYPOT = "_gotcha"
"""A field that people do not see. Whoever fills it in is a machine, is thanked, and nothing is kept."""

_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_MOST_FIELDS = 300

Token = Annotated[str, Path(max_length=8_000)]

router = APIRouter(tags=["public"])
log = structlog.get_logger(__name__)


def _gone() -> Response:
    return page(
        "This link does not work",
        "It may have been cut off on its way, or it is out of date.",
        "Open it from the mail again, or copy all of it.",
        status=404,
    )


def _is_machine(request: Request) -> bool:
    prefetched = "prefetch" in request.headers.get("sec-purpose", request.headers.get("purpose", "")).lower()
    return request.method == "HEAD" or prefetched or is_machine(request.headers.get("user-agent", ""))


@router.get(
    "/t/{token}",
    operation_id="click",
    summary="Follow a link of a mail",
    response_class=RedirectResponse,
    status_code=302,
)
@router.head("/t/{token}", operation_id="click_head", include_in_schema=False)
async def click(engine: EngineDep, request: Request, token: Token) -> Response:
    """Whoever comes is led on; a scanner's click, and a HEAD, is kept and counts for nothing (STEP_24)."""
    try:
        found = engine.tokens.read_click(token)
    except BadToken:
        return _gone()
    try:
        now, machine = engine.clock(), _is_machine(request)
        settles_at = await engine.dispatcher.write(
            lambda session: engine.core.tracking.click(session, found, now, machine=machine)
        )
        if settles_at is not None:
            engine.later(SETTLED, partial(engine.core.tracking.settle, now=settles_at))
    except SQLAlchemyError as error:
        # A reader's way does not end because our store is away.
        log.warning("click_not_recorded", message=found.message, error=type(error).__name__)
    return RedirectResponse(found.url, 302, HEADERS)


@router.get(
    "/o/{token}", operation_id="open", summary="The picture that tells of an opened mail", response_class=Response
)
@router.head("/o/{token}", operation_id="open_head", include_in_schema=False)
async def opened(engine: EngineDep, request: Request, token: Token) -> Response:
    try:
        message = engine.tokens.read_open(token)
    except BadToken:
        return Response(_PIXEL, 404, HEADERS, "image/gif")
    try:
        now, machine = engine.clock(), _is_machine(request)
        await engine.dispatcher.write(lambda session: engine.core.tracking.open(session, message, now, machine=machine))
    except SQLAlchemyError as error:
        log.warning("open_not_recorded", message=message, error=type(error).__name__)
    return Response(_PIXEL, 200, HEADERS, "image/gif")


@router.get("/u/{token}", operation_id="ask_unsubscribe", summary="Ask before unsubscribing", response_class=Response)
@router.head("/u/{token}", operation_id="ask_unsubscribe_head", include_in_schema=False)
async def ask_unsubscribe(engine: EngineDep, token: Token) -> Response:
    """Changes nothing: scanners and previews follow links too."""
    try:
        message = engine.tokens.read_unsubscribe(token)
    except BadToken:
        return _gone()
    kind = await engine.db.read(lambda session: engine.core.tracking.subscription(session, message))
    what = f"You get no more mails of the kind “{kind}”." if kind else "You get no more of these mails."
    return page("Unsubscribe?", what, button="Unsubscribe")


@router.post("/u/{token}", operation_id="unsubscribe", summary="Unsubscribe (RFC 8058)", response_class=Response)
async def unsubscribe(engine: EngineDep, token: Token) -> Response:
    """The button of the page, or one click in the mail program."""
    try:
        message = engine.tokens.read_unsubscribe(token)
    except BadToken:
        return _gone()
    now = engine.clock()
    await engine.dispatcher.write(lambda session: engine.core.tracking.unsubscribe(session, message, now))
    return page("You are unsubscribed", "You need to do nothing more.")


class Thanks(BaseModel):
    """A form that was sent as JSON was taken."""

    thanks_text: str | None = Field(description="What to show.")
    thanks_url: str | None = Field(description="Where to go on to.")


@router.post(
    "/f/{form}",
    operation_id="submit_form",
    summary="Submit a form",
    description="As a web page posts it, or as JSON; then the answer is JSON too.",
    response_class=Response,
    openapi_extra={
        "requestBody": {
            "content": {
                media: {"schema": {"type": "object", "additionalProperties": True}}
                for media in ("application/x-www-form-urlencoded", "multipart/form-data", "application/json")
            }
        }
    },
)
async def submit(engine: EngineDep, request: Request, form: Annotated[Id, Path()]) -> Response:
    json = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
    row = await engine.db.read(lambda session: session.get(FormRow, form))
    if row is None:
        problem = NotFound(f"There is no form {form}.", "Check the address that the form is posted to.").problem
        return answer(problem) if json else page("There is no such form", "Tell whoever runs the web page.", status=404)
    given = await (_json(request) if json else _fields(request))
    if not given.get(HONEYPOT):
        try:
            await _take(engine, row, given)
        except NotFilledIn as error:
            return _not_filled_in(error.found, json)
    return _thanks(row, json)


async def _take(engine: Engine, form: FormRow, given: Mapping[str, str]) -> None:
    values, now = read(form, given), engine.clock()
    try:
        known = engine.tokens.read_person(given[TOKEN_FIELD]) if given.get(TOKEN_FIELD) else None
    except BadToken:
        known = None
    await engine.dispatcher.write(lambda session: engine.core.forms.submit(session, form.id, values, known, now))


async def _fields(request: Request) -> dict[str, str]:
    async with request.form(max_files=_MOST_FIELDS, max_fields=_MOST_FIELDS) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


async def _json(request: Request) -> dict[str, str]:
    try:
        given = await request.json()
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        what, remedy = "The body is not a JSON object.", 'Send {"name": value}.'
        raise Unprocessable(what, remedy, problems=[ProblemDetail(pointer="", what=what, remedy=remedy)])
    return {name: _text(value) for name, value in given.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _thanks(form: FormRow, json: bool) -> Response:
    if json:
        thanks = Thanks(thanks_text=form.thanks_text, thanks_url=form.thanks_url)
        return JSONResponse(thanks.model_dump(), headers=HEADERS)
    if form.thanks_url:
        return RedirectResponse(form.thanks_url, 303, HEADERS)
    return page("Thank you", form.thanks_text or "We have got what you sent.")


def _not_filled_in(found: list[Wrong], json: bool) -> Response:
    if json:
        problems = [
            ProblemDetail(pointer=f"/{each.field}", what=f"{each.label} {each.what}.", remedy="Mend it and send again.")
            for each in found
        ]
        detail = "The form is not filled in as it has to be."
        return answer(Unprocessable(detail, problems[0].remedy, problems=problems).problem, HEADERS)
    wrong = [f"{each.label[:1].upper()}{each.label[1:]} {each.what}." for each in found]
    return page("Something is missing", "Go back and mend this, then send it again:", found=wrong, status=422)
