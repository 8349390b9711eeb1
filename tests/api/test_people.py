"""People over HTTP."""

from datetime import UTC, datetime

import pytest

from tests.support.crm import CrmApi

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
KARI = {
    "external_id": "K-1",
    "first_name": "Kari",
    "last_name": "Nordmann",
    "email": "Kari@Fjord.example",
    "country": "no",
    "mobile": "400 00 000",
    "language": "nb",
    "time_zone": "Europe/Oslo",
    "category": "prospect",
    "consent": {"email": "granted"},
    "custom": {"score": 12.5, "størrelse": "XL", "tags": ["a", "b"]},
}


def test_a_person_comes_back_in_one_form(api: CrmApi) -> None:
    made = api.client.post("/v1/people", json=KARI)
    assert made.status_code == 201
    person = made.json()
    assert made.headers["location"] == f"/v1/people/{person['id']}"
    assert api.client.get(made.headers["location"]).json() == person
    assert person["name"] == "Kari Nordmann"
    assert (person["country"], person["mobile"]) == ("NO", "+4740000000")
    assert person["consent"] == {"email": "granted", "sms": None}
    assert person["custom"] == KARI["custom"]
    assert person["company"] is None
    assert person["former_employee"] is False
    assert (person["subscriptions"], person["unsubscribed"]) == ([], [])
    assert [event["type"] for event in api.told.take()] == ["person_created"]


def test_put_creates_then_replaces_everything(api: CrmApi) -> None:
    assert api.client.put("/v1/people/kari", json=KARI).status_code == 201
    replaced = api.client.put("/v1/people/kari", json={"first_name": "Kari", "category": "customer"})
    assert replaced.status_code == 200
    person = replaced.json()
    assert (person["first_name"], person["last_name"], person["email"]) == ("Kari", None, None)
    assert person["custom"] == {}
    created, updated = api.told.take()
    assert (created["type"], updated["type"]) == ("person_created", "person_updated")
    assert {"category", "last_name", "email", "consent.email", "custom.score"} <= set(updated["data"]["changed"])
    assert "first_name" not in updated["data"]["changed"]


def test_what_is_answered_can_be_sent_back_with_a_change(api: CrmApi) -> None:
    made = api.client.put("/v1/people/kari", json={"first_name": "Kari", "last_name": "Nordmann"}).json()
    changed = api.client.put("/v1/people/kari", json={**made, "first_name": "Kåre"})
    assert (changed.status_code, changed.json()["name"]) == (200, "Kåre Nordmann")
    for name, value in (("name", "Ola"), ("id", "ola"), ("unsubscribed", ["news"])):
        refused = api.client.put("/v1/people/kari", json={**changed.json(), name: value})
        assert [fault["pointer"] for fault in refused.json()["problems"]] == [f"/{name}"]
    assert api.client.get("/v1/people/kari").json() == changed.json()
    assert api.client.put("/v1/people/ola", json={"id": "ola"}).status_code == 201
    assert api.client.put("/v1/people/per", json={"id": "ola"}).status_code == 422
    assert api.client.get("/v1/people/per").status_code == 404


def test_patch_changes_what_is_given_and_tells_only_changes(api: CrmApi) -> None:
    api.client.put("/v1/people/kari", json=KARI)
    api.told.take()
    change = {"category": "customer", "custom": {"score": None, "size": 3}, "consent": {"sms": "withdrawn"}}
    person = api.client.patch("/v1/people/kari", json=change).json()
    assert person["category"] == "customer"
    assert person["custom"] == {"størrelse": "XL", "tags": ["a", "b"], "size": 3}
    assert person["consent"] == {"email": "granted", "sms": "withdrawn"}
    assert person["last_name"] == "Nordmann"
    (event,) = api.told.take()
    assert event["data"] == {"changed": ["category", "consent.sms", "custom.score", "custom.size"]}
    assert api.client.patch("/v1/people/kari", json=change).json() == person
    assert api.told.take() == []
    assert api.client.patch("/v1/people/kari", json={"mobile": "41 00 00 00"}).json()["mobile"] == "+4741000000"


def test_PART_3_a_deleted_person_is_gone_and_comes_back_by_put(api: CrmApi) -> None:
    api.client.put("/v1/people/kari", json=KARI)
    api.client.put("/v1/selections/all", json={"name": "All"})
    api.client.post("/v1/selections/all/members", json={"people": ["kari"]})
    api.told.take()
    assert api.client.delete("/v1/people/kari").status_code == 204
    assert [event["type"] for event in api.told.take()] == ["person_deleted"]
    assert api.client.get("/v1/people/kari").status_code == 404
    assert api.client.delete("/v1/people/kari").status_code == 404
    assert api.client.patch("/v1/people/kari", json={}).status_code == 404
    assert api.client.get("/v1/people").json()["items"] == []
    assert api.client.get("/v1/selections/all/members").json()["items"] == []
    assert api.client.put("/v1/people/kari", json=KARI).status_code == 201
    assert [event["type"] for event in api.told.take()] == ["person_created"]
    assert api.client.get("/v1/people/kari").json()["email"] == "Kari@fjord.example"


