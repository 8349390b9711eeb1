"""A stand-in for SuperOffice's REST WebAPI v1, as its public documentation describes it; in memory."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.backend import Backend, Call, Fault, Reply

PAGE = 2


@dataclass
class StandIn:
    """What it holds. `program` is where it is heard; `meanwhile` runs between a read and a write of somebody else."""

    program: Backend
    people: dict[int, dict[str, Any]] = field(default_factory=dict)
    companies: dict[int, dict[str, Any]] = field(default_factory=dict)
    sales: dict[int, dict[str, Any]] = field(default_factory=dict)
    selections: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    members: dict[int, dict[str, int]] = field(default_factory=dict)
    made: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    tokens: int = 0
    meanwhile: Callable[[], None] | None = None
    lost: Callable[[Call], bool] = lambda call: False

    def __post_init__(self) -> None:
        self.program.reply = self.reply

    @property
    def url(self) -> str:
        """As FERD_CRM_URL has it."""
        return f"{self.program.url}/Cust1/api"

    def reply(self, call: Call) -> Reply | Fault:
        """Take a call; `lost` says of which the answer is not heard."""
        answer = self._answer(call)
        return "drop" if self.lost(call) else answer

    def _answer(self, call: Call) -> Reply:
        parts = urlsplit(call.path)
        if parts.path == "/tokens":
            form = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
            if form.get("refresh_token") != "refresh" or form.get("client_secret") != "secret":
                return Reply(400, {"error": "invalid_grant"})
            self.tokens += 1
            return Reply(200, {"access_token": f"token-{self.tokens}", "expires_in": 3600, "token_type": "Bearer"})
        if call.headers.get("authorization") != f"Bearer token-{self.tokens}":
            return Reply(401, {"Message": "expired"})
        path = parts.path.removeprefix("/Cust1/api/v1/").split("/")
        match call.method, path:
            case "GET", ["Person" | "Contact" | "Sale" as kind, id]:
                kinds = {"Person": self.people, "Contact": self.companies, "Sale": self.sales}
                entity = kinds[kind].get(int(id))
                return Reply(200, entity) if entity is not None else Reply(404)
            case "PATCH", ["Person" | "Contact" as kind, id]:
                return self._patch((self.people if kind == "Person" else self.companies)[int(id)], call)
            case "POST", ["Selection", id, "Members", "AddPerson" | "RemovePerson" as verb]:
                people = {each["PersonId"] for each in call.data}
                chosen = self.selections[int(id)]
                chosen.update(people) if verb == "AddPerson" else chosen.difference_update(people)
                return Reply(204)
            case "GET", ["Project", id, "Members"]:
                return self._page(int(id), int(parse_qs(parts.query).get("$skip", ["0"])[0]), call)
            case "POST", ["ProjectMember"]:
                id_ = 500 + len(self.members)
                self.members[id_] = call.data
                return Reply(200, {"ProjectmemberId": id_, **call.data})
            case "DELETE", ["ProjectMember", id]:
                return Reply(204 if self.members.pop(int(id), None) else 404)
            case "POST", ["Appointment" | "Ticket" | "Sale" as kind]:
                self.made[kind].append(call.data)
                return Reply(200, {f"{kind}Id": len(self.made[kind]), **call.data})
        return Reply(404, {"Message": f"{call.method} {call.path}"})

    def _page(self, project: int, skip: int, call: Call) -> Reply:
        rows = [
            {"PrimaryKey": id, "EntityName": "projectMember", "personId": member["PersonId"]}
            for id, member in self.members.items()
            if member["ProjectId"] == project
        ]
        more = {"odata.nextLink": f"{self.url}/v1/Project/{project}/Members?$skip={skip + PAGE}"}
        return Reply(200, {"value": rows[skip : skip + PAGE], **(more if len(rows) > skip + PAGE else {})})

    def _patch(self, entity: dict[str, Any], call: Call) -> Reply:
        if self.meanwhile is not None:
            self.meanwhile()
            self.meanwhile = None
        for test in (each for each in call.data if each["op"] == "test"):
            holder, name = self._place(entity, test["path"])
            if holder[name] != test["value"]:
                return Reply(412, {"Message": "the test failed"})
        for change in (each for each in call.data if each["op"] == "replace"):
            holder, name = self._place(entity, change["path"])
            holder[name] = change["value"]
        return Reply(200, entity)

    def _place(self, entity: dict[str, Any], path: str) -> tuple[Any, Any]:
        *before, last = path.strip("/").split("/")
        here: Any = entity
        for part in before:
            here = here[int(part)] if isinstance(here, list) else here[part]
        return here, int(last) if isinstance(here, list) else last
