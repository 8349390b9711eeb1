"""Things that are only kept and looked up: associates, selections, content, links and the like."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from sqlmodel import Session, SQLModel

from activities.crm.faults import Missing, Refused, faults
from store.columns import new_id

Row = TypeVar("Row", bound=SQLModel)
In = TypeVar("In", bound=BaseModel)
Check = Callable[[Session, str, Mapping[str, Any]], None]
Complete = Callable[[Session, dict[str, Any], datetime], dict[str, Any]]


def _anything_goes(session: Session, id: str, fields: Mapping[str, Any]) -> None:
    pass


def _as_given(session: Session, fields: dict[str, Any], at: datetime) -> dict[str, Any]:
    return fields


@dataclass(frozen=True, slots=True)
class Records(Generic[Row, In]):
    """Rows of one table, written through one model whose fields are the table's columns.

    `noun` is what people call one, `prefix` begins its ids. `complete` makes the columns of the fields, where some are
    left out or derived; `check` looks at columns about to be written. Both raise a CrmError.
    """

    noun: str
    prefix: str
    table: type[Row]
    model: type[In]
    check: Check = _anything_goes
    complete: Complete = _as_given

    def get(self, session: Session, id: str) -> Row:
        """The row. Raises Missing."""
        row = session.get(self.table, id)
        if row is None:
            raise Missing(self.noun, id)
        return row

    def page(self, session: Session, after: str, limit: int) -> Sequence[Row]:
        """Rows in the order of their ids, from after that one on."""
        key = self.table.__table__.c.id  # type: ignore[attr-defined]
        return session.scalars(select(self.table).where(key > after).order_by(key).limit(limit)).all()

    def create(self, session: Session, given: In, at: datetime) -> Row:
        """A new row."""
        return self._insert(session, new_id(self.prefix), given, at)

    def replace(self, session: Session, id: str, given: In, at: datetime) -> tuple[Row, bool]:
        """The row with this id gets these fields and no others; True: it was created."""
        row = session.get(self.table, id, with_for_update=True)
        if row is None:
            return self._insert(session, id, given, at), True
        self._write(session, row, id, given, at)
        return row, False

    def patch(self, session: Session, id: str, changes: Mapping[str, Any], at: datetime) -> Row:
        """Change the fields given. Raises Refused."""
        row = self._lock(session, id)
        before = {name: getattr(row, name) for name in self.model.model_fields}
        data = {**before, **changes}
        try:
            given = self.model.model_validate(data)
        except ValidationError as error:
            raise Refused(faults(error, self.model, data)) from None
        self._write(session, row, id, given, at)
        return row

    def delete(self, session: Session, id: str, at: datetime) -> None:
        """The row goes, and with it what is part of it; whatever pointed to it points nowhere."""
        session.delete(self._lock(session, id))

    def _lock(self, session: Session, id: str) -> Row:
        row = session.get(self.table, id, with_for_update=True)
        if row is None:
            raise Missing(self.noun, id)
        return row

    def _insert(self, session: Session, id: str, given: In, at: datetime) -> Row:
        fields = self.complete(session, given.model_dump(), at)
        self.check(session, id, fields)
        row = self.table(id=id, **fields, created_at=at, updated_at=at)
        session.add(row)
        session.flush()
        return row

    def _write(self, session: Session, row: Row, id: str, given: In, at: datetime) -> None:
        fields = self.complete(session, given.model_dump(), at)
        self.check(session, id, fields)
        changed = {name: value for name, value in fields.items() if getattr(row, name) != value}
        for name, value in changed.items():
            setattr(row, name, value)
        if changed:
            row.updated_at = at
