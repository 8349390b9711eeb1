"""The calls that every noun has: list, create, read, put, patch, delete.

A noun's own file names its models and adds what only it can do. `of` says where in the CRM the noun is kept.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo
from sqlmodel import Session

from activities.crm.embedded import EmbeddedCrm
from activities.crm.faults import Fault, Missing, Refused
from activities.crm.models import Incoming
from api.errors import Problem
from api.idempotency import IdempotencyDep
from api.paging import Page, PagingDep
from api.services import ServicesDep
from flows.model import Id

In = TypeVar("In", bound=BaseModel)
Row_co = TypeVar("Row_co", covariant=True)
In_contra = TypeVar("In_contra", contravariant=True)

PREFIX = "/v1"
"""Where all of these calls are."""

PathId = Annotated[Id, Path(title="Id")]


class Collection(Protocol[Row_co, In_contra]):
    """How the things of one noun are kept: Records, or a class of its own."""

    def get(self, session: Session, id: str, /) -> Row_co: ...
    def create(self, session: Session, given: In_contra, at: datetime, /) -> Row_co: ...
    def replace(self, session: Session, id: str, given: In_contra, at: datetime, /) -> tuple[Row_co, bool]: ...
    def patch(self, session: Session, id: str, changes: Mapping[str, Any], at: datetime, /) -> Row_co: ...
    def delete(self, session: Session, id: str, at: datetime, /) -> None: ...


class PagedCollection(Collection[Row_co, In_contra], Protocol[Row_co, In_contra]):
    """One that can be read in the order of ids."""

    def page(self, session: Session, after: str, limit: int, /) -> Sequence[Row_co]: ...


class Kept(BaseModel):
    """What every noun answers besides its own fields; read from a row."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(title="Id")
    created_at: datetime = Field(title="Created")
    updated_at: datetime = Field(title="Last changed")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: the errors that a call may answer with; what takes a body may be sent one that cannot be read."""
    return {status: {"model": Problem} for status in (*statuses, *([400] if 413 in statuses else ()))}


def whole_of(model: type[BaseModel], public: type[BaseModel]) -> type[BaseModel]:
    """The model of a PUT: besides the fields that can be written those that only GET answers, see `refuse_changed`."""
    name = f"{model.__name__.removesuffix('In')}Whole"
    return create_model(name, __base__=model, __doc__=model.__doc__, **_read_only(model, public))


def changes_of(model: type[BaseModel], public: type[BaseModel]) -> type[BaseModel]:
    """The model of a PATCH: the same fields, none of them required, none with a default."""
    fields: dict[str, Any] = {
        name: (info.rebuild_annotation(), _optional(info)) for name, info in model.model_fields.items()
    }
    name = f"{model.__name__.removesuffix('In')}Changes"
    doc = "The fields to change."
    return create_model(name, __base__=Incoming, __doc__=doc, **fields, **_read_only(model, public))


def refuse_changed(given: BaseModel, now: Mapping[str, Any]) -> None:
    """What GET answers may be sent back; a field that cannot be written has to be as it is. Raises Refused.

    `now` is what GET answers, or for what is not there yet its id alone.
    """
    faults = [
        Fault(f"“{name}” cannot be changed.", "Leave it out, or send it as GET answers it now.", (name,))
        for name, info in type(given).model_fields.items()
        if info.exclude and name in given.model_fields_set and getattr(given, name) != now.get(name)
    ]
    if faults:
        raise Refused(faults)


def _read_only(model: type[BaseModel], public: type[BaseModel]) -> dict[str, Any]:
    return {
        name: (Any, Field(default=None, exclude=True, title=info.title, json_schema_extra={"readOnly": True}))
        for name, info in public.model_fields.items()
        if name not in model.model_fields
    }


def _optional(info: FieldInfo) -> Any:
    return Field(default_factory=lambda: None, title=info.title, description=info.description)


def add_list(
    router: APIRouter, plural: str, of: Callable[[EmbeddedCrm], PagedCollection[Any, Any]], public: type[BaseModel]
) -> None:
    """GET of the whole list."""

    @router.get("", operation_id=f"list_{_word(plural)}", summary=f"List {plural}", responses=problems(422))
    async def list_all(services: ServicesDep, paging: PagingDep) -> Page[public]:  # type: ignore[valid-type]
        rows = await services.db.read(lambda session: of(services.crm).page(session, paging.after, paging.limit + 1))
        return paging.page(rows, public.model_validate, lambda row: str(row.id))


def add_create(
    router: APIRouter,
    noun: str,
    of: Callable[[EmbeddedCrm], Collection[Any, In]],
    model: type[In],
    public: type[BaseModel],
) -> None:
    """POST of a new one."""

    @router.post(
        "",
        operation_id=f"create_{_word(noun)}",
        summary=f"Create {_a(noun)}",
        status_code=201,
        response_model=public,
        responses=problems(409, 413, 415, 422),
    )
    async def create(services: ServicesDep, idempotency: IdempotencyDep, body: model) -> Response:  # type: ignore[valid-type]
        at = services.clock()

        def work(session: Session) -> Any:
            return idempotency.once(
                session,
                body.model_dump_json(),  # type: ignore[attr-defined]
                at,
                lambda: public.model_validate(of(services.crm).create(session, body, at)),
            )

        made = await services.dispatcher.write(work)
        return JSONResponse(made, 201, {"Location": f"{PREFIX}{router.prefix}/{made['id']}"})


def add_one(
    router: APIRouter,
    noun: str,
    of: Callable[[EmbeddedCrm], Collection[Any, In]],
    model: type[In],
    public: type[BaseModel],
) -> None:
    """GET, PUT, PATCH and DELETE of one by its id."""
    word = _word(noun)
    whole, changes = whole_of(model, public), changes_of(model, public)

    def answered(row: Any) -> dict[str, Any]:
        return public.model_validate(row).model_dump(mode="json", by_alias=True)

    @router.get("/{id}", operation_id=f"get_{word}", summary=f"Read {_a(noun)}", responses=problems(404, 422))
    async def read(services: ServicesDep, id: PathId) -> public:  # type: ignore[valid-type]
        return public.model_validate(await services.db.read(lambda session: of(services.crm).get(session, id)))

    @router.put(
        "/{id}",
        operation_id=f"put_{word}",
        summary=f"Create or replace {_a(noun)}",
        description="What the body leaves out gets its default. Answers 201 if it was created. What GET answers may be "
        "sent back, changed: what cannot be written is passed over as long as it is as it was.",
        responses={201: {"model": public, "description": "Created"}, **problems(409, 413, 415, 422)},
    )
    async def put(services: ServicesDep, response: Response, id: PathId, body: whole) -> public:  # type: ignore[valid-type]
        at = services.clock()

        def work(session: Session) -> tuple[Any, bool]:
            try:
                now = answered(of(services.crm).get(session, id))
            except Missing:
                now = {"id": id}
            refuse_changed(body, now)
            return of(services.crm).replace(session, id, body, at)

        row, created = await services.dispatcher.write(work)
        response.status_code = 201 if created else 200
        return public.model_validate(row)

    @router.patch(
        "/{id}",
        operation_id=f"patch_{word}",
        summary=f"Change {_a(noun)}",
        description="Changes the fields given, no others.",
        responses=problems(404, 409, 413, 415, 422),
    )
    async def patch(services: ServicesDep, id: PathId, body: changes) -> public:  # type: ignore[valid-type]
        at, given = services.clock(), body.model_dump(exclude_unset=True)  # type: ignore[attr-defined]

        def work(session: Session) -> Any:
            refuse_changed(body, answered(of(services.crm).get(session, id)))
            return of(services.crm).patch(session, id, given, at)

        return public.model_validate(await services.dispatcher.write(work))

    @router.delete(
        "/{id}",
        operation_id=f"delete_{word}",
        summary=f"Delete {_a(noun)}",
        status_code=204,
        responses=problems(404, 422),
    )
    async def delete(services: ServicesDep, id: PathId) -> None:
        at = services.clock()
        await services.dispatcher.write(lambda session: of(services.crm).delete(session, id, at))


def resource(
    path: str,
    noun: str,
    plural: str,
    of: Callable[[EmbeddedCrm], PagedCollection[Any, In]],
    model: type[In],
    public: type[BaseModel],
) -> APIRouter:
    """A router with all of these calls."""
    router = APIRouter(prefix=path, tags=[plural])
    add_list(router, plural, of, public)
    add_create(router, noun, of, model, public)
    add_one(router, noun, of, model, public)
    return router


def _word(noun: str) -> str:
    return noun.replace(" ", "_").replace("-", "_")


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
