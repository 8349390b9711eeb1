"""What steps ask of the CRM, done in SuperOffice: the port. Which call and which field is which: docs/superoffice.md.

A person is known there by its `external_id`; selections, projects, associates and types have there the number that is
their id here. SuperOffice takes no key. What can be found again, or repeated harmlessly, is repeated when an answer is
lost; of a change of fields that is in doubt a person decides (`Elsewhere.unkeyed`, SAFE_2).
"""

from collections.abc import Callable
from datetime import datetime

from activities.outside.elsewhere import Elsewhere, as_asked
from activities.outside.superoffice.booking import Booking
from activities.outside.superoffice.changing import Changing
from activities.outside.superoffice.client import SuperOffice
from activities.outside.superoffice.lists import Lists
from activities.outside.superoffice.making import Making
from activities.outside.superoffice.membership import Membership
from activities.outside.superoffice.numbers import person_number
from activities.outside.superoffice.owners import Owners
from activities.outside.superoffice.refusals import refusals
from flows.making import CreateFollowUp, CreateRequest, CreateSale, Distribute, GiveOwner
from flows.ports import ChangeMembership, ChangePerson, Done
from store.database import Database

SuperOfficeRequest = ChangePerson | ChangeMembership | CreateFollowUp | CreateRequest | CreateSale | Distribute


def _owner(asked: Distribute, done: Done) -> GiveOwner:
    return GiveOwner(asked.origin.person, asked.owner, done.data["owner"])


ELSEWHERE = Elsewhere(
    requests=(ChangePerson, ChangeMembership, CreateFollowUp, CreateRequest, CreateSale, Distribute),
    copies={ChangePerson: as_asked, ChangeMembership: as_asked, Distribute: _owner},
    unkeyed=("update_person",),
    refuses=refusals,
)


class SuperOfficeCrm:
    """The port."""

    def __init__(self, db: Database, client: SuperOffice, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._client = client
        lists = Lists(client, clock)
        self._changing = Changing(client, lists)
        self._membership = Membership(client)
        self._making = Making(client, lists, Booking(db, client, clock))
        self._owners = Owners(db, self._changing, clock)

    async def send(self, request: SuperOfficeRequest, key: str) -> Done:
        """Have it done. Raises NotDone and Silence."""
        if isinstance(request, ChangePerson):
            return await self._changing.change(await self._person(request.person), request.changes)
        if isinstance(request, ChangeMembership):
            person = await self._person(request.person)
            return await self._membership.change(person, await self._company(person), request)
        person = await self._person(request.origin.person)
        if isinstance(request, Distribute):
            return await self._owners.distribute(person, request, key)
        if isinstance(request, CreateRequest):
            return await self._making.ticket(person, request, key)
        company = await self._company(person)
        if isinstance(request, CreateFollowUp):
            return await self._making.appointment(person, company, request, key)
        return await self._making.sale(person, company, request, key)

    async def _person(self, person: str) -> int:
        return await self._db.read(lambda session: person_number(session, person))

    async def _company(self, person: int) -> int:
        """The number of the person's company; 0: none."""
        found = await self._client.get(f"/Person/{person}", select="PersonId,Contact")
        contact = (found.get("Contact") or {}).get("ContactId")
        return contact if isinstance(contact, int) else 0
