"""Copies of flows, and the archive: what works from every status (LIFE)."""

import json
import re
from datetime import datetime
from itertools import count
from typing import Literal

from sqlmodel import Session

from activities.definitions import Definitions
from activities.editing import versions
from activities.life import schedules
from activities.life.commands import locked
from activities.life.draining import anyone_inside
from flows.copying import renamed
from flows.definition import Flow
from store.flows import FlowRow, FlowVersion

Copy = Literal["duplicate", "new-version"]


class StillInside(Exception):
    """Somebody is inside the flow: it cannot be archived now; nothing has changed."""

    def __init__(self, flow: FlowRow) -> None:
        super().__init__(f"people are inside the flow {flow.id}")
        self.flow, self.status = flow.id, flow.status


def copy(
    session: Session,
    definitions: Definitions,
    flow: str,
    how: Copy,
    now: datetime,
    *,
    id: str | None = None,
    name: str | None = None,
    author: str = "",
) -> tuple[FlowRow, str]:
    """A new draft made of a flow's current version, with its text; a new version names its ancestor.

    What the file says about its own start and close counts only once the copy is saved again: a draft that nobody has
    looked at does not run by itself. Raises UnknownFlow, FlowExists.
    """
    of = locked(session, flow)
    if name is None:
        name = f"{of.name} (copy)" if how == "duplicate" else of.name
    id = id or _free_id(session, flow, how)
    made = definitions.current(session, of).flow.model_copy(update={"id": id, "name": name})
    text = renamed(session.get_one(FlowVersion, (flow, of.version)).source or _as_text(made), id=id, name=name)
    row = versions.create(session, made, text, now, author=author, note=f"{how} of {flow}, version {of.version}")
    schedules.forget_file(session, id)
    if how == "new-version":
        row.ancestor = flow
    return row, text


def archive(session: Session, flow: str) -> FlowRow:
    """Out of the default lists. Raises UnknownFlow, StillInside."""
    row = locked(session, flow)
    if anyone_inside(session, row):
        raise StillInside(row)
    row.archived = True
    return row


def unarchive(session: Session, flow: str) -> FlowRow:
    """Back into the default lists. Raises UnknownFlow."""
    row = locked(session, flow)
    row.archived = False
    return row


def _free_id(session: Session, flow: str, how: Copy) -> str:
    """`welcome-copy`, `welcome-copy-2`; `welcome-2`, `welcome-3`. Deleted flows keep their ids."""
    if how == "duplicate":
        wanted = (f"{flow}-copy" + (f"-{number}" if number > 1 else "") for number in count(1))
    else:
        stem, number = re.fullmatch(r"(.+?)(?:-(\d{1,6}))?", flow, re.DOTALL).groups()  # type: ignore[union-attr]
        wanted = (f"{stem}-{following}" for following in count(int(number or 1) + 1))
    return next(id for id in wanted if session.get(FlowRow, id) is None)


def _as_text(flow: Flow) -> str:
    return json.dumps(flow.model_dump(mode="json", by_alias=True, exclude_defaults=True))
