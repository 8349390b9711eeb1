"""What SMS providers report: each call proves by a signature who makes it, or brings a key along."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from activities.responses.deliveries import Deliveries
from activities.sms.signature import HEADER, is_signed
from api.auth import digest, given_key, is_one_of
from api.engine import Engine, EngineDep
from api.errors import Forbidden, ProblemDetail, Unprocessable
from api.resource import problems

router = APIRouter(prefix="/hooks", tags=["hooks"])

_MOST_FIELDS = 100
_FORM = {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}}


def deliveries(engine: Engine) -> Deliveries:
    """What takes the reports in."""
    return Deliveries(engine.core.events, engine.core.rules)


def has_key(engine: Engine, request: Request, key: str = "") -> bool:
    """Whether the call brings along the hook key, or an API key; `key` is what stands in its address."""
    keys = [digest(each) for each in (*engine.api_keys, engine.hook_key) if each]
    return is_one_of(key or given_key(request.headers), keys)


@router.post(
    "/sms-status",
    operation_id="sms_status",
    summary="Report on an SMS",
    status_code=204,
    response_class=Response,
    responses=problems(403, 422),
    openapi_extra=_FORM,
)
async def sms_status(engine: EngineDep, request: Request, message: str) -> Response:
    """As Twilio's status callbacks: MessageStatus, signed with the account's token (FERD_SMS_TOKEN), or with a key."""
    status = _needed(await _signed_form(engine, request), "MessageStatus").lower()
    now = engine.clock()
    await engine.dispatcher.write(lambda session: deliveries(engine).sms_status(session, message, status, now))
    return Response(status_code=204)


@router.post(
    "/sms-in",
    operation_id="sms_in",
    summary="Take an SMS in",
    response_class=Response,
    responses=problems(403, 422),
    openapi_extra=_FORM,
)
async def sms_in(engine: EngineDep, request: Request) -> Response:
    """As Twilio tells of an incoming SMS: From, Body, MessageSid, signed like a status callback. STOP withdraws."""
    form = await _signed_form(engine, request)
    number, text, now = _needed(form, "From"), form.get("Body", ""), engine.clock()
    sid = form.get("MessageSid", "")
    await engine.dispatcher.write(lambda session: deliveries(engine).sms_in(session, number, text, sid, now))
    return Response("<Response/>", media_type="application/xml")


async def _signed_form(engine: Engine, request: Request) -> Mapping[str, str]:
    async with request.form(max_files=0, max_fields=_MOST_FIELDS) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    # As the provider wrote the address: what stands before us may have changed host and scheme.
    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{engine.public_url.rstrip('/')}{request.url.path}{query}"
    signed = is_signed(engine.sms_token, url, fields, request.headers.get(HEADER, ""))
    if not signed and not has_key(engine, request):
        raise Forbidden(
            "The signature does not fit.",
            f"Sign {engine.public_url} and what follows it with the token of FERD_SMS_TOKEN, as Twilio does; "
            "or send the key of FERD_HOOK_KEY as Authorization: Bearer KEY.",
        )
    return fields


def _needed(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        what, remedy = f"{name} is missing.", "Send it as a form field."
        raise Unprocessable(what, remedy, problems=[ProblemDetail(pointer=f"/{name}", what=what, remedy=remedy)])
    return form[name]
