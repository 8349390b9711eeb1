"""STEP_6, STEP_7, STEP_8: what flows make in the CRM."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session, col, select

from activities.crm.faults import Conflict
from activities.crm.kinds import CategoryIn, FollowUpTypeIn, RequestTypeIn, SaleTypeIn, Status
from activities.crm.nouns import ASSOCIATES, CATEGORIES, FOLLOW_UP_TYPES, REQUEST_TYPES, SALE_TYPES
from activities.crm.tasks import FollowUpIn
from flows.outcome import Reason
from store.journeys import EffectStatus
from store.people import Associate
from store.work import FollowUp, RequestRow, Sale
from tests.rules.given import company, left
from tests.support.waiting import eventually
from tests.support.world import World, now, taken, wait

OSLO = ZoneInfo("Europe/Oslo")
CALL: dict[str, Any] = {"id": "call", "kind": "create_follow_up", "title": "Call {{ person.name }}", "type": "phone"}
MEETING: dict[str, Any] = {**CALL, "owner": "liv", "meeting": "first_free"}
TICKET: dict[str, Any] = {"id": "ticket", "kind": "create_request", "title": "From {{ person.first_name }}"}
SALE: dict[str, Any] = {"id": "sale", "kind": "create_sale", "title": "Beans for {{ company.name }}", "owner": "liv"}


async def associates(world: World, *ids: str, **fields: Any) -> None:
    """Associates whose names are their ids."""
    given = {"created_at": now(), "updated_at": now(), **fields}
    rows = [Associate(**{"id": id, "name": id, "email": f"{id}@fjord.example", **given}) for id in ids]
    await world.db.write(lambda session: session.add_all(rows))


async def phone(world: World, **fields: Any) -> None:
    """A type of follow-ups."""
    given = FollowUpTypeIn(name="Phone", **fields)
    await world.db.write(lambda session: FOLLOW_UP_TYPES.replace(session, "phone", given, now()))


async def made(world: World, table: Any, flow: str) -> list[Any]:
    """What a flow has made, in order."""
    query = select(table).where(col(table.flow) == flow).order_by(col(table.id))
    return list(await world.db.read(lambda session: session.scalars(query).all()))


async def test_STEP_6_a_to_do_with_all_that_goes_with_it(world: World) -> None:
    """Its texts are filled in and safe, its date counted in the flow's working days, its maker named."""
    await associates(world, "liv")
    await phone(world)
    await world.put("projects/fair")
    flow = await world.flow(
        "call",
        {
            **CALL,
            "due": {"after": "3 workdays"},
            "project": "fair",
            "agenda": '<p onclick="x()">About <b>{{ person.custom.topic }}</b></p><script>y()</script>',
            "links": ["https://fjord.example/beans"],
        },
        time_zone="Europe/Oslo",
        settings={"calendar": "NO"},
    )
    person = await world.person(our_contact="liv", custom={"topic": "<script>beans</script>"})
    participant = await world.enrol(flow, person)
    assert await left(world, participant) is Reason.COMPLETED
    (row,) = await made(world, FollowUp, flow)
    assert (row.title, row.owner, row.type, row.project) == ("Call Kari Nordmann", "liv", "phone", "fair")
    assert row.agenda == "<p>About <b>&lt;script&gt;beans&lt;/script&gt;</b></p>"
    assert row.links == ["https://fjord.example/beans"]
    assert (row.person, row.participant, row.flow, row.step) == (person, participant, flow, "call")
    assert row.due.weekday() < 5
    assert timedelta(days=3) <= row.due - now().astimezone(OSLO).date() <= timedelta(days=12)
    (line,) = [line for line in await world.lines(participant) if line.event == "done"]
    assert row.id in line.text
    assert "Kari" not in line.text


