"""STEP_1: e-mails as they arrive."""

import re
from email.message import EmailMessage

from sqlmodel import Session

from activities.mail.tokens import Tokens, Unsubscribe
from flows.outcome import Reason, Status
from store.library import Blob, ContentRow, FileRow
from store.people import Associate
from tests.rules.given import left
from tests.support.world import World, mail, now

OWNED = {
    "from": {"owner": "our_contact", "fallback": {"name": "Fjord Coffee", "address": "hello@fjord.example"}},
    "reply_to": "same_as_from",
}


async def _associate(world: World, id: str, email: str | None) -> str:
    row = Associate(id=id, name=f"{id.title()} Berg", email=email, created_at=now(), updated_at=now())
    await world.db.write(lambda session: session.add(row))
    return id


async def _file(world: World, id: str, data: bytes) -> None:
    def work(session: Session) -> None:
        session.add(Blob(sha256=id, data=data))
        session.flush()
        times = {"created_at": now(), "updated_at": now()}
        session.add(FileRow(id=id, name=id, mime="application/pdf", size=len(data), sha256=id, **times))

    await world.db.write(work)


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


async def _sent(world: World, flow: str, **person: object) -> EmailMessage:
    who = await world.person(**person)
    assert await left(world, await world.enrol(flow, who)) is Reason.COMPLETED
    (sent,) = world.inbox.to(f"{who}@x.example")
    return sent


async def test_STEP_1_the_sender_is_the_persons_contact_or_the_fallback(world: World) -> None:
    ida = await _associate(world, "ida", "ida@fjord.example")
    mute = await _associate(world, "mute", None)
    owned = await world.flow("owned", mail("hello"), email=OWNED)
    apart = await world.flow(
        "apart",
        mail("hello"),
        email={
            "from": "shop@fjord.example",
            "reply_to": {"owner": "our_service_contact", "fallback": "help@x.example"},
        },
    )
    fallback = "Fjord Coffee <hello@fjord.example>"
    for flow, person, sender, reply_to in [
        (owned, {"our_contact": ida}, "Ida Berg <ida@fjord.example>", "Ida Berg <ida@fjord.example>"),
        (owned, {"our_service_contact": ida}, fallback, fallback),
        (owned, {"our_contact": mute}, fallback, fallback),
        (apart, {"our_service_contact": ida}, "shop@fjord.example", "Ida Berg <ida@fjord.example>"),
        (apart, {"our_contact": ida}, "shop@fjord.example", "help@x.example"),
    ]:
        sent = await _sent(world, flow, **person)
        assert (sent["From"], sent["Reply-To"]) == (sender, reply_to)


async def test_STEP_1_the_record_has_the_headers_that_left(world: World) -> None:
    participant = await world.enrol(await world.flow("kept", mail("hello")))
    assert await left(world, participant) is Reason.COMPLETED
    (kept,) = await world.messages(participant=participant)
    (sent,) = world.inbox.to(kept.to)
    for name in ("Message-ID", "From", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post"):
        assert kept.headers[name] == sent[name]


async def test_STEP_1_without_contact_and_fallback_the_step_decides(world: World) -> None:
    alone = {"from": {"owner": "our_contact"}, "reply_to": "same_as_from"}
    held = await world.enrol(await world.flow("held", mail("hello"), email=alone))
    over = await world.enrol(await world.flow("over", mail("hello", on_error="continue"), email=alone))
    out = await world.enrol(await world.flow("out", mail("hello", on_error="drop_out"), email=alone))
    assert (await world.until(held, holding=True)).held == ["failing"]
    assert await left(world, over) is Reason.COMPLETED
    assert await left(world, out) is Reason.STEP_FAILED
    assert world.inbox.mails == []


async def test_STEP_1_the_content_arrives_filled_in_tracked_and_with_attachments(world: World) -> None:
    await world.put("links/offer", url="https://fjord.example/offer")
    await _file(world, "always.pdf", b"always")
    await _file(world, "brochure.pdf", b"brochure")
    await world.content(
        subject="not used",
        html='Hello {{ person.first_name }} <a href="{{ links.offer }}">Go</a> <a href="{{ unsubscribe_url }}">No</a>',
        text="Hello {{ person.first_name }} {{ unsubscribe_url }}",
        attachments=["always.pdf"],
    )
    flow = await world.flow(
        "content",
        mail("hello", subject="For {{ person.name }}", attachments=["brochure.pdf"]),
        email={**OWNED, "campaign": {"source": "ferd", "name": "spring", "term": "coffee"}},
    )
    sent = await _sent(world, flow, first_name="Bø & Co")
    assert sent["Subject"] == "For Bø & Co Nordmann"
    assert "Hello Bø & Co" in _body(sent, "plain")
    html = _body(sent, "html")
    assert "Hello Bø &amp; Co" in html
    assert [part.get_filename() for part in sent.iter_attachments()] == ["always.pdf", "brochure.pdf"]
    assert [part.get_content() for part in sent.iter_attachments()] == [b"always", b"brochure"]

    one_click = str(sent["List-Unsubscribe"]).strip("<>")
    assert sent["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert one_click in html
    assert one_click in _body(sent, "plain")
    tokens = Tokens([key.get_secret_value() for key in world.settings.secret_keys])
    (message,) = await world.messages(participant=(await world.participants(flow))[0].id)
    assert (message.html.strip(), message.text.strip()) == (html.strip(), _body(sent, "plain").strip())
    assert tokens.read_unsubscribe(one_click.rpartition("/")[2]) == Unsubscribe(message.id, message.person, flow)
    assert tokens.read_open(_token(html, "o")) == message.id
    click = tokens.read_click(_token(html, "t"))
    assert (click.message, click.link) == (message.id, "offer")
    assert click.url == (
        "https://fjord.example/offer?utm_campaign=spring&utm_medium=email&utm_source=ferd&utm_term=coffee"
    )


def _token(html: str, kind: str) -> str:
    found = re.search(rf"/{kind}/([^\"]+)\"", html)
    assert found
    return found[1]


async def test_STEP_1_a_transactional_mail_offers_no_unsubscribing(world: World) -> None:
    sent = await _sent(world, await world.flow("receipt", mail("receipt", transactional=True)))
    assert "List-Unsubscribe" not in sent


async def test_STEP_1_content_that_is_no_longer_ready_is_not_sent(world: World) -> None:
    flow = await world.flow("unready", mail("hello"))
    await world.db.write(lambda session: setattr(session.get_one(ContentRow, "mail"), "state", "draft"))
    participant = await world.enrol(flow)
    row = await world.until(participant, holding=True)
    assert (row.status, row.held) == (Status.ACTIVE, ["failing"])
    (failing,) = [line.text for line in await world.lines(participant) if line.event == "failing"]
    assert "not marked ready" in failing
    assert world.inbox.mails == []
