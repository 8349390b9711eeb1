"""The public side: clicks, opens, unsubscribing, forms. Anybody may come, and nothing that comes is trusted."""

from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from httpx2 import Response
from sqlmodel import Session, select

from activities.mail.tokens import Tokens
from store.journeys import EventRow, MessageRow
from store.library import SubscriptionType
from store.people import Person
from tests.support.running import Running, expect, problem
from tests.support.waiting import eventually
from tests.support.world import mail, now, wait

TARGET = "https://shop.example/offer?a=1&b=ø"
CAME: tuple[str, Any] = ("person_created", {})
"""The first of what is stored about anybody."""


class Page(HTMLParser):
    """What a browser would see: the texts, and the tags."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(response.text)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    @property
    def text(self) -> str:
        return " ".join(text.strip() for text in self.texts)


def safe(response: Response) -> Page:
    """The page, which runs nothing and loads nothing."""
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert response.headers["x-content-type-options"] == "nosniff"
    page = Page(response)
    assert not {"script", "img", "iframe", "link"} & {tag for tag, _ in page.tags}
    return page


async def sent(ferd: Running, **settings: Any) -> MessageRow:
    """A message to a person, as a journey keeps it, without one."""
    flow = await ferd.world.flow("mailing", mail("hello"), **settings)
    participant, person = await ferd.world.enrol(flow, who := await ferd.world.person()), who
    row = MessageRow(
        id=f"msg_{participant}",
        effect=f"{participant}/hello/1",
        channel="email",
        person=person,
        participant=participant,
        flow=flow,
        step="hello",
        content="mail",
        to="kari@fjord.no",
        sender="hello@fjord.example",
        at=now(),
    )
    await ferd.world.db.write(lambda session: session.add(row))
    return row


async def person(ferd: Running, id: str) -> Person:
    return await ferd.world.db.read(lambda session: session.get_one(Person, id))


async def message(ferd: Running, id: str) -> Any:
    [found] = [each for each in (await ferd.get("/messages"))["items"] if each["id"] == id]
    return found


async def test_a_click_is_recorded_and_led_on(still_ferd: Running) -> None:
    row = await sent(still_ferd)
    address = f"/t/{still_ferd.tokens.click(row.id, 'offer', TARGET)}"
    for _ in range(2):
        response = await still_ferd.public.get(address)
        assert response.status_code == 302
        assert response.headers["location"] == "https://shop.example/offer?a=1&b=%C3%B8"
        assert response.headers["cache-control"] == "no-store"
    data = {"link": "offer", "message": row.id, "content": "mail", "url": TARGET}
    assert await still_ferd.events(row.person) == [CAME, *[("link_clicked", data)] * 2]
    assert (await message(still_ferd, row.id))["clicked"] == ["offer"]


async def test_STEP_24_who_only_asks_for_the_head_has_not_clicked(still_ferd: Running) -> None:
    """STEP_24: HEAD requests count for nothing."""
    row = await sent(still_ferd)
    response = await still_ferd.public.head(f"/t/{still_ferd.tokens.click(row.id, 'offer', TARGET)}")
    assert response.status_code == 302
    (kept,) = await still_ferd.world.db.read(
        lambda session: session.scalars(select(EventRow).where(EventRow.type == "link_clicked")).all()
    )
    assert (kept.person, kept.machine) == (row.person, True)
    (message,) = await still_ferd.world.messages(participant=row.participant)
    assert message.clicked == []


async def test_a_link_that_we_did_not_make_leads_nowhere(still_ferd: Running) -> None:
    row = await sent(still_ferd)
    foreign = Tokens(["another-key-than-ours"])
    ours = still_ferd.tokens
    for path in (
        "/t/nothing",
        f"/t/{foreign.click(row.id, 'offer', TARGET)}",
        f"/t/{ours.open(row.id)}",
        f"/u/{ours.open(row.id)}",
        f"/u/{foreign.unsubscribe(row.id, row.person, row.flow)}",
    ):
        response = await still_ferd.public.get(path)
        assert response.status_code == 404
        assert "location" not in response.headers
        assert "does not work" in safe(response).text
    assert (await still_ferd.public.post(f"/u/{foreign.unsubscribe(row.id, row.person, row.flow)}")).status_code == 404
    assert (await still_ferd.public.get("/o/nothing")).status_code == 404
    assert await still_ferd.events(row.person) == [CAME]
    assert (await person(still_ferd, row.person)).consent == {}


async def test_a_link_of_a_removed_participation_still_leads_on(still_ferd: Running) -> None:
    gone = await still_ferd.public.get(f"/t/{still_ferd.tokens.click('msg_gone', '', TARGET)}")
    assert gone.status_code == 302


async def test_an_opened_mail_is_recorded_once(still_ferd: Running) -> None:
    row = await sent(still_ferd)
    for _ in range(2):
        response = await still_ferd.public.get(f"/o/{still_ferd.tokens.open(row.id)}")
        assert (response.status_code, response.headers["content-type"]) == (200, "image/gif")
        assert response.content.startswith(b"GIF89a")
    assert await still_ferd.events(row.person) == [CAME, ("email_opened", {"message": row.id, "content": "mail"})]
    assert (await message(still_ferd, row.id))["opened_at"] is not None


async def test_STEP_1_unsubscribing_takes_a_post(still_ferd: Running) -> None:
    """STEP_1: GET shows a page and changes nothing; POST unsubscribes, from a page or by one click (RFC 8058)."""
    row = await sent(still_ferd)
    address = f"/u/{still_ferd.tokens.unsubscribe(row.id, row.person, row.flow)}"
    page = safe(await still_ferd.public.get(address))
    assert ("form", {"method": "post"}) in page.tags
    assert (await still_ferd.public.head(address)).status_code == 200
    assert (await person(still_ferd, row.person)).consent == {}

    for _ in range(2):
        response = await still_ferd.public.post(address, data={"List-Unsubscribe": "One-Click"})
        assert response.status_code == 200
        assert "unsubscribed" in safe(response).text
    assert (await person(still_ferd, row.person)).consent == {"email": "withdrawn"}
    assert await still_ferd.events(row.person) == [CAME, ("person_updated", {"changed": ["consent.email"]})]


async def test_unsubscribing_ends_the_flows_kind_of_mail(still_ferd: Running) -> None:
    """PART_2: only the subscription type of the flow, where it has one."""
    kind = SubscriptionType(id="news", name="News & <offers>", created_at=now(), updated_at=now())
    await still_ferd.world.db.write(lambda session: session.add(kind))
    sender = {"from": "hello@fjord.example", "reply_to": "same_as_from", "subscription": "news"}
    row = await sent(still_ferd, email=sender)
    address = f"/u/{still_ferd.tokens.unsubscribe(row.id, row.person, row.flow)}"
    assert "News & <offers>" in safe(await still_ferd.public.get(address)).text
    expect_page = await still_ferd.public.post(address)
    assert expect_page.status_code == 200
    after = await person(still_ferd, row.person)
    assert (after.unsubscribed, after.consent) == (["news"], {})


async def test_PART_2_who_unsubscribes_is_heard_when_nothing_is_left_of_the_participation(ferd: Running) -> None:
    """PART_4, PART_9: the mail is still there to be read, also by whoever is one with another person by now."""
    world = ferd.world
    await world.put("subscription-types/news")
    sender = {"from": "hello@fjord.example", "reply_to": "same_as_from", "subscription": "news"}
    flow = await world.flow("mailing", mail("hello"), wait("rest", "3 days"), email=sender)
    alone, merged, stays = [await world.person() for _ in range(3)]
    for each in (alone, merged):
        participant = await world.enrol(flow, each)
        await world.until(participant, step="rest")
        expect(204, await ferd.api.delete(f"/v1/participants/{participant}"))
    await ferd.post(f"/people/{merged}/merge", {"into": stays})

    for letter in world.inbox.mails:
        address = str(letter["List-Unsubscribe"]).strip("<>").removeprefix(world.settings.public_url.rstrip("/"))
        assert "news" in safe(await ferd.public.get(address)).text
        assert (await ferd.public.post(address)).status_code == 200
    for each in (alone, stays):
        assert (await person(ferd, each)).unsubscribed == ["news"]


FORM = {
    "name": "Contact me",
    "fields": [
        {"name": "email", "type": "email", "required": True, "label": "E-mail <you>"},
        {"name": "first_name", "type": "text"},
        {"name": "cups", "type": "number"},
        {"name": "when", "type": "date"},
        {"name": "terms", "type": "checkbox", "required": True},
    ],
    "thanks_text": "Thank <you>!",
}
GOOD = {"email": "Kari@Fjord.no", "first_name": "Kari", "cups": "2.5", "terms": "on", "spare": "dropped"}
VALUES = {"email": "Kari@fjord.no", "first_name": "Kari", "cups": 2.5, "terms": True}


async def make_form(ferd: Running, **more: Any) -> None:
    expect(201, await ferd.api.put("/v1/forms/contact-me", json={**FORM, **more}))


async def people(ferd: Running) -> list[Any]:
    items: list[Any] = (await ferd.get("/people"))["items"]
    return items


async def test_TRIG_1_a_form_makes_a_person_and_enrols(still_ferd: Running) -> None:
    """TRIG_1: person_created and form_submitted; numbers come as numbers, what the form does not have is dropped."""
    await make_form(still_ferd)
    trigger = {"event": "form_submitted", "form": "contact-me", "when": {"field": "form.cups", "op": ">", "value": 2}}
    flow = await still_ferd.world.flow("contact", wait("w", "1 day"), enrolment={"triggers": [trigger]})
    response = await still_ferd.public.post("/f/contact-me", data=GOOD)
    assert response.status_code == 200
    assert "Thank <you>!" in safe(response).text

    [one] = await people(still_ferd)
    assert (one["email"], one["first_name"], one["consent"]) == ("Kari@fjord.no", "Kari", {"email": None, "sms": None})
    assert await still_ferd.events(one["id"]) == [
        CAME,
        ("form_submitted", {"form": "contact-me", "fields": VALUES}),
    ]
    [participant] = (await still_ferd.get(f"/flows/{flow}/participants"))["items"]
    assert participant["person"] == one["id"]


async def test_a_form_finds_who_has_the_address(still_ferd: Running) -> None:
    """Nobody's data are changed by a form; of several with the address, the one that was there first."""
    await make_form(still_ferd)
    first = await still_ferd.world.person(email="kari@fjord.no", first_name="Karianne")
    await still_ferd.world.person(email="kari@fjord.no")
    assert (await still_ferd.public.post("/f/contact-me", data=GOOD)).status_code == 200
    assert len(await people(still_ferd)) == 2
    assert [type for type, _ in await still_ferd.events(first)] == ["person_created", "form_submitted"]
    assert (await person(still_ferd, first)).first_name == "Karianne"


