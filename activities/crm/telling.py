"""Many people are told of one thing, such as that their company has changed: some at once, the rest as a chore."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm.occur import Occur
from flows.outcome import Status
from store.chores import ChoreRow, Tell, TellColleagues, TellPeople
from store.columns import new_id
from store.journeys import ParticipantRow
from store.people import Person

PAGE = 250  # people in a transaction: with more of them, everyone else would have to wait


class Telling:
    """Tells people, in the order of their ids. It enrols nobody, yet may be what a journey of theirs looks for."""

    def __init__(self, occur: Occur) -> None:
        self._occur = occur

    def begin(self, session: Session, what: Tell, at: datetime, *, besides: str = "") -> None:
        """Tell the first people, except the one who knows, and see to the rest."""
        after = self.page(session, what, "", at, besides=besides)
        if after is not None:
            later(session, what, at, after)

    def page(self, session: Session, what: Tell, after: str, at: datetime, *, besides: str = "") -> str | None:
        """Tell the next people; the last one told, None if that were all."""
        query = select(col(Person.id)).where(col(Person.id) > after, col(Person.deleted_at).is_(None))
        if isinstance(what, TellColleagues):
            inside = select(col(ParticipantRow.person)).where(
                col(ParticipantRow.person) == col(Person.id),
                col(ParticipantRow.status).in_([Status.ACTIVE, Status.QUEUED]),
            )
            query = query.where(col(Person.company) == what.company, col(Person.id) != what.besides, inside.exists())
            type, data = what.event, what.data
        else:
            type, data = "person_updated", {"changed": what.changed}
            mine = (
                col(Person.company) == what.company if isinstance(what, TellPeople) else col(Person.id).in_(what.people)
            )
            query = query.where(mine)
        people = session.scalars(query.order_by(col(Person.id)).limit(PAGE + 1)).all()
        told = [person for person in people[:PAGE] if person != besides]
        self._occur(session, type=type, person=told, at=at, data=data, cause=what.cause, triggers=False)
        return people[PAGE - 1] if len(people) > PAGE else None


def later(session: Session, what: Tell, at: datetime, after: str = "") -> None:
    """Have people told in the background."""
    session.add(ChoreRow(id=new_id("cho"), what=what.model_dump(), after=after, at=at))


def pages(people: Sequence[str]) -> list[Sequence[str]]:
    """A list in pieces that are told in one transaction each."""
    return [people[first : first + PAGE] for first in range(0, len(people), PAGE)]
