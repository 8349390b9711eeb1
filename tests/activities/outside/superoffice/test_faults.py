"""Many effects while SuperOffice misbehaves: nothing twice, and every doubtful one listed (SAFE_1, SAFE_2)."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from activities.outside.superoffice.effects import ELSEWHERE
from flows.making import CreateFollowUp, CreateRequest, CreateSale, FreeTime, Origin
from flows.ports import ChangePerson, FieldChange, NotDone, Silence
from store.people import Person
from tests.activities.outside.superoffice.conftest import NOW, Set
from tests.support.superoffice import Faults

EACH = 20


async def one_effect(crm: Set, kind: str, request: Any, key: str, outcomes: Counter[tuple[str, str]]) -> None:
    """What the journey and its activity do with one effect, however often it fails (`Steps.settle`)."""
    while True:
        try:
            await crm.port.send(request, key)
        except NotDone as error:
            if not error.retryable:
                raise
            continue
        except Silence:
            if kind not in ELSEWHERE.unkeyed:
                continue
            outcomes[kind, "unknown"] += 1
            return
        outcomes[kind, "done"] += 1
        return


async def test_SAFE_1_a_fifth_is_accepted_and_not_heard_of_others_are_busy_or_dropped(crm: Set) -> None:
    """Appointments, tickets with a message and sales once for each key, counts once or listed, no time booked twice."""
    numbers = range(1, EACH + 1)
    rows = [Person(id=f"p{n}", external_id=str(n), created_at=NOW, updated_at=NOW) for n in numbers]
    await crm.store.write(lambda session: session.add_all(rows))
    for number in numbers:
        crm.there.add_person(number, Contact={"ContactId": 18}, CustomFields={"x_n": "[I:0]"})
    await crm.client.get("/Person/1")
    crm.there.faults = Faults(accept_then_drop=0.2, drop=0.1, busy=0.1, unavailable=0.1)
    outcomes: Counter[tuple[str, str]] = Counter()
    places = asyncio.Semaphore(5)

    async def one(kind: str, request: Any, key: str) -> None:
        async with places:
            await one_effect(crm, kind, request, key, outcomes)

    effects = []
    for number in numbers:
        origin = Origin(f"p{number}", f"par_{number}", "f", "s")
        free = FreeTime(None, timedelta(minutes=30), "Europe/Oslo", None)
        effects += [
            one("create_follow_up", CreateFollowUp(origin, "Meet", None, ("7",), free), f"{number}/meet/1"),
            one(
                "create_request",
                CreateRequest(origin, "Help", None, None, None, None, None, "<p>Hei</p>"),
                f"{number}/ask/1",
            ),
            one("create_sale", CreateSale(origin, "Beans", None, None, ("7",), None, "UTC", None), f"{number}/sell/1"),
            one("update_person", ChangePerson(f"p{number}", (FieldChange("person.custom.x_n", "increase", 1),)), ""),
        ]
    await asyncio.gather(*effects)
    made = {kind: crm.there.counts[kind] for kind in ("Appointment", "Ticket", "TicketMessage", "Sale")}
    assert made == dict.fromkeys(made, EACH)
    starts = [each["StartDate"] for each in crm.there.appointments.values()]
    assert len(set(starts)) == EACH
    counted = [crm.there.people[number]["CustomFields"]["x_n"] for number in numbers]
    assert set(counted) <= {"[I:0]", "[I:1]"}
    # A count that was not made is never said to be done.
    assert counted.count("[I:1]") >= outcomes["update_person", "done"]
    assert outcomes["update_person", "unknown"] + outcomes["update_person", "done"] == EACH
    assert outcomes["update_person", "unknown"] > 0
    assert len(crm.there.unheard) > 20
