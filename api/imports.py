"""POST /v1/people/import: people from a CSV file, and how such files are taken in."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any, BinaryIO, Self, cast

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.datastructures import UploadFile

from activities.crm.bulk import Saved
from activities.crm.custom import declared
from activities.crm.importing import COLUMNS, ImportResult, PeopleCsv, Row
from api.errors import UnsupportedMediaType
from api.idempotency import Idempotency, IdempotencyDep
from api.resource import problems
from api.services import Services, ServicesDep

LARGEST_CSV = 256 * 1024 * 1024
IN_MEMORY = 4 * 1024 * 1024

CSV_BODY = {"schema": {"type": "string", "format": "binary"}}
CSV_FORM = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "contentMediaType": "text/csv"}},
    }
}
CSV_CONTENT = {"text/csv": CSV_BODY, "multipart/form-data": CSV_FORM}
"""For OpenAPI: the ways in which a CSV file can come."""


def add_import(router: APIRouter) -> None:
    """The call that imports people."""

    @router.post(
        "/import",
        operation_id="import_people",
        summary="Import people from CSV",
        description=f"Columns: {', '.join(COLUMNS)}, custom.…; a row is about the person with its id, else its "
        "external_id, else its e-mail address and no other name, or makes a new one. An empty cell changes nothing. "
        "Bad rows are refused one by one and the rest is taken; a wrong "
        "header refuses the file.",
        responses=problems(413, 415, 422),
        openapi_extra={"requestBody": {"required": True, "content": CSV_CONTENT}},
    )
    async def import_people(
        services: ServicesDep,
        idempotency: IdempotencyDep,
        request: Request,
        fire_triggers: Annotated[bool, Query(description="Whether flows start by it (TRIG_1).")] = False,
    ) -> ImportResult:
        with SpooledTemporaryFile(IN_MEMORY) as file:
            await receive(request, cast(BinaryIO, file))
            taking = await Taking.of(services, idempotency, cast(BinaryIO, file))

            def save(session: Session, rows: Sequence[Row], _: int) -> Saved:
                return services.crm.bulk.save(session, rows, services.clock(), fire_triggers=fire_triggers)

            return await taking.all_rows(save, f"fire_triggers={fire_triggers}")


class _Chunk(BaseModel):
    """Rows of a file that are saved."""

    created: int
    updated: int
    unknown: list[int] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Taking:
    """A CSV file that is taken in chunk by chunk: each is a transaction, and is done once for an Idempotency-Key.

    `digest` is what the file is told from others by where there is such a key, else empty.
    """

    services: Services
    idempotency: Idempotency
    reader: PeopleCsv
    digest: str

    @classmethod
    async def of(cls, services: Services, idempotency: Idempotency, file: BinaryIO) -> Self:
        """Its header is read. Raises Refused if that is wrong."""
        digest = await asyncio.to_thread(_digest, file) if idempotency.key is not None else ""
        own = await services.db.read(lambda session: declared(session, "person"))
        return cls(services, idempotency, await asyncio.to_thread(PeopleCsv, file, own), digest)

    async def all_rows(self, save: Callable[[Session, Sequence[Row], int], Saved], asked: str = "") -> ImportResult:
        """Have `save` write the good rows: it is told how many were before. `asked` is what else was asked for."""
        chunks, done = self.reader.chunks(), 0
        while (rows := await asyncio.to_thread(next, chunks, None)) is not None:
            answer = await self.services.dispatcher.write(partial(self._once, save, asked, rows, done))
            chunk = _Chunk.model_validate(answer)
            self.reader.saved(chunk.created, chunk.updated, chunk.unknown)
            done += len(rows)
        return self.reader.result

    def _once(
        self,
        save: Callable[[Session, Sequence[Row], int], Saved],
        asked: str,
        rows: Sequence[Row],
        before: int,
        session: Session,
    ) -> Any:
        def make() -> _Chunk:
            saved = save(session, rows, before)
            return _Chunk(created=saved.created, updated=saved.updated, unknown=list(saved.unknown))

        part = Idempotency(self.idempotency.key, f"{self.idempotency.route}#{before}")
        return part.once(session, f"{self.digest}{asked}", self.services.clock(), make, 202)


def _digest(file: BinaryIO) -> str:
    """What the file is told from others by; it is then at its beginning again."""
    digest = sha256()
    while piece := file.read(IN_MEMORY):
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()


async def receive(request: Request, file: BinaryIO) -> None:
    """Write the CSV that came into `file`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    match media_type:
        case "text/csv":
            async for piece in request.stream():
                await asyncio.to_thread(file.write, piece)
        case "multipart/form-data":
            async with request.form(max_files=1, max_fields=0) as form:
                upload = form.get("file")
                if not isinstance(upload, UploadFile):
                    raise UnsupportedMediaType("The form has no file.", "Send the CSV as the file named `file`.")
                while piece := await upload.read(IN_MEMORY):
                    await asyncio.to_thread(file.write, piece)
        case _:
            what = f"The body is {media_type}." if media_type else "The body's type is missing."
            raise UnsupportedMediaType(what, "Send text/csv, or multipart/form-data with `file`.")
    file.seek(0)
