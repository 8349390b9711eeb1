"""Leases: a row that is work to be done outside a transaction, such as a call, belongs to one worker for a while."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy import Select
from sqlmodel import Session


class Due(Protocol):
    """A row that is work: not to be done before `due`."""

    due: datetime


Work = TypeVar("Work", bound=Due)


def lease(session: Session, due: Select[Work], until: datetime) -> Sequence[Work]:
    """These rows, put off so that nobody else does them meanwhile; what somebody else is just taking is left out.

    Whoever has them says when they are due next, or deletes them; if that worker is lost, they are due at `until`.
    """
    rows = session.scalars(due.with_for_update(skip_locked=True)).all()
    for row in rows:
        row.due = until
    return rows
