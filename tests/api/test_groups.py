"""Selections and projects over HTTP."""

import pytest

from tests.support.crm import CrmApi


@pytest.fixture(params=["selection", "project"])
def noun(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_members_come_and_go(api: CrmApi, noun: str) -> None:
    path = f"/v1/{noun}s/vip/members"
    api.client.put(f"/v1/{noun}s/vip", json={"name": "VIP"})
    for id in ("a", "b", "c"):
        api.client.put(f"/v1/people/{id}", json={})
    api.told.take()
    assert api.client.post(path, json={"people": ["a"]}).json() == {"added": 1, "already": 0}
    assert api.client.post(path, json={"people": ["b", "a", "b"]}).json() == {"added": 1, "already": 1}
    told = api.told.take()
    assert [(each["person"], each["type"], each["data"]) for each in told] == [
        ("a", f"added_to_{noun}", {noun: "vip"}),
        ("b", f"added_to_{noun}", {noun: "vip"}),
    ]
    page = api.client.get(path, params={"limit": 1}).json()
    assert [each["person"] for each in page["items"]] == ["a"]
    page = api.client.get(path, params={"limit": 1, "cursor": page["next_cursor"]}).json()
    assert ([each["person"] for each in page["items"]], page["next_cursor"]) == (["b"], None)
    removed = api.client.request("DELETE", path, json={"people": ["a", "c"]})
    assert removed.json() == {"removed": 1, "absent": 1}
    assert [each["person"] for each in api.client.get(path).json()["items"]] == ["b"]


def test_TRIG_1_many_at_once_start_no_flows_unless_asked(api: CrmApi, noun: str) -> None:
    path = f"/v1/{noun}s/vip/members"
    api.client.put(f"/v1/{noun}s/vip", json={"name": "VIP"})
    for number in range(6):
        api.client.put(f"/v1/people/p{number}", json={})
    api.told.take()

    def fired(people: list[str], **query: str) -> list[bool]:
        assert api.client.post(path, json={"people": people}, params=query).status_code == 200
        return [bool(event["triggers"]) for event in api.told.take()]

    assert fired(["p0"]) == [True]
    assert fired(["p1"], fire_triggers="false") == [False]
    assert fired(["p2", "p3"]) == [False, False]
    assert api.together == []
    assert fired(["p4", "p5"], fire_triggers="true") == [False, False]
    assert api.together == [["p4", "p5"]]


def test_an_unknown_person_adds_nobody(api: CrmApi, noun: str) -> None:
    path = f"/v1/{noun}s/vip/members"
    api.client.put(f"/v1/{noun}s/vip", json={"name": "VIP"})
    api.client.put("/v1/people/a", json={})
    api.told.take()
    refused = api.client.post(path, json={"people": ["a", "nobody", "a", "no-one"]})
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["problems"]] == ["/people/1", "/people/3"]
    assert api.client.get(path).json()["items"] == []
    assert api.told.take() == []
    bodies: list[dict[str, object]] = [{"people": []}, {"people": ["a b"]}, {"people": "a"}, {}]
    for wrong in bodies:
        assert api.client.post(path, json=wrong).status_code == 422


def test_a_group_that_is_not_there(api: CrmApi, noun: str) -> None:
    api.client.put("/v1/people/a", json={})
    path = f"/v1/{noun}s/none"
    assert api.client.post(f"{path}/members", json={"people": ["a"]}).status_code == 404
    assert api.client.request("DELETE", f"{path}/members", json={"people": ["a"]}).status_code == 404
    assert api.client.get(f"{path}/members").status_code == 404
    assert api.client.delete(path).status_code == 404


def test_a_deleted_group_takes_its_memberships_along(api: CrmApi, noun: str) -> None:
    api.client.put(f"/v1/{noun}s/vip", json={"name": "VIP"})
    api.client.put("/v1/people/a", json={})
    api.client.post(f"/v1/{noun}s/vip/members", json={"people": ["a"]})
    assert api.client.delete(f"/v1/{noun}s/vip").status_code == 204
    assert not api.db.look(lambda session: api.crm.is_member(session, "a", "vip"))
    api.client.put(f"/v1/{noun}s/vip", json={"name": "VIP again"})
    assert api.client.get(f"/v1/{noun}s/vip/members").json()["items"] == []


def test_ten_thousand_members_in_one_call(api: CrmApi) -> None:
    rows = "\n".join(f"K-{number}" for number in range(10_000))
    api.client.post("/v1/people/import", content=f"external_id\n{rows}\n", headers={"content-type": "text/csv"})
    people: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.client.get("/v1/people", params={"limit": 1000, "cursor": cursor}).json()
        people += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
    api.client.put("/v1/selections/all", json={"name": "All"})
    assert api.client.post("/v1/selections/all/members", json={"people": people}).json()["added"] == 10_000
    removed = api.client.request("DELETE", "/v1/selections/all/members", json={"people": people})
    assert removed.json()["removed"] == 10_000
