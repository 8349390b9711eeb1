"""POST /v1/people/import: people from a CSV file."""

import asyncio
from collections.abc import Sequence
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Annotated, BinaryIO, cast

from fastapi import APIRouter, Query, Request
from sqlmodel import Session
from starlette.datastructures import UploadFile

from activities.crm.bulk import Saved
from activities.crm.custom import declared
from activities.crm.importing import COLUMNS, ImportResult, PeopleCsv, Row
from api.errors import UnsupportedMediaType
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
        request: Request,
        fire_triggers: Annotated[bool, Query(description="Whether flows start by it (TRIG_1).")] = False,
    ) -> ImportResult:
        with SpooledTemporaryFile(IN_MEMORY) as file:
            await receive(request, cast(BinaryIO, file))
            return await _import(services, cast(BinaryIO, file), fire_triggers)


async def _import(services: Services, file: BinaryIO, fire_triggers: bool) -> ImportResult:
    custom = await services.db.read(lambda session: declared(session, "person"))
    reader = await asyncio.to_thread(PeopleCsv, file, custom)
    chunks = reader.chunks()
    while (rows := await asyncio.to_thread(next, chunks, None)) is not None:
        saved = await services.dispatcher.write(partial(_save, services, rows, fire_triggers))
        reader.saved(saved.created, saved.updated, saved.unknown)
    return reader.result


def _save(services: Services, rows: Sequence[Row], fire_triggers: bool, session: Session) -> Saved:
    return services.crm.bulk.save(session, rows, services.clock(), fire_triggers=fire_triggers)


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
