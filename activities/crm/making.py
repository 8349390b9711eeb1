"""What steps make and hand out in the embedded CRM: follow-ups, requests, sales, owners (STEP_6-9)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError
from sqlalchemy import func, select
from sqlmodel import Session, col

from activities.crm import turns
from activities.crm.associates import available, diary
from activities.crm.faults import CrmError, Missing, Refused, faults
from activities.crm.kinds import FollowUpTypeIn
from activities.crm.people import People
from activities.crm.tasks import FollowUpIn, RequestIn, SaleIn
from activities.crm.work import Work, expected, sale_type
from flows.calendar import NoSuchMomentError
from flows.diary import SEARCH
from flows.making import CreateFollowUp, CreateRequest, CreateSale, Distribute, FreeTime, GiveOwner
from flows.ports import Done
from store.kinds import AssociateGroup, Category, FollowUpType
from store.locks import lock_person
from store.people import Associate, Person
from store.work import FollowUp, RequestRow, Sale

Model = TypeVar("Model", bound=BaseModel)

_SOON = timedelta(days=28)  # most free times are found within it: a diary is not read for a year at once


class Unavailable(CrmError):
    """Nobody, or no time, is there for it."""


class Making:
    """Carries out what steps ask for. Each call is part of the session's transaction, and raises CrmError."""

    def __init__(
        self,
        people: People,
        follow_ups: Work[FollowUp, FollowUpIn],
        requests: Work[RequestRow, RequestIn],
        sales: Work[Sale, SaleIn],
    ) -> None:
        self._people = people
        self._follow_ups = follow_ups
        self._requests = requests
        self._sales = sales

    def follow_up(self, session: Session, asked: CreateFollowUp, at: datetime, cause: Sequence[str]) -> Done:
        """Put it into the owner's diary."""
        owner = _owner(session, asked.owners)
        fields: dict[str, object] = {
            "person": asked.origin.person, "title": asked.title, "type": asked.type, "owner": owner,
            "project": asked.project, "agenda": asked.agenda, "files": asked.files, "links": asked.links,
        }  # fmt: skip
        if isinstance(asked.when, FreeTime):
            start, end = _free_time(session, owner, asked.type, asked.when, at)
            fields.update(starts_at=start, ends_at=end)
            said = f"meeting at {start:%Y-%m-%d %H:%M} UTC"
        else:
            fields.update(due=asked.when)
            said = f"due {asked.when}"
        row = self._follow_ups.create(session, _read(FollowUpIn, fields), at, origin=asked.origin, cause=cause)
        return Done(row.id, f"Created follow-up {row.id} for {owner}, {said}", {"follow_up": row.id})

    def request(self, session: Session, asked: CreateRequest, at: datetime, cause: Sequence[str]) -> Done:
        """Make it, and give it to somebody."""
        if asked.owners is None:
            owner = _assigned(session, asked.category, asked.origin.person, at)
        else:
            owner = _owner(session, asked.owners) if asked.owners else None
        fields: dict[str, object] = {
            "person": asked.origin.person, "title": asked.title, "type": asked.type, "status": asked.status,
            "category": asked.category, "priority": asked.priority, "owner": owner, "message": asked.message,
        }  # fmt: skip
        row = self._requests.create(session, _read(RequestIn, fields), at, origin=asked.origin, cause=cause)
        return Done(row.id, f"Created request {row.id}, {row.status}, for {owner or 'nobody'}", {"request": row.id})

    def sale(self, session: Session, asked: CreateSale, at: datetime, cause: Sequence[str]) -> Done:
        """Make it."""
        owner = _owner(session, asked.owners)
        date = asked.date or expected(sale_type(session, asked.type), at, ZoneInfo(asked.zone), asked.country)
        fields: dict[str, object] = {
            "person": asked.origin.person, "title": asked.title, "type": asked.type, "stage": asked.stage,
            "amount": asked.amount, "currency": asked.currency, "description": asked.description,
            "project": asked.project, "date": date, "owner": owner,
        }  # fmt: skip
        row = self._sales.create(session, _read(SaleIn, fields), at, origin=asked.origin, cause=cause)
        return Done(row.id, f"Created sale {row.id}, {row.stage}, for {owner}", {"sale": row.id})

    def distribute(self, session: Session, asked: Distribute, at: datetime, cause: Sequence[str]) -> Done:
        """Give the person an owner: whose turn it is, else the fallback."""
        members = asked.associates
        if asked.group is not None:
            group = session.get(AssociateGroup, asked.group)
            if group is None:
                raise Missing("group", asked.group)
            members = tuple(group.members)
        chosen = turns.take(session, f"step/{asked.origin.flow}/{asked.origin.step}", members, at)
        if chosen is None and asked.fallback is not None and session.get(Associate, asked.fallback) is not None:
            chosen = asked.fallback
        if chosen is None:
            raise Unavailable("None of the associates is available.", "Add others, or a fallback.")
        return self.give_owner(session, GiveOwner(asked.origin.person, asked.owner, chosen), at, cause)

    def give_owner(self, session: Session, asked: GiveOwner, at: datetime, cause: Sequence[str]) -> Done:
        """Give the person this owner."""
        person = lock_person(session, asked.person)
        if person is None:
            raise Missing("person", asked.person)
        self._people.save(session, person, {asked.owner: asked.associate}, at, cause=cause)
        return Done(text=f"Given to {asked.associate}", data={"owner": asked.associate})


