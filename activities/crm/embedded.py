"""The embedded CRM: people and groups in our own store, changed in the transaction of whoever asks."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select, union_all
from sqlmodel import Session, SQLModel, col

from activities.crm import changes, companies, nouns, people, work
from activities.crm.bulk import Bulk
from activities.crm.catalog import Refuses, StoreCatalog, nothing_refused
from activities.crm.companies import Companies
from activities.crm.facts import PersonFacts, facts_of, load, look_up
from activities.crm.faults import CrmError, Missing
from activities.crm.groups import PROJECT, SELECTION, CameTogether, Groups, is_member, memberships
from activities.crm.making import Making
from activities.crm.models import Channel, NamedIn
from activities.crm.occur import Occur
from activities.crm.people import People
from activities.crm.suppression import Suppression
from activities.crm.telling import Telling
from activities.crm.values import email_key
from flows.making import CreateFollowUp, CreateRequest, CreateSale, Distribute, GiveOwner
from flows.ports import ChangeMembership, ChangePerson, Done, NotDone
from store.columns import new_id
from store.database import AS_WRITTEN
from store.inserts import insert_new
from store.locks import lock_person
from store.people import Associate, BlockedAddress, Company, Selection, SuppressedAddress

_BLOCKED = union_all(
    select(col(BlockedAddress.id)).where(
        col(BlockedAddress.channel) == bindparam("channel"), col(BlockedAddress.address) == bindparam("address")
    ),
    select(col(SuppressedAddress.hash)).where(col(SuppressedAddress.hash).in_(bindparam("hashes", expanding=True))),
).limit(1)


class EmbeddedCrm:
    """Carries out what steps ask for, and holds what the API works with.

    Every change is part of the session it is given (`transactional`): it is kept or lost together with the journey's
    own record of it, so that it happens once (SAFE_1).
    """

    transactional = True

    def __init__(
        self,
        occur: Occur,
        came_together: CameTogether | None = None,
        suppression: Suppression | None = None,
        refuses: Refuses = nothing_refused,
    ) -> None:
        self._refuses = refuses
        self.suppression = suppression or Suppression()
        self.people = People(occur)
        self.telling = Telling(occur)
        self.companies = Companies(self.telling)
        self.groups = Groups(occur, came_together)
        self.links = nouns.links(refuses)
        self.forms = nouns.forms(refuses)
        self.bulk = Bulk(self.people, self.companies, occur)
        self.follow_ups = work.follow_ups(occur, self.telling)
        self.requests = work.requests(occur, self.telling)
        self.sales = work.sales(occur, self.telling)
        making = Making(self.people, self.follow_ups, self.requests, self.sales)
        self._performed: Mapping[type, Callable[[Session, Any, datetime, Sequence[str]], Done]] = {
            ChangePerson: self._change_person,
            ChangeMembership: self._change_membership,
            CreateFollowUp: making.follow_up,
            CreateRequest: making.request,
            CreateSale: making.sale,
            Distribute: making.distribute,
            GiveOwner: making.give_owner,
        }

    @property
    def performs(self) -> Collection[type]:
        """The types of the requests that it carries out."""
        return self._performed.keys()

    def perform(self, session: Session, request: Any, *, at: datetime, cause: Sequence[str]) -> Done:
        """Do it, all or nothing. Raises NotDone, never retryable, with nothing changed."""
        try:
            with session.begin_nested():
                return self._performed[type(request)](session, request, at, cause)
        except CrmError as error:
            raise NotDone(f"{error.what} {error.remedy}", retryable=False) from error

    def facts_of(self, session: Session, person: str) -> PersonFacts:
        """What is known of the person, its company, our contact and our service contact."""
        return facts_of(session, person)

    def load(self, session: Session, people: Sequence[str]) -> Sequence[SQLModel]:
        """Read many people at once: as long as the rows are kept, `facts_of` asks the store no more about them."""
        return load(session, people)

    def memberships(self, session: Session, people: Sequence[str], groups: Iterable[str]) -> set[tuple[str, str]]:
        """Which of these people are in which of these groups: (person, group)."""
        return memberships(session, people, groups)

    def associate_facts(self, session: Session, associate: str) -> dict[str, Any]:
        """What is known of an associate; nothing if there is none with this id."""
        return look_up(session, Associate, associate)

    def is_member(self, session: Session, person: str, group: str) -> bool:
        """Whether the person is in the selection or project with this id."""
        return is_member(session, person, group)

    def catalog(self, session: Session) -> StoreCatalog:
        """The names that flows may refer to."""
        return StoreCatalog(session, self._refuses)

    def address_key(self, channel: Channel, address: str) -> str:
        """An address as it is compared; mobile numbers are kept in E.164 and compared as they are."""
        return email_key(address) if channel == "email" else address

    def is_blocked(self, session: Session, channel: Channel, key: str) -> bool:
        """Whether nothing is sent to this address any more (PART_2)."""
        where = {"channel": channel, "address": key, "hashes": self.suppression.hashes(channel, key)}
        return session.scalar(_BLOCKED, where, execution_options=AS_WRITTEN) is not None

    def block(self, session: Session, channel: Channel, address: str, reason: str, at: datetime) -> None:
        """Send nothing to this address any more; an address blocked before keeps its reason."""
        key = self.address_key(channel, address)
        if not self.is_blocked(session, channel, key):
            times = {"created_at": at, "updated_at": at}
            row = {"id": new_id("blk"), "channel": channel, "address": key, "reason": reason, **times}
            insert_new(session, BlockedAddress, [row])

    def unblock(self, session: Session, channel: Channel, address: str, reason: str | None = None) -> None:
        """Write to this address again; one that is not blocked, or for another `reason` than this, is left as is."""
        key = self.address_key(channel, address)
        of_address = col(BlockedAddress.channel) == channel, col(BlockedAddress.address) == key
        if reason is not None:
            session.execute(delete(BlockedAddress).where(*of_address, col(BlockedAddress.reason) == reason))
            return
        session.execute(delete(BlockedAddress).where(*of_address))
        hashes = self.suppression.hashes(channel, key)
        session.execute(delete(SuppressedAddress).where(col(SuppressedAddress.hash).in_(hashes)))

    def _change_person(self, session: Session, request: ChangePerson, at: datetime, cause: Sequence[str]) -> Done:
        person = lock_person(session, request.person)
        if person is None or person.deleted_at is not None:
            raise Missing("person", request.person)
        company = session.get(Company, person.company, with_for_update=True) if person.company else None
        known = self.facts_of(session, person.id)
        written = changes.apply(
            request.changes, {"person": known.person, "company": known.company, "owner": known.owner}
        )
        changed: list[str] = []
        if company is not None and "company" in written:
            fields = companies.merged(company, written["company"])
            changed = self.companies.save(session, company, fields, at, cause=cause, besides=person.id)
        fields = people.merged(person, written.get("person", {}))
        changed = self.people.save(session, person, fields, at, cause=cause, also_changed=changed)
        return Done(text=f"Changed {', '.join(changed)}" if changed else "Everything was so already")

    def _change_membership(
        self, session: Session, request: ChangeMembership, at: datetime, cause: Sequence[str]
    ) -> Done:
        self.people.get(session, request.person)
        if request.create and request.change == "add":
            for name in request.selections:
                given = NamedIn(name=name)
                insert_new(session, Selection, [{"id": name, "name": given.name, "created_at": at, "updated_at": at}])
        changed: list[str] = []
        for kind, groups in ((SELECTION, request.selections), (PROJECT, request.projects)):
            for group in groups:
                if request.change == "add":
                    done = len(self.groups.add(session, kind, group, [request.person], at, cause=cause))
                else:
                    done = self.groups.remove(session, kind, group, [request.person])
                if done:
                    changed.append(f"{kind.noun} {group}")
        verb = "Added to" if request.change == "add" else "Removed from"
        return Done(text=f"{verb} {', '.join(changed)}" if changed else "Everything was so already")