async def test_STEP_6_a_meeting_is_at_the_first_free_time_in_the_owners_diary(world: World) -> None:
    """Her own hours and zone, her absence, and what was booked by hand; in a week, counted from now."""
    hours = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "10:00", "to": "11:30"}]
    tokyo = ZoneInfo("Asia/Tokyo")
    day = (now() + timedelta(days=7)).astimezone(tokyo).date()
    away = {"from": f"{day}", "to": f"{day + timedelta(days=1)}", "reason": None}
    await associates(world, "liv", time_zone="Asia/Tokyo", working_hours=hours, absences=[away])
    await phone(world, minutes=30)
    person = await world.person()
    flow = await world.flow("meet", {**MEETING, "meeting": {"first_free_after": "1 week", "duration": "45 minutes"}})
    await world.enrol(flow, person)
    (first,) = await eventually(lambda: made(world, FollowUp, flow))
    start = first.starts_at.astimezone(tokyo)
    assert (start.date(), f"{start:%H:%M}") == (day + timedelta(days=2), "10:00")
    assert first.ends_at - first.starts_at == timedelta(minutes=45)
    end = first.ends_at + timedelta(hours=1)
    by_hand = FollowUpIn(person=person, owner="liv", starts_at=first.ends_at, ends_at=end)
    await world.db.write(lambda session: world.core.crm.follow_ups.create(session, by_hand, now()))
    await world.enrol(flow)
    rows = await eventually(lambda: made(world, FollowUp, flow), lambda rows: len(rows) == 2)
    assert rows[1].starts_at.astimezone(tokyo) == start + timedelta(days=1)
    moved = {"starts_at": first.starts_at, "ends_at": first.ends_at}
    with pytest.raises(Conflict):
        await world.db.write(lambda session: world.core.crm.follow_ups.patch(session, rows[1].id, moved, now()))


async def test_STEP_6_two_hundred_at_once_get_two_hundred_times(world: World) -> None:
    """None overlaps another, and they fill the diary without a gap."""
    hours = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "08:00", "to": "18:00"}]
    await associates(world, "liv", time_zone="Europe/Oslo", working_hours=hours, email=None)
    await phone(world)
    flow = await world.flow("meet", MEETING)
    await asyncio.gather(*(world.enrol(flow) for _ in range(200)))
    rows = await eventually(lambda: made(world, FollowUp, flow), lambda rows: len(rows) == 200, seconds=900)
    spans = sorted((row.starts_at, row.ends_at) for row in rows)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    days = {start.astimezone(OSLO).date() for start, _ in spans}
    assert len(days) in (20, 21)


async def test_STEP_6_a_diary_that_is_full_for_four_weeks_is_not_booked_twice_at_their_end(world: World) -> None:
    """The diary is read for four weeks first: a meeting that would end after them may meet what was not read."""
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    hours = [{"days": days, "from": "00:00", "to": "12:00"}, {"days": days, "from": "12:00", "to": "00:00"}]
    await associates(world, "liv", time_zone="UTC", working_hours=hours)
    await phone(world, minutes=60)
    person, weeks, gap = await world.person(), now() + timedelta(weeks=4), timedelta(minutes=20)
    for start, end in ((now(), weeks - gap), (weeks + gap, weeks + timedelta(days=2))):
        times = {"starts_at": start.isoformat(), "ends_at": end.isoformat()}
        taken(await world.api.post("/v1/follow-ups", json={"title": "Away", "person": person, "owner": "liv", **times}))
    flow = await world.flow("meet", MEETING)
    await world.enrol(flow)
    (meeting,) = await eventually(lambda: made(world, FollowUp, flow))
    assert meeting.starts_at >= weeks + timedelta(days=2)