def test_people_are_found_by_address_and_external_id(api: CrmApi) -> None:
    for id, address in (("a", "Ærlig@Fjord.example"), ("b", "ÆRLIG@fjord.EXAMPLE"), ("c", "other@fjord.example")):
        assert api.client.put(f"/v1/people/{id}", json={"email": address, "external_id": id}).status_code == 201

    def found(**query: str) -> list[str]:
        return [person["id"] for person in api.client.get("/v1/people", params=query).json()["items"]]

    assert found(email=" ærlig@fjord.example ") == ["a", "b"]
    assert found(external_id="c") == ["c"]
    assert found(email="ærlig@fjord.example", external_id="c") == []
    assert found(email="' OR '1'='1") == []
    assert found(email="a\u0308") == []


def test_an_external_id_belongs_to_one_person(api: CrmApi) -> None:
    api.client.put("/v1/people/kari", json=KARI)
    for answer in (
        api.client.post("/v1/people", json={"external_id": "K-1"}),
        api.client.put("/v1/people/ola", json={"external_id": "K-1"}),
    ):
        assert answer.status_code == 409
        assert "person kari" in answer.json()["detail"]
        assert "PATCH /v1/people/kari" in answer.json()["remedy"]
    assert api.client.get("/v1/people/ola").status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("email", "kari@", "/email"),
        ("email", "a@b.example\r\nBcc: all@fjord.example", "/email"),
        ("mobile", "12", "/mobile"),
        ("country", "Norway", "/country"),
        ("time_zone", "Oslo", "/time_zone"),
        ("first_name", "Kari\nBcc: x", "/first_name"),
        ("first_name", "nul\0", "/first_name"),
        ("first_name", 5, "/first_name"),
        ("custom", {"a b": 1}, "/custom"),
        ("custom", {"a": {"b": 1}}, "/custom"),
        ("custom", {"a": "nul\0"}, "/custom"),
        ("consent", {"email": "maybe"}, "/consent/email"),
        ("consent", {"fax": "granted"}, "/consent/fax"),
        ("company", "nobody", "/company"),
        ("our_contact", "nobody", "/our_contact"),
        ("subscriptions", ["nothing"], "/subscriptions/0"),
        ("emial", "a@b.example", "/emial"),
    ],
)
def test_SAFE_5_what_is_wrong_is_named_and_changes_nothing(
    sqlite_api: CrmApi, field: str, value: object, pointer: str
) -> None:
    api = sqlite_api
    api.client.put("/v1/people/kari", json=KARI)
    before = api.client.get("/v1/people/kari").json()
    api.told.take()
    for answer in (
        api.client.post("/v1/people", json={"first_name": "New", field: value}),
        api.client.put("/v1/people/new", json={"first_name": "New", field: value}),
        api.client.patch("/v1/people/kari", json={"category": "changed", field: value}),
    ):
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        (problem,) = answer.json()["problems"]
        assert (problem["place"], problem["pointer"]) == ("body", pointer)
        assert problem["what"]
        assert problem["remedy"]
        assert "Bcc" not in answer.text
    assert api.client.get("/v1/people").json()["items"] == [before]
    assert api.told.take() == []


def test_text_of_every_kind_is_kept_as_it_is(api: CrmApi) -> None:
    hostile = {
        "first_name": "Robert'); DROP TABLE person;--",
        "last_name": '<script>alert("x")</script> {{ person.email }} ${jndi} %s \\',
        "category": "日本語 👩‍👩‍👧 עברית",
        "custom": {"note": "line one\nline two\t'quoted'", "json": '{"a": null}'},
    }
    person = api.client.post("/v1/people", json=hostile).json()
    read = api.client.get(f"/v1/people/{person['id']}").json()
    assert {name: read[name] for name in hostile} == hostile
    decomposed = api.client.post("/v1/people", json={"first_name": "A\u030ase"}).json()
    assert decomposed["first_name"] == "Åse"


def test_numbers_that_json_cannot_carry_are_refused(sqlite_api: CrmApi) -> None:
    for body in ('{"custom": {"a": NaN}}', '{"custom": {"a": 1e999}}', '{"custom": {"a": "\\ud800"}}'):
        answer = sqlite_api.client.post("/v1/people", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422, answer.text


def test_pages_hold_everybody_once(api: CrmApi) -> None:
    ids = sorted(f"p{number}" for number in range(23))
    for id in ids:
        api.client.put(f"/v1/people/{id}", json={})
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.client.get("/v1/people", params={"limit": 10, "cursor": cursor}).json()
        seen += [person["id"] for person in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ids


def test_a_subscription_turned_away_from_is_remembered_until_wanted_again(api: CrmApi) -> None:
    """PART_2: an unsubscribe is an explicit withdrawal; never having subscribed is not."""
    api.client.put("/v1/subscription-types/news", json={"name": "News"})
    api.client.put("/v1/people/kari", json={"subscriptions": ["news"]})
    api.told.take()
    for _ in range(2):
        api.db.transact(lambda session: api.crm.people.unsubscribe(session, "kari", "news", NOW))
    person = api.client.get("/v1/people/kari").json()
    assert (person["subscriptions"], person["unsubscribed"]) == ([], ["news"])
    assert [event["data"] for event in api.told.take()] == [{"changed": ["subscriptions"]}]
    api.db.transact(lambda session: api.crm.people.unsubscribe(session, "kari", None, NOW))
    assert api.client.get("/v1/people/kari").json()["consent"] == {"email": "withdrawn", "sms": None}
    person = api.client.patch("/v1/people/kari", json={"subscriptions": ["news"]}).json()
    assert (person["subscriptions"], person["unsubscribed"]) == (["news"], [])
