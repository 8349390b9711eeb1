"""SAFE_2: what is known of an effect after a call, whatever the other side does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from activities.web import LARGEST_ANSWER, Answer, Web, judge
from flows.ports import NotDone, Silence
from tests.support.backend import Reply, backend
from tests.support.ports import free_port

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)


@asynccontextmanager
async def web(*, private: bool = True, longest: float = 20) -> AsyncIterator[Web]:
    made = Web(private=private, longest=longest)
    try:
        yield made
    finally:
        await made.close()


async def test_SAFE_2_a_server_that_is_not_there_was_handed_nothing() -> None:
    async with web() as calls:
        for url in (f"http://127.0.0.1:{free_port()}/", "http://nowhere.invalid/"):
            with pytest.raises(NotDone) as refused:
                await calls.call("POST", url, {})
            assert refused.value.retryable


async def test_SAFE_2_whoever_took_the_call_and_says_nothing_leaves_it_open() -> None:
    async with backend() as program, web(longest=0.3) as calls:
        program.script.extend(["drop", "silent"])
        for _ in range(2):
            with pytest.raises(Silence):
                await calls.call("POST", program.url, {}, b"{}")
        assert len(program.calls) == 2


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (200, None), (204, None), (301, False), (400, False), (401, False), (404, False), (410, False), (422, False),
        (408, True), (425, True), (429, True), (503, True),
        (409, Silence), (500, Silence), (502, Silence), (504, Silence),
    ],
)  # fmt: skip
def test_SAFE_2_what_a_status_says(status: int, wanted: bool | type | None) -> None:
    answer = Answer(status, {}, b"")
    if wanted is None:
        judge(answer, NOW)
    elif isinstance(wanted, bool):
        with pytest.raises(NotDone) as refused:
            judge(answer, NOW)
        assert refused.value.retryable is wanted
    else:
        with pytest.raises(Silence):
            judge(answer, NOW)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("120", timedelta(minutes=2)),
        ("Tue, 01 Dec 2026 08:05:00 GMT", timedelta(minutes=5)),
        ("Tue, 01 Dec 2020 08:05:00 GMT", timedelta()),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str, wanted: timedelta | None) -> None:
    assert Answer(503, {"retry-after": header}, b"").retry_after(NOW) == wanted


async def test_redirects_are_not_followed_and_long_answers_are_cut() -> None:
    async with backend() as program, web() as calls:
        program.script.append(Reply(302, headers={"Location": f"{program.url}/private"}))
        program.script.append(Reply(200, "x" * 2 * LARGEST_ANSWER))
        assert (await calls.call("POST", program.url, {})).status == 302
        assert len((await calls.call("POST", program.url, {})).body) == LARGEST_ANSWER
        assert len(program.calls) == 2


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[fd00::1]", "0.0.0.0"],
)
async def test_private_addresses_are_refused_where_they_are_not_allowed(host: str) -> None:
    async with backend() as program, web(private=False) as calls:
        with pytest.raises(NotDone, match=r"FERD_PRIVATE_WEBHOOKS|looked up"):
            await calls.call("POST", f"http://{host}:{program.port}/", {})
        assert program.calls == []
