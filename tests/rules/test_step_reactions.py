"""STEP_23: what forms and links do by themselves, once for each submission or click."""

from typing import Any

from sqlmodel import select

from flows.outcome import Reason
from store.journeys import EventRow
from store.people import Person
from store.work import FollowUp, RequestRow
from tests.rules.given import is_member, left, person_now, resting
from tests.support.running import Running, expect, problem
from tests.support.world import READER, SCANNER, mail, wait

TAGGED = {"kind": "add_to", "selection": "hot", "create": True}
ANSWER = {"kind": "send_email", "content": "mail", "from": "us@fjord.example"}
INTERESTED = {"kind": "update_person", "add": {"person.custom.interests": "beans"}}


async def _form(ferd: Running, id: str, **settings: Any) -> None:
    fields = [{"name": "email", "type": "email", "required": True}]
    expect(201, await ferd.api.put(f"/v1/forms/{id}", json={"name": id, "fields": fields, **settings}))


async def _submit(ferd: Running, form: str, email: str) -> None:
    expect(200, await ferd.public.post(f"/f/{form}", json={"email": email}))


async def _events(ferd: Running, type: str) -> list[EventRow]:
    query = select(EventRow).where(EventRow.type == type).order_by(EventRow.number)  # type: ignore[arg-type]
    return list(await ferd.world.db.read(lambda session: session.scalars(query).all()))


async def test_STEP_23_a_form_adds_to_lists_notes_interests_and_makes_a_request(still_ferd: Running) -> None:
    """Before flows hear of it: the filter of a flow that the form triggers sees what it did."""
    world = still_ferd.world
    asked = {"kind": "create_request", "title": "{{ person.email }} asks", "owner": "nobody"}
    await _form(
        still_ferd, "contact", actions=[TAGGED, INTERESTED, asked], new_people={"category": "lead", "business": "cafés"}
    )
    flow = await world.flow(
        "heard",
        wait("rest", "1 day"),
        enrolment={
            "triggers": [{"event": "form_submitted", "form": "contact"}],
            "filter": {"field": "person.custom.interests", "op": "contains", "value": "beans"},
        },
    )
    known = await world.person(email="ola@x.example", category="customer")
    for email in ("kari@x.example", "ola@x.example", "ola@x.example"):
        await _submit(still_ferd, "contact", email)

    kari = (await world.participants(flow))[0].person
    assert [row.person for row in await world.participants(flow)] == [kari, known]
    new, old = await person_now(world, kari), await person_now(world, known)
    assert (new.category, new.custom) == ("lead", {"business": "cafés", "interests": ["beans"]})
    assert (old.category, old.custom) == ("customer", {"interests": ["beans"]})
    assert await is_member(world, kari, "hot")
    requests = (await still_ferd.get("/requests"))["items"]
    assert sorted(each["title"] for each in requests) == [
        "kari@x.example asks", "ola@x.example asks", "ola@x.example asks",
    ]  # fmt: skip
    assert {(each["flow"], each["step"]) for each in requests} == {("", "form contact")}


async def test_STEP_23_one_action_that_cannot_be_done_keeps_no_other_back(still_ferd: Running) -> None:
    await _form(still_ferd, "contact", actions=[{"kind": "add_to", "selection": "gone", "create": True}, INTERESTED])
    world = still_ferd.world
    await world.selection("gone")
    lost = {"kind": "update_person", "set": {"company.category": "hot"}}  # the person has no company
    expect(200, await still_ferd.api.patch("/v1/forms/contact", json={"actions": [lost, INTERESTED]}))
    await _submit(still_ferd, "contact", "kari@x.example")
    (event,) = await _events(still_ferd, "form_submitted")
    assert event.data["actions"][0].startswith("not done: ")
    assert (await person_now(world, event.person)).custom == {"interests": ["beans"]}


async def test_STEP_23_a_link_acts_at_each_click_that_counts(ferd: Running) -> None:
    """A scanner's click does nothing."""
    world = ferd.world
    follow_up = {"kind": "create_follow_up", "title": "Call {{ person.name }}", "due": "2 days", "owner": "ida"}
    expect(201, await ferd.api.put("/v1/associates/ida", json={"name": "Ida"}))
    actions = [TAGGED, {"kind": "update_person", "increase": {"person.custom.score": 5}}, follow_up]
    link = {"name": "Offer", "url": "https://fjord.example/offer", "actions": actions}
    expect(201, await ferd.api.put("/v1/links/offer", json=link))
    await world.content(html='<a href="{{ links.offer }}">x</a>')
    clicked = {"id": "c", "kind": "wait_for_action", "actions": [{"event": "link_clicked"}], "within": "7 days"}
    kari = await world.person()
    participant = await world.enrol(await world.flow("mailing", mail("hello"), clicked), kari)
    await resting(world, participant, "c")
    for agent in (SCANNER, READER):
        await world.clicks(kari, "x", agent)
    assert await left(world, participant) is Reason.COMPLETED
    assert (await person_now(world, kari)).custom == {"score": 5}
    assert await is_member(world, kari, "hot")
    rows = await world.db.read(lambda session: session.scalars(select(FollowUp)).all())
    assert [(row.person, row.owner, row.flow, row.step) for row in rows] == [(kari, "ida", "", "link offer")]
    assert [len(event.data.get("actions", ())) for event in await _events(ferd, "link_clicked")] == [0, 3]


async def test_STEP_23_an_action_that_cannot_work_is_refused_with_its_place(still_ferd: Running) -> None:
    for action, pointer in [
        ({"kind": "add_to", "selection": "nowhere"}, "/actions/0/selection/0"),
        ({"kind": "update_person", "set": {"person.nonsense": 1}}, "/actions/0/set/person.nonsense"),
        ({"kind": "send_email", "content": "mail"}, "/actions/0/from"),
        ({**ANSWER, "from": "nobody@"}, "/actions/0/from/address"),
        ({**ANSWER, "content": "gone"}, "/actions/0/content"),
        ({**ANSWER, "over_cap": "skip"}, "/actions/0/over_cap"),
        ({"kind": "wait", "for": "1 day"}, "/actions/0"),
        ({**TAGGED, "on_error": "continue"}, "/actions/0/on_error"),
    ]:
        answer = await still_ferd.api.put("/v1/forms/contact", json={"name": "x", "actions": [action]})
        assert [each["pointer"] for each in problem(422, answer)["problems"]] == [pointer]
    problem(404, await still_ferd.api.get("/v1/forms/contact"))
    await _form(still_ferd, "other")
    lost = await still_ferd.api.patch("/v1/forms/other", json={"actions": [{"kind": "send_email"}]})
    assert [each["pointer"] for each in problem(422, lost)["problems"]] == ["/actions/0/from"]
    assert await still_ferd.world.stored.count(RequestRow) == await still_ferd.world.stored.count(Person) == 0
