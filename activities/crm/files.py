"""Files that mails carry: names apart from bytes, and the same bytes kept once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic import Field
from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm.models import Incoming
from activities.crm.records import Records
from activities.crm.values import Name
from flows.steps.send_email import LARGEST_ATTACHMENTS
from store.columns import new_id
from store.inserts import insert_new
from store.library import Blob, FileRow

LARGEST_FILE = LARGEST_ATTACHMENTS
"""Bytes: a file that fits into no mail is not taken."""


class FileIn(Incoming):
    """What can be changed of a file: its name. Other bytes are another upload."""

    name: Name = Field(title="Name", description="As the recipient sees it, with its extension.")


_NAMES = Records("file", "fil", FileRow, FileIn)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came: its bytes, and the name and type that it was given."""

    name: str
    mime: str
    data: bytes

    @property
    def sha256(self) -> str:
        """The key of its bytes."""
        return sha256(self.data).hexdigest()


class Files:
    """Keeps files."""

    def get(self, session: Session, id: str) -> FileRow:
        """The file, without its bytes. Raises Missing."""
        return _NAMES.get(session, id)

    def page(self, session: Session, after: str, limit: int) -> Sequence[FileRow]:
        """Files in the order of their ids, from after that one on."""
        return _NAMES.page(session, after, limit)

    def data(self, session: Session, id: str) -> tuple[FileRow, bytes]:
        """The file with its bytes. Raises Missing."""
        row = self.get(session, id)
        return row, session.get_one(Blob, row.sha256).data

    def create(self, session: Session, upload: Upload, at: datetime) -> FileRow:
        """A new file."""
        return self._insert(session, new_id("fil"), upload, at)

    def replace(self, session: Session, id: str, upload: Upload, at: datetime) -> tuple[FileRow, bool]:
        """The file with this id gets these bytes, name and type; True: it was created."""
        row = session.get(FileRow, id, with_for_update=True)
        if row is None:
            return self._insert(session, id, upload, at), True
        before = row.sha256
        self._keep(session, upload)
        row.name, row.mime, row.size, row.sha256 = upload.name, upload.mime, len(upload.data), upload.sha256
        row.updated_at = at
        session.flush()
        self._forget(session, before)
        return row, False

    def patch(self, session: Session, id: str, changes: Mapping[str, Any], at: datetime) -> FileRow:
        """Change the name."""
        return _NAMES.patch(session, id, changes, at)

    def delete(self, session: Session, id: str, at: datetime) -> None:
        """The file goes, and its bytes if no other file has the same."""
        before = self.get(session, id).sha256
        _NAMES.delete(session, id, at)
        session.flush()
        self._forget(session, before)

    def _insert(self, session: Session, id: str, upload: Upload, at: datetime) -> FileRow:
        self._keep(session, upload)
        row = FileRow(
            id=id,
            name=upload.name,
            mime=upload.mime,
            size=len(upload.data),
            sha256=upload.sha256,
            created_at=at,
            updated_at=at,
        )
        session.add(row)
        session.flush()
        return row

    def _keep(self, session: Session, upload: Upload) -> None:
        insert_new(session, Blob, [{"sha256": upload.sha256, "data": upload.data}])

    def _forget(self, session: Session, sha: str) -> None:
        if session.scalar(select(col(FileRow.id)).where(col(FileRow.sha256) == sha).limit(1)) is None:
            blob = session.get(Blob, sha, with_for_update=True)
            if blob is not None:
                session.delete(blob)
