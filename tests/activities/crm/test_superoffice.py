"""SuperOffice's REST WebAPI, against a stand-in made from its public documentation (`tests.support.superoffice`)."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from activities.outside.superoffice.client import Access, SuperOffice
from activities.outside.superoffice.effects import ELSEWHERE, SuperOfficeCrm, SuperOfficeRequest
from activities.web import Web
from flows.making import CreateFollowUp, CreateRequest, CreateSale, FreeTime, Origin
from flows.ports import Change, ChangeMembership, ChangePerson, FieldChange, NotDone, Silence
from store.database import Database
from store.people import Person
from tests.support.backend import Reply, backend
from tests.support.databases import SqliteDatabases
from tests.support.superoffice import StandIn

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
ORIGIN = Origin("per_1", "par_1", "f", "s")


@dataclass
class Set:
    """The port, and what is behind it."""

    port: SuperOfficeCrm
    there: StandIn
    now: datetime = NOW


@pytest.fixture
def store(sqlite_databases: SqliteDatabases) -> Iterator[Database]:
    url = sqlite_databases.create()
    db = Database(url)
    yield db
    db.close()
    sqlite_databases.drop(url)


@pytest.fixture
async def crm(store: Database) -> AsyncIterator[Set]:
    person = Person(id="per_1", external_id="275", created_at=NOW, updated_at=NOW)
    stranger = Person(id="per_2", created_at=NOW, updated_at=NOW)
    await store.write(lambda session: session.add_all([person, stranger]))
    web = Web(private=True, longest=5)
    async with backend() as program:
        there = StandIn(program)
        there.people[275] = {
            "PersonId": 275, "Firstname": "Kari", "Contact": {"ContactId": 18}, "Category": {"Id": 1},
            "Emails": [{"Value": "kari@x.example"}], "CustomFields": {"visits": 1, "spent": 10.5},
        }  # fmt: skip
        there.companies[18] = {"ContactId": 18, "Name": "Fjord", "CustomFields": {"score": 1}}
        made = Set(None, there)  # type: ignore[arg-type]
        access = Access(there.url, f"{program.url}/tokens", "client", "secret", "refresh")
        made.port = SuperOfficeCrm(store, SuperOffice(web, access, lambda: made.now))
        yield made
    await web.close()


def change(*changes: tuple[str, Change, object], person: str = "per_1") -> ChangePerson:
    return ChangePerson(person, tuple(FieldChange(*each) for each in changes))


async def test_STEP_3_a_person_is_changed_all_or_none(crm: Set) -> None:
    await crm.port.send(
        change(
            ("person.first_name", "set", "Åse"), ("person.category", "set", "4"),
            ("person.custom.visits", "increase", 2), ("person.custom.spent", "copy", "person.custom.visits"),
        ),
        "k",
    )  # fmt: skip
    person = crm.there.people[275]
    assert (person["Firstname"], person["Category"], person["CustomFields"]) == (
        "Åse", {"Id": 4}, {"visits": 3.0, "spent": 1}
    )  # fmt: skip
    await crm.port.send(change(("company.custom.score", "decrease", 0.5)), "k")
    assert crm.there.companies[18]["CustomFields"]["score"] == 0.5


async def test_STEP_3_a_change_by_others_in_between_is_not_overwritten(crm: Set) -> None:
    def other() -> None:
        crm.there.people[275]["CustomFields"]["visits"] = 10

    crm.there.meanwhile = other
    await crm.port.send(change(("person.custom.visits", "increase", 1)), "k")
    assert crm.there.people[275]["CustomFields"]["visits"] == 11


@pytest.mark.parametrize(
    "request_",
    [
        change(("person.first_name", "set", "x"), person="per_2"),
        change(("person.first_name", "set", "x"), ("company.name", "set", "x")),
        change(("person.category", "set", "customer")),
        change(("person.subscriptions", "add", "news")),
        ChangeMembership("per_1", "add", ("customers",)),
        ChangeMembership("per_1", "add", ("1",), create=True),
        CreateFollowUp(ORIGIN, "Call", None, ("7",), FreeTime(None, None, "Europe/Oslo", None)),
    ],
    ids=["no number", "two entities", "category", "list", "selection", "create", "free time"],
)
async def test_SAFE_2_what_it_cannot_do_is_refused_for_good_and_changes_nothing(
    crm: Set, request_: SuperOfficeRequest
) -> None:
    before = repr(crm.there.people), repr(crm.there.companies)
    with pytest.raises(NotDone) as refused:
        await crm.port.send(request_, "k")
    assert not refused.value.retryable
    assert (repr(crm.there.people), repr(crm.there.companies)) == before
    assert not crm.there.selections


async def test_STEP_4_and_5_members_come_and_go_and_repeating_it_is_harmless(crm: Set) -> None:
    crm.there.members.update({id: {"ProjectId": 9, "PersonId": id, "ContactId": 0} for id in range(1, 6)})
    for _ in range(2):
        await crm.port.send(ChangeMembership("per_1", "add", ("3", "4"), ("9",)), "k")
    assert crm.there.selections == {3: {275}, 4: {275}}
    assert [member["PersonId"] for member in crm.there.members.values()].count(275) == 1
    for _ in range(2):
        await crm.port.send(ChangeMembership("per_1", "remove", ("3",), ("9",)), "k")
    assert crm.there.selections[3] == set()
    assert len(crm.there.members) == 5


async def test_STEP_6_7_8_appointments_tickets_and_sales_are_made(crm: Set) -> None:
    follow_up = CreateFollowUp(ORIGIN, "Call", "2", ("7",), date(2026, 12, 9), "9", "Agenda")
    request = CreateRequest(ORIGIN, "Help", "1", "2", "3", "4", None, "<p>Hei</p>")
    sale = CreateSale(
        ORIGIN, "Beans", "5", None, ("7",), date(2026, 12, 24), "Europe/Oslo", "NO", Decimal("99.50"), "NOK"
    )
    assert [(await crm.port.send(each, "k")).provider_id for each in (follow_up, request, sale)] == ["1", "1", "1"]
    (appointment,), (ticket,), (sold,) = (crm.there.made[kind] for kind in ("Appointment", "Ticket", "Sale"))
    assert (appointment["Description"], appointment["StartDate"], appointment["Associate"]) == (
        "Call\nAgenda", "2026-12-09", {"AssociateId": 7}
    )  # fmt: skip
    assert (appointment["Person"], appointment["Contact"]) == ({"PersonId": 275}, {"ContactId": 18})
    assert (ticket["Title"], ticket["OwnedBy"], ticket["Category"]) == ("Help", None, {"TicketCategoryId": 3})
    assert (sold["Heading"], sold["Amount"], sold["Currency"]) == ("Beans", 99.5, {"Value": "NOK"})


async def test_the_token_is_shared_renewed_before_it_ends_and_when_it_is_withdrawn(crm: Set) -> None:
    for _ in range(3):
        await crm.port.send(change(("person.first_name", "set", "A")), "k")
    assert crm.there.tokens == 1
    crm.now += timedelta(minutes=59, seconds=30)
    await crm.port.send(change(("person.first_name", "set", "B")), "k")
    assert crm.there.tokens == 2
    crm.there.tokens += 1  # ours is void now
    await crm.port.send(change(("person.first_name", "set", "C")), "k")
    assert crm.there.people[275]["Firstname"] == "C"
    crm.there.program.script.append(Reply(400))
    crm.now += timedelta(hours=2)
    with pytest.raises(NotDone) as refused:
        await crm.port.send(change(("person.first_name", "set", "D")), "k")
    assert refused.value.retryable


async def test_SAFE_2_faults_of_the_other_side(crm: Set) -> None:
    """A read that is lost is tried again; a write that is lost is unknown, and such kinds are left to a person."""
    update = change(("person.custom.visits", "increase", 1))
    await crm.port.send(update, "k")  # with a token from now on
    crm.there.program.script.append("drop")
    with pytest.raises(NotDone) as lost_read:
        await crm.port.send(update, "k")
    assert lost_read.value.retryable
    crm.there.program.script.append(Reply(429, headers={"Retry-After": "90"}))
    with pytest.raises(NotDone) as busy:
        await crm.port.send(update, "k")
    assert busy.value.retry_after == timedelta(seconds=90)
    crm.there.lost = lambda call: call.method in ("PATCH", "POST")
    with pytest.raises(Silence):
        await crm.port.send(update, "k")
    assert crm.there.people[275]["CustomFields"]["visits"] == 3
    assert {"update_person", "create_follow_up", "create_request", "create_sale"} == set(ELSEWHERE.unkeyed)
