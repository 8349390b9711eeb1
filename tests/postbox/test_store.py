import mailbox
import os
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postbox.store import NoSuchMail, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "mail")


def made(subject: str = "Hei på deg", **parts: str) -> bytes:
    message = EmailMessage(SMTP)
    message["From"] = "Fjord Coffee <hello@fjord.example>"
    message["To"] = "Åse <ase@kunde.example>"
    message["Subject"] = subject
    message["Message-ID"] = "<1@fjord.example>"
    message.set_content(parts.get("text", "Hei å\n"))
    if "html" in parts:
        message.add_alternative(parts["html"], subtype="html")
    if "file" in parts:
        message.add_attachment(parts["file"].encode(), "text", "csv", filename="å b.csv")
    return bytes(message)


def put(store: Store, *subjects: str, to: str = "ase@kunde.example") -> list[str]:
    return [store.add("hello@fjord.example", [to], made(subject)) for subject in subjects]


def test_a_mail_is_read_back_whole(store: Store) -> None:
    mail_id = store.add("bounce@fjord.example", ["åse@kunde.example", "b@x.example"], made(html="<p>Å</p>", file="1,2"))
    mail = store.read(mail_id)
    assert (mail.id, mail.sender, mail.to) == (
        mail_id,
        "Fjord Coffee <hello@fjord.example>",
        "åse@kunde.example, b@x.example",
    )
    assert (mail.subject, mail.message_id) == ("Hei på deg", "<1@fjord.example>")
    assert (mail.text, mail.html) == ("Hei å\n", "<p>Å</p>\n")
    assert mail.headers[:4] == [
        ("X-Envelope-From", "bounce@fjord.example"),
        ("X-Envelope-To", "åse@kunde.example"),
        ("X-Envelope-To", "b@x.example"),
        ("From", "Fjord Coffee <hello@fjord.example>"),
    ]
    (attachment,) = mail.attachments
    assert (attachment.name, attachment.mime, attachment.size) == ("å b.csv", "text/csv", 3)
    assert store.attachment(mail_id, 0) == (attachment, b"1,2")
    with pytest.raises(NoSuchMail):
        store.attachment(mail_id, 1)


def test_the_list_is_newest_first_and_paged(store: Store) -> None:
    put(store, *"abcde")
    first = store.page(limit=2)
    assert [mail.subject for mail in first.items] == ["e", "d"]
    put(store, "f")  # what comes meanwhile moves no page
    second = store.page(limit=2, cursor=first.next_cursor)
    third = store.page(limit=2, cursor=second.next_cursor)
    assert [mail.subject for mail in second.items + third.items] == ["c", "b", "a"]
    assert third.next_cursor is None
    assert store.page(limit=6).next_cursor is None


def test_the_list_can_be_of_one_recipient(store: Store) -> None:
    put(store, "a", to="ann@x.example")
    put(store, "b", to="joann@x.example")
    put(store, "c", to="ann@x.example")
    page = store.page(to="Ann@X.example", limit=1)
    assert [mail.subject for mail in page.items] == ["c"]
    assert [mail.subject for mail in store.page(to="ann@x.example", cursor=page.next_cursor).items] == ["a"]
    assert store.page(to="eve@x.example").items == []


def test_any_mail_program_reads_the_folder_and_may_move_mails(store: Store) -> None:
    (mail_id,) = put(store, "a")
    maildir = mailbox.Maildir(store.folder, create=False)
    ((key, message),) = maildir.items()
    assert message["Subject"] == "a"
    message.set_subdir("cur")
    message.add_flag("S")
    maildir[key] = message
    assert [mail.id for mail in store.page().items] == [mail_id]
    assert store.read(mail_id).subject == "a"


def test_a_mail_half_written_is_not_there(store: Store) -> None:
    (store.folder / "tmp" / "1700000000.M000001P1Q1.host").write_bytes(made())
    assert store.page().items == []


def test_emptying_deletes_every_mail(store: Store) -> None:
    put(store, "a", "b")
    assert store.clear() == 2
    assert store.page().items == []


@pytest.mark.parametrize("mail_id", ["", "1.x", "../../etc/passwd", "1700000000.M1/../../x", "1.*", ".."])
def test_what_is_no_mail_is_not_found(store: Store, mail_id: str) -> None:
    put(store, "a")
    with pytest.raises(NoSuchMail):
        store.read(mail_id)


@given(content=st.binary(max_size=300))
def test_any_bytes_can_be_kept_listed_and_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    store = Store(tmp_path_factory.mktemp("mail"))
    for data in (content, b'From: "a <b@c>, =?x?\r\nTo: <<>\r\nContent-Type: multipart/mixed\r\n' + content):
        mail_id = store.add("", ["a@b.example"], data)
        assert store.read(mail_id).to.startswith("a@b.example")
    assert len(store.page(to="a@b.example").items) == 2


def test_listing_ten_thousand_mails_opens_only_those_shown(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (mail_id,) = put(store, "a")
    for n in range(10_000):
        os.link(store.folder / "new" / mail_id, store.folder / "new" / f"17{n:08}.M000000P1Q1.host")
    opened: list[Path] = []
    real_open = Path.open

    def counting(path: Path, mode: str) -> object:
        opened.append(path)
        return real_open(path, mode)

    monkeypatch.setattr(Path, "open", counting)
    assert len(store.page(limit=50).items) == 50
    assert len(opened) == 51
