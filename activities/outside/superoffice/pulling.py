"""Everything of SuperOffice taken over: lists, associates, companies, people, selections, projects, in this order.

Page by page in the order of the numbers there, each page one transaction that also says how far it has come: killed, it
goes on from there; begun again, it changes what has changed. The first pull of people sets off no triggers (TRIG_1).
SuperOffice tells nothing of who comes into a selection: selections are read again every hour, and who is new is told.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.exc import DataError, IntegrityError
from sqlmodel import Session, col, select

from activities.crm.faults import CrmError
from activities.crm.groups import PROJECT, SELECTION, Kind
from activities.dispatcher import Dispatcher
from activities.outside.superoffice.copying import BESIDE, LISTS, Copy
from activities.outside.superoffice.fields import Entity
from activities.outside.superoffice.lists import Lists
from activities.outside.superoffice.reading import Reading
from activities.rounds import rounds
from flows.ports import EffectError, NotDone
from store.leases import lease
from store.pulling import PullRow

log = structlog.get_logger(__name__)

KINDS = ("lists", "associates", "companies", "people", "selections", "projects")
"""What is pulled, each after those before it are done."""
EVERY = timedelta(seconds=2)
AGAIN = timedelta(hours=1)
PAGE = 100
_LATER = timedelta(minutes=1)
_LEASE = timedelta(minutes=5)
_LONGEST_WHY = 500
_MOST_MISSING = 10_000
"""Numbers in a page that are nobody's: those of people who were deleted long ago are many."""

Page = Callable[[Session], list[int]]
"""Writes a page. It answers the numbers of those that could not be taken."""


def start(session: Session, now: datetime) -> None:
    """Pull everything, from the beginning; what is under way begins anew."""
    for kind in KINDS:
        row = session.get(PullRow, kind, with_for_update=True)
        if row is None:
            session.add(PullRow(kind=kind, due=now, started_at=now))
        else:
            row.first = row.first and not row.done
            row.after = row.taken = row.refused = 0
            row.why, row.done, row.due, row.started_at = "", False, now, now


def state(session: Session) -> list[PullRow]:
    """How far each kind has come; nothing: it was never begun."""
    found = {row.kind: row for row in session.exec(select(PullRow)).all()}
    return [found[kind] for kind in KINDS if kind in found]


