"""Calls over HTTP to programs that are not ours, told as an effect is: an answer, not done, or silence (SAFE_2).

Every call has a connection of its own and short limits: on time, and on how much of an answer is read. Redirects are
not followed: where a call goes is what somebody has set, not what the other side says. Addresses of this machine and of
private networks can be closed (`private`): the name is then looked up once, and exactly what was looked at is called.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import httpx2

from flows.ports import NotDone, Silence

CONNECT = 5.0
LONGEST = 20.0
"""Seconds for a whole call: an effect is a short thing, long work belongs behind a queue of the other side's own."""
LARGEST_ANSWER = 256 * 1024

# Raised before anything of the request has left.
_BEFORE = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.InvalidURL,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said. `body` is cut at the largest size that is read."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, for a person to read."""
        return self.body[:2_000].decode("utf-8", "replace")

    def data(self) -> Any:
        """The body read as JSON; None if it is something else."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # no JSON, or nested without end
            return None

    def retry_after(self, now: datetime) -> timedelta | None:
        """How long the other side asks to be left alone."""
        given = self.headers.get("retry-after", "").strip()
        if given.isdecimal():
            return timedelta(seconds=min(int(given), 86_400))
        try:
            return max(parsedate_to_datetime(given).astimezone(UTC) - now, timedelta())
        except ValueError:
            return None


class Web:
    """Makes the calls. `private`: whether they may go to this machine and to private networks."""

    def __init__(self, *, private: bool, longest: float = LONGEST) -> None:
        self._private = private
        self._longest = longest
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(longest, connect=CONNECT),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
            verify=trusted(),
            headers={"User-Agent": "ferd"},
        )

    async def close(self) -> None:
        """Close what is open."""
        await self._client.aclose()

    async def call(self, method: str, url: str, headers: Mapping[str, str], content: bytes = b"") -> Answer:
        """Make the call and hear the answer, whatever its status. Raises NotDone (retryable) and Silence."""
        try:
            async with asyncio.timeout(self._longest + CONNECT):
                request = await self._request(method, url, headers, content)
                response = await self._client.send(request, stream=True)
                try:
                    body = b""
                    async for piece in response.aiter_bytes():
                        body += piece
                        if len(body) > LARGEST_ANSWER:
                            break
                finally:
                    await response.aclose()
        except _BEFORE as error:
            raise NotDone(f"cannot be reached: {_said(error)}", retryable=True) from error
        except (httpx2.HTTPError, TimeoutError) as error:
            raise Silence(f"no answer: {_said(error)}") from error
        return Answer(response.status_code, response.headers, body[:LARGEST_ANSWER])

    async def _request(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> httpx2.Request:
        if self._private:
            return self._client.build_request(method, url, headers=dict(headers), content=content)
        given = httpx2.URL(url)
        address = await _public_address(given.host, given.port or (443 if given.scheme == "https" else 80))
        return self._client.build_request(
            method,
            given.copy_with(host=address),
            headers={**headers, "Host": given.netloc.decode("ascii")},
            content=content,
            extensions={"sni_hostname": given.raw_host.decode("ascii")},
        )


@cache
def trusted() -> ssl.SSLContext:
    """The certificates that calls trust, read once for all who call."""
    return httpx2.create_ssl_context()


def judge(answer: Answer, now: datetime) -> None:
    """What a status says of an effect: returns if it was done. Raises NotDone and Silence.

    A gateway's 502 and 504, like any other fault of the server, say nothing about what happened behind it; 409 is how a
    server that knows our key says that the same call is still under way.
    """
    status = answer.status
    if 200 <= status < 300:
        return
    said = f"HTTP {status}: {answer.text}"
    if status in (408, 425, 429, 503):
        raise NotDone(said, retryable=True, retry_after=answer.retry_after(now))
    if status >= 500 or status == 409:
        raise Silence(said)
    raise NotDone(said, retryable=False)


async def _public_address(host: str, port: int) -> str:
    """An address of this name, if all of them are public. Raises NotDone."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotDone(f"the name cannot be looked up: {error}", retryable=True) from error
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not all(_public(ip_address(address)) for address in addresses):
        what = "the address is on this machine or in a private network, which FERD_PRIVATE_WEBHOOKS does not allow"
        raise NotDone(what, retryable=False)
    return addresses[0]


def _public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return _public(inner)
    return address.is_global and not address.is_multicast


def _said(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()