async def test_a_signed_token_says_who_fills_it_in(still_ferd: Running) -> None:
    await make_form(still_ferd)
    known = await still_ferd.world.person(email="other@fjord.no")
    token = still_ferd.tokens.person(known)
    await still_ferd.public.post("/f/contact-me", data={**GOOD, "ferd_token": token})
    assert [type for type, _ in await still_ferd.events(known)] == ["person_created", "form_submitted"]
    # A token that is not ours says nothing: the address does.
    await still_ferd.public.post("/f/contact-me", data={**GOOD, "ferd_token": token + "x"})
    assert len(await people(still_ferd)) == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"email": ""}, "E-mail <you> is missing"),
        ({"email": "no address"}, "E-mail <you> is not an e-mail address"),
        ({"cups": "many"}, "Cups is not a number"),
        ({"cups": "nan"}, "Cups is not a number"),
        ({"when": "soon"}, "When is not a date"),
        ({"terms": "perhaps"}, "Terms is neither yes nor no"),
        ({"first_name": "\0"}, "First name is too long"),
        ({"first_name": "two\nlines"}, "First name cannot be kept"),
    ],
)
async def test_SAFE_5_a_form_that_is_not_filled_in_says_what_is_missing(
    still_ferd: Running, wrong: dict[str, str], said: str
) -> None:
    """SAFE_5: and nothing is kept."""
    await make_form(still_ferd)
    response = await still_ferd.public.post("/f/contact-me", data={**GOOD, **wrong})
    assert response.status_code == 422
    assert said in safe(response).text
    assert await people(still_ferd) == []


