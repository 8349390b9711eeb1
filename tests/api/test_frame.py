"""What holds for every call: the key, sizes, errors, idempotency, the API's description."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator
from sqlalchemy import text
from sqlmodel import Session

from api.app import create_app, create_public_side
from api.auth import Door
from api.errors import Problem
from api.services import Services
from tests.support.crm import KEY, CrmApi


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": KEY + "x"},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": "nøkkel".encode("latin-1")},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong", "X-API-Key": KEY},
    ],
)
def test_without_the_key_nothing_under_v1_answers(sqlite_api: CrmApi, headers: dict[str, str]) -> None:
    client = sqlite_api.client
    del client.headers["X-API-Key"]
    for method, path in (("GET", "/v1/people"), ("POST", "/v1/people"), ("GET", "/v1/no-such-call"), ("GET", "/v1")):
        answer = client.request(method, path, headers=headers)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer KEY" in answer.json()["remedy"]


def test_the_key_may_come_in_either_header(sqlite_api: CrmApi) -> None:
    client = sqlite_api.client
    del client.headers["X-API-Key"]
    assert client.get("/v1/people", headers={"Authorization": f"bearer {KEY}"}).status_code == 200
    assert client.get("/v1/people", headers={"X-API-Key": KEY}).status_code == 200


def test_the_public_side_alone_has_no_api(sqlite_api: CrmApi) -> None:
    services = Services(sqlite_api.db, sqlite_api.db, sqlite_api.crm, [KEY])
    with TestClient(create_public_side(services), headers={"X-API-Key": KEY}) as client:
        for path in ("/docs", "/metrics", "/openapi.json", "/v1/openapi.json"):
            assert client.get(path).status_code == 404
        assert client.get("/v1/people").status_code == 401
        for path in ("/f/contact", "/hooks/bounce", "/hooks/sms-in"):
            assert client.get(path).status_code == 405


def test_a_key_may_do_what_its_role_may(sqlite_api: CrmApi) -> None:
    viewer, editor = "a-key-of-a-viewer", "a-key-of-an-editor"
    services = Services(sqlite_api.db, sqlite_api.db, sqlite_api.crm, [KEY], [editor], [viewer])
    content, person = {"name": "Hello", "subject": "Hi"}, {"first_name": "Kari"}
    with TestClient(create_app(services)) as client:
        for key, written, made in ((viewer, 403, 403), (editor, 201, 403), (KEY, 201, 201)):
            headers = {"Authorization": f"Bearer {key}"}
            assert client.get("/v1/people", headers=headers).status_code == 200
            assert client.post("/v1/content", json=content, headers=headers).status_code == written
            assert client.post("/v1/contents", json=content, headers=headers).status_code in (403, 404)
            answer = client.post("/v1/people", json=person, headers=headers)
            assert answer.status_code == made
            if made == 403:
                assert answer.headers["content-type"] == "application/problem+json"
                assert "administrator" in answer.json()["remedy"]


def test_the_description_needs_no_key(sqlite_api: CrmApi) -> None:
    client = sqlite_api.client
    del client.headers["X-API-Key"]
    assert client.get("/v1/openapi.json").status_code == 200
    assert "/v1/openapi.json" in client.get("/docs").text


@pytest.mark.parametrize(
    ("method", "path", "kwargs", "status"),
    [
        ("GET", "/nowhere", {}, 404),
        ("GET", "/v1/people/nobody", {}, 404),
        ("GET", "/v1/people/a b", {}, 422),
        ("PUT", "/v1/people/" + "x" * 101, {"json": {}}, 422),
        ("DELETE", "/v1/people", {}, 405),
        ("POST", "/v1/people", {}, 422),
        ("POST", "/v1/people", {"content": "{", "headers": {"content-type": "application/json"}}, 422),
        ("POST", "/v1/people", {"content": b"\xff", "headers": {"content-type": "application/json"}}, 400),
        ("POST", "/v1/people", {"json": []}, 422),
        ("POST", "/v1/people", {"content": "a: b", "headers": {"content-type": "application/yaml"}}, 415),
        ("POST", "/v1/people", {"content": b" " * (4 * 1024 * 1024 + 1)}, 413),
        ("GET", "/v1/people?limit=0", {}, 422),
        ("GET", "/v1/people?cursor=%25", {}, 422),
        ("GET", "/v1/people?cursor=å", {}, 422),
        ("GET", "/v1/people?cursor=AA", {}, 422),
        ("POST", "/v1/people", {"json": {}, "headers": {"Idempotency-Key": "å".encode("latin-1")}}, 422),
        ("POST", "/v1/files", {"json": {}}, 422),
        ("POST", "/v1/people/import", {"json": {}}, 415),
        ("POST", "/v1/people/import", {"data": {"file": "text"}}, 415),
    ],
)
def test_every_error_is_a_problem(
    sqlite_api: CrmApi, method: str, path: str, kwargs: dict[str, object], status: int
) -> None:
    answer = sqlite_api.client.request(method, path, **kwargs)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.content)
    assert problem.status == status
    assert all((problem.title, problem.detail, problem.remedy)), problem
    if status == 422:
        assert problem.problems
        assert all(each.what and each.remedy for each in problem.problems)


def test_what_the_store_cannot_hold_is_refused(api: CrmApi, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("/v1/people?email=%00", "/v1/people?external_id=a%00b", "/v1/people?cursor=AA", "/v1/people/a%00b"):
        answer = api.client.get(path)
        assert answer.status_code == 422, path
        assert answer.headers["content-type"] == "application/problem+json"

    def unchecked(session: Session, person: str) -> object:
        return session.scalar(text("SELECT CAST(:number AS INTEGER) / :one"), {"number": "x\0", "one": 1})

    if api.db.sqlite:
        return  # takes everything
    monkeypatch.setattr(api.crm.people, "get", unchecked)
    assert api.client.get("/v1/people/kari").status_code == 422


def test_a_fault_of_ours_shows_nothing_of_the_inside(sqlite_api: CrmApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(session: Session, person: str) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(sqlite_api.crm.people, "get", broken)
    answer = sqlite_api.client.get("/v1/people/kari")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in answer.text


async def test_a_body_without_a_length_is_counted() -> None:
    sent: list[dict[str, object]] = []

    async def application(scope: object, receive: object, send: object) -> None:
        for _ in range(3):
            await receive()  # type: ignore[operator]

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"x" * 40, "more_body": True}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/x", "headers": [(b"x-api-key", b"k")]}
    door = Door(application, keys=["k"], body_limit=100, larger={})
    with pytest.raises(Exception, match="larger than 100 bytes"):
        await door(scope, receive, send)  # type: ignore[arg-type]


async def test_who_sends_too_much_is_heard_out_and_told() -> None:
    """An answer before the end of what is sent would break the connection, and the caller would never read it."""
    parts: list[dict[str, object]] = [
        {"type": "http.request", "body": b"x" * 60, "more_body": more} for more in (True, True, False)
    ]
    sent: list[dict[str, object]] = []

    async def application(*_: object) -> None:
        raise AssertionError

    async def receive() -> dict[str, object]:
        return parts.pop(0)

    async def send(message: dict[str, object]) -> None:
        assert parts == []
        sent.append(message)

    headers = [(b"x-api-key", b"k"), (b"content-length", b"180")]
    scope = {"type": "http", "method": "POST", "path": "/v1/x", "headers": headers}
    await Door(application, keys=["k"], body_limit=100, larger={})(scope, receive, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 413


def test_the_same_key_is_answered_again_and_does_nothing(api: CrmApi) -> None:
    headers = {"Idempotency-Key": "order-17"}
    first = api.client.post("/v1/people", json={"first_name": "Kari"}, headers=headers)
    again = api.client.post("/v1/people", json={"first_name": "Kari"}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.headers["location"] == again.headers["location"]
    other = api.client.post("/v1/people", json={"first_name": "Ola"}, headers=headers)
    assert other.status_code == 422
    assert other.json()["problems"][0]["pointer"] == "/Idempotency-Key"
    assert api.client.post("/v1/selections", json={"name": "A"}, headers=headers).status_code == 201
    assert len(api.client.get("/v1/people").json()["items"]) == 1
    assert len(api.told.take()) == 1


def test_a_refused_call_leaves_its_key_free(api: CrmApi) -> None:
    headers = {"Idempotency-Key": "one"}
    assert api.client.post("/v1/people", json={"company": "none"}, headers=headers).status_code == 422
    assert api.client.post("/v1/people", json={"first_name": "Kari"}, headers=headers).status_code == 201


def test_the_same_key_at_the_same_moment_makes_one(api: CrmApi) -> None:
    def post(_: int) -> str:
        answer = api.client.post("/v1/people", json={"first_name": "Kari"}, headers={"Idempotency-Key": "race"})
        assert answer.status_code == 201
        return str(answer.json()["id"])

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(post, range(16)))) == 1
    assert len(api.client.get("/v1/people").json()["items"]) == 1


def test_the_description_is_complete(sqlite_api: CrmApi) -> None:
    description = sqlite_api.client.get("/v1/openapi.json").json()
    assert description["openapi"].startswith("3.1")
    ids = []
    for path, calls in description["paths"].items():
        for method, call in calls.items():
            where = f"{method} {path}"
            ids.append(call["operationId"])
            assert call["tags"], where
            assert call["summary"], where
            if path.startswith("/v1/"):
                assert call["security"] == [{"bearer": []}, {"api_key": []}], where
                assert "401" in call["responses"], where
            for status, answer in call["responses"].items():
                if status >= "400" and path.startswith("/v1/"):
                    assert list(answer["content"]) == ["application/problem+json"], f"{where} {status}"
                    assert answer["content"]["application/problem+json"]["schema"], f"{where} {status}"
    assert len(ids) == len(set(ids))
    assert "HTTPValidationError" not in description["components"]["schemas"]
    for schema in description["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
