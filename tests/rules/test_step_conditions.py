"""Conditions of a flow file, over HTTP: every operator on every type of field, and what is a problem at save.

One flow has a split for each comparison; people come in by an event, and their journals say which way they went. How
values are compared in every corner is proven in tests/flows/test_operators.py.
"""

import json
from collections.abc import Iterator
from typing import Any, get_args

from flows.comparisons import FITTING, Operator
from flows.fields import FieldType
from tests.support.running import Running
from tests.support.waiting import eventually

FIELD = {type: f"person.custom.{type}" for type in FieldType} | {FieldType.ANY: "event.x"}
# What six people have, of each type. The last of them has nothing.
DATA: dict[FieldType, list[Any]] = {
    FieldType.TEXT: ["Blåbær", "BLÅBÆR", "bla\u030abær", "Tyttebær", "😀", None],
    FieldType.NUMBER: [12.5, 12.50, 12.4, 12.500001, -1, None],
    FieldType.DATE: ["2026-03-29", "2026-03-29", "2026-03-28", "2026-03-30", "1999-12-31", None],
    # 03:30 in Oslo on the morning when the clock was put forward, three times; a second later, earlier, and nothing.
    FieldType.DATETIME: [
        "2026-03-29T01:30:00+00:00", "2026-03-28T16:30:00-09:00", "2026-03-29T03:30:00+02:00",
        "2026-03-29T01:30:01+00:00", "2026-03-28T22:59:59+00:00", None,
    ],
    FieldType.FLAG: [True, True, False, False, False, None],
    FieldType.LIST: [["x", "BLÅBÆR"], ["bla\u030abær"], ["Blå", "bær"], ["x"], ["😀"], None],
    FieldType.ANY: ["12.5", 12.5, "2026-03-28", {"a": 1}, ["Blåbær", True], None],
}  # fmt: skip
# Each comparison, and who of the six goes that way. Missing satisfies only empty, is_not and not_in.
WAYS: dict[FieldType, list[tuple[Operator, Any, str]]] = {
    FieldType.TEXT: [
        ("is", "Blåbær", "111..."), ("is_not", "blåbær", "...111"), ("in", ["x", "Blåbær"], "111..."),
        ("not_in", ["x", "Blåbær"], "...111"), ("contains", "ÅB", "111..."), ("starts_with", "Bla\u030a", "111..."),
        ("contains", "bær", "1111.."), ("set", None, "11111."), ("empty", None, ".....1"),
    ],
    FieldType.NUMBER: [
        ("is", 12.5, "11...."), ("is_not", 12.5, "..1111"), ("in", [1, 12.5], "11...."), ("not_in", [12.5], "..1111"),
        ("<", 12.5, "..1.1."), ("<=", 12.5, "111.1."), (">", 12.5, "...1.."), (">=", 12.5, "11.1.."),
        ("set", None, "11111."), ("empty", None, ".....1"),
    ],
    FieldType.DATE: [
        ("is", "2026-03-29", "11...."), ("is_not", "2026-03-29", "..1111"), ("in", ["2026-03-29"], "11...."),
        ("not_in", ["2026-03-29"], "..1111"), ("before", "2026-03-29", "..1.1."), ("after", "2026-03-29", "...1.."),
        ("after", "2026-03-28 23:59", "11.1.."), ("set", None, "11111."), ("empty", None, ".....1"),
    ],
    FieldType.DATETIME: [
        ("is", "2026-03-29 03:30", "111..."), ("is_not", "2026-03-29 03:30", "...111"),
        ("in", ["2026-03-29 03:30"], "111..."), ("not_in", ["2026-03-29 03:30"], "...111"),
        ("before", "2026-03-29 03:30", "....1."), ("after", "2026-03-29 03:30", "...1.."),
        ("before", "2026-03-29", "....1."), ("is", "2026-03-29", "1111.."), ("after", "2026-03-28", "1111.."),
        ("set", None, "11111."), ("empty", None, ".....1"),
    ],
    FieldType.FLAG: [
        ("is", True, "11...."), ("is", False, "..111."), ("is_not", True, "..1111"), ("is_not", False, "11...1"),
        ("set", None, "11111."), ("empty", None, ".....1"),
    ],
    FieldType.LIST: [
        ("is", "Blåbær", "11...."), ("is_not", "Blåbær", "..1111"), ("in", ["Blåbær", "x"], "11.1.."),
        ("not_in", ["Blåbær", "x"], "..1.11"), ("contains", "blåbær", "11...."), ("contains", "😀", "....1."),
        ("set", None, "11111."), ("empty", None, ".....1"),
    ],
    # Whatever came with an event: of a wrong type is never the same, nor more, nor less.
    FieldType.ANY: [
        ("is", 12.5, "11...."), ("is_not", 12.5, "..1111"), ("in", [12.5], "11...."), ("not_in", [12.5], "..1111"),
        ("<", 13, "11...."), ("<=", 12.5, "11...."), (">", 12, "11...."), (">=", 13, "......"), ("is", True, "....1."),
        ("contains", "blåbær", "....1."), ("starts_with", "12", "11...."), ("before", "2026-03-29", "..1..."),
        ("after", "2026-03-29", "......"), ("set", None, "11111."), ("empty", None, ".....1"),
    ],
}  # fmt: skip


