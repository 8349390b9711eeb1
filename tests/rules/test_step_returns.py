"""PART_2, STEP_14: mails that come back, complaints, and answers."""

from typing import Any

import pytest
from sqlmodel import select

from activities.mail.reports import Kind, Reply, Report
from activities.responses.deliveries import Deliveries
from flows.outcome import Reason
from store.journeys import EventRow
from store.people import BlockedAddress
from tests.rules.given import left, person_row, resting, steps_passed
from tests.support.world import World, mail, wait
from tests.support.world import now as now_


def _last_mail(world: World) -> str:
    """The left part of the Message-ID of the mail that came last."""
    return str(world.inbox.mails[-1]["Message-ID"]).strip("<>").partition("@")[0]


async def _reported(world: World, kind: Kind, recipient: str = "", mail: str = "", id: str = "", **more: Any) -> bool:
    report = Report(kind, recipient, mail, more.pop("status", ""), id)
    deliveries = Deliveries(world.core.events, world.core.rules)
    return await world.core.dispatcher.write(lambda session: deliveries.mail_reported(session, report, now_()))


async def _answered(world: World, reply: Reply) -> bool:
    deliveries = Deliveries(world.core.events, world.core.rules)
    return await world.core.dispatcher.write(lambda session: deliveries.mail_answered(session, reply, now_()))


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
    assert await _reported(world, "bounced", mail=_last_mail(world), id="r1", status="5.1.1")
    assert await left(world, participant) is Reason.UNREACHABLE
    assert (await world.messages(participant=participant))[0].delivery == "bounced"
    assert not await _reported(world, "bounced", mail=_last_mail(world), id="r1", status="5.1.1")  # told twice
    assert await _events(world, kari) == [("email.bounced", False)]
    twin = await world.person(email="kari@kunde.example")
    assert await left(world, await world.enrol(flow, twin)) is Reason.ADDRESS_BLOCKED
    assert len(world.inbox.mails) == 1


async def test_PART_2_a_report_that_names_the_recipient_alone_blocks_the_address(world: World) -> None:
    flow = await world.flow("mails", mail("hello"))
    kari = await world.person(email="kari@kunde.example")
    await _reported(world, "bounced", "KARI@kunde.example")
    await _reported(world, "undelivered", "ola@kunde.example")
    assert await left(world, await world.enrol(flow, kari)) is Reason.ADDRESS_BLOCKED
    rows = await world.db.read(lambda session: session.scalars(select(BlockedAddress)).all())
    assert [(row.address, row.reason) for row in rows] == [("kari@kunde.example", "bounced")]


async def test_PART_2_a_flow_may_wait_for_a_bounce_and_go_another_way(world: World) -> None:
    """Who is waited for is not dropped: an SMS may still reach them."""
    bounced = {
        "id": "back", "kind": "wait_for_action", "actions": [{"event": "email.bounced"}], "within": "2 days",
    }  # fmt: skip
    participant = await world.enrol(await world.flow("mails", mail("hello"), bounced))
    await resting(world, participant, "back")
    await _reported(world, "bounced", mail=_last_mail(world))
    assert await left(world, participant) is Reason.COMPLETED
    assert await steps_passed(world, participant) == ["hello", "back"]


async def test_PART_2_a_mailbox_that_is_full_is_no_reason_to_drop_out(world: World) -> None:
    participant = await world.enrol(await world.flow("mails", mail("hello"), wait("rest", "1 day")))
    await resting(world, participant, "rest")
    (sent,) = await world.messages(participant=participant)
    await _reported(world, "undelivered", sent.to, _last_mail(world), status="5.2.2")
    assert (await world.messages(participant=participant))[0].delivery == "undelivered"
    assert (await world.participant(participant)).status.inside
    assert await world.stored.count(BlockedAddress) == 0


async def test_PART_2_a_complaint_withdraws_and_blocks(world: World) -> None:
    flow = await world.flow("mails", mail("hello"), wait("rest", "1 day"), mail("again"))
    kari = await world.person()
    participant = await world.enrol(flow, kari)
    await resting(world, participant, "rest")
    await _reported(world, "complained", mail=_last_mail(world))
    assert (await person_row(world, kari)).consent == {"email": "withdrawn"}
    assert await world.stored.count(BlockedAddress, BlockedAddress.reason == "complained") == 1
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
    assert await _answered(world, Reply("kari@kunde.example", (_last_mail(world),), "a1", True))
    assert (await world.participant(participant)).step == "heard"
    # From another address of hers: known by the mail it answers.
    assert await _answered(world, Reply("kari@home.example", ("other", _last_mail(world)), "a2", False))
    assert await left(world, participant) is Reason.COMPLETED
    assert await _events(world, kari) == [("email_answered", True), ("email_answered", False)]


@pytest.mark.parametrize(("sender", "known"), [("KARI@kunde.example", True), ("nobody@kunde.example", False)])
async def test_STEP_14_an_answer_without_reference_is_known_by_its_address(
    still_world: World, sender: str, known: bool
) -> None:
    kari = await still_world.person(email="kari@kunde.example")
    assert await _answered(still_world, Reply(sender, (), "a1", False)) is known
    assert await _events(still_world, kari) == ([("email_answered", False)] if known else [])
