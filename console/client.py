"""The HTTP API of a running ferd, as the command line uses it."""

import re
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx2

from console.shell import Failure
from settings import Settings

_TIMEOUT, _CONNECT = 60.0, 5.0
_MOST_PROBLEMS = 20
_PAGE = 500
_COMMANDS = {
    r"GET /v1/flows/(\S+)/scheduled": r"ferd scheduled \1",
    r"GET /v1/flows/\S+/participants": "ferd participants FLOW",
    r"GET /v1/flows(?=\s)": "ferd flows",
    r"GET /v1/brakes(?=\s)": "ferd flows",
}


class Refused(Failure):
    """The API has said no; `status` is the HTTP status."""

    def __init__(self, status: int, what: str, remedy: str, *details: str) -> None:
        super().__init__(what, remedy, *details)
        self.status = status


class Api:
    """Calls with the API key of this machine's settings. Every refusal is a Failure that says what to do."""

    def __init__(self, settings: Settings) -> None:
        self.url = base_url(settings)
        key = settings.api_key.get_secret_value()
        self._http = httpx2.Client(
            base_url=self.url,
            timeout=httpx2.Timeout(_TIMEOUT, connect=_CONNECT),
            headers={"Authorization": f"Bearer {key}", "User-Agent": "ferd"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """What is there."""
        return self.call("GET", path, query=query)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """Do or create something."""
        return self.call("POST", path, body=body, query=query)

    def put(self, path: str, body: Any) -> Any:
        """Create or replace something."""
        return self.call("PUT", path, body=body)

    def upload(self, path: str, name: str, data: bytes, media_type: str) -> Any:
        """Put a file."""
        return self._send("PUT", path, files={"file": (name, data, media_type)}).json()

    def text(self, path: str) -> str:
        """What is there, as text."""
        return self._send("GET", path).text

    def find(self, path: str) -> Any | None:
        """What is there, or None if it does not exist."""
        try:
            return self.get(path)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def items(self, path: str, **query: Any) -> Iterator[Any]:
        """Every item of a list, page after page."""
        cursor: str | None = None
        while True:
            page = self.get(path, limit=_PAGE, **query, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def answers(self) -> bool:
        """Whether anybody answers there."""
        try:
            return self._http.get("/healthz", timeout=3.0).is_success
        except httpx2.HTTPError:
            return False

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content: bytes | None = None,
        media_type: str | None = None,
        query: Mapping[str, Any] | None = None,
        timeout: float = _TIMEOUT,
    ) -> Any:
        """One call: `body` is sent as JSON, `content` as it is. Answers the JSON, or None if there is none."""
        answer = self._send(
            method,
            path,
            params={name: value for name, value in (query or {}).items() if value is not None},
            content=content,
            json=body,
            headers={"Content-Type": media_type} if media_type else None,
            timeout=httpx2.Timeout(timeout, connect=_CONNECT),
        )
        return answer.json() if answer.content else None

    def _send(self, method: str, path: str, **how: Any) -> httpx2.Response:
        try:
            answer = self._http.request(method, path, **how)
        except httpx2.ConnectError as error:
            raise Failure(
                f"Nothing answers at {self.url}.",
                "Is `ferd up` running? If it runs elsewhere, set FERD_HOST, FERD_PORT and FERD_API_KEY.",
            ) from error
        except httpx2.HTTPError as error:
            raise Failure(f"{self.url} did not answer as it should: {type(error).__name__}.", "Try again.") from error
        if not answer.is_success:
            raise _refusal(answer)
        return answer


def base_url(settings: Settings) -> str:
    """Where the API of these settings is, seen from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _refusal(answer: httpx2.Response) -> Failure:
    try:
        problem = answer.json()
        detail, remedy = problem.get("detail") or problem["title"], problem.get("remedy", "")
    except (ValueError, KeyError, AttributeError):
        what = f"{answer.request.method} {answer.url.path} was answered with {answer.status_code}."
        return Refused(answer.status_code, what, "Is this a ferd? Check FERD_HOST and FERD_PORT.")
    problems = problem.get("problems", [])
    lines = [_line(each) for each in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"… and {len(problems) - _MOST_PROBLEMS} more")
    if answer.status_code == 401:
        remedy = "The key is FERD_API_KEY, or else in the data folder: do FERD_HOME and FERD_PORT belong together?"
    return Refused(answer.status_code, detail, "" if lines else _in_commands(remedy), *lines)


def _in_commands(remedy: str) -> str:
    """A remedy that names a call of the API, with the command of ours that makes it."""
    for call, command in _COMMANDS.items():
        remedy = re.sub(call, command, remedy)
    return remedy


def _line(problem: Mapping[str, Any]) -> str:
    line = problem.get("line")
    where = f"line {line}, column {problem.get('column', 1)}" if line else problem.get("pointer", "")
    return ": ".join(part for part in (where, f"{problem['what']} {problem['remedy']}".strip()) if part)