def comparison(type: FieldType, op: str, value: Any) -> dict[str, Any]:
    """As a flow file writes it."""
    return {"field": FIELD[type], "op": op} | ({} if value is None else {"value": value})


def split(id: str, when: dict[str, Any]) -> dict[str, Any]:
    """A split with one branch."""
    return {"id": id, "kind": "split", "branches": [{"name": "Yes", "when": when}]}


def written(ferd: Running, steps: list[dict[str, Any]], **settings: Any) -> str:
    """A flow file in Oslo that is entered by an order."""
    flow = {"id": ferd.world.id("ways"), "name": "Ways", "time_zone": "Europe/Oslo", "steps": steps}
    return json.dumps({**flow, "enrolment": {"triggers": [{"event": "order.placed"}]}, **settings}, indent=1)


async def custom_fields(ferd: Running) -> None:
    """A field of a person's for each type that has one."""
    for type in FieldType:
        if type is not FieldType.ANY:
            await ferd.post("/custom-fields", {"of": "person", "key": type, "name": type, "type": type}, 201)


async def test_STEP_15_TRIG_9_every_operator_on_every_type_of_field_also_where_it_is_missing(ferd: Running) -> None:
    """Unicode, zones, decimals, missing values and wrong types; the way that each of six people takes."""
    await custom_fields(ferd)
    ways = {f"{type}-{n}": (type, *way) for type, all in WAYS.items() for n, way in enumerate(all)}
    steps = [split(id, comparison(type, op, value)) for id, (type, op, value, _) in ways.items()]
    assert {(type, op) for type, op, *_ in ways.values()} == {(type, op) for type in FIELD for op in FITTING[type]}
    saved = await ferd.save(written(ferd, steps))
    assert saved["problems"] == []
    await ferd.post(f"/flows/{saved['id']}/run")
    took: dict[str, str] = dict.fromkeys(ways, "")
    for n in range(6):
        custom = {type: DATA[type][n] for type in FieldType if type is not FieldType.ANY}
        person = (await ferd.post("/people", {"first_name": "Å", "custom": custom}, 201))["id"]
        event = {
            "specversion": "1.0", "type": "order.placed", "source": "shop", "id": str(n), "subject": f"person:{person}",
            "data": {"x": DATA[FieldType.ANY][n]},
        }  # fmt: skip
        await ferd.post("/events", event, 202)
        [row] = (await ferd.get("/participants", person=person))["items"]
        journey = await eventually(
            lambda id=row["id"]: ferd.get(f"/participants/{id}"),  # type: ignore[misc]
            lambda found: found["status"] == "finished",
        )
        for line in journey["journal"]:
            if line["event"] == "branch":
                took[line["step"]] += "1" if line["text"].startswith("Yes: ") else "."
    assert took == {id: expected for id, (*_, expected) in ways.items()}