def _owner(session: Session, candidates: Sequence[str]) -> str:
    for candidate in candidates:
        if session.get(Associate, candidate) is not None:
            return candidate
    raise Missing("associate", " or ".join(candidates))


def _free_time(
    session: Session, owner: str, type: str | None, wanted: FreeTime, at: datetime
) -> tuple[datetime, datetime]:
    """A time that is free, and stays so until this transaction ends: who books in this diary waits for it (STEP_6)."""
    # Weaker than an update's lock: whoever only refers to the associate, such as a person's owner, need not wait.
    lock = select(Associate).where(col(Associate.id) == owner).with_for_update(key_share=True)
    associate = session.scalars(lock, execution_options={"populate_existing": True}).one()
    book = diary(associate, ZoneInfo(wanted.zone), wanted.country)
    kind = (session.get(FollowUpType, type) if type is not None else None) or FollowUpTypeIn(name="usual")
    length = wanted.length or timedelta(minutes=kind.minutes)
    earliest = book.after(at, wanted.after)
    for span in (_SOON, SEARCH):
        until = earliest + span
        booked = session.execute(
            select(col(FollowUp.starts_at), col(FollowUp.ends_at))
            .where(col(FollowUp.owner) == owner)
            .where(col(FollowUp.ends_at) > earliest, col(FollowUp.starts_at) < until)
        )
        try:
            start = book.first_free(earliest, length, [(row[0], row[1]) for row in booked], until)
        except NoSuchMomentError as error:
            none = str(error)
        else:
            return start, start + length
    raise Unavailable(none, "")


def _assigned(session: Session, category: str | None, person: str, at: datetime) -> str | None:
    """Whom the category's rule gives a request of this person; None: nobody, its members answer (STEP_7)."""
    rule = session.get(Category, category) if category is not None else None
    if rule is None:
        return None
    if rule.assign == "evenly":
        return turns.take(session, f"category/{rule.id}", rule.members, at)
    if rule.assign == "fewest_open":
        return _least_busy(session, rule, at)
    owner = session.get_one(Person, person)
    wanted = owner.our_contact if rule.assign == "our_contact" else owner.our_service_contact
    associate = session.get(Associate, wanted) if wanted is not None else None
    return associate.id if associate is not None and available(associate, at) else None


def _least_busy(session: Session, category: Category, at: datetime) -> str | None:
    # Alone, as with turns: two that count at once would find the same member.
    session.get_one(Category, category.id, with_for_update={"key_share": True})
    members = session.scalars(select(Associate).where(col(Associate.id).in_(category.members)))
    there = {associate.id for associate in members if available(associate, at)}
    open_now = select(col(RequestRow.owner), func.count()).where(
        col(RequestRow.owner).in_(there), col(RequestRow.state) == "open"
    )
    counts = {row[0]: row[1] for row in session.execute(open_now.group_by(col(RequestRow.owner)))}
    return min((id for id in category.members if id in there), key=lambda id: counts.get(id, 0), default=None)


def _read(model: type[Model], fields: dict[str, object]) -> Model:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise Refused(faults(error, model)) from None
