"""A stand-in for SuperOffice's REST WebAPI v1, as its public documentation describes it (docs/superoffice.md).

In memory. It misbehaves as `faults` says: shares of the calls that write are answered 429 or 503, dropped before or
after they were done, or never answered. `counts` is what was really done, by kind; `unheard` what was done and not
heard of.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.backend import Backend, Call, Fault, Reply

PAGE = 2
"""Rows in a page of a list, unless `$top` asks for fewer."""
_KEYS = {
    "Person": "PersonId", "Contact": "ContactId", "Sale": "SaleId", "Ticket": "TicketId", "Selection": "SelectionId",
    "Appointment": "AppointmentId", "Project": "ProjectId",
}  # fmt: skip
Rows = dict[int, dict[str, Any]]


@dataclass
class Faults:
    """Shares of the calls that write, from 0 to 1; the rest goes well. `when` narrows them down."""

    accept_then_drop: float = 0
    accept_then_silent: float = 0
    drop: float = 0
    busy: float = 0
    unavailable: float = 0
    when: Callable[[Call], bool] = lambda call: True
    random: Random = field(default_factory=lambda: Random(1))

    def draw(self, call: Call) -> str:
        """What goes wrong with this call; empty: nothing."""
        chance = self.random.random()
        for name in ("accept_then_drop", "accept_then_silent", "drop", "busy", "unavailable"):
            chance -= getattr(self, name)
            if chance < 0:
                return name if self.when(call) else ""
        return ""


@dataclass
class StandIn:
    """What it holds. `program` is where it is heard; `meanwhile` is what somebody else does before a patch."""

    program: Backend
    people: Rows = field(default_factory=dict)
    companies: Rows = field(default_factory=dict)
    sales: Rows = field(default_factory=dict)
    tickets: Rows = field(default_factory=dict)
    appointments: Rows = field(default_factory=dict)
    selections: Rows = field(default_factory=dict)
    projects: Rows = field(default_factory=dict)
    users: Rows = field(default_factory=dict)
    chosen: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    members: Rows = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    uids: dict[str, int] = field(default_factory=dict)
    lists: dict[str, dict[str, int]] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)
    layout: list[dict[str, Any]] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    tokens: int = 0
    meanwhile: Callable[[], None] | None = None
    faults: Faults = field(default_factory=Faults)
    counts: Counter[str] = field(default_factory=Counter)
    unheard: list[str] = field(default_factory=list)
    _last: int = 1000

    def __post_init__(self) -> None:
        self.program.reply = self.reply

    @property
    def url(self) -> str:
        """As FERD_CRM_URL has it."""
        return f"{self.program.url}/Cust1/api"

    def add_person(self, id: int, **fields: Any) -> dict[str, Any]:
        """A person, with what every PersonEntity has."""
        self.people[id] = {
            "PersonId": id, "Firstname": "", "Lastname": "", "Emails": [], "MobilePhones": [], "Category": None,
            "Country": None, "Retired": False, "NoMailing": False, "Associate": None, "SupportAssociate": None,
            "Contact": None, "ShipmentTypes": [], "CustomFields": {}, **fields,
        }  # fmt: skip
        return self.people[id]

    def expire(self) -> None:
        """The token that was given is good no more."""
        self.tokens += 1

    def reply(self, call: Call) -> Reply | Fault:
        """Take a call."""
        parts = urlsplit(call.path)
        query = {name.lstrip("$"): values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/tokens":
            return self._token(call)
        if call.headers.get("authorization") != f"Bearer token-{self.tokens}":
            return Reply(401, {"Message": "expired"})
        path = parts.path.removeprefix("/Cust1/api/v1/").split("/")
        if call.method == "GET" or (path[:1] == ["Agents"] and not path[2].startswith("CreateAppointment")):
            return self._read(path, query, call)
        fault = self.faults.draw(call)
        if fault == "busy":
            return Reply(429, headers={"Retry-After": "1"})
        if fault == "unavailable":
            return Reply(503)
        if fault == "drop":
            return "drop"
        kind, answer = self._write(call.method, path, call)
        if answer.status < 300:
            self.counts[kind] += 1
        if fault:
            self.unheard.append(kind)
            return "drop" if fault == "accept_then_drop" else "silent"
        return answer

    def _token(self, call: Call) -> Reply:
        form = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
        wanted = {"grant_type": "refresh_token", "client_id": "client", "client_secret": "secret",
                  "refresh_token": "refresh"}  # fmt: skip
        if form != wanted:
            return Reply(400, {"error": "invalid_grant"})
        self.tokens += 1
        return Reply(200, {"access_token": f"token-{self.tokens}", "expires_in": 3600, "token_type": "Bearer"})

    # --- reading ---------------------------------------------------------------------------------------------------

    def _rows_of(self, kind: str) -> Rows:
        return {
            "Person": self.people, "Contact": self.companies, "Sale": self.sales, "Ticket": self.tickets,
            "Selection": self.selections, "Appointment": self.appointments, "Project": self.projects,
        }[kind]  # fmt: skip

    def _read(self, path: list[str], query: Mapping[str, str], call: Call) -> Reply:
        match path:
            case [kind, "default"]:
                return Reply(200, {_KEYS[kind]: 0})
            case ["Person" | "Contact", "UdefLayout"]:
                return Reply(200, self.layout)
            case ["Person" | "Contact", "CustomField"]:
                return Reply(200, [{"FieldName": name, "DisplayName": label} for name, label in self.fields.items()])
            case ["MDOList", name] if name in self.locked:
                return Reply(403, {"Error": True, "ErrorMessage": "no access"})
            case ["MDOList", name]:
                return Reply(200, [{"Id": id, "Name": item} for item, id in self.lists.get(name, {}).items()])
            case [kind, id] if kind in _KEYS and id.isdecimal():
                entity = self._rows_of(kind).get(int(id))
                return Reply(200, _selected(entity, query)) if entity is not None else Reply(404)
            case ["Person", id, "Tickets"]:
                return self._page(self._tickets(int(id)), query, call)
            case ["Person", id, "Sales"]:
                return self._page(self._sales(int(id)), query, call)
            case ["Selection", id, "Members"]:
                return self._page([{"personId": person} for person in sorted(self.chosen[int(id)])], query, call)
            case ["Project", id, "Members"]:
                return self._page(
                    (_member(key, each) for key, each in self.members.items() if each["ProjectId"] == int(id)),
                    query, call,
                )  # fmt: skip
            case ["Selection"]:
                rows = [{"selectionId": id, "name": each["Name"]} for id, each in self.selections.items()]
                return self._page(rows, query, call)
            case ["Project"]:
                return self._page([{"projectId": id, "name": each["Name"]} for id, each in self.projects.items()],
                                  query, call)  # fmt: skip
            case ["Person" | "Contact" as kind]:
                key = "personId" if kind == "Person" else "contactId"
                return self._page([{key: id} for id in self._rows_of(kind)], query, call)
            case ["User"]:
                return self._page(list(self.users.values()), query, call)
            case ["Agents", "Appointment", "GetAppointmentFromUID"]:
                return Reply(200, self.appointments.get(self.uids.get(call.data["UID"], 0)))
            case ["Agents", "Appointment", "GetAssociatesDiaryInfo"]:
                return Reply(200, self._diary(call.data))
            case ["Agents", "Ticket", "CreateDefaultForTicketType"]:
                return Reply(200, {"TicketId": 0, "Priority": {"TicketPriorityId": 2}})
        return Reply(404, {"Error": True, "ErrorMessage": f"{call.method} {call.path}"})

    def _tickets(self, person: int) -> list[dict[str, Any]]:
        return [
            {"ticketId": id, "author": each.get("Author"), "title": each["Title"]}
            for id, each in self.tickets.items()
            if each["Person"]["PersonId"] == person
        ]

    def _sales(self, person: int) -> list[dict[str, Any]]:
        return [
            {"saleId": id, "heading": each.get("Heading")}
            for id, each in self.sales.items()
            if (each.get("Person") or {}).get("PersonId") == person
        ]

    def _diary(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        start, end = (datetime.fromisoformat(asked[name]) for name in ("StartTime", "EndTime"))
        return [
            {"AssociateId": each["Associate"]["AssociateId"], "StartDate": each["StartDate"] + "+01:00",
             "EndDate": each["EndDate"] + "+01:00", "IsAllDay": False, "IsBusy": True}
            for each in self.appointments.values()
            if each["Associate"]["AssociateId"] in asked["AssociateIds"]
            and datetime.fromisoformat(each["StartDate"]) < end
            and datetime.fromisoformat(each["EndDate"]) > start
        ]  # fmt: skip

    def _page(self, rows: Iterable[dict[str, Any]], query: Mapping[str, str], call: Call) -> Reply:
        found = [row for row in rows if _passes(row, query.get("filter", ""))]
        by, _, way = query.get("orderBy", "").partition(" ")
        if by:
            found.sort(key=lambda row: row[by], reverse=way == "desc")
        skip, top = int(query.get("skip", "0")), int(query.get("top", "0"))
        page = found[skip : skip + (top or PAGE)]
        more = {}
        if not top and len(found) > skip + PAGE:
            clean = re.sub(r"[?&]\$skip=\d+", "", call.path)
            more = {"odata.nextLink": f"{self.program.url}{clean}{'&' if '?' in clean else '?'}$skip={skip + PAGE}"}
        return Reply(200, {"value": page, **more})

    # --- writing ---------------------------------------------------------------------------------------------------

    def _write(self, method: str, path: list[str], call: Call) -> tuple[str, Reply]:
        match method, path:
            case "PATCH", ["Person" | "Contact" as kind, id]:
                return kind, self._patch(self._rows_of(kind)[int(id)], call)
            case "POST", ["Selection", id, "Members", "AddPerson" | "RemovePerson" as verb]:
                if int(id) not in self.selections:
                    return verb, Reply(404)
                people = {each["PersonId"] for each in call.data}
                chosen = self.chosen[int(id)]
                chosen.update(people) if verb == "AddPerson" else chosen.difference_update(people)
                return verb, Reply(204)
            case "POST", ["ProjectMember"]:
                self.members[self._next()] = call.data
                return "ProjectMember", Reply(200, {"ProjectmemberId": self._last, **call.data})
            case "DELETE", ["ProjectMember", id]:
                return "ProjectMember/delete", Reply(204 if self.members.pop(int(id), None) else 404)
            case "POST", ["Agents", "Appointment", "CreateAppointmentForUID"]:
                if call.data["UID"] in self.uids:
                    return "used UID", Reply(200)
                made = self._make("Appointment", call.data["AppointmentEntity"])
                self.uids[call.data["UID"]] = made["AppointmentId"]
                return "Appointment", Reply(200, made)
            case "POST", ["TicketMessage"]:
                self.messages.append(call.data)
                ticket = self.tickets[call.data["Ticket"]["TicketId"]]
                ticket.setdefault("Messages", []).append({"MessageHeaders": call.data["MessageHeaders"]})
                return "TicketMessage", Reply(200, {"EjMessageId": len(self.messages)})
            case "POST", ["Ticket" | "Sale" | "Selection" as kind]:
                return kind, Reply(200, self._make(kind, call.data))
        return "", Reply(404, {"Error": True, "ErrorMessage": f"{call.method} {call.path}"})

    def _next(self) -> int:
        self._last += 1
        return self._last

    def _make(self, kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
        id = self._next()
        self._rows_of(kind)[id] = made = {**given, _KEYS[kind]: id}
        return made

    def _patch(self, entity: dict[str, Any], call: Call) -> Reply:
        if self.meanwhile is not None:
            self.meanwhile()
            self.meanwhile = None
        for test in (each for each in call.data if each["op"] == "test"):
            if _at(entity, test["path"]) != test["value"]:
                return Reply(409, {"Error": True, "ErrorMessage": "the test failed"})
        for change in (each for each in call.data if each["op"] != "test"):
            name, value = change["path"].strip("/"), change["value"]
            if name == "CustomFields":
                entity[name].update(value)
            elif change["op"] == "add":  # items that can be chosen, by their numbers
                known = {each["Id"]: each for each in entity[name]} | {each["Id"]: each for each in value}
                entity[name] = list(known.values())
            else:
                entity[name] = value
        return Reply(200, entity)


def _selected(entity: Mapping[str, Any], query: Mapping[str, str]) -> Mapping[str, Any]:
    names = query.get("select", "").split(",")
    return {name: value if names == [""] or name in names else None for name, value in entity.items()}


def _member(id: int, member: Mapping[str, int]) -> dict[str, Any]:
    return {"PrimaryKey": id, "projectMemberId": id, "personId": member["PersonId"]}


def _passes(row: Mapping[str, Any], filter: str) -> bool:
    if not filter:
        return True
    column, operator, value = filter.split(" ", 2)
    if operator == "is":
        return bool(row[column] == value.strip("'").replace("''", "'"))
    return bool(row[column] > int(value) if operator == "gt" else row[column] == int(value))


def _at(entity: Any, path: str) -> Any:
    here = entity
    for part in path.strip("/").split("/"):
        here = here[int(part)] if isinstance(here, list) else here[part]
    return here
