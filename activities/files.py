"""Attachments as the mail adapter reads them: from the store's blobs."""

from sqlmodel import Session

from activities.mail.compose import File
from store.database import Database
from store.library import Blob, FileRow


class StoredFiles:
    """Reads files by id."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def read(self, file_id: str) -> File:
        """The file; LookupError if there is none."""

        def work(session: Session) -> File:
            row = session.get(FileRow, file_id)
            blob = session.get(Blob, row.sha256) if row is not None else None
            if row is None or blob is None:
                raise LookupError(f"there is no file {file_id}")
            return File(name=row.name, mime=row.mime, data=blob.data)

        return self._db.look(work)
