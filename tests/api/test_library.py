"""Content, links, forms, subscription types, files and blocked addresses over HTTP."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from activities.crm.files import LARGEST_FILE
from store.library import Blob
from tests.support.crm import CrmApi

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
CONTENT = {
    "name": "Welcome",
    "state": "ready",
    "subject": "Hei {{ person.first_name }}",
    "html": "<p>Hei\n</p>",
    "text": "Hei",
}
THINGS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("content", CONTENT, {"state": "draft"}),
    ("links", {"name": "Offer", "url": "https://fjord.example/offer?a=1&b=å"}, {"name": "The offer"}),
    (
        "forms",
        {
            "name": "Contact",
            "fields": [{"name": "email", "type": "email", "required": True, "label": None}],
            "thanks_url": None,
            "thanks_text": "Takk!",
        },
        {"thanks_text": "Tusen takk!"},
    ),
    ("subscription-types", {"name": "News"}, {"name": "Product news"}),
    (
        "associates",
        {
            "name": "Liv",
            "email": "liv@fjord.example",
            "mobile": None,
            "time_zone": "Europe/Oslo",
            "country": "NO",
            "working_hours": [{"days": ["mon", "fri"], "from": "08:00", "to": "15:30"}],
            "absences": [{"from": "2026-12-24", "to": "2027-01-02", "reason": "Christmas"}],
            "available": True,
        },
        {"email": None, "absences": [], "working_hours": None, "available": False},
    ),
    ("groups", {"name": "Sales", "members": []}, {"name": "Sellers"}),
    (
        "follow-up-types",
        {"name": "Phone", "date": "meeting", "minutes": 30, "fields": ["agenda"]},
        {"date": "either", "fields": ["agenda", "links"]},
    ),
    (
        "request-types",
        {
            "name": "Complaint",
            "statuses": [{"name": "New", "kind": "open"}, {"name": "Solved", "kind": "closed"}],
            "default_status": "New",
            "priorities": ["B", "A"],
            "default_priority": None,
        },
        {"default_status": None, "default_priority": "A"},
    ),
    ("categories", {"name": "Coffee", "members": [], "assign": "fewest_open"}, {"assign": "evenly"}),
    (
        "sale-types",
        {
            "name": "Machine",
            "stages": [
                {"name": "Talks", "kind": "open", "probability": 20},
                {"name": "Sold", "kind": "sold", "probability": 100},
            ],
            "default_stage": None,
            "duration": "6 weeks",
            "guide": ["Call", "Visit"],
        },
        {"default_stage": "Talks", "guide": []},
    ),
    ("selections", {"name": "All"}, {"name": "Everybody"}),
    ("projects", {"name": "Fair"}, {"name": "Spring fair"}),
    ("blocked", {"channel": "email", "address": "gone@fjord.example", "reason": "bounced"}, {"reason": None}),
]


@pytest.mark.parametrize(("path", "body", "change"), THINGS, ids=[thing[0] for thing in THINGS])
def test_a_thing_is_made_read_changed_replaced_and_deleted(
    api: CrmApi, path: str, body: dict[str, Any], change: dict[str, Any]
) -> None:
    made = api.client.post(f"/v1/{path}", json=body)
    assert made.status_code == 201, made.text
    thing = made.json()
    assert {name: thing[name] for name in body} == body
    one = made.headers["location"]
    assert api.client.get(one).json() == thing
    assert api.client.get(f"/v1/{path}").json() == {"items": [thing], "next_cursor": None}
    changed = api.client.patch(one, json=change).json()
    assert {name: changed[name] for name in body} == {**body, **change}
    assert api.client.put(one, json=changed).json() == api.client.get(one).json() == changed
    older = {**changed, "created_at": "2020-01-01T00:00:00Z"}
    for refused in (api.client.put(one, json=older), api.client.patch(one, json=older)):
        assert [fault["pointer"] for fault in refused.json()["problems"]] == ["/created_at"]
    replaced = api.client.put(one, json=body)
    assert replaced.status_code == 200
    assert {name: replaced.json()[name] for name in body} == body
    assert api.client.delete(one).status_code == 204
    assert api.client.get(one).status_code == 404
    assert api.client.put(one, json=body).status_code == 201


def test_content_names_files_that_exist_and_fit(api: CrmApi) -> None:
    """STEP_1: attachments at most 25 MB in all, said when it is saved."""
    unknown = api.client.post("/v1/content", json={**CONTENT, "attachments": ["a", "b"]})
    assert [each["pointer"] for each in unknown.json()["problems"]] == ["/attachments/0", "/attachments/1"]
    for id in ("a", "b"):
        file = (f"{id}.bin", id.encode() * (LARGEST_FILE // 2 + 1), "application/octet-stream")
        assert api.client.put(f"/v1/files/{id}", files={"file": file}).status_code == 201
    assert api.client.post("/v1/content", json={**CONTENT, "attachments": ["a"]}).status_code == 201
    large = api.client.post("/v1/content", json={**CONTENT, "attachments": ["a", "b"]})
    assert large.status_code == 422
    assert large.json()["problems"][0]["pointer"] == "/attachments"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//fjord.example", "fjord.example", "http://", "ftp://a.b", ""])
def test_a_link_leads_to_the_web(sqlite_api: CrmApi, url: str) -> None:
    answer = sqlite_api.client.post("/v1/links", json={"name": "x", "url": url})
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["pointer"] == "/url"


def test_a_form_has_each_field_once(sqlite_api: CrmApi) -> None:
    twice = {"name": "x", "fields": [{"name": "a"}, {"name": "a"}]}
    assert sqlite_api.client.post("/v1/forms", json=twice).json()["problems"][0]["pointer"] == "/fields"
    for name in ("a b", "1", "", 'a"><script>'):
        wrong = {"name": "x", "fields": [{"name": name}]}
        pointer = sqlite_api.client.post("/v1/forms", json=wrong).json()["problems"][0]["pointer"]
        assert pointer == "/fields/0/name"


def test_PART_2_a_blocked_address_is_compared_in_one_form(api: CrmApi) -> None:
    blocked = api.client.post("/v1/blocked", json={"channel": "email", "address": "Ærlig@Fjord.Example"}).json()
    assert blocked["address"] == "ærlig@fjord.example"
    again = api.client.post("/v1/blocked", json={"channel": "email", "address": "ÆRLIG@fjord.example"})
    assert again.status_code == 409
    assert blocked["id"] in again.json()["detail"]
    sms = api.client.post("/v1/blocked", json={"channel": "sms", "address": "+47 400 00 000"}).json()
    assert sms["address"] == "+4740000000"
    wrong = api.client.post("/v1/blocked", json={"channel": "sms", "address": "ola@fjord.example"})
    assert wrong.json()["problems"][0]["pointer"] == "/address"

    def is_blocked(channel: Any, address: str) -> bool:
        key = api.crm.address_key(channel, address)
        return api.db.look(lambda session: api.crm.is_blocked(session, channel, key))

    assert is_blocked("email", "ÆRLIG@Fjord.example")
    assert not is_blocked("sms", "ærlig@fjord.example")
    for _ in range(2):
        api.db.transact(lambda session: api.crm.block(session, "email", "Ola@fjord.example", "complained", NOW))
    assert is_blocked("email", "ola@FJORD.example")


def test_a_file_comes_back_as_it_was(api: CrmApi) -> None:
    data = bytes(range(256))
    made = api.client.post("/v1/files", files={"file": ("C:\\my 'brosjyre'; å.pdf", data, "application/pdf")})
    assert made.status_code == 201
    file = made.json()
    assert (file["name"], file["mime"], file["size"]) == ("my 'brosjyre'; å.pdf", "application/pdf", 256)
    got = api.client.get(f"/v1/files/{file['id']}/content")
    assert got.content == data
    assert got.headers["content-type"] == "application/pdf"
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''my%20%27brosjyre%27%3B%20%C3%A5.pdf"
    assert got.headers["x-content-type-options"] == "nosniff"


def test_a_file_gets_another_name_and_keeps_its_bytes(api: CrmApi) -> None:
    made = api.client.post("/v1/files", files={"file": ("a.pdf", b"%PDF", "application/pdf")}).json()
    named = api.client.patch(f"/v1/files/{made['id']}", json={"name": "Brochure.pdf"}).json()
    assert (named["name"], named["sha256"]) == ("Brochure.pdf", made["sha256"])
    assert api.client.get(f"/v1/files/{made['id']}/content").content == b"%PDF"


def test_the_same_bytes_are_kept_once_and_as_long_as_needed(api: CrmApi) -> None:
    def blobs() -> int:
        return api.db.look(lambda session: session.scalar(select(func.count()).select_from(Blob)) or 0)

    def put(id: str, data: bytes) -> int:
        return api.client.put(f"/v1/files/{id}", files={"file": ("a.txt", data, "text/plain")}).status_code

    assert (put("a", b"same"), put("b", b"same"), put("b", b"same")) == (201, 201, 200)
    assert blobs() == 1
    assert put("a", b"other") == 200
    assert blobs() == 2
    assert api.client.delete("/v1/files/a").status_code == 204
    assert blobs() == 1
    assert api.client.get("/v1/files/b/content").content == b"same"
    assert api.client.delete("/v1/files/b").status_code == 204
    assert blobs() == 0


def test_an_upload_may_be_repeated_under_its_key(api: CrmApi) -> None:
    def post(data: bytes) -> Any:
        headers = {"Idempotency-Key": "upload"}
        return api.client.post("/v1/files", files={"file": ("a.txt", data, "text/plain")}, headers=headers)

    assert post(b"x").json() == post(b"x").json()
    assert post(b"y").status_code == 422
    assert len(api.client.get("/v1/files").json()["items"]) == 1


def test_files_are_bounded_and_headers_are_safe(sqlite_api: CrmApi) -> None:
    too_large = {"file": ("a", b"x" * (LARGEST_FILE + 1), "text/plain")}
    assert sqlite_api.client.post("/v1/files", files=too_large).status_code == 413
    strange = {"file": ("a", b"x", "no type at all")}
    assert sqlite_api.client.put("/v1/files/x", files=strange).json()["mime"] == "application/octet-stream"
    assert sqlite_api.client.get("/v1/files/nothing/content").status_code == 404