class Pull:
    """Runs beside every worker; one of them has the page, and one that was taken over by another is dropped."""

    def __init__(
        self, dispatcher: Dispatcher, reading: Reading, lists: Lists, copy: Copy, clock: Callable[[], datetime]
    ) -> None:
        self._dispatcher = dispatcher
        self._reading = reading
        self._lists = lists
        self._copy = copy
        self._clock = clock

    async def run(self) -> None:
        """Pull what is asked for until cancelled."""
        await rounds(self.once, EVERY, "pull_failed")

    async def once(self) -> bool:
        """One page of what is due; False: nothing is."""
        row = await self._dispatcher.write(partial(_next, self._clock()))
        if row is None:
            return False
        pages: Mapping[str, Callable[[PullRow], Awaitable[tuple[int, int | None, Page]]]] = {
            "lists": self._of_lists, "associates": self._of_associates, "companies": self._of_companies,
            "people": self._of_people, "selections": partial(self._of_groups, "Selection", SELECTION),
            "projects": partial(self._of_groups, "Project", PROJECT),
        }  # fmt: skip
        try:
            taken, after, write = await pages[row.kind](row)
            await self._dispatcher.write(partial(self._keep, row.kind, row.after, taken, after, write))
        except EffectError as error:
            pause = error.retry_after if isinstance(error, NotDone) and error.retry_after else _LATER
            await self._dispatcher.write(partial(_put_off, row.kind, error.text, self._clock() + pause))
        return True

    @staticmethod
    def _each(session: Session, found: Mapping[int, Entity], take: Callable[[int, Entity], None]) -> list[int]:
        """Take each by itself: one that cannot be held here keeps nobody else away."""
        refused = []
        for number, entity in found.items():
            try:
                with session.begin_nested():
                    take(number, entity)
            except (CrmError, IntegrityError, DataError) as error:
                log.warning("pull_refused", number=number, error=type(error).__name__)
                refused.append(number)
        return refused

    def _keep(self, kind: str, before: int, taken: int, after: int | None, write: Page, session: Session) -> None:
        row = session.get(PullRow, kind, with_for_update=True)
        if row is None or row.done or row.after != before:
            return
        refused = write(session)
        row.taken += taken - len(refused)
        row.refused += len(refused)
        row.why = f"{refused[-1]} cannot be held here" if refused else ""
        if after is not None:
            row.after, row.due = after, self._clock()
            return
        row.done, row.due = True, self._clock() + AGAIN

    async def _of_lists(self, row: PullRow) -> tuple[int, int | None, Page]:
        """First types, categories and custom fields; then the items of each field that holds such, a page a field."""
        by_field = await self._lists.by_field()
        if row.after:
            return await self._of_field(row.after, by_field)
        beside = {name: [*dict.fromkeys((await self._lists.items(name)).values())] for name in BESIDE}
        fields = await self._reading.custom_fields()
        items = [(name, id, item) for name in LISTS for id, item in (await self._lists.items(name)).items()]

        def write(session: Session) -> list[int]:
            for name, id, item in items:
                self._copy.item(session, name, id, item, beside)
            for (of, name), label in fields.items():
                self._copy.field(session, of, name, label)
            self._copy.forget_items(session, by_field)
            return []

        return len(items) + len(fields), 1, write

    async def _of_field(self, number: int, by_field: Mapping[str, str]) -> tuple[int, int | None, Page]:
        """The items of this one of the fields. A list that may not be read is not known; it keeps nothing away."""
        if number > len(by_field):
            return 0, None, lambda session: []
        field, name = [*by_field.items()][number - 1]
        try:
            items = await self._lists.items(name)
        except NotDone as error:
            if error.retryable:
                raise
            log.warning("list_refused", list=name)
            items = {}

        def write(session: Session) -> list[int]:
            self._copy.items(session, field, items)
            return []

        return len(items), number + 1, write

    async def _of_associates(self, _: PullRow) -> tuple[int, int | None, Page]:
        users = await self._reading.users()

        def write(session: Session) -> list[int]:
            self._copy.associates(session, users)
            return []

        return len(users), None, write

    async def _of_companies(self, row: PullRow) -> tuple[int, int | None, Page]:
        numbers = await self._reading.numbers("Contact", "contactId", row.after, PAGE)
        found = await self._reading.companies(numbers)

        def write(session: Session) -> list[int]:
            return self._each(session, found, partial(self._copy.company, session))

        return len(found), _last(numbers), write

    async def _of_people(self, row: PullRow) -> tuple[int, int | None, Page]:
        numbers = await self._reading.numbers("Person", "personId", row.after, PAGE, entities="person,retiredPerson")
        found = await self._reading.people(numbers)
        last = _last(numbers)

        def write(session: Session) -> list[int]:
            if not row.first and numbers:  # who is here, and is there no longer
                missing = set(range(row.after + 1, numbers[-1] + 1)) - found.keys()
                self._copy.forget_people(session, sorted(missing)[:_MOST_MISSING])
            return self._each(
                session,
                found,
                lambda number, entity: self._copy.people(session, {number: entity}, triggers=not row.first),
            )

        return len(found), last, write

    async def _of_groups(self, noun: str, kind: Kind, row: PullRow) -> tuple[int, int | None, Page]:
        found = await self._reading.named(noun, row.after, 1)
        if not found:
            return 0, None, lambda session: []
        ((number, name),) = found
        members = await self._reading.members(noun, number)

        def write(session: Session) -> list[int]:
            keep = self._copy.selection if kind is SELECTION else self._copy.project
            self._copy.members(session, kind, keep(session, number, name), members, triggers=not row.first)
            return []

        return 1, number, write


def _last(numbers: list[int]) -> int | None:
    """Where to go on from; None: these were the last."""
    return numbers[-1] if len(numbers) == PAGE else None


def _next(now: datetime, session: Session) -> PullRow | None:
    """The first kind that is not done; if all are, selections again."""
    kind = next((row.kind for row in state(session) if not row.done), "selections")
    due = select(PullRow).where(col(PullRow.kind) == kind, col(PullRow.due) <= now)
    for row in lease(session, due, now + _LEASE):
        if row.done:
            row.done, row.first, row.after, row.taken, row.refused = False, False, 0, 0, 0
        return row
    return None


def _put_off(kind: str, why: str, until: datetime, session: Session) -> None:
    row = session.get(PullRow, kind, with_for_update=True)
    if row is not None:
        row.why, row.due = why[:_LONGEST_WHY], until
