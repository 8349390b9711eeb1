"""LIFE_2: whatever a flow refers to is looked up before it runs. The cases come from the models: a new setting is one
more."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter
from temporalio.testing import WorkflowEnvironment

from flows.definition import Flow
from flows.events import EVENTS, NARROWING
from flows.steps import KINDS, Step
from store.pulling import FieldItemRow
from tests.support.databases import SqliteDatabases
from tests.support.dump import contents
from tests.support.running import Running, problem, running
from tests.support.world import wait, world

WRONG = "no-such-thing"
TEXTS = {"id", "name", "title", "subject", "text", "description", "agenda", "message", "reason"}
"""Settings that refer to nothing: what they say is for people."""
FREE = {
    *(("data", "*"), ("keep", "*"), ("keep", 0), ("email", "campaign")),
    *(("time_zone",), ("email", "from"), ("email", "reply_to"), (0, "schedule")),
}
"""What a team names as it likes or another program knows, and what is right or wrong by itself."""
MORE = [
    ("update_person", ("copy", "person.category")),
    *(("update_person", ("set", f"{whose}our_contact")) for whose in ("person.", "company.")),
    *(("update_person", (way, "person.subscriptions", 0)) for way in ("set", "add", "remove")),
]
"""Values that refer to something because of the field they are for."""

Place = tuple[str | int, ...]
Schema = Mapping[str, Any]


def strings(schema: Schema, defs: Schema, place: Place = ()) -> Iterator[Place]:
    """Where in a part of a flow file a name may stand: ids, and texts that have no form of their own."""
    if "$ref" in schema:
        yield from strings(defs[_name(schema["$ref"])], defs, place)
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from strings(each, defs, place)
    parts = schema.get("properties", {})
    if parts.keys() not in ({"all"}, {"any"}, {"not"}):  # conditions in conditions
        for name, part in parts.items():
            if name != "steps" and not (name == "value" and "op" in parts):
                yield from strings(part, defs, (*place, name))
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from strings(schema["additionalProperties"], defs, (*place, "*"))
    if "items" in schema:
        yield from strings(schema["items"], defs, (*place, 0))
    is_name = schema.get("pattern", ID) == ID and not {"enum", "const", "format"} & schema.keys()
    if schema.get("type") == "string" and is_name:
        yield place


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


STEPS = TypeAdapter(Step).json_schema()
DEFS = STEPS["$defs"]
MODELS = {kind: DEFS[_name(model)] for kind, model in STEPS["discriminator"]["mapping"].items()}
ID = DEFS["SendEmail"]["properties"]["id"]["pattern"]


def references(schema: Schema, defs: Schema) -> list[Place]:
    """Where a part of a flow file refers to something; of one or a list of them, in the list."""
    found = dict.fromkeys(place for place in strings(schema, defs) if place[-2:] != ("*", 0))
    return [
        place for place in found
        if place[-1] not in TEXTS and (*place, 0) not in found and not {place[:2], place[-2:]} & FREE
    ]  # fmt: skip


def wrong(place: Place, within: str = "") -> Any:
    """What stands there, in a flow file that refers to nothing."""
    if not place:
        return WRONG
    name, rest = place[0], place[1:]
    if isinstance(name, int):
        return [wrong(rest, within)]
    if name == "*":
        return {f"person.{WRONG}": wrong(rest)}
    beside: dict[str, Any] = {}
    if name == "field":
        beside = {"op": "is", "value": "x"}
    elif within == "branches":
        beside = {"name": "One"}
    elif within in ("actions", "when", "triggers", "any") and name in (*NARROWING, "when"):
        beside = {"event": next((event for event, kind in EVENTS.items() if name in kind.keys), "order.placed")}
    return {**beside, name: wrong(rest, name)}


def pointer(place: Place) -> str:
    return "".join(f"/{f'person.{WRONG}' if part == '*' else part}" for part in place)


def missed(problems: list[Any], place: Place, step: str | None = None, below: str = "") -> bool:
    """Whether no problem names this place and what is wrong there, and how to mend it."""
    return not any(
        each["pointer"] == below + pointer(place) and each["step"] == step and WRONG in each["what"] and each["remedy"]
        and each["severity"] == "error"
        for each in problems
    )  # fmt: skip


LISTED = ("person.category", "company.category", "person.custom.SuperOffice_7")
"""Fields whose values are items of lists in SuperOffice."""


@pytest.fixture
async def ferd(
    temporal_env: WorkflowEnvironment, sqlite_databases: SqliteDatabases, tmp_path: Path
) -> AsyncIterator[Running]:
    """The API over a world without a worker, on SQLite: no database has a say in this."""
    url = sqlite_databases.create()
    async with world(temporal_env, url, tmp_path, worker=False) as small, running(small) as api:
        yield api
    sqlite_databases.drop(url)


@pytest.fixture
async def elsewhere(
    temporal_env: WorkflowEnvironment, sqlite_databases: SqliteDatabases, tmp_path: Path
) -> AsyncIterator[Running]:
    """The same, before a CRM whose lists were pulled."""
    settings: dict[str, Any] = {"crm": "superoffice", "crm_url": "http://127.0.0.1:9", "crm_secret": SecretStr("x")}
    url = sqlite_databases.create()
    async with world(temporal_env, url, tmp_path, worker=False, **settings) as small, running(small) as api:
        rows = [FieldItemRow(field=field, number=1, name="One") for field in LISTED]
        await small.db.write(lambda session: session.add_all(rows))
        yield api
    sqlite_databases.drop(url)


async def refused(ferd: Running, flow: str) -> list[Any]:
    """The problems with which a flow is refused when it is to run."""
    found: list[Any] = problem(422, await ferd.api.post(f"/v1/flows/{flow}/run"))["problems"]
    return found


async def test_LIFE_2_every_reference_of_every_kind_of_step_is_looked_up(ferd: Running) -> None:
    assert MODELS.keys() == set(KINDS)
    cases = [(kind, place) for kind, model in MODELS.items() for place in references(model, DEFS)] + MORE
    steps = [{"id": f"s{at}", "kind": kind, **wrong(place)} for at, (kind, place) in enumerate(cases)]
    flow = ferd.world.id("wrong")
    await ferd.post("/flows", {"id": flow, "name": "Wrong", "steps": steps}, 201)
    before = await contents(ferd.world.db)
    problems = await refused(ferd, flow)
    assert await contents(ferd.world.db) == before
    found = [case for at, case in enumerate(cases) if missed(problems, case[1], f"s{at}", f"/steps/{at}")]
    assert not found, found


async def test_LIFE_2_every_reference_of_a_flow_is_looked_up(ferd: Running) -> None:
    schema = Flow.model_json_schema()
    cases = references(schema, schema["$defs"])
    assert ("enrolment", "exclude") in cases
    for at, place in enumerate(cases):
        flow = ferd.world.id(f"wrong-{at}")
        steps = [wait("rest", "1 day")]
        await ferd.post("/flows", {"id": flow, "name": "Wrong", "steps": steps, **wrong(place)}, 201)
        problems = await refused(ferd, flow)
        assert not missed(problems, place), (place, problems)


async def test_LIFE_2_every_item_of_a_list_elsewhere_is_looked_up(elsewhere: Running) -> None:
    step = {"id": "s", "kind": "update_person", "set": dict.fromkeys(LISTED, WRONG)}
    flow = elsewhere.world.id("items")
    await elsewhere.post("/flows", {"id": flow, "name": "Items", "steps": [step]}, 201)
    problems = await refused(elsewhere, flow)
    found = [field for field in LISTED if missed(problems, ("set", field), "s", "/steps/0")]
    assert (found, len(problems)) == ([], len(LISTED))
