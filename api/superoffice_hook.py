"""What SuperOffice tells: each call is signed with the secret that its webhook was registered with."""

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from activities.outside.superoffice.telling import Notification
from api.engine import EngineDep
from api.errors import Forbidden, ProblemDetail, Unprocessable
from api.resource import problems

router = APIRouter(prefix="/hooks", tags=["hooks"])


@router.post(
    "/superoffice",
    operation_id="superoffice_told",
    summary="Take a notification from SuperOffice",
    status_code=200,
    response_class=Response,
    responses=problems(403, 422),
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def told(engine: EngineDep, request: Request) -> Response:
    """A WebhookPayload of SuperOffice, with X-SuperOffice-Signature (FERD_SUPEROFFICE_WEBHOOK_SECRET).

    It is kept and followed in the background. Any other status than 200 counts as a failure there.
    """
    body, told_of = await request.body(), engine.superoffice
    if told_of is None or not told_of.is_signed(body, request.headers.get("X-SuperOffice-Signature", "")):
        raise Forbidden(
            "The signature is missing or wrong.",
            "Register the webhook with the secret that FERD_SUPEROFFICE_WEBHOOK_SECRET names, and set FERD_CRM.",
        )
    try:
        notification = Notification.model_validate_json(body)
    except ValidationError:
        remedy = "Send what SuperOffice sends: JSON with Event and PrimaryKey."
        found = [ProblemDetail(place="body", pointer="", what="This is no notification.", remedy=remedy)]
        raise Unprocessable("This is no notification.", remedy, problems=found) from None
    await told_of.keep(notification)
    return Response(status_code=200)