async def test_a_form_as_json_and_as_multipart(still_ferd: Running) -> None:
    await make_form(still_ferd, thanks_url="https://www.fjord.example/thanks")
    given = {**GOOD, "cups": 2.5, "terms": True}
    thanks = expect(200, await still_ferd.public.post("/f/contact-me", json=given))
    assert thanks == {"thanks_text": "Thank <you>!", "thanks_url": "https://www.fjord.example/thanks"}
    led_on = await still_ferd.public.post("/f/contact-me", files={"photo": b"x"}, data=GOOD)
    assert (led_on.status_code, led_on.headers["location"]) == (303, "https://www.fjord.example/thanks")
    [one] = await people(still_ferd)
    submitted = [data for type, data in await still_ferd.events(one["id"]) if type == "form_submitted"]
    assert submitted == [{"form": "contact-me", "fields": VALUES}] * 2

    refused = problem(422, await still_ferd.public.post("/f/contact-me", json={"cups": "x"}))
    assert [each["pointer"] for each in refused["problems"]] == ["/email", "/cups", "/terms"]
    problem(422, await still_ferd.public.post("/f/contact-me", json=[1]))
    problem(404, await still_ferd.public.post("/f/nothing", json={}))
    assert "no such form" in safe(await still_ferd.public.post("/f/nothing", data={})).text


