"""Companies and associates over HTTP."""

from tests.support.crm import CrmApi


def test_a_company_has_people_and_an_owner(api: CrmApi) -> None:
    api.client.put("/v1/associates/liv", json={"name": "Liv", "email": "liv@fjord.example", "mobile": "+47 400 00 000"})
    assert api.client.get("/v1/associates/liv").json()["mobile"] == "+4740000000"
    company = {"name": "Fjord AS", "country": "no", "employees": 12, "our_contact": "liv", "custom": {"score": 1}}
    assert api.client.put("/v1/companies/fjord", json=company).status_code == 201
    read = api.client.get("/v1/companies/fjord").json()
    assert {name: read[name] for name in company} == {**company, "country": "NO"}
    assert api.client.put("/v1/people/kari", json={"company": "fjord", "our_service_contact": "liv"}).status_code == 201

    facts = api.db.look(lambda session: api.crm.facts_of(session, "kari"))
    assert (facts.person["company"], facts.company["name"], facts.service_owner["name"]) == ("fjord", "Fjord AS", "Liv")
    assert facts.owner == {}


def test_STEP_18_a_company_that_changes_is_told_to_its_people_without_triggers(api: CrmApi) -> None:
    api.client.put("/v1/companies/fjord", json={"name": "Fjord"})
    for person in ("a", "b"):
        api.client.put(f"/v1/people/{person}", json={"company": "fjord"})
    api.client.put("/v1/people/gone", json={"company": "fjord"})
    api.client.delete("/v1/people/gone")
    api.told.take()
    api.client.patch("/v1/companies/fjord", json={"employees": 300, "custom": {"size": "L"}})
    changed = {"changed": ["company.custom.size", "company.employees"]}
    assert [(each["person"], each["data"], each["triggers"]) for each in api.told.take()] == [
        ("a", changed, False),
        ("b", changed, False),
    ]
    api.client.patch("/v1/companies/fjord", json={"employees": 300})
    assert api.told.take() == []


def test_what_is_deleted_is_pointed_to_no_more(api: CrmApi) -> None:
    api.client.put("/v1/associates/liv", json={"name": "Liv"})
    api.client.put("/v1/companies/fjord", json={"name": "Fjord", "our_contact": "liv"})
    api.client.put("/v1/people/kari", json={"company": "fjord", "our_contact": "liv"})
    assert api.client.delete("/v1/associates/liv").status_code == 204
    assert api.client.get("/v1/companies/fjord").json()["our_contact"] is None
    assert api.client.get("/v1/people/kari").json()["our_contact"] is None
    api.told.take()
    assert api.client.delete("/v1/companies/fjord").status_code == 204
    assert api.client.get("/v1/people/kari").json()["company"] is None
    assert [each["data"] for each in api.told.take()] == [{"changed": ["company"]}]
    assert api.client.get("/v1/companies/fjord").status_code == 404


def test_a_company_is_found_by_its_key_in_another_system(api: CrmApi) -> None:
    made = api.client.post("/v1/companies", json={"name": "Fjord", "external_id": "4711"})
    assert (made.status_code, made.json()["external_id"]) == (201, "4711")
    api.client.put("/v1/companies/other", json={"name": "Other"})
    for key, found in (("4711", [made.json()]), ("47", [])):
        assert api.client.get("/v1/companies", params={"external_id": key}).json()["items"] == found
    for taken in (
        api.client.patch("/v1/companies/other", json={"external_id": "4711"}),
        api.client.post("/v1/companies", json={"name": "Again", "external_id": "4711"}),
    ):
        assert taken.status_code == 409
        assert made.json()["id"] in taken.json()["detail"]
    assert len(api.client.get("/v1/companies").json()["items"]) == 2


def test_companies_are_checked(sqlite_api: CrmApi) -> None:
    for body, pointer in (
        ({}, "/name"),
        ({"name": " "}, "/name"),
        ({"name": "A", "employees": -1}, "/employees"),
        ({"name": "A", "employees": 1.5}, "/employees"),
        ({"name": "A", "our_contact": "nobody"}, "/our_contact"),
        ({"name": "A", "size": 1}, "/size"),
    ):
        answer = sqlite_api.client.post("/v1/companies", json=body)
        assert answer.status_code == 422
        assert [each["pointer"] for each in answer.json()["problems"]] == [pointer]
    assert sqlite_api.client.get("/v1/companies").json()["items"] == []
    sqlite_api.client.put("/v1/companies/a", json={"name": "A"})
    assert sqlite_api.client.patch("/v1/companies/a", json={"name": None}).status_code == 422
