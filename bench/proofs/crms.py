"""CRMs of that kind: journeys that do everything that a step can ask of one, spread by the person's country."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import SecretStr
from sqlmodel import Session

from bench.proofs.findings import expect
from bench.proofs.providers import SECRET, Adapter, MakeWorld, Misfortune, over_http
from store.journeys import EffectRow
from store.people import Associate, Project, Selection
from tests.support.backend import Call, Fault, backend
from tests.support.superoffice import Faults, Rows, StandIn
from tests.support.world import now

MOST = 1_000
"""People, as many as one call enrols."""
SELECTION, PROJECT, ASSOCIATES = 3, 9, (7, 8)
BY_COUNTRY: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "NO": [
        {"id": "count", "kind": "update_person", "increase": {"person.custom.n": 1}},
        {"id": "ask", "kind": "create_request", "title": "Help", "owner": "7", "message": "<p>Hei</p>"},
    ],
    "SE": [
        {"id": "join", "kind": "add_to", "selection": str(SELECTION), "project": str(PROJECT)},
        {"id": "sell", "kind": "create_sale", "title": "Beans", "owner": "7"},
    ],
    "DK": [
        {"id": "leave", "kind": "remove_from", "selection": str(SELECTION), "project": str(PROJECT)},
        {"id": "call", "kind": "create_follow_up", "title": "Call", "owner": "7", "due": "1 week"},
    ],
    "FI": [
        {"id": "meet", "kind": "create_follow_up", "title": "Meet", "owner": "7",
         "meeting": {"duration": "15 minutes"}},
        {"id": "give", "kind": "distribute", "owner": "our_contact", "associates": [str(id) for id in ASSOCIATES]},
    ],
}  # fmt: skip
COUNTRIES = list(BY_COUNTRY)
"""Person 1 is in the second, person 2 in the third, and so on."""
_BRANCHES = [
    {"name": country, "when": {"field": "person.country", "op": "is", "value": country}, "steps": list(steps)}
    for country, steps in BY_COUNTRY.items()
]
_STEPS = [{"id": "spread", "kind": "split", "branches": _BRANCHES}]
_EACH = 2
_FAULTS: Mapping[Fault | None, str] = {
    "drop": "accept_then_drop", "silent": "accept_then_silent", "refuse": "busy", None: "",
}  # fmt: skip
_MADE_BY = {"Ticket": "create_request", "Sale": "create_sale", "AddPerson": "add_to", "RemovePerson": "remove_from"}


@asynccontextmanager
async def webhook(make: MakeWorld, misfortune: Misfortune) -> AsyncIterator[Adapter]:
    """Any program as the CRM: it takes the key."""

    def settings(url: str) -> dict[str, Any]:
        return {"crm": "webhook", "crm_url": url, "crm_secret": SecretStr(SECRET)}

    async with over_http(make, misfortune, _STEPS, settings, each=_EACH) as adapter:
        await adapter.world.db.write(_add_copies)
        yield adapter


@asynccontextmanager
async def superoffice(make: MakeWorld, misfortune: Misfortune) -> AsyncIterator[Adapter]:
    """SuperOffice takes no key. All but what is counted can be found again, or is the same when done twice."""
    async with backend() as program:
        there = StandIn(program)
        there.faults = faults = _Noted(there=there, misfortune=misfortune)
        _fill(there)
        settings = {
            "crm": "superoffice", "crm_url": there.url, "crm_secret": SecretStr("refresh"),
            "superoffice_client": "client", "superoffice_client_secret": SecretStr("secret"),
            "superoffice_token_url": f"{program.url}/tokens",
        }  # fmt: skip
        async with make(**settings) as world:
            await world.db.write(_add_copies)
            yield Adapter(
                world, _STEPS, ("update_person",), each=_EACH,
                happened=partial(_happened, there),
                unheard=lambda effect, person: (effect.kind, _number(person)) in faults.unheard,
                also=partial(_expect_even, there),
            )  # fmt: skip


@dataclass
class _Noted(Faults):
    """Misfortunes as the stand-in's faults. `unheard`: the step's kind, and for whom it was done without an answer."""

    misfortune: Misfortune = field(kw_only=True)
    there: StandIn = field(kw_only=True)
    unheard: set[tuple[str, int]] = field(default_factory=set)

    def draw(self, call: Call) -> str:
        """What goes wrong with this call."""
        fault = self.misfortune.draw()
        if fault in ("drop", "silent"):
            self.unheard.add(_about(self.there, call))
        return _FAULTS[fault]


def _about(there: StandIn, call: Call) -> tuple[str, int]:
    """The kind of step that makes this call, and for whom."""
    path = call.path.partition("?")[0].removeprefix("/Cust1/api/v1/").split("/")
    match path:
        case ["Person", id]:
            return "update_person" if b"CustomFields" in call.body else "distribute", int(id)
        case ["Selection", _, "Members", verb]:
            return _MADE_BY[verb], call.data[0]["PersonId"]
        case ["ProjectMember"]:
            return "add_to", call.data["PersonId"]
        case ["ProjectMember", id]:
            return "remove_from", there.members.get(int(id), {}).get("PersonId", 0)
        case ["Agents", *_]:
            return "create_follow_up", call.data["AppointmentEntity"]["Person"]["PersonId"]
        case ["TicketMessage"]:
            return "create_request", there.tickets[call.data["Ticket"]["TicketId"]]["Person"]["PersonId"]
    return _MADE_BY[path[0]], call.data["Person"]["PersonId"]


def _happened(there: StandIn, effect: EffectRow, person: str) -> Sequence[int]:
    """How often each part of an effect is there."""
    number = _number(person)
    chosen = int(number in there.chosen[SELECTION])
    member = sum(each["PersonId"] == number for each in there.members.values())
    match effect.step:
        case "count":
            return [there.people[number]["CustomFields"]["n"]]
        case "join":
            return [chosen, member]
        case "leave":
            return [1 - chosen, 1 - member]
        case "give":
            return [int((there.people[number]["Associate"] or {}).get("AssociateId") in ASSOCIATES)]
        case "ask":
            tickets = _of(there.tickets, number)
            return [len(tickets), *(len(each.get("Messages", ())) for each in tickets)]
        case "sell":
            return [len(_of(there.sales, number))]
    return [len(_of(there.appointments, number))]


def _of(rows: Rows, person: int) -> list[dict[str, Any]]:
    return [each for each in rows.values() if each["Person"]["PersonId"] == person]


def _expect_even(there: StandIn) -> None:
    """No time is booked twice, and owners are handed out evenly."""
    starts = Counter(each["StartDate"] for each in there.appointments.values() if each["Type"] == "inDiary")
    expect("superoffice: meetings at one time", set(starts.values()), {1})
    given = Counter((each["Associate"] or {}).get("AssociateId") for each in there.people.values())
    one, other = (given[id] for id in ASSOCIATES)
    expect("superoffice: owners are handed out evenly", abs(one - other) <= 1, True)


def _fill(there: StandIn) -> None:
    """People, and who is to leave the selection and the project."""
    for number in range(1, MOST + 1):
        there.add_person(number, CustomFields={"n": 0})
        if COUNTRIES[number % len(COUNTRIES)] == "DK":
            there.chosen[SELECTION].add(number)
            there.members[number] = {"ProjectId": PROJECT, "PersonId": number, "ContactId": 0}
    there.selections[SELECTION] = {"SelectionId": SELECTION, "Name": "Customers"}


def _add_copies(session: Session) -> None:
    """What steps name has to be known here."""
    at: dict[str, Any] = {"created_at": now(), "updated_at": now()}
    session.merge(Selection(id=str(SELECTION), name="Customers", **at))
    session.merge(Project(id=str(PROJECT), name="Fair", **at))
    for id in ASSOCIATES:
        session.merge(Associate(id=str(id), name=f"Associate {id}", time_zone="Europe/Oslo", **at))


def _number(person: str) -> int:
    return int(person.removeprefix("per_"))
