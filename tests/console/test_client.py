"""What the command line says when the API refuses, or does not answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from console.client import Api, Refused
from console.shell import Failure
from settings import Settings
from tests.support.ports import free_port

KEY = "a-key-that-is-long-enough"


@pytest.fixture
def api(httpserver: HTTPServer, tmp_path: Path) -> Iterator[Api]:
    settings = Settings(home=tmp_path, port=httpserver.port, api_key=SecretStr(KEY), secret_keys=[SecretStr(KEY)])
    with Api(settings) as api:
        yield api


def test_the_key_goes_along_and_every_page_is_read(httpserver: HTTPServer, api: Api) -> None:
    key = {"Authorization": f"Bearer {KEY}"}
    first, second = {"limit": "500"}, {"limit": "500", "cursor": "next"}
    for query, items, cursor in ((first, [1, 2], "next"), (second, [3], None)):
        expected = httpserver.expect_ordered_request("/v1/flows", query_string=query, headers=key)
        expected.respond_with_json({"items": items, "next_cursor": cursor})
    assert list(api.items("/v1/flows")) == [1, 2, 3]


def test_a_refusal_shows_every_problem_with_its_line_and_remedy(httpserver: HTTPServer, api: Api) -> None:
    problem = {
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "The flow cannot run.",
        "remedy": "Mend every problem.",
        "problems": [
            {"pointer": "/steps/0", "what": "There is no content.", "remedy": "Add one.", "line": 7, "column": 3},
            {"pointer": "/limit", "what": "It is too large.", "remedy": "Ask for less."},
        ],
    }
    httpserver.expect_request("/v1/flows/f/run").respond_with_json(problem, 422)
    with pytest.raises(Refused) as raised:
        api.post("/v1/flows/f/run")
    assert raised.value.what == "The flow cannot run."
    assert raised.value.details == (
        "line 7, column 3: There is no content. Add one.",
        "/limit: It is too large. Ask for less.",
    )


def test_what_is_not_there_is_none_and_other_refusals_are_not(httpserver: HTTPServer, api: Api) -> None:
    httpserver.expect_request("/v1/flows/a").respond_with_json({"title": "Not Found", "status": 404}, 404)
    httpserver.expect_request("/v1/flows/b").respond_with_json({"title": "Conflict", "status": 409}, 409)
    assert api.find("/v1/flows/a") is None
    with pytest.raises(Refused, match="Conflict"):
        api.find("/v1/flows/b")


def test_a_wrong_key_says_where_the_key_is(httpserver: HTTPServer, api: Api) -> None:
    httpserver.expect_request("/v1/flows").respond_with_json({"title": "Unauthorized", "status": 401}, 401)
    with pytest.raises(Refused) as raised:
        api.get("/v1/flows")
    assert "FERD_API_KEY" in raised.value.remedy


def test_something_else_on_the_port_is_told(httpserver: HTTPServer, api: Api) -> None:
    httpserver.expect_request("/v1/flows").respond_with_data("<h1>Bad gateway</h1>", 502)
    with pytest.raises(Refused, match="GET /v1/flows was answered with 502") as raised:
        api.get("/v1/flows")
    assert "FERD_PORT" in raised.value.remedy


def test_silence_asks_whether_ferd_up_is_running(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port=free_port(), api_key=SecretStr(KEY), secret_keys=[SecretStr(KEY)])
    with Api(settings) as api, pytest.raises(Failure) as raised:
        api.get("/v1/flows")
    assert raised.value.remedy.startswith("Is `ferd up` running?")
