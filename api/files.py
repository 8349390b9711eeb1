"""Files that mails carry: uploaded as multipart, downloaded as they came."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, File, Response, UploadFile
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from sqlmodel import Session

from activities.crm.faults import Refused, faults
from activities.crm.files import LARGEST_FILE, FileIn, Files, Upload
from api.errors import TooLarge
from api.idempotency import IdempotencyDep
from api.resource import PREFIX, Kept, PathId, add_list, problems
from api.services import ServicesDep

_FILES = Files()
_MIME = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,100}")
Uploaded = Annotated[UploadFile, File(description=f"At most {LARGEST_FILE:,} bytes.")]


class FilePublic(Kept):
    """A file; its bytes are at `/content` below it."""

    name: str
    mime: str
    size: int
    sha256: str


router = APIRouter(prefix="/files", tags=["files"])
add_list(router, "files", lambda _: _FILES, FilePublic)


@router.post(
    "",
    operation_id="create_file",
    summary="Upload a file",
    status_code=201,
    response_model=FilePublic,
    responses=problems(413, 422),
)
async def create(services: ServicesDep, idempotency: IdempotencyDep, file: Uploaded) -> Response:
    upload, at = await _read(file), services.clock()

    def work(session: Session) -> Any:
        request = f"{upload.sha256} {upload.mime} {upload.name}"
        return idempotency.once(
            session, request, at, lambda: FilePublic.model_validate(_FILES.create(session, upload, at))
        )

    made = await services.dispatcher.write(work)
    return JSONResponse(made, 201, {"Location": f"{PREFIX}/files/{made['id']}"})


@router.get("/{id}", operation_id="get_file", summary="Read about a file", responses=problems(404, 422))
async def read(services: ServicesDep, id: PathId) -> FilePublic:
    return FilePublic.model_validate(await services.db.read(lambda session: _FILES.get(session, id)))


@router.get(
    "/{id}/content",
    operation_id="download_file",
    summary="Download a file",
    response_class=Response,
    responses={
        200: {"description": "The bytes", "content": {"application/octet-stream": {"schema": {"type": "string"}}}},
        **problems(404, 422),
    },
)
async def download(services: ServicesDep, id: PathId) -> Response:
    row, data = await services.db.read(lambda session: _FILES.data(session, id))
    headers = {
        # Never shown in the browser under our address: an uploaded page could act as ours.
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(row.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "ETag": f'"{row.sha256}"',
    }
    return Response(data, media_type=row.mime, headers=headers)


@router.put(
    "/{id}",
    operation_id="put_file",
    summary="Upload or replace a file",
    description="Answers 201 if it was created.",
    responses={201: {"model": FilePublic, "description": "Created"}, **problems(413, 422)},
)
async def put(services: ServicesDep, response: Response, id: PathId, file: Uploaded) -> FilePublic:
    upload, at = await _read(file), services.clock()
    row, created = await services.dispatcher.write(lambda session: _FILES.replace(session, id, upload, at))
    response.status_code = 201 if created else 200
    return FilePublic.model_validate(row)


@router.patch(
    "/{id}",
    operation_id="patch_file",
    summary="Rename a file",
    description="Changes its name; the bytes stay.",
    responses=problems(404, 413, 415, 422),
)
async def patch(services: ServicesDep, id: PathId, body: FileIn) -> FilePublic:
    at, given = services.clock(), body.model_dump()
    return FilePublic.model_validate(
        await services.dispatcher.write(lambda session: _FILES.patch(session, id, given, at))
    )


@router.delete(
    "/{id}", operation_id="delete_file", summary="Delete a file", status_code=204, responses=problems(404, 422)
)
async def delete(services: ServicesDep, id: PathId) -> None:
    at = services.clock()
    await services.dispatcher.write(lambda session: _FILES.delete(session, id, at))


async def _read(file: UploadFile) -> Upload:
    data = await file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise TooLarge(f"The file is larger than {LARGEST_FILE:,} bytes.", "Link to it instead of attaching it.")
    mime = (file.content_type or "").partition(";")[0].strip().lower()
    try:
        # Some browsers send the whole path.
        name = FileIn(name=PurePosixPath((file.filename or "").replace("\\", "/")).name).name
    except ValidationError as error:
        raise Refused(faults(error)) from None
    return Upload(name, mime if _MIME.fullmatch(mime) else "application/octet-stream", data)
