"""Calls to SuperOffice's REST WebAPI v1: a token that is refreshed, lists page by page, entities changed safely."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from activities.web import Answer, Web, judge
from flows.ports import NotDone, Silence

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
ZONE = ZoneInfo("Europe/Oslo")
"""The zone in which moments are written, as the header says; those that are read name their offset."""
_HEADERS = {
    "Accept": JSON,
    "Accept-Language": "en",  # without a language, names come as the list of their translations
    "SO-TimeZone": "NO, includeTZOffset",
}
_EARLY = timedelta(minutes=1)
"""A token is renewed this long before it ends."""
_CONFLICTS = (409, 412)
_MOST_PAGES = 10_000


class Conflict(Exception):
    """The entity was changed by somebody else between reading and writing; nothing was changed by us."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where SuperOffice is, and what lets us in: an application's id and secret, and a refresh token."""

    url: str
    token_url: str
    client_id: str
    client_secret: str
    refresh_token: str


class SuperOffice:
    """Makes the calls. Raises NotDone and Silence as a port does: an answer that it gives is one of success."""

    def __init__(self, web: Web, access: Access, clock: Callable[[], datetime]) -> None:
        self._web = web
        self._access = access
        self._clock = clock
        self._token = ""
        self._ends: datetime | None = None
        self._renewing = asyncio.Lock()

    async def get(self, path: str, **query: object) -> Any:
        """What is at a path below `/v1`; `query` without the `$` of its names: `select`, `filter`, `top`."""
        return (await self._read("GET", _with(path, query))).data()

    async def find(self, path: str, **query: object) -> Mapping[str, Any] | None:
        """The entity at a path; None: there is none, or no longer."""
        answer = await self._read("GET", _with(path, query), gone_is_fine=True)
        found = answer.data() if answer.status != 404 else None
        return found if isinstance(found, Mapping) else None

    async def ask(self, path: str, body: object) -> Any:
        """What an agent's service answers: a POST that changes nothing, and may be repeated."""
        return (await self._read("POST", path, body)).data()

    async def post(self, path: str, body: object) -> Any:
        """Create, or do."""
        return (await self._call("POST", path, body)).data()

    async def delete(self, path: str) -> None:
        """Delete; what is gone already is fine."""
        await self._call("DELETE", path, gone_is_fine=True)

    async def patch(self, path: str, operations: Sequence[Mapping[str, object]]) -> None:
        """Change an entity by a JSON Patch (RFC 6902). Raises Conflict where one of its tests does not hold."""
        await self._call("PATCH", path, operations, JSON_PATCH)

    async def rows(self, path: str, **query: object) -> AsyncIterator[Mapping[str, Any]]:
        """The rows of a list, however many pages it has."""
        next_page: str | None = _with(path, query)
        for _ in range(_MOST_PAGES):
            if next_page is None:
                return
            page = await self.get(next_page)
            for row in page.get("value", ()):
                yield row
            link = page.get("odata.nextLink")
            # Only within what we were told to call: a link that leads elsewhere would carry our token there.
            next_page = link.removeprefix(self._v1) if link and link.startswith(self._v1) else None

    @property
    def _v1(self) -> str:
        return f"{self._access.url.rstrip('/')}/v1"

    async def _read(self, method: str, path: str, body: object = None, *, gone_is_fine: bool = False) -> Answer:
        try:
            return await self._call(method, path, body, gone_is_fine=gone_is_fine)
        except Silence as error:  # nothing is done by reading
            raise NotDone(error.text, retryable=True) from error

    async def _call(
        self, method: str, path: str, body: object = None, media_type: str = JSON, *, gone_is_fine: bool = False
    ) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        answer = await self._with_token(method, path, content, media_type, await self._fresh_token())
        if answer.status == 401:  # nothing was done: the token was withdrawn
            renewed = await self._fresh_token(instead_of=self._token)
            answer = await self._with_token(method, path, content, media_type, renewed)
        if answer.status in _CONFLICTS and method == "PATCH":
            raise Conflict(f"HTTP {answer.status}: {answer.text}")
        if not (gone_is_fine and answer.status == 404):
            judge(answer, self._clock())
        return answer

    async def _with_token(self, method: str, path: str, content: bytes, media_type: str, token: str) -> Answer:
        headers = {**_HEADERS, "Authorization": f"Bearer {token}"}
        if content:
            headers["Content-Type"] = media_type
        return await self._web.call(method, f"{self._v1}{path}", headers, content)

    async def _fresh_token(self, instead_of: str | None = None) -> str:
        async with self._renewing:  # who waited finds the token that another one has got
            good = self._token and self._ends is not None and self._clock() < self._ends - _EARLY
            if not good or self._token == instead_of:
                await self._renew()
            return self._token

    async def _renew(self) -> None:
        form = {
            "grant_type": "refresh_token",
            "client_id": self._access.client_id,
            "client_secret": self._access.client_secret,
            "refresh_token": self._access.refresh_token,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": JSON}
        try:
            answer = await self._web.call("POST", self._access.token_url, headers, urlencode(form).encode())
        except Silence as error:  # a token is no effect: it may be asked for again
            raise NotDone(f"no token: {error.text}", retryable=True) from error
        data = answer.data()
        if answer.status != 200 or not isinstance(data, Mapping) or not isinstance(data.get("access_token"), str):
            retry_after = answer.retry_after(self._clock())
            raise NotDone(f"no token: HTTP {answer.status}: {answer.text}", retryable=True, retry_after=retry_after)
        self._token = data["access_token"]
        self._ends = self._clock() + timedelta(seconds=int(data.get("expires_in", 3_600)))


def written(moment: datetime) -> str:
    """A moment as it is written there."""
    return moment.astimezone(ZONE).replace(tzinfo=None).isoformat()


def read_moment(text: object) -> datetime:
    """A moment as it is read there. Raises ValueError."""
    moment = datetime.fromisoformat(str(text))
    return moment.replace(tzinfo=ZONE) if moment.tzinfo is None else moment


def _with(path: str, query: Mapping[str, object]) -> str:
    if not query:
        return path
    return f"{path}?" + "&".join(f"${name}={quote(str(value), safe='/,')}" for name, value in query.items())
