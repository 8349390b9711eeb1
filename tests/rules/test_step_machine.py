"""STEP_24: clicks and openings by machines are kept, and count for nothing."""

from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from activities.mail.tokens import Click
from activities.responses.machines import is_machine
from api.messages import MessagePublic
from flows.outcome import Reason
from store.journeys import EventRow
from tests.rules.given import left, resting, steps_passed
from tests.support.world import SCANNER, World, mail, now, wait

PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
SECOND = timedelta(seconds=1)
URLS = {"offer": "https://fjord.example/offer", "home": "https://fjord.example/", "": "https://elsewhere.example/x"}
HTML = " ".join(f'<a href="{url}">{link or "else"}</a>' for link, url in URLS.items())
CLICKED = {"id": "clicked", "kind": "wait_for_action", "actions": [{"event": "link_clicked"}], "within": "7 days"}


async def _waiting(world: World) -> tuple[str, str, MessagePublic]:
    """A flow, a participant who waits for a click, and the mail with three links."""
    await world.content(html=HTML, text="x")
    flow = await world.flow("clicks", mail("hello"), CLICKED)
    participant = await world.enrol(flow)
    await resting(world, participant, "clicked")
    (message,) = await world.messages(participant=participant)
    return flow, participant, message


async def _click(world: World, message: MessagePublic, link: str, at: datetime, *, machine: bool = False) -> bool:
    """Click on a link; whether it is in doubt whether that counts."""
    click = Click(message.id, link, URLS[link])
    settles_at = await world.core.dispatcher.write(
        lambda session: world.core.tracking.click(session, click, at, machine=machine)
    )
    return settles_at is not None


async def _settle(world: World, at: datetime) -> int:
    return await world.core.dispatcher.write(lambda session: world.core.tracking.settle(session, at))


async def _clicks(world: World) -> list[bool]:
    """Whether each click is a machine's."""
    query = select(EventRow).where(EventRow.type == "link_clicked").order_by(EventRow.at)  # type: ignore[arg-type]
    return [row.machine for row in await world.db.read(lambda session: session.scalars(query).all())]


async def _message(world: World, participant: str) -> MessagePublic:
    return (await world.messages(participant=participant))[0]


async def test_STEP_24_all_links_of_a_mail_within_two_seconds_count_for_nothing(world: World) -> None:
    """Not even the first, which looked like anybody's. The reader's own click, later, does."""
    _, participant, message = await _waiting(world)
    began = now()
    for number, link in enumerate(URLS):
        assert await _click(world, message, link, began + number * SECOND)
    assert await _settle(world, began + 2 * SECOND) == 0  # too early to tell
    assert await _settle(world, began + 5 * SECOND) == 3
    assert await _clicks(world) == [True, True, True]
    assert (await _message(world, participant)).clicked == []
    assert (await world.participant(participant)).step == "clicked"

    await _click(world, message, "offer", began + 60 * SECOND)
    await _settle(world, began + 63 * SECOND)
    assert await left(world, participant) is Reason.COMPLETED
    assert await _clicks(world) == [True, True, True, False]
    assert (await _message(world, participant)).clicked == ["offer"]


async def test_STEP_24_a_reader_who_clicks_two_of_three_counts_and_so_does_who_takes_the_time(world: World) -> None:
    _, participant, message = await _waiting(world)
    began = now()
    await _click(world, message, "offer", began)
    await _click(world, message, "home", began + SECOND)
    await _click(world, message, "", began + 2.5 * SECOND)
    assert await _settle(world, began + 10 * SECOND) == 3
    assert await _clicks(world) == [False, False, False]
    assert await left(world, participant) is Reason.COMPLETED


async def test_STEP_24_a_mail_with_one_link_is_clicked_by_whoever_clicks(world: World) -> None:
    await world.content(html='<a href="https://fjord.example/offer">x</a>')
    flow, person = await world.flow("one", mail("hello"), CLICKED), await world.person()
    participant = await world.enrol(flow, person)
    await resting(world, participant, "clicked")
    await world.clicks(person, "x")
    assert await left(world, participant) is Reason.COMPLETED


async def test_STEP_24_known_machines_wake_nobody_enrol_nobody_and_are_no_success(world: World) -> None:
    triggered = await world.flow(
        "triggered", wait("rest", "1 day"), enrolment={"triggers": [{"event": "link_clicked"}]}
    )
    _, participant, message = await _waiting(world)
    await world.clicks(message.person, "offer", SCANNER)
    await world.opens(message.person, PROXY)
    assert await world.participants(triggered) == []
    assert (await world.participant(participant)).step == "clicked"
    assert (await _message(world, participant)).opened_at is None
    # The machine's opening does not stand in the way of the reader's.
    await world.opens(message.person)
    assert (await _message(world, participant)).opened_at is not None
    assert await world.stored.count(EventRow, EventRow.type == "email_opened") == 2


async def test_STEP_24_a_trigger_waits_until_it_is_known(world: World) -> None:
    triggers = {"triggers": [{"event": "link_clicked"}]}
    triggered = await world.flow("triggered", wait("rest", "1 day"), enrolment=triggers)
    _, _, message = await _waiting(world)
    began = now()
    await _click(world, message, "offer", began)
    assert await world.participants(triggered) == []
    await _settle(world, began + 3 * SECOND)
    assert len(await world.participants(triggered)) == 1


async def test_STEP_14_STEP_24_a_click_in_time_counts_though_it_is_settled_after_the_deadline(world: World) -> None:
    await world.content(html=HTML)
    flow = await world.flow("late", mail("hello"), {**CLICKED, "within": "1 hour", "otherwise": "exit"})
    participant = await world.enrol(flow)
    row = await resting(world, participant, "clicked")
    assert row.until is not None
    last = row.until - SECOND
    await _click(world, await _message(world, participant), "offer", last)
    await world.forward(flow, participant, row.until - now() + timedelta(milliseconds=1500))
    assert (await world.participant(participant)).step == "clicked"
    await _settle(world, last + 3 * SECOND)
    assert await left(world, participant) is Reason.COMPLETED
    assert await steps_passed(world, participant) == ["hello", "clicked"]


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0",
        PROXY,
        "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
        "Barracuda Sentinel (EE)",
        SCANNER,
        "Mozilla/5.0 AppleWebKit/537.36 (compatible; BingPreview/1.0b)",
        "Slackbot-LinkExpanding 1.0",
        "Mozilla/5.0 (compatible; Googlebot/2.1)",
    ],
)
def test_STEP_24_known_machines(agent: str) -> None:
    assert is_machine(agent)


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "curl/8.5.0",
        "python-httpx2/2.16",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Mozilla/5.0 (Linux; Android 15; Cubot X70) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
    ],
)
def test_STEP_24_readers(agent: str) -> None:
    assert not is_machine(agent)
