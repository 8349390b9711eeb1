"""Follow-ups, requests and sales over HTTP, and what is told of them (STEP_6-8, TRIG_1)."""

from typing import Any

import pytest

from tests.support.crm import CrmApi

PEOPLE = {"kari": {"company": "fjord", "our_contact": "liv"}, "per": {"company": "fjord"}}


@pytest.fixture
def crm(api: CrmApi) -> CrmApi:
    """Kari and Per of Fjord; Liv and Jon of ours."""
    for associate in ("liv", "jon"):
        put(api, f"associates/{associate}", {"name": associate})
    put(api, "companies/fjord", {"name": "Fjord"})
    for person, fields in PEOPLE.items():
        put(api, f"people/{person}", fields)
    api.told.take()
    return api


def put(api: CrmApi, path: str, body: dict[str, Any]) -> Any:
    answer = api.client.put(f"/v1/{path}", json=body)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def post(api: CrmApi, path: str, body: dict[str, Any], status: int = 201) -> Any:
    answer = api.client.post(f"/v1/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def patch(api: CrmApi, path: str, body: dict[str, Any], status: int = 200) -> Any:
    answer = api.client.patch(f"/v1/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def told(api: CrmApi) -> list[tuple[str, str, dict[str, Any]]]:
    return [(each["type"], each["person"], each["data"]) for each in api.told.take()]


def test_STEP_8_a_sale_is_made_moved_on_and_sold(crm: CrmApi) -> None:
    """The type's default stage and date; each change of state is told once, in plain numbers and without its title."""
    stages = [{"name": "Talks", "kind": "open"}, {"name": "Offer", "kind": "open"}, {"name": "Won", "kind": "sold"}]
    put(crm, "sale-types/machine", {"name": "Machine", "stages": stages, "default_stage": "Offer"})
    sale = post(
        crm, "sales", {"person": "kari", "title": "For Kari", "type": "machine", "amount": 1000.50, "currency": "NOK"}
    )
    assert (sale["stage"], sale["state"], sale["company"], sale["amount"]) == ("Offer", "open", "fjord", 1000.5)
    assert sale["date"] is not None
    ((type, person, data),) = told(crm)
    assert (type, person) == ("sale_created", "kari")
    assert data == {
        "sale": sale["id"], "type": "machine", "stage": "Offer", "on": "person", "amount": 1000.5, "currency": "NOK",
    }  # fmt: skip
    one = f"sales/{sale['id']}"
    patch(crm, one, {"stage": "Talks"})
    assert told(crm) == []
    assert patch(crm, one, {"stage": "sold"})["stage"] == "Won"
    assert [(type, person) for type, person, _ in told(crm)] == [("sale_sold", "kari")]
    patch(crm, one, {"title": "Still sold"})
    assert told(crm) == []
    assert patch(crm, one, {"stage": "lost"}, 422)["problems"][0]["pointer"] == "/stage"


def test_STEP_8_a_sale_is_to_somebody_and_its_references_exist(crm: CrmApi) -> None:
    assert post(crm, "sales", {"title": "x"}, 422)["problems"][0]["pointer"] == "/person"
    wrong = {"company": "fjord", "type": "no", "project": "no", "owner": "no"}
    pointers = [each["pointer"] for each in post(crm, "sales", wrong, 422)["problems"]]
    assert pointers == ["/type", "/owner", "/project"]
    of_company = post(crm, "sales", {"company": "fjord", "stage": "lost"})
    assert (of_company["person"], of_company["state"]) == (None, "lost")


def test_STEP_7_a_request_is_as_its_type_says(crm: CrmApi) -> None:
    statuses = [{"name": "New", "kind": "open"}, {"name": "Solved", "kind": "closed"}]
    put(crm, "request-types/complaint", {"name": "C", "statuses": statuses, "priorities": ["A", "B", "C"]})
    put(crm, "categories/coffee", {"name": "Coffee"})
    made = post(crm, "requests", {"person": "kari", "type": "complaint", "category": "coffee", "message": "<p>Hi"})
    assert (made["status"], made["state"], made["priority"], made["owner"]) == ("New", "open", "B", None)
    ((type, person, data),) = told(crm)
    assert (type, person, data["request"], data["category"]) == ("request_created", "kari", made["id"], "coffee")
    closed = patch(crm, f"requests/{made['id']}", {"status": "closed", "owner": "liv"})
    assert (closed["status"], closed["state"], closed["owner"]) == ("Solved", "closed", "liv")
    for field in ("status", "priority", "person", "category"):
        assert patch(crm, f"requests/{made['id']}", {field: "none"}, 422)["problems"][0]["pointer"] == f"/{field}"
    assert told(crm) == []


def test_STEP_6_the_type_of_a_follow_up_decides_which_fields_apply(crm: CrmApi) -> None:
    put(crm, "follow-up-types/visit", {"name": "Visit", "date": "meeting", "minutes": 45, "fields": ["agenda"]})
    start = "2026-12-01T09:00:00Z"
    made = post(crm, "follow-ups", {"person": "kari", "type": "visit", "owner": "liv", "starts_at": start})
    assert (made["starts_at"], made["ends_at"]) == (start, "2026-12-01T09:45:00Z")
    assert told(crm)[0][:2] == ("follow_up_created", "kari")
    for wrong, pointer in (
        ({"due": "2026-12-01"}, "/due"),
        ({"starts_at": start, "links": ["https://fjord.example"]}, "/links"),
        ({"starts_at": start, "ends_at": start}, "/ends_at"),
        ({"starts_at": "2026-12-01T09:00:00"}, "/starts_at"),
    ):
        answer = post(crm, "follow-ups", {"person": "kari", "type": "visit", **wrong}, 422)
        assert answer["problems"][0]["pointer"] == pointer
    assert patch(crm, f"follow-ups/{made['id']}", {"done": True})["done"] is True


def test_STEP_6_STEP_7_rich_text_cannot_act(crm: CrmApi) -> None:
    """What is written over HTTP is kept without scripts, handlers, forms and addresses that run something."""
    table = "<table><tbody><tr><td>1</td></tr></tbody></table>"
    image, link = '<img src="https://x.example/a.png" onerror="x()">', '<a href="mailto:a@x.example">b</a>'
    rich = f'<h2 style="x">A</h2>{image}{table}{link}'
    bad = '<script>x()</script><a href="javascript:x()">c</a><form action="/"><input></form><iframe src="//x"></iframe>'
    kept = (
        f'<h2>A</h2><img src="https://x.example/a.png">{table}'
        '<a href="mailto:a@x.example" rel="noopener noreferrer">b</a><a rel="noopener noreferrer">c</a>'
    )
    made = post(crm, "follow-ups", {"person": "kari", "due": "2026-12-01", "agenda": rich + bad})
    assert made["agenda"] == kept
    assert patch(crm, f"follow-ups/{made['id']}", {"agenda": kept + bad[:20]})["agenda"] == kept
    assert post(crm, "requests", {"person": "kari", "title": "Q", "message": rich + bad})["message"] == kept


def test_lists_are_narrowed_down_and_turned_page_by_page(crm: CrmApi) -> None:
    for person, owner in (("kari", "liv"), ("per", "liv"), ("per", None)):
        post(crm, "follow-ups", {"person": person, "owner": owner, "due": "2026-12-01"})

    def listed(**query: Any) -> Any:
        return crm.client.get("/v1/follow-ups", params=query).json()

    assert [row["person"] for row in listed(owner="liv")["items"]] == ["kari", "per"]
    assert [row["owner"] for row in listed(person="per")["items"]] == ["liv", None]
    assert listed(flow="welcome")["items"] == []
    first = listed(limit=2)
    assert len(first["items"]) == 2
    assert len(listed(limit=2, cursor=first["next_cursor"])["items"]) == 1


def test_what_pointed_to_a_type_or_an_associate_that_is_gone_points_nowhere(crm: CrmApi) -> None:
    put(crm, "sale-types/machine", {"name": "Machine"})
    put(crm, "groups/sales", {"name": "Sales", "members": ["liv", "jon"]})
    sale = post(crm, "sales", {"person": "kari", "type": "machine", "owner": "jon"})
    assert crm.client.delete("/v1/sale-types/machine").status_code == 204
    assert crm.client.delete("/v1/associates/jon").status_code == 204
    left = crm.client.get(f"/v1/sales/{sale['id']}").json()
    assert (left["type"], left["owner"], left["stage"]) == (None, None, "open")
    wrong = crm.client.put("/v1/groups/sales", json={"name": "Sales", "members": ["liv", "jon"]})
    assert wrong.json()["problems"][0]["pointer"] == "/members/1"


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("working_hours", [{"days": ["mon"], "from": "08:00", "to": "08:00"}], "/working_hours/0"),
        ("working_hours", [{"days": [], "from": "08:00", "to": "16:00"}], "/working_hours/0/days"),
        ("working_hours", [{"days": ["mon"], "from": "8", "to": "16:00"}], "/working_hours/0/from"),
        ("absences", [{"from": "2026-12-24", "to": "2026-12-23"}], "/absences/0"),
        ("absences", [{"from": "Christmas", "to": "2026-12-23"}], "/absences/0/from"),
        ("time_zone", "Oslo", "/time_zone"),
        ("country", "XX", "/country"),
    ],
)
def test_SAFE_5_a_diary_that_makes_no_sense_is_refused(api: CrmApi, field: str, value: Any, pointer: str) -> None:
    answer = api.client.post("/v1/associates", json={"name": "Liv", field: value})
    assert answer.status_code == 422, answer.text
    assert answer.json()["problems"][0]["pointer"] == pointer
