"""What steps ask for, done in SuperOffice: against a stand-in made from its public documentation (SAFE_1)."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlmodel import select

from activities.outside.superoffice.effects import ELSEWHERE, SuperOfficeRequest
from activities.outside.superoffice.making import mark_of
from flows.making import CreateFollowUp, CreateRequest, CreateSale, Distribute, FreeTime, Origin
from flows.ports import Change, ChangeMembership, ChangePerson, FieldChange, NotDone, Silence
from store.work import FollowUp
from tests.activities.outside.superoffice.conftest import Set
from tests.support.backend import Reply
from tests.support.superoffice import Faults

ORIGIN = Origin("per_1", "par_1", "f", "s")
MEETING = CreateFollowUp(ORIGIN, "Meet", None, ("7",), FreeTime(None, timedelta(hours=1), "Europe/Oslo", None))


def change(*changes: tuple[str, Change, object], person: str = "per_1") -> ChangePerson:
    return ChangePerson(person, tuple(FieldChange(*each) for each in changes))


async def test_STEP_3_fields_of_the_person_and_of_the_company_in_one_step(crm: Set) -> None:
    await crm.port.send(
        change(
            ("person.first_name", "set", "Åse"), ("person.category", "set", "customer"),
            ("person.email", "set", "ase@x.example"), ("person.custom.SuperOffice_1", "increase", 2),
            ("person.custom.x_spent", "copy", "person.custom.SuperOffice_1"),
            ("person.custom.SuperOffice_7", "set", "Gold"), ("person.consent.email", "set", "withdrawn"),
            ("company.custom.x_score", "decrease", 3),
        ),
        "k",
    )  # fmt: skip
    person = crm.there.people[275]
    assert (person["Firstname"], person["Category"], person["NoMailing"]) == ("Åse", {"Id": 4}, True)
    assert person["Emails"] == [{"Value": "ase@x.example"}]
    assert [person["CustomFields"][name] for name in ("SuperOffice:1", "x_spent", "SuperOffice:7")] == [
        "[I:3]", "[F:1.0]", "[I:8]",
    ]  # fmt: skip
    assert crm.there.companies[18]["CustomFields"]["x_score"] == "[I:-2]"


async def test_STEP_3_subscriptions_are_items_of_a_list_by_name_or_number(crm: Set) -> None:
    await crm.port.send(change(("person.subscriptions", "add", ("news", "6"))), "k")
    await crm.port.send(change(("person.subscriptions", "remove", "Offers")), "k")
    assert crm.there.people[275]["ShipmentTypes"] == [{"Id": 5, "Selected": True}, {"Id": 6, "Selected": False}]


async def test_STEP_3_a_change_by_others_in_between_is_counted_on(crm: Set) -> None:
    def other() -> None:
        crm.there.people[275]["CustomFields"]["SuperOffice:1"] = "[I:10]"

    crm.there.meanwhile = other
    await crm.port.send(change(("person.custom.SuperOffice_1", "increase", 1)), "k")
    assert crm.there.people[275]["CustomFields"]["SuperOffice:1"] == "[I:11]"


@pytest.mark.parametrize("status", [422, 429])
async def test_STEP_3_where_the_company_is_refused_the_person_is_as_before(crm: Set, status: int) -> None:
    await crm.client.get("/Person/275")  # with a token from now on
    before = repr(crm.there.people)
    crm.there.program.reply = lambda call: (
        Reply(status) if call.method == "PATCH" and "/Contact/" in call.path else crm.there.reply(call)
    )
    both = change(("person.custom.SuperOffice_1", "increase", 1), ("company.name", "set", "Fjell"))
    with pytest.raises(NotDone):
        await crm.port.send(both, "k")
    assert repr(crm.there.people) == before


@pytest.mark.parametrize(
    "request_",
    [
        change(("person.first_name", "set", "x"), person="per_2"),
        change(("person.category", "set", "nonsense")),
        change(("company.name", "set", "x"), ("person.custom.nonsense", "set", 1)),
        change(("person.custom.x_note", "increase", 1)),
        ChangeMembership("per_1", "add", ("customers",)),
        CreateFollowUp(ORIGIN, "Call", None, ("liv",), date(2026, 12, 9)),
    ],
    ids=["no number", "category", "field", "no number to count", "selection", "owner"],
)
async def test_SAFE_2_what_it_cannot_do_is_refused_for_good_and_changes_nothing(
    crm: Set, request_: SuperOfficeRequest
) -> None:
    with pytest.raises(NotDone) as refused:
        await crm.port.send(request_, "k")
    assert not refused.value.retryable
    assert not crm.there.counts


async def test_STEP_4_and_5_members_come_and_go_and_a_selection_is_made_once(crm: Set) -> None:
    crm.there.selections[3] = {"SelectionId": 3, "Name": "Customers"}
    crm.there.members.update({id: {"ProjectId": 9, "PersonId": id, "ContactId": 0} for id in range(1, 6)})
    for _ in range(2):
        await crm.port.send(ChangeMembership("per_1", "add", ("3", "Fans"), ("9",), create=True), "k")
    fans = next(id for id, each in crm.there.selections.items() if each["Name"] == "Fans")
    assert (crm.there.chosen[3], crm.there.chosen[fans], crm.there.counts["Selection"]) == ({275}, {275}, 1)
    assert [member["PersonId"] for member in crm.there.members.values()].count(275) == 1
    for _ in range(2):
        await crm.port.send(ChangeMembership("per_1", "remove", ("Customers",), ("9",)), "k")
    assert crm.there.chosen[3] == set()
    assert len(crm.there.members) == 5


async def test_STEP_6_7_8_appointments_tickets_and_sales_are_made_once_for_a_key(crm: Set) -> None:
    follow_up = CreateFollowUp(ORIGIN, "Call", "2", ("7",), date(2026, 12, 9), "9", "<p>Beans &amp; tea</p>")
    request = CreateRequest(ORIGIN, "Help", "Question", "Open", "Sales", None, None, "<p>Hei</p>")
    sale = CreateSale(
        ORIGIN, "Beans", "Retail", "sold", ("7",), date(2026, 12, 24), "Europe/Oslo", "NO", Decimal("99.50"), "NOK"
    )
    for each in (follow_up, request, sale):
        first = await crm.port.send(each, "k")
        assert (await crm.port.send(each, "k")).provider_id == first.provider_id
    (appointment,), (ticket,), (sold,) = (
        list(rows.values()) for rows in (crm.there.appointments, crm.there.tickets, crm.there.sales)
    )
    assert (appointment["Title"], appointment["Agenda"], appointment["StartDate"]) == (
        "Call", "Beans & tea", "2026-12-09T00:00:00",
    )  # fmt: skip
    assert (appointment["Person"], appointment["Contact"], appointment["Task"]) == (
        {"PersonId": 275}, {"ContactId": 18}, {"TaskListItemId": 2},
    )  # fmt: skip
    assert (ticket["Title"], ticket["OwnedBy"], ticket["Category"]) == (
        "Help", {"AssociateId": 2_147_483_647}, {"TicketCategoryId": 3},
    )  # fmt: skip
    assert ticket["Priority"] == {"TicketPriorityId": 2}  # as its type says
    assert [message["HtmlBody"] for message in crm.there.messages] == ["<p>Hei</p>"]
    assert (sold["Heading"], sold["Amount"], sold["Currency"], sold["Status"]) == ("Beans", 99.5, {"Id": 36}, "Sold")
    assert sold["SaleText"] == mark_of("k")


async def test_STEP_6_a_meeting_is_at_the_first_time_that_is_free_there_and_two_never_get_the_same(crm: Set) -> None:
    crm.there.appointments[1] = {
        "StartDate": "2026-12-01T09:00:00", "EndDate": "2026-12-01T10:00:00", "Associate": {"AssociateId": 7},
    }  # fmt: skip
    for key in ("a", "b", "a"):
        await crm.port.send(MEETING, key)
    starts = [each["StartDate"] for each in crm.there.appointments.values()]
    assert starts == ["2026-12-01T09:00:00", "2026-12-01T10:00:00", "2026-12-01T11:00:00"]
    kept = await crm.store.read(lambda session: session.exec(select(FollowUp)).all())
    assert len(kept) == 2
    assert all(row.tell_at for row in kept)


async def test_STEP_6_a_time_that_was_refused_is_free_again(crm: Set) -> None:
    await crm.client.get("/Person/275")
    crm.there.program.reply = lambda call: Reply(403) if "CreateAppointment" in call.path else crm.there.reply(call)
    with pytest.raises(NotDone):
        await crm.port.send(MEETING, "a")
    crm.there.program.reply = crm.there.reply
    await crm.port.send(MEETING, "b")
    assert [each["StartDate"] for each in crm.there.appointments.values()] == ["2026-12-01T09:00:00"]


async def test_STEP_9_owners_are_handed_out_evenly_and_written_there(crm: Set) -> None:
    asked = Distribute(ORIGIN, "our_contact", ("7", "8"), None, None)
    given = [(await crm.port.send(asked, key)).data["owner"] for key in ("a", "b", "c")]
    assert sorted(given) in (["7", "7", "8"], ["7", "8", "8"])
    assert crm.there.people[275]["Associate"] == {"AssociateId": int(given[-1])}


async def test_the_token_is_shared_renewed_before_it_ends_and_when_it_is_withdrawn(crm: Set) -> None:
    for name in "ABC":
        await crm.port.send(change(("person.first_name", "set", name)), "k")
    assert crm.there.tokens == 1
    crm.now += timedelta(minutes=59, seconds=30)
    await crm.port.send(change(("person.first_name", "set", "D")), "k")
    assert crm.there.tokens == 2
    crm.there.expire()
    await crm.port.send(change(("person.first_name", "set", "E")), "k")
    assert crm.there.people[275]["Firstname"] == "E"
    crm.there.program.script.append(Reply(400))
    crm.now += timedelta(hours=2)
    with pytest.raises(NotDone) as refused:
        await crm.port.send(change(("person.first_name", "set", "F")), "k")
    assert refused.value.retryable


async def test_a_link_that_leads_elsewhere_is_not_followed(crm: Set) -> None:
    crm.there.program.reply = lambda call: (
        Reply(200, {"value": [{"personId": 1}], "odata.nextLink": "https://elsewhere.example/v1/Person"})
        if "/Person" in call.path
        else crm.there.reply(call)
    )
    assert [row async for row in crm.client.rows("/Person")] == [{"personId": 1}]


async def test_SAFE_1_what_was_accepted_and_never_answered_is_found_again(crm: Set) -> None:
    crm.there.faults = Faults(accept_then_silent=1)
    sale = CreateSale(ORIGIN, "Beans", None, None, ("7",), None, "Europe/Oslo", None)
    with pytest.raises(Silence):
        await crm.port.send(sale, "k")
    crm.there.faults = Faults()
    assert (await crm.port.send(sale, "k")).provider_id == str(next(iter(crm.there.sales)))
    assert crm.there.counts["Sale"] == 1


async def test_SAFE_2_faults_before_anything_was_done_are_tried_again(crm: Set) -> None:
    update = change(("person.custom.SuperOffice_1", "increase", 1))
    await crm.client.get("/Person/275")
    crm.there.program.script.append("drop")
    with pytest.raises(NotDone) as lost_read:
        await crm.port.send(update, "k")
    assert lost_read.value.retryable
    crm.there.program.script.append(Reply(429, headers={"Retry-After": "90"}))
    with pytest.raises(NotDone) as busy:
        await crm.port.send(update, "k")
    assert busy.value.retry_after == timedelta(seconds=90)
    assert not crm.there.counts


async def test_SAFE_2_a_lost_answer_is_repeated_where_that_is_harmless_and_else_left_to_a_person(crm: Set) -> None:
    """What is set is set once more. What is counted was tested for: it is never counted twice, and may be in doubt."""
    first = iter([1, 0, 1, 0])
    crm.there.faults.when = lambda call: bool(next(first, 0))
    crm.there.faults.accept_then_drop = 1
    await crm.port.send(change(("person.first_name", "set", "Åse")), "k")
    assert (crm.there.people[275]["Firstname"], crm.there.unheard) == ("Åse", ["Person"])
    with pytest.raises(Silence):
        await crm.port.send(change(("person.custom.SuperOffice_1", "increase", 1)), "k")
    assert crm.there.people[275]["CustomFields"]["SuperOffice:1"] == "[I:2]"
    assert ELSEWHERE.unkeyed == ("update_person",)
