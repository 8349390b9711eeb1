"""People given owners in SuperOffice (STEP_9): whose turn it is, is decided and kept here, then written there."""

from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session

from activities.crm import turns
from activities.outside.superoffice.changing import Changing
from flows.making import Distribute
from flows.ports import Done, FieldChange, NotDone
from store.database import Database
from store.journeys import EffectRow
from store.kinds import AssociateGroup


class Owners:
    """Hands people out."""

    def __init__(self, db: Database, changing: Changing, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._changing = changing
        self._clock = clock

    async def distribute(self, person: int, asked: Distribute, key: str) -> Done:
        """Give the person an owner. Raises NotDone and Silence."""
        now = self._clock()
        chosen = await self._db.write(lambda session: _choose(session, asked, key, now))
        await self._changing.change(person, [FieldChange(f"person.{asked.owner}", "set", chosen)])
        return Done(chosen, f"Given to {chosen}", {"owner": chosen})


def _choose(session: Session, asked: Distribute, key: str, now: datetime) -> str:
    """Whose turn it is: taken once for an effect, however often it is tried, so that counts stay even."""
    effect = session.get(EffectRow, key, with_for_update=True)
    if effect is not None and effect.provider_id:
        return effect.provider_id
    group = session.get(AssociateGroup, asked.group) if asked.group is not None else None
    members = group.members if group is not None else asked.associates
    chosen = turns.take(session, f"step/{asked.origin.flow}/{asked.origin.step}", members, now) or asked.fallback
    if chosen is None:
        raise NotDone("None of the associates is available. Add others, or a fallback.", retryable=False)
    if effect is not None:
        effect.provider_id = chosen
    return chosen
