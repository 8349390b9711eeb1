"""Custom fields with types (STEP_3): what people and companies can hold, and what flows can do with it."""

from typing import Any

import pytest

from flows import checks
from flows.definition import Flow
from tests.support.crm import CrmApi

FIELDS: list[dict[str, Any]] = [
    {"of": "person", "key": "score", "name": "Score", "type": "number"},
    {"of": "person", "key": "size", "name": "Size", "type": "text", "choices": ["S", "M"]},
    {"of": "person", "key": "born", "name": "Born", "type": "date"},
    {"of": "person", "key": "vip", "name": "VIP", "type": "flag"},
    {"of": "person", "key": "likes", "name": "Likes", "type": "list"},
]
GOOD = {"score": 1.5, "size": "M", "born": "1980-02-29", "vip": True, "likes": ["tea", "coffee"]}


@pytest.fixture
def crm(api: CrmApi) -> CrmApi:
    """Fields are declared for people, and none for companies. Ola was there before, with what is no field today."""
    assert api.client.put("/v1/people/ola", json={"custom": {"old": 1, "score": "many"}}).status_code == 201
    for field in FIELDS:
        assert api.client.post("/v1/custom-fields", json=field).status_code == 201
    return api


def test_a_declared_field_holds_what_it_can(crm: CrmApi) -> None:
    made = crm.client.post("/v1/people", json={"custom": GOOD})
    assert made.json()["custom"] == GOOD
    wrong: list[tuple[str, Any]] = [
        ("score", "1.5"), ("score", True), ("size", "XL"), ("born", "1981-02-29"), ("vip", "yes"), ("likes", "tea"),
        ("likes", [True]), ("scroe", 1),
    ]  # fmt: skip
    for key, value in wrong:
        answer = crm.client.patch(f"/v1/people/{made.json()['id']}", json={"custom": {key: value}})
        (problem,) = answer.json()["problems"]
        assert (answer.status_code, problem["pointer"]) == (422, f"/custom/{key}"), key
    assert "“score”" in problem["remedy"]
    assert crm.client.get(f"/v1/people/{made.json()['id']}").json()["custom"] == GOOD


def test_what_was_there_before_may_stay_and_companies_are_free(crm: CrmApi) -> None:
    changed = crm.client.patch("/v1/people/ola", json={"custom": {"vip": True}})
    assert changed.json()["custom"] == {"old": 1, "score": "many", "vip": True}
    assert crm.client.patch("/v1/people/ola", json={"custom": {"score": "more"}}).status_code == 422
    assert crm.client.post("/v1/companies", json={"name": "F", "custom": {"x": 1}}).status_code == 201


def test_a_field_is_declared_once(crm: CrmApi) -> None:
    again = crm.client.post("/v1/custom-fields", json=FIELDS[0])
    assert again.status_code == 409
    of_company = {**FIELDS[0], "of": "company"}
    assert crm.client.post("/v1/custom-fields", json=of_company).status_code == 201
    choices = {"of": "person", "key": "x", "name": "X", "type": "number", "choices": ["1"]}
    assert crm.client.post("/v1/custom-fields", json=choices).status_code == 422


def test_a_file_is_read_by_the_types(crm: CrmApi) -> None:
    rows = [
        "external_id,custom.score,custom.vip,custom.likes,custom.born",
        "1,1 200.5,Yes,tea|coffee,1980-02-29",
        "2,many,,,",
        "3,,perhaps,,",
    ]
    answer = crm.client.post(
        "/v1/people/import", content="\n".join(rows).encode(), headers={"Content-Type": "text/csv"}
    ).json()
    assert (answer["created"], answer["refused"]) == (1, 2)
    assert [(each["line"], each["field"]) for each in answer["refusals"]] == [(3, "custom.score"), (4, "custom.vip")]
    (person,) = crm.client.get("/v1/people", params={"external_id": "1"}).json()["items"]
    assert person["custom"] == {"score": 1200.5, "vip": True, "likes": ["tea", "coffee"], "born": "1980-02-29"}


@pytest.mark.parametrize(
    ("condition", "pointer"),
    [
        ({"field": "person.custom.score", "op": ">", "value": 2}, None),
        ({"field": "person.custom.born", "op": "before", "value": "2000-01-01"}, None),
        ({"field": "person.custom.likes", "op": "contains", "value": "tea"}, None),
        ({"field": "company.custom.anything", "op": "is", "value": "x"}, None),
        ({"field": "person.custom.scroe", "op": ">", "value": 2}, "/field"),
        ({"field": "person.custom.score", "op": "contains", "value": 2}, "/op"),
        ({"field": "person.custom.score", "op": "is", "value": "two"}, "/value"),
        ({"field": "person.custom.size", "op": "in", "value": ["S", "XL"]}, "/value/1"),
        ({"field": "person.custom.born", "op": ">", "value": 2}, "/op"),
        ({"field": "person.custom.vip", "op": "is", "value": "yes"}, "/value"),
    ],
)
def test_LIFE_2_conditions_are_checked_by_the_types(
    crm: CrmApi, condition: dict[str, Any], pointer: str | None
) -> None:
    """An unknown field is a problem, an operator or a value that does not fit it too."""
    assert _problems(crm, {"enrolment": {"filter": condition}}) == (
        [] if pointer is None else [f"/enrolment/filter{pointer}"]
    )


def test_STEP_3_changes_and_merge_tags_are_checked_by_the_types(crm: CrmApi) -> None:
    update = {
        "id": "u",
        "kind": "update_person",
        "increase": {"person.custom.score": 1, "person.custom.size": 1},
        "set": {"person.custom.vip": "yes", "person.custom.nothing": 1},
    }
    todo = {"id": "t", "kind": "create_follow_up", "title": "{{ person.custom.nothing }}", "due": "1 day"}
    assert _problems(crm, {"steps": [update, {**todo, "fallback": "liv"}]}) == [
        "/steps/0/set/person.custom.vip",
        "/steps/0/set/person.custom.nothing",
        "/steps/0/increase/person.custom.size",
        "/steps/1/title",
    ]


def _problems(crm: CrmApi, parts: dict[str, Any]) -> list[str]:
    """Pointers of the errors."""
    crm.client.put("/v1/associates/liv", json={"name": "Liv"})
    flow = Flow.model_validate({"id": "f", "steps": [{"id": "w", "kind": "wait", "for": "1 day"}], **parts})
    found = crm.db.look(lambda session: checks.problems(flow, crm.crm.catalog(session)))
    return [problem.pointer for problem in found if problem.severity == "error"]
