"""An SMS provider that speaks like Twilio, keeps what it gets, and may be told to misbehave."""

from base64 import b64encode
from collections.abc import Callable

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

ACCOUNT, TOKEN = "AC123", "t" * 32

Misbehave = Callable[[Request], Response | None]


class Phone:
    """`texts` are what it took, in order: fields of the form. `next` may answer a request instead of it."""

    def __init__(self, server: HTTPServer) -> None:
        self._server = server
        self.texts: list[dict[str, str]] = []
        self.keys: list[str | None] = []
        self.next: Misbehave = lambda request: None
        server.expect_request(f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", "POST").respond_with_handler(self._take)

    @property
    def url(self) -> str:
        """What to give as FERD_SMS_URL."""
        return str(self._server.url_for("")).rstrip("/")

    def to(self, number: str) -> list[dict[str, str]]:
        """What it took for one number."""
        return [text for text in self.texts if text["To"] == number]

    def _take(self, request: Request) -> Response:
        login = b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        assert request.headers["Authorization"] == f"Basic {login}"
        self.keys.append(request.headers.get("Idempotency-Key"))
        answer = self.next(request)
        if answer is not None:
            return answer
        self.texts.append(request.form.to_dict())
        return Response(f'{{"sid": "SM{len(self.texts)}", "status": "queued"}}', 201, mimetype="application/json")
