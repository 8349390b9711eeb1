"""Every error leaves as `application/problem+json` (RFC 9457), with what to do about it."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DataError, IntegrityError
from starlette.exceptions import HTTPException

from activities.crm import faults as crm

MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger(__name__)


class ProblemDetail(BaseModel):
    """One thing wrong with what was sent."""

    # A problem of a flow file also carries line, column, step and severity.
    model_config = ConfigDict(extra="allow")

    place: Literal["body", "query", "path", "header", "cookie"] = Field("body", title="Part of the request")
    pointer: str = Field(title="Place", description="JSON pointer (RFC 6901) in the body, or /name of the parameter.")
    what: str = Field(title="What is wrong")
    remedy: str = Field(title="What to do")


class Problem(BaseModel):
    """An error (RFC 9457)."""

    # A kind of problem may say more: the commands allowed now, the retry pause.
    model_config = ConfigDict(extra="allow")

    type: str = Field("about:blank", title="Type")
    title: str = Field(title="Title")
    status: int = Field(title="HTTP status")
    detail: str = Field("", title="What happened")
    remedy: str = Field("", title="What to do")
    problems: list[ProblemDetail] = Field(default_factory=list, title="Everything that is wrong")


class ApiProblem(HTTPException):
    """Root of the errors that a handler raises; `more` are further members of the answer.

    ApiProblem
    ├── MovedOn               308
    ├── Unauthorized          401
    ├── Forbidden             403
    ├── NotFound              404
    ├── NotAllowed            409
    ├── PreconditionFailed    412
    ├── TooLarge              413
    ├── UnsupportedMediaType  415
    └── Unprocessable         422
    """

    status = HTTPStatus.BAD_REQUEST

    def __init__(
        self,
        detail: str,
        remedy: str = "",
        *,
        problems: Sequence[ProblemDetail] = (),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(self.status, detail, dict(headers or {}))
        self.problem = Problem(
            title=self.status.phrase,
            status=self.status,
            detail=detail,
            remedy=remedy,
            problems=list(problems),
            **more,
        )


class Unauthorized(ApiProblem):
    """Who asks is not known."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(ApiProblem):
    """Who asks is known and may not."""

    status = HTTPStatus.FORBIDDEN


class NotFound(ApiProblem):
    """There is no such thing."""

    status = HTTPStatus.NOT_FOUND


class NotAllowed(ApiProblem):
    """The state of things does not allow it now."""

    status = HTTPStatus.CONFLICT


class MovedOn(ApiProblem):
    """It is part of another thing now."""

    status = HTTPStatus.PERMANENT_REDIRECT


class PreconditionFailed(ApiProblem):
    """Somebody else has changed it meanwhile."""

    status = HTTPStatus.PRECONDITION_FAILED


class TooLarge(ApiProblem):
    """The body is larger than this call takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMediaType(ApiProblem):
    """The body is of a type that this call does not take."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Unprocessable(ApiProblem):
    """The data is wrong; `problems` say where."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as an HTTP answer."""
    return Response(problem.model_dump_json(), problem.status, dict(headers or {}), MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have the application answer every error as a problem."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(crm.CrmError, _crm)
    app.add_exception_handler(IntegrityError, _integrity)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(Exception, _unexpected)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, ApiProblem):
        return answer(error.problem, error.headers)
    phrase = HTTPStatus(error.status_code).phrase
    # What the framework answers by itself only repeats the status.
    detail = error.detail if error.detail != phrase else f"There is no call {request.method} {request.url.path}."
    remedy = _REMEDIES.get(error.status_code, "")
    return answer(Problem(title=phrase, status=error.status_code, detail=detail, remedy=remedy), error.headers)


_REMEDIES = {
    400: "Send the body as the call's description at /docs says, in UTF-8.",
    404: "The calls that exist are listed at /docs.",
    405: "The calls that exist are listed at /docs.",
}


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if any(one["loc"] == ("body",) for one in error.errors()) and not _is_json(media_type) and media_type:
        raised = UnsupportedMediaType(f"The body is {media_type}.", "Send application/json.")
        return answer(raised.problem)
    problems = [_detail(one, error.body) for one in error.errors()]
    remedy = problems[0].remedy if len(problems) == 1 else "Mend each of the problems, and send it again."
    return answer(Unprocessable("The request is not valid.", remedy, problems=problems).problem)


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


def _detail(error: Mapping[str, Any], body: object) -> ProblemDetail:
    place, *where = error["loc"]
    if error["type"] == "json_invalid":
        # pydantic gives the offset, which is no place in a document.
        where = []
    found = crm.fault({**error, "loc": tuple(where)}, data=body if place == "body" else None)
    return ProblemDetail(place=place, pointer=found.pointer, what=found.what, remedy=found.remedy)


def _crm(request: Request, error: Exception) -> Response:
    match error:
        case crm.Moved():
            there = request.url.path.replace(request.path_params["id"], error.into, 1)
            return answer(MovedOn(error.what, error.remedy, merged_into=error.into).problem, {"Location": there})
        case crm.Missing():
            return answer(NotFound(error.what, error.remedy).problem)
        case crm.Conflict():
            return answer(NotAllowed(error.what, error.remedy).problem)
        case crm.Refused():
            problems = [ProblemDetail(pointer=f.pointer, what=f.what, remedy=f.remedy) for f in error.faults]
            return answer(Unprocessable(error.what, error.remedy, problems=problems).problem)
    raise error


def _integrity(_: Request, error: Exception) -> Response:
    # Checked before writing; only somebody who wrote the same at the same moment brings us here.
    log.warning("write_conflict", error=type(error).__name__)
    return answer(NotAllowed("Somebody else changed the same thing at the same moment.", "Try again.").problem)


def _unstorable(_: Request, error: Exception) -> Response:
    # What no model had caught: PostgreSQL holds no NUL in text or JSON, and numbers only up to a size.
    log.warning("value_refused", error=type(error).__name__)
    raised = Unprocessable("A value cannot be stored.", "Leave out NUL characters and numbers beyond 64 bits.")
    return answer(raised.problem)


def _unexpected(_: Request, error: Exception) -> Response:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    problem = Problem(
        title=status.phrase,
        status=status,
        detail="Something went wrong on our side; it is in the log.",
        remedy="Try again; a POST with an Idempotency-Key can be repeated safely.",
    )
    return answer(problem)
