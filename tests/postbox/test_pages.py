from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from postbox.pages import router
from postbox.store import Store

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    application = FastAPI()
    application.include_router(router(store.folder))
    with TestClient(application) as client:
        yield client


def put(store: Store, subject: str = "Hi", to: str = "ann@kunde.example", html: str = "<p>Hi</p>") -> str:
    message = EmailMessage()
    message["From"] = "Fjord Coffee <hello@fjord.example>"
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = "<1@fjord.example>"
    message.set_content(f"Hei {EVIL}")
    message.add_alternative(html, subtype="html")
    message.add_attachment(b"<script>", "text", "html", filename='å "x".html')
    return store.add("hello@fjord.example", [to], bytes(message))


def test_messages_are_listed_and_read_as_json(store: Store, client: TestClient) -> None:
    first, second = put(store, "a"), put(store, "b", to="bo@kunde.example")
    page = client.get("/mailbox/messages", params={"limit": 1}).json()
    (item,) = page["items"]
    assert item == {
        "id": second,
        "at": item["at"],
        "from": "Fjord Coffee <hello@fjord.example>",
        "to": "bo@kunde.example",
        "subject": "b",
        "message_id": "<1@fjord.example>",
    }
    older = client.get("/mailbox/messages", params={"cursor": page["next_cursor"]}).json()
    assert ([mail["id"] for mail in older["items"]], older["next_cursor"]) == ([first], None)
    assert client.get("/mailbox/messages", params={"to": "ann@kunde.example"}).json()["items"][0]["id"] == first
    mail = client.get(f"/mailbox/messages/{first}").json()
    assert mail["text"].startswith("Hei")
    assert mail["html"] == "<p>Hi</p>\n"
    assert ["Subject", "a"] in mail["headers"]
    assert mail["attachments"] == [{"name": 'å "x".html', "mime": "text/html", "size": 8}]


def test_the_mailbox_can_be_emptied(store: Store, client: TestClient) -> None:
    put(store)
    assert client.delete("/mailbox/messages").json() == {"deleted": 1}
    assert client.get("/mailbox/messages").json() == {"items": [], "next_cursor": None}
    assert "No mail yet" in client.get("/mailbox").text


@pytest.mark.parametrize(
    "path", ["messages/1.x", "1.x", "1.x/html", "1.x/source", "1.x/attachments/0", "..%2F..%2Fetc%2Fpasswd"]
)
def test_a_mail_that_is_not_there_is_404(client: TestClient, path: str) -> None:
    assert client.get(f"/mailbox/{path}").status_code == 404


def test_nothing_of_a_mail_becomes_part_of_our_pages(store: Store, client: TestClient) -> None:
    mail_id = put(store, f"</title>{EVIL}", html=EVIL)
    for page in (
        client.get("/mailbox"),
        client.get(f"/mailbox/{mail_id}"),
        client.get("/mailbox", params={"to": EVIL}),
    ):
        assert page.status_code == 200
        assert EVIL not in page.text


def test_the_html_of_a_mail_may_run_nothing(store: Store, client: TestClient) -> None:
    mail_id = put(store, html=f"<!doctype html><html><head><title>x</title></head><body>{EVIL}</body></html>")
    page = client.get(f"/mailbox/{mail_id}")
    assert f'<iframe src="/mailbox/{mail_id}/html"' in page.text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    html = client.get(f"/mailbox/{mail_id}/html")
    policy = html.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert html.text.startswith('<!doctype html><html><head><base target="_blank"><title>')


def test_source_and_attachments_are_never_shown_as_pages(store: Store, client: TestClient) -> None:
    mail_id = put(store)
    source = client.get(f"/mailbox/{mail_id}/source")
    assert source.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert source.text.startswith("X-Envelope-From: hello@fjord.example\n")
    file = client.get(f"/mailbox/{mail_id}/attachments/0")
    assert file.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%A5%20%22x%22.html"
    assert file.headers["Content-Type"] == "application/octet-stream"
    assert file.content == b"<script>"
    for answer in (source, file):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_list_leads_to_older_mails_and_to_one_recipient(store: Store, client: TestClient) -> None:
    for n in range(3):
        put(store, f"Mail {n}")
    page = client.get("/mailbox", params={"limit": 2}).text
    assert "Mail 2" in page
    assert "Mail 0" not in page
    older = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "Mail 0" in client.get(f"/mailbox{older}").text
    assert "?to=ann%40kunde.example" in page
