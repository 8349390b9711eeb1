"""Whose turn it is: work spread evenly over associates (STEP_7, STEP_9).

Counts differ by at most one among those who were there all the time. Who is away when its turn comes has had it, and
who is new begins where the others are: nobody finds everything that came meanwhile waiting on return.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm.associates import available
from store.inserts import insert_new
from store.people import Associate
from store.work import Turns


def take(session: Session, id: str, members: Sequence[str], at: datetime) -> str | None:
    """The member whose turn it is and who is available; None if nobody is. `id` names what is spread.

    The turn is taken in this transaction, alone: who asks at the same time waits for its end.
    """
    insert_new(session, Turns, [{"id": id, "taken": {}}])
    row = session.get_one(Turns, id, with_for_update=True, populate_existing=True)
    here = _associates(session, members)
    present = [associate.id for associate in here if available(associate, at)]
    if not present:
        return None
    least = min((row.taken[each.id] for each in here if each.id in row.taken), default=0)
    taken = {each.id: row.taken.get(each.id, least) for each in here}
    chosen = min(present, key=lambda member: taken[member])
    taken[chosen] += 1
    level = min(taken[member] for member in present)
    row.taken = {member: count if member in present else max(count, level) for member, count in taken.items()}
    return chosen


def _associates(session: Session, ids: Sequence[str]) -> list[Associate]:
    """Those of them who exist, in the order given."""
    found = {row.id: row for row in session.scalars(select(Associate).where(col(Associate.id).in_(ids)))}
    return [found[id] for id in dict.fromkeys(ids) if id in found]