async def test_STEP_6_who_gets_it(world: World) -> None:
    """The named one; our contact, our service contact; a fallback; else on_error decides."""
    await associates(world, "liv", "jon", "eli")
    await phone(world)
    cases = [
        ({"owner": "eli"}, {}, "eli"),
        ({"owner": "our_contact"}, {"our_contact": "liv"}, "liv"),
        ({"owner": "our_service_contact"}, {"our_contact": "liv", "our_service_contact": "jon"}, "jon"),
        ({"owner": "our_service_contact", "fallback": "eli"}, {"our_contact": "liv"}, "eli"),
    ]
    for index, (settings, person, owner) in enumerate(cases):
        flow = await world.flow(f"own{index}", {**CALL, **settings, "due": "1 day"})
        assert await left(world, await world.enrol(flow, await world.person(**person))) is Reason.COMPLETED
        assert [row.owner for row in await made(world, FollowUp, flow)] == [owner]
    gone = await world.flow("gone", {**CALL, "owner": "eli", "fallback": "jon", "due": "1 day"})
    nobody = await world.flow("nobody", {**CALL, "due": "1 day", "on_error": "continue"})
    await world.db.write(lambda session: ASSOCIATES.delete(session, "eli", now()))
    assert await left(world, await world.enrol(gone)) is Reason.COMPLETED
    assert [row.owner for row in await made(world, FollowUp, gone)] == ["jon"]
    assert await left(world, await world.enrol(nobody)) is Reason.COMPLETED
    assert await made(world, FollowUp, nobody) == []


async def test_STEP_6_the_owner_is_told_once_and_not_while_the_flow_is_paused(world: World) -> None:
    """With the time on the owner's own clock; the address of the flow is where it comes from."""
    hours = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "10:00", "to": "12:00"}]
    await associates(world, "liv", time_zone="Asia/Tokyo", working_hours=hours)
    await phone(world)
    flow = await world.flow("meet", {**MEETING, "title": "Call {{ person.name }}"})
    await world.command(flow, "pause")
    first = await world.enrol(flow)
    assert world.inbox.mails == []
    await world.command(flow, "resume")
    assert await left(world, first) is Reason.COMPLETED
    mail = (await eventually(lambda: _inbox(world)))[0]
    assert (mail["Subject"], mail["To"]) == ("New in your diary: Call Kari Nordmann", "liv <liv@fjord.example>")
    assert "hello@fjord.example" in mail["From"]
    text = mail.get_body().get_content()
    [met] = await made(world, FollowUp, flow)
    starts, ends = (moment.astimezone(ZoneInfo("Asia/Tokyo")) for moment in (met.starts_at, met.ends_at))
    assert f"When: {starts:%Y-%m-%d %H:%M} to {ends:%H:%M} (Asia/Tokyo)" in text
    assert "Kari Nordmann" in text
    assert await left(world, await world.enrol(flow)) is Reason.COMPLETED
    await eventually(lambda: _inbox(world), lambda mails: len(mails) == 2)
    assert [row.tell_at for row in await made(world, FollowUp, flow)] == [None, None]
    assert len({mail["Message-ID"] for mail in world.inbox.mails}) == 2
    told = await eventually(
        lambda: world.messages(flow=flow), lambda all: {each.state for each in all} == {EffectStatus.DONE}
    )
    assert [(each.person, each.participant, each.step, each.to, each.notice) for each in told] == [
        (row.person, row.participant, row.step, "liv@fjord.example", True) for row in await made(world, FollowUp, flow)
    ]
    assert (told[0].subject, told[0].text.splitlines()) == (mail["Subject"], text.splitlines())
    assert told[0].headers["Message-ID"] == mail["Message-ID"]


async def _inbox(world: World) -> list[Any]:
    return list(world.inbox.mails)