def unfit() -> Iterator[tuple[FieldType, Operator]]:
    """What no flow can ask."""
    for type in FIELD:
        yield from ((type, op) for op in get_args(Operator) if op not in FITTING[type])


async def test_STEP_15_LIFE_2_operators_and_values_that_do_not_fit_are_problems_at_save(still_ferd: Running) -> None:
    """Each with its place in the file, whether the operator does not fit the type or the value does not."""
    await custom_fields(still_ferd)
    wrong: list[tuple[FieldType, str, Any, str]] = [(type, op, 1, "op") for type, op in unfit()]
    for type, value in {
        FieldType.TEXT: 47, FieldType.NUMBER: "many", FieldType.DATE: "soon", FieldType.DATETIME: True,
        FieldType.FLAG: "yes", FieldType.LIST: True,
    }.items():  # fmt: skip
        wrong += [(type, "is", value, "value"), (type, "is", None, "value"), (type, "is", [value], "value")]
    steps = [split(f"s{n}", comparison(type, op, value)) for n, (type, op, value, _) in enumerate(wrong)]
    text = written(still_ferd, steps)
    saved = await still_ferd.save(text)
    assert [problem["pointer"] for problem in saved["problems"]] == [
        f"/steps/{n}/branches/0/when/{at}" for n, (*_, at) in enumerate(wrong)
    ]
    lines = text.splitlines()
    for problem in saved["problems"]:
        assert problem["pointer"].rpartition("/")[2] in lines[problem["line"] - 1] or "field" in lines[problem["line"]]
        assert problem["remedy"]
    await still_ferd.post(f"/flows/{saved['id']}/run", status=422)


async def test_STEP_15_TRIG_3_STEP_18_an_unknown_field_is_a_problem_at_save_wherever_it_stands(
    still_ferd: Running,
) -> None:
    """Filter, trigger, success, split, wait for an action, wait until a date, update and merge tag; nearest named."""
    await custom_fields(still_ferd)
    unknown = {"field": "person.contry", "op": "is", "value": "NO"}
    steps: list[dict[str, Any]] = [
        split("split", {"all": [unknown, {"not": {"field": "person.custom.nubmer", "op": "set"}}]}),
        {"id": "act", "kind": "wait_for_action", "actions": [{"condition": unknown}]},
        {"id": "until", "kind": "wait", "until_field": "person.custom.dat"},
        {"id": "update", "kind": "update_person", "set": {"person.contry": "NO"}},
        {"id": "tell", "kind": "notify_email", "to": "a@x.example", "subject": "{{ person.contry }}", "text": "x"},
    ]
    saved = await still_ferd.save(
        written(
            still_ferd,
            steps,
            email={"from": "a@x.example", "reply_to": "same_as_from"},
            enrolment={"triggers": [{"event": "order.placed", "when": unknown}], "filter": unknown},
            success={"any": [unknown]},
        )
    )
    found = {problem["pointer"]: problem["remedy"] for problem in saved["problems"]}
    assert sorted(found) == [
        "/enrolment/filter/field",
        "/enrolment/triggers/0/when/field",
        "/steps/0/branches/0/when/all/0/field",
        "/steps/0/branches/0/when/all/1/not/field",
        "/steps/1/actions/0/condition/field",
        "/steps/2/until_field",
        "/steps/3/set/person.contry",
        "/steps/4/subject",
        "/success/any/0/field",
    ]
    assert {remedy for pointer, remedy in found.items() if pointer.endswith("when/field")} == {
        "Did you mean “person.country”?"
    }
    assert "person.custom.number" in found["/steps/0/branches/0/when/all/1/not/field"]
    assert all("person." in remedy or "country" in remedy for remedy in found.values()), found
