"""PART_2, STEP_14: mails that come back, complaints, and answers."""

import pytest
from sqlmodel import select

from flows.outcome import Reason
from store.journeys import EventRow
from tests.rules.given import left, person_now, resting, steps_passed
from tests.support.world import World, mail, taken, wait


def _last_mail(world: World) -> str:
    """The Message-ID of the mail that came last."""
    return str(world.inbox.mails[-1]["Message-ID"])


async def _reported(world: World, **report: str) -> bool:
    """The mail provider tells what became of a mail; whether that was new."""
    return bool(taken(await world.api.post("/hooks/bounce", json=report))["taken"])


async def _answered(world: World, sender: str, **reply: object) -> bool:
    """The mail provider passes on an answer; whether it is from somebody we know."""
    return bool(taken(await world.api.post("/hooks/reply", json={"from": sender, **reply}))["taken"])


async def _blocked(world: World) -> list[tuple[str, str]]:
    return [(each["address"], each["reason"]) for each in await world.all("blocked")]


async def _events(world: World, person: str) -> list[tuple[str, bool]]:
    came = EventRow.type == "person_created"
    query = select(EventRow).where(EventRow.person == person, ~came).order_by(EventRow.number)  # type: ignore
    rows = await world.db.read(lambda session: session.scalars(query).all())
    return [(row.type, row.machine) for row in rows]


async def test_PART_2_who_bounced_drops_out_at_once_and_is_written_to_no_more(world: World) -> None:
    flow = await world.flow("mails", mail("hello"), wait("rest", "7 days"), mail("again"))
    kari = await world.person(email="Kari@Kunde.example")
    participant = await world.enrol(flow, kari)
    await resting(world, participant, "rest")
    assert await _reported(world, message_id=_last_mail(world), id="r1", status="5.1.1")
    assert await left(world, participant) is Reason.UNREACHABLE
    assert (await world.messages(participant=participant))[0].delivery == "bounced"
    assert not await _reported(world, message_id=_last_mail(world), id="r1", status="5.1.1")  # told twice
    assert await _events(world, kari) == [("email.bounced", False)]
    twin = await world.person(email="kari@kunde.example")
    assert await left(world, await world.enrol(flow, twin)) is Reason.ADDRESS_BLOCKED
    assert len(world.inbox.mails) == 1


async def test_PART_2_a_report_that_names_the_recipient_alone_blocks_the_address(world: World) -> None:
    flow = await world.flow("mails", mail("hello"))
    kari = await world.person(email="kari@kunde.example")
    await _reported(world, recipient="KARI@kunde.example")
    await _reported(world, recipient="ola@kunde.example", status="4.2.2")
    assert await left(world, await world.enrol(flow, kari)) is Reason.ADDRESS_BLOCKED
    assert await _blocked(world) == [("kari@kunde.example", "bounced")]


async def test_PART_2_a_flow_may_wait_for_a_bounce_and_go_another_way(world: World) -> None:
    """Who is waited for is not dropped: an SMS may still reach them."""
    bounced = {
        "id": "back", "kind": "wait_for_action", "actions": [{"event": "email.bounced"}], "within": "2 days",
    }  # fmt: skip
    participant = await world.enrol(await world.flow("mails", mail("hello"), bounced))
    await resting(world, participant, "back")
    await _reported(world, message_id=_last_mail(world))
    assert await left(world, participant) is Reason.COMPLETED
    assert await steps_passed(world, participant) == ["hello", "back"]


async def test_PART_2_a_mailbox_that_is_full_is_no_reason_to_drop_out(world: World) -> None:
    participant = await world.enrol(await world.flow("mails", mail("hello"), wait("rest", "1 day")))
    await resting(world, participant, "rest")
    (sent,) = await world.messages(participant=participant)
    await _reported(world, recipient=sent.to, message_id=_last_mail(world), status="5.2.2")
    assert (await world.messages(participant=participant))[0].delivery == "undelivered"
    assert (await world.participant(participant)).status.inside
    assert await _blocked(world) == []


async def test_PART_2_a_complaint_withdraws_and_blocks(world: World) -> None:
    flow = await world.flow("mails", mail("hello"), wait("rest", "1 day"), mail("again"))
    kari = await world.person()
    participant = await world.enrol(flow, kari)
    await resting(world, participant, "rest")
    await _reported(world, kind="complaint", message_id=_last_mail(world))
    assert (await person_now(world, kari)).consent.email == "withdrawn"
    assert [reason for _, reason in await _blocked(world)] == ["complained"]
    await world.forward(flow, participant)
    assert await left(world, participant) is Reason.CONSENT_WITHDRAWN
    assert len(world.inbox.mails) == 1


async def test_STEP_14_an_answer_ends_the_wait_for_it_and_an_automatic_one_does_not(world: World) -> None:
    answered = {
        "id": "heard", "kind": "wait_for_action", "actions": [{"event": "email_answered"}], "within": "7 days",
    }  # fmt: skip
    flow = await world.flow("mails", mail("hello"), answered)
    kari = await world.person(email="kari@kunde.example")
    participant = await world.enrol(flow, kari)
    await resting(world, participant, "heard")
    assert await _answered(world, "kari@kunde.example", in_reply_to=_last_mail(world), automatic=True)
    assert (await world.participant(participant)).step == "heard"
    # From another address of hers: known by the mail it answers.
    assert await _answered(world, "kari@home.example", in_reply_to=_last_mail(world))
    assert await left(world, participant) is Reason.COMPLETED
    assert await _events(world, kari) == [("email_answered", True), ("email_answered", False)]


@pytest.mark.parametrize(("sender", "known"), [("KARI@kunde.example", True), ("nobody@kunde.example", False)])
async def test_STEP_14_an_answer_without_reference_is_known_by_its_address(
    still_world: World, sender: str, known: bool
) -> None:
    kari = await still_world.person(email="kari@kunde.example")
    assert await _answered(still_world, sender) is known
    assert await _events(still_world, kari) == ([("email_answered", False)] if known else [])
