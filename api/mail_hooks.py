"""What mail providers report: bounces, complaints and answers, as JSON or as the mail itself (message/rfc822).

Each call brings a key along: `?key=` for those who can only be given an address, else a header.
"""

from typing import Annotated, Any, Literal, Self, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from activities.crm.models import Incoming
from activities.crm.values import Line, Maybe, wrong
from activities.mail.codes import is_nobody_there
from activities.mail.reports import Kind, NoReport, Reply, Report, message_ids, read_reply, read_reports
from api.engine import EngineDep
from api.errors import Unauthorized, Unprocessable
from api.hooks import deliveries, has_key
from api.resource import problems

T = TypeVar("T")

LARGEST_MAIL = 48 * 1024 * 1024
_MAIL = ("message/rfc822", "message/global")

router = APIRouter(prefix="/hooks", tags=["hooks"])


class MailReport(Incoming):
    """What became of a mail. Name its recipient, or its Message-ID, or both."""

    kind: Literal["bounce", "complaint"] = Field(default="bounce", title="Kind")
    recipient: Maybe[Line] = Field(default=None, title="Recipient", description="The address it was sent to.")
    message_id: Maybe[Line] = Field(default=None, title="Message-ID", description="Of the mail that we sent.")
    status: Maybe[Line] = Field(default=None, title="Status", description="As in 5.1.1 (RFC 3463).")
    permanent: bool | None = Field(
        default=None,
        title="Permanent",
        description="Whether nobody is ever reached at the address; without it the status decides, else yes.",
    )
    id: Maybe[Line] = Field(default=None, title="Id", description="Of the report: told twice, it happened once.")

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if not self.recipient and not self.message_id:
            raise wrong("This names neither a recipient nor a mail", "Add recipient or message_id.")
        return self

    def report(self) -> Report:
        """As it is understood."""
        status = self.status or ""
        permanent = self.permanent if self.permanent is not None else not status or is_nobody_there(status)
        bounced: Kind = "bounced" if permanent else "undelivered"
        mail = next(iter(message_ids(f"<{(self.message_id or '').strip('<> ')}>")), "")
        return Report(
            "complained" if self.kind == "complaint" else bounced, self.recipient or "", mail, status, self.id or ""
        )


class MailReply(Incoming):
    """Somebody has answered a mail. Name who, or the Message-ID of the mail, or both."""

    sender: Maybe[Line] = Field(default=None, alias="from", title="From", description="The address of who answers.")
    in_reply_to: Maybe[Line] = Field(default=None, title="In reply to", description="The Message-ID of our mail.")
    automatic: bool = Field(default=False, title="Automatic", description="An out-of-office notice, for example.")
    id: Maybe[Line] = Field(default=None, title="Id", description="Of the answer: told twice, it happened once.")

    @model_validator(mode="after")
    def _of_somebody(self) -> Self:
        if not self.sender and not self.in_reply_to:
            raise wrong("This names neither who answers nor a mail", "Add from or in_reply_to.")
        return self

    def reply(self) -> Reply:
        """As it is understood."""
        mails = message_ids(f"<{(self.in_reply_to or '').strip('<> ')}>")
        return Reply(self.sender or "", tuple(mails), self.id or "", self.automatic)


class Taken(BaseModel):
    """How many reports were new, or how many answers were of somebody we know."""

    taken: int


_REPORTS: TypeAdapter[list[MailReport]] = TypeAdapter(
    Annotated[list[MailReport], BeforeValidator(lambda given: given if isinstance(given, list) else [given])]
)
_REPLY = TypeAdapter(MailReply)


def _is_mail(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() in _MAIL


def _read(model: TypeAdapter[T], body: bytes) -> T:
    try:
        return model.validate_json(body)
    except ValidationError as error:
        wrong = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(wrong) from None


def _either(model: type[BaseModel]) -> dict[str, Any]:
    """For OpenAPI: JSON, or the mail itself."""
    json = {"schema": model.model_json_schema()}
    mail = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": {"application/json": json, _MAIL[0]: mail}}}


Key = Annotated[str, Query(description="The hook key.")]


def check_key(engine: EngineDep, request: Request, key: Key = "") -> None:
    """For a call's dependencies: the hook key, or an API key. Raises Unauthorized."""
    if not has_key(engine, request, key):
        raise Unauthorized(
            "The key is missing or wrong.",
            "Send the key of FERD_HOOK_KEY as ?key=KEY or as Authorization: Bearer KEY; the API key will do too.",
        )


@router.post(
    "/bounce",
    operation_id="bounce",
    summary="Report bounces and complaints",
    dependencies=[Depends(check_key)],
    responses=problems(401, 413, 415, 422),
    openapi_extra=_either(MailReport),
)
async def bounce(engine: EngineDep, request: Request) -> Taken:
    """One report, a list of them, or the mail that came back (RFC 3464, RFC 5965)."""
    if _is_mail(request):
        try:
            reports = read_reports(await request.body())
        except NoReport:
            what = "This mail is neither a delivery report nor a complaint."
            raise Unprocessable(what, "Send other mails to /hooks/reply.") from None
    else:
        reports = [each.report() for each in _read(_REPORTS, await request.body())]
    now, taken = engine.clock(), 0
    for report in reports:
        taken += await engine.dispatcher.write(
            lambda session, report=report: deliveries(engine).mail_reported(session, report, now)  # type: ignore[misc]
        )
    return Taken(taken=taken)


@router.post(
    "/reply",
    operation_id="reply",
    summary="Report an answer",
    dependencies=[Depends(check_key)],
    responses=problems(401, 413, 415, 422),
    openapi_extra=_either(MailReply),
)
async def reply(engine: EngineDep, request: Request) -> Taken:
    """Somebody answers a mail: the event email_answered. An automatic answer is kept and counts for nothing."""
    body, now = await request.body(), engine.clock()
    found = read_reply(body) if _is_mail(request) else _read(_REPLY, body).reply()
    taken = await engine.dispatcher.write(lambda session: deliveries(engine).mail_answered(session, found, now))
    return Taken(taken=taken)