async def test_STEP_7_a_request_by_its_type_and_category(world: World) -> None:
    """Status, priority and owner as the type and the category say, or as the step says."""
    await associates(world, "liv", "jon")
    statuses = [Status(name="New", kind="open"), Status(name="Solved", kind="closed")]
    type = RequestTypeIn(name="C", statuses=statuses, priorities=["A", "B", "C"], default_priority="C")

    def work(session: Session) -> None:
        REQUEST_TYPES.replace(session, "complaint", type, now())
        for rule in ("evenly", "fewest_open"):
            given = CategoryIn.model_validate({"name": rule, "members": ["liv", "jon"], "assign": rule})
            CATEGORIES.replace(session, rule, given, now())

    await world.db.write(work)
    message = "<p>{{ company.name }} & {{ person.name }}</p>"
    flow = await world.flow(
        "ask",
        {**TICKET, "id": "turn", "type": "complaint", "category": "evenly", "message": message},
        {**TICKET, "id": "turn-2", "category": "evenly"},
        {**TICKET, "id": "least", "category": "fewest_open"},
        {**TICKET, "id": "nobody", "type": "complaint", "status": "closed", "priority": "A", "owner": "nobody"},
        {**TICKET, "id": "named", "category": "evenly", "owner": "jon"},
    )
    person = await world.person(company=await company(world))
    assert await left(world, await world.enrol(flow, person)) is Reason.COMPLETED
    rows = {row.step: row for row in await made(world, RequestRow, flow)}
    assert (rows["turn"].status, rows["turn"].state, rows["turn"].priority) == ("New", "open", "C")
    assert (rows["turn"].title, rows["turn"].message) == ("From Kari", "<p>Fjord &amp; Kari Nordmann</p>")
    assert (rows["turn-2"].status, rows["turn-2"].priority) == ("open", "medium")
    assert {step: row.owner for step, row in rows.items()} == {
        "turn": "liv", "turn-2": "jon", "least": "liv", "nobody": None, "named": "jon",
    }  # fmt: skip
    assert (rows["nobody"].status, rows["nobody"].state, rows["nobody"].priority) == ("Solved", "closed", "A")


async def test_STEP_8_a_sale_by_its_type(world: World) -> None:
    await associates(world, "liv")
    given = SaleTypeIn.model_validate({
        "name": "Machine",
        "stages": [{"name": "Talks", "kind": "open"}, {"name": "Won", "kind": "sold"}],
        "duration": "6 weeks",
    })  # fmt: skip
    await world.db.write(lambda session: SALE_TYPES.replace(session, "machine", given, now()))
    flow = await world.flow(
        "sell",
        {**SALE, "type": "machine", "amount": 1000.55, "currency": "NOK", "description": "For {{ person.name }}"},
        {**SALE, "id": "won", "type": "machine", "stage": "sold", "date": {"after": "10 days"}},
        time_zone="Europe/Oslo",
    )
    person = await world.person(company=(firm := await company(world)))
    participant = await world.enrol(flow, person)
    assert await left(world, participant) is Reason.COMPLETED
    open_, won = await made(world, Sale, flow)
    assert (open_.title, open_.description, open_.company) == ("Beans for Fjord", "For Kari Nordmann", firm)
    assert (open_.stage, open_.state, str(open_.amount), open_.currency) == ("Talks", "open", "1000.55", "NOK")
    assert (won.stage, won.state) == ("Won", "sold")
    today = now().astimezone(OSLO).date()
    assert abs((open_.date - today) - timedelta(weeks=6)) <= timedelta(days=1)
    assert abs((won.date - today) - timedelta(days=10)) <= timedelta(days=1)
    assert (open_.participant, open_.step) == (participant, "sale")


async def test_STEP_18_what_is_made_starts_ends_and_wins_flows(world: World) -> None:
    """A sale by hand enrols, a follow-up made by another flow ends a wait, a sale on the company is a success."""
    await associates(world, "liv")
    await phone(world)
    seller = await world.flow("sold", wait("rest", "9 days"), enrolment={"triggers": [{"event": "sale_sold"}]})
    called = {"id": "rest", "kind": "wait_for_action", "actions": [{"event": "follow_up_created"}], "within": "9 days"}
    waiting = await world.flow("wait", called)
    winner = await world.flow("win", wait("rest", "9 days"), success={"any": [{"event": "sale_created"}]})
    caller = await world.flow("call", {**CALL, "owner": "liv", "due": "1 day"})
    firm = await company(world)
    person, colleague = await world.person(company=firm), await world.person(company=firm)
    waits, wins = await world.enrol(waiting, person), await world.enrol(winner, colleague)
    await world.until(waits, step="rest")
    await world.until(wins, step="rest")
    await world.enrol(caller, person)
    assert await left(world, waits) is Reason.COMPLETED
    sold = {"title": "Beans", "person": person, "stage": "sold", "amount": 10, "currency": "NOK"}
    taken(await world.api.post("/v1/sales", json=sold))
    assert await left(world, wins) is Reason.SUCCESS
    assert [row.person for row in await world.participants(seller)] == [person]