async def test_a_machine_that_fills_in_what_nobody_sees_is_thanked(still_ferd: Running) -> None:
    await make_form(still_ferd)
    response = await still_ferd.public.post("/f/contact-me", data={**GOOD, "_gotcha": "spam"})
    assert response.status_code == 200
    assert await people(still_ferd) == []


async def test_from_a_mail_that_was_really_sent(ferd: Running) -> None:
    """STEP_14: a click on the link of a mail ends the wait for it; unsubscribing keeps the next mail away."""
    world = ferd.world
    await world.content(html='<p><a href="https://shop.example/offer">Offer</a> <a href="ferd:unsubscribe">No</a></p>')
    await world.put("links/offer", url="https://shop.example/offer")
    clicked = {"id": "react", "kind": "wait_for_action", "actions": [{"event": "link_clicked", "link": "offer"}]}
    flow = await world.flow("real", mail("hello"), clicked, wait("breathe", "1 day"), mail("bye"))
    participant = await world.enrol(flow)
    await world.until(participant, awaits=["link_clicked"])

    [received] = world.inbox.mails
    html = received.get_body(("html",))
    assert html is not None
    page = HTMLParser()
    links: list[str] = []
    page.handle_starttag = lambda tag, attrs: links.extend(value for name, value in attrs if name == "href" and value)  # type: ignore[method-assign]
    page.feed(html.get_content())
    tracked, way_out = [link.removeprefix(world.settings.public_url) for link in links]
    assert (await ferd.public.get(tracked)).headers["location"] == "https://shop.example/offer"
    await world.until(participant, step="breathe")
    assert received["List-Unsubscribe"] == f"<{world.settings.public_url}{way_out}>"
    assert (await ferd.public.post(way_out)).status_code == 200
    await world.forward(flow, participant, timedelta(days=2))
    row = await world.until(participant, status="dropped_out")
    assert row.reason == "consent_withdrawn"
    assert world.inbox.subjects == ["hello"]


async def test_STEP_24_a_click_on_one_of_several_links_is_settled_by_itself(still_ferd: Running) -> None:
    """STEP_24: kept at once, counted a moment later; a known scanner's never."""
    row = await sent(still_ferd)

    def linked(session: Session) -> None:
        session.get_one(MessageRow, row.id).html = f'<a href="{TARGET}">x</a> <a href="https://shop.example/">y</a>'

    await still_ferd.world.db.write(linked)
    link = f"/t/{still_ferd.tokens.click(row.id, 'offer', TARGET)}"
    await still_ferd.public.get(link, headers={"User-Agent": "Barracuda Sentinel (EE)"})
    await still_ferd.public.get(link)

    async def machines() -> list[bool]:
        clicks = EventRow.person == row.person, EventRow.type == "link_clicked"
        query = select(EventRow).where(*clicks).order_by(EventRow.number)  # type: ignore[arg-type]
        return [each.machine for each in await still_ferd.world.db.read(lambda session: session.scalars(query).all())]

    assert (await machines())[0]
    assert await eventually(machines, lambda kept: kept == [True, False]) == [True, False]
    (message,) = await still_ferd.world.messages(participant=row.participant)
    assert message.clicked == ["offer"]
