"""Membership of selections and projects."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, select
from sqlmodel import Session, col

from activities.crm.faults import Fault, Missing, Refused
from activities.crm.occur import Occur
from store.inserts import insert_new
from store.people import Person, Project, ProjectMember, Selection, SelectionMember

_CHUNK = 500  # ids in a statement


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of group: its table, its members' table, and the event of joining one."""

    noun: str
    table: type[Selection] | type[Project]
    members: type[SelectionMember] | type[ProjectMember]
    event: str

    @property
    def group(self) -> Any:
        """The members' column that names the group."""
        return getattr(self.members, self.noun)


CameTogether = Callable[[Session, Kind, str, Sequence[str], datetime], None]
"""Hears that many people have come into a group at once, and shall set off triggers (TRIG_7)."""

SELECTION = Kind("selection", Selection, SelectionMember, "added_to_selection")
PROJECT = Kind("project", Project, ProjectMember, "added_to_project")


class Member(NamedTuple):
    """A person is in a group since `at`."""

    person: str
    at: datetime


class Groups:
    """Adds and removes members, and tells it."""

    def __init__(self, occur: Occur, came_together: CameTogether | None) -> None:
        self._occur = occur
        self._came_together = came_together

    def add(
        self,
        session: Session,
        kind: Kind,
        group: str,
        people: Sequence[str],
        at: datetime,
        *,
        cause: Sequence[str] = (),
        triggers: bool = True,
    ) -> list[str]:
        """Make these people members; answers those who were not yet. Raises Missing, and Refused for unknown people.

        With `triggers`, one person who comes alone sets them off at once, several do so in the background.
        """
        self._check(session, kind, group)
        known = set(lock_people(session, people))
        _check_known(people, known)
        rows = [{kind.noun: group, "person": person, "at": at} for person in sorted(known)]
        added = [row["person"] for row in insert_new(session, kind.members, rows)]
        told: dict[str, Any] = {"type": kind.event, "at": at, "data": {kind.noun: group}, "cause": cause}
        if triggers and len(added) == 1:
            self._occur(session, person=added[0], **told)
        elif added:
            self._occur(session, person=added, **told, triggers=False)
            if triggers and self._came_together is not None:
                self._came_together(session, kind, group, added, at)
        return added

    def newcomers(self, session: Session, kind: Kind, group: str, people: Sequence[str]) -> list[str]:
        """Who of these people would be added; raises what `add` would raise, and changes nothing."""
        self._check(session, kind, group)
        ids = sorted(set(people))
        known: set[str] = set()
        for chunk in _chunks(ids):
            here = select(col(Person.id)).where(col(Person.id).in_(chunk), col(Person.deleted_at).is_(None))
            known.update(session.scalars(here))
        _check_known(people, known)
        members = {person for person, _ in memberships(session, ids, [group])}
        return [person for person in ids if person not in members]

    def remove(self, session: Session, kind: Kind, group: str, people: Sequence[str]) -> int:
        """Make these people members no longer; answers how many were. Raises Missing."""
        self._check(session, kind, group)
        removed = 0
        for chunk in _chunks(people):
            gone = delete(kind.members).where(kind.group == group, col(kind.members.person).in_(chunk))
            removed += len(session.scalars(gone.returning(col(kind.members.person))).all())
        return removed

    def members(self, session: Session, kind: Kind, group: str, after: str, limit: int) -> Sequence[Member]:
        """Members in the order of their ids, from after that one on. Raises Missing."""
        self._check(session, kind, group)
        query = select(col(kind.members.person), col(kind.members.at)).where(
            kind.group == group, col(kind.members.person) > after
        )
        return [Member(*row) for row in session.execute(query.order_by(col(kind.members.person)).limit(limit))]

    def _check(self, session: Session, kind: Kind, group: str) -> None:
        if session.get(kind.table, group) is None:
            raise Missing(kind.noun, group)


def is_member(session: Session, person: str, group: str) -> bool:
    """Whether the person is in the selection or project with this id."""
    return any(
        session.scalar(select(kind.group).where(kind.group == group, col(kind.members.person) == person)) is not None
        for kind in (SELECTION, PROJECT)
    )


def memberships(session: Session, people: Sequence[str], groups: Iterable[str]) -> set[tuple[str, str]]:
    """Which of these people are in which of these selections and projects: (person, group)."""
    names = sorted(set(groups))
    if not names:
        return set()
    found: set[tuple[str, str]] = set()
    for kind in (SELECTION, PROJECT):
        person = col(kind.members.person)
        for chunk in _chunks(people):
            rows = session.execute(select(person, kind.group).where(kind.group.in_(names), person.in_(chunk)))
            found.update((row[0], row[1]) for row in rows)
    return found


def _check_known(people: Sequence[str], known: set[str]) -> None:
    unknown = [index for index, person in enumerate(people) if person not in known]
    if unknown:
        remedy = "Check the ids, or leave these out; nobody was added."
        raise Refused([Fault("There is no person with this id.", remedy, ("people", i)) for i in unknown[:100]])


def lock_people(session: Session, people: Iterable[str]) -> list[str]:
    """Those who exist, locked in one order, so that two callers never wait for each other."""
    found: list[str] = []
    for chunk in _chunks(sorted(set(people))):
        query = select(col(Person.id)).where(col(Person.id).in_(chunk), col(Person.deleted_at).is_(None))
        found += session.scalars(query.order_by(col(Person.id)).with_for_update())
    return found


def _chunks(people: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(people), _CHUNK):
        yield people[first : first + _CHUNK]
