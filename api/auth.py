"""What every request meets first: the API key with its role, and a limit to its size."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from hashlib import sha256
from hmac import compare_digest

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ApiProblem, Forbidden, TooLarge, Unauthorized, answer

SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The API key."},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The API key."},
}
"""For OpenAPI: either will do."""

_MOST_IN_VAIN = 100 * 1024 * 1024
"""Bytes of a body that is too large which are taken and thrown away."""
_READING = ("GET", "HEAD", "OPTIONS")
_CONTENT = ("/v1/content", "/v1/files", "/v1/links", "/v1/forms")


class Role(IntEnum):
    """What a key is for; each may do what the one before may."""

    VIEWER = 1
    """Reads everything, changes nothing."""
    EDITOR = 2
    """Writes contents, files, links and forms."""
    ADMINISTRATOR = 3
    """Everything."""


class Door:
    """ASGI middleware: every path under /v1 but the API's description asks for a key; bodies have a largest size.

    A key of `keys` may do everything; those of `viewers` and `editors` what their role may.
    `larger` gives paths, `*` standing for any one part, of which those at and below take more than `body_limit` bytes.
    The key is checked before any of the body is read.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: Sequence[str],
        editors: Sequence[str] = (),
        viewers: Sequence[str] = (),
        guarded: str = "/v1",
        open_path: str = "/v1/openapi.json",
        body_limit: int,
        larger: Mapping[str, int],
    ) -> None:
        self._app = app
        roles = {Role.ADMINISTRATOR: keys, Role.EDITOR: editors, Role.VIEWER: viewers}
        self._keys = [(digest(key), role) for role, of_role in roles.items() for key in of_role]
        self._guarded = guarded
        self._open_path = open_path
        self._body_limit = body_limit
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, headers = scope["path"], Headers(scope=scope)
        limit = next((size for prefix, size in self._larger.items() if _under(path, prefix)), self._body_limit)
        try:
            if _under(path, self._guarded) and path != self._open_path:
                self._check_key(headers, scope["method"], path)
            length = headers.get("content-length", "0")
            if length.isdecimal() and int(length) > limit:
                raise _too_large(limit)
        except ApiProblem as error:
            if isinstance(error, TooLarge):
                await _rest(receive)
            await answer(error.problem, error.headers)(scope, receive, send)
            return
        await self._app(scope, _limited(receive, limit), send)

    def _check_key(self, headers: Headers, method: str, path: str) -> None:
        given = given_key(headers)
        sent = digest(given)
        role = max([role for key, role in self._keys if compare_digest(sent, key)], default=None)
        if role is None:
            raise Unauthorized(
                "The API key is wrong." if given else "The API key is missing.",
                "Send it as Authorization: Bearer KEY, or as X-API-Key: KEY.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        needed = _needed(method, path)
        if role < needed:
            raise Forbidden(
                f"The API key is of the role {role.name.lower()}, which may not do this.",
                f"Use a key of the role {needed.name.lower()}.",
            )


def _needed(method: str, path: str) -> Role:
    """The least role that may make a call."""
    if method in _READING:
        return Role.VIEWER
    return Role.EDITOR if any(_under(path, prefix) for prefix in _CONTENT) else Role.ADMINISTRATOR


def given_key(headers: Headers) -> str:
    """The key that a request brings along; empty if none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def is_one_of(given: str, keys: Sequence[bytes]) -> bool:
    """Whether it is one of these keys, given by their digests: every one is compared, and time tells nothing."""
    return bool(sum([compare_digest(digest(given), key) for key in keys]))


def _limited(receive: Receive, limit: int) -> Receive:
    """Bodies without a Content-Length are counted while they come."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise _too_large(limit)
        return message

    return counted


async def _rest(receive: Receive) -> None:
    """Take what the caller still sends: one who is cut off while sending hears of no answer."""
    size = 0
    while size <= _MOST_IN_VAIN:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        size += len(message.get("body", b""))


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit:,} bytes.", "Send less at a time.")


def _under(path: str, prefix: str) -> bool:
    parts, wanted = path.split("/"), prefix.split("/")
    return len(parts) >= len(wanted) and all(want in ("*", part) for want, part in zip(wanted, parts, strict=False))


def digest(key: str) -> bytes:
    """Keys are compared by this: of equal length, whatever was sent."""
    return sha256(key.encode()).digest()
