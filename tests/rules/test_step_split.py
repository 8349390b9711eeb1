"""STEP_15: splits in journeys. How conditions compare and shares are cut is proven in tests/flows."""

from fractions import Fraction
from typing import Any

from flows.outcome import Reason, Status
from flows.steps.split import draw
from tests.rules.given import company, is_member, left, resting, steps_passed, when
from tests.support.world import World, mail, wait

OFFER = '<a href="{{ links.offer }}">Offer</a>'


def tag(id: str) -> dict[str, Any]:
    return {"id": id, "kind": "update_person", "set": {"person.category": id}}


def branch(name: str, **who: Any) -> dict[str, Any]:
    return {"name": name, "steps": [tag(name)], **who}


def split(*branches: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"id": "split", "kind": "split", "branches": list(branches), **settings}


async def test_STEP_15_the_first_branch_that_matches_is_taken_then_all_go_on_below(world: World) -> None:
    """By data of the company and the person, a membership, what they did and wrote; everyone else has a way too."""
    firm = await company(world, employees=500)
    await world.form("contact-me", budget="number")
    await world.put("links/offer", url="https://fjord.example/offer")
    await world.content("offer", html=OFFER)
    await world.content("other", html='<a href="https://fjord.example/other">Other</a>')
    submitted = {"event": "form_submitted", "form": "contact-me"}
    await world.selection("vip")
    flow = await world.flow(
        "ways",
        mail("ask", content="offer"),
        mail("more", content="other"),
        wait("rest", "1 day"),
        split(
            branch("large", when=when("company.employees", 200, ">")),
            branch("norwegian", when=when("person.country", "NO")),
            branch("vip", when={"member_of": "vip"}),
            branch("rich", when={**submitted, "when": when("form.budget", 1000, ">=")}),
            branch("writer", when=submitted),
            branch("clicker", when={"event": "link_clicked", "link": "offer"}),
            branch("any-click", when={"event": "link_clicked"}),
            everyone_else={"steps": [tag("others")]},
        ),
        mail("below"),
    )
    people = {
        "large": await world.person(company=firm, country="NO"),
        "norwegian": await world.person(country="NO"),
        **{name: await world.person() for name in ("vip", "rich", "writer", "clicker", "any-click", "others")},
    }
    await world.selection("vip", people["vip"])
    participants = {name: await world.enrol(flow, person) for name, person in people.items()}
    for participant in participants.values():
        await resting(world, participant, "rest")
    await world.submits(people["rich"], "contact-me", budget="1000")
    await world.submits(people["writer"], "contact-me", budget="999")
    await world.clicks(people["clicker"], "Offer")
    await world.clicks(people["any-click"], "Other")
    for name, participant in participants.items():
        await world.forward(flow, participant)
        assert await left(world, participant) is Reason.COMPLETED
        assert await steps_passed(world, participant) == ["ask", "more", "rest", "split", name, "below"]
        (reason,) = [line.text for line in await world.lines(participant) if line.event == "branch"]
        assert reason.startswith("Everyone else" if name == "others" else f"{name}: ")


async def test_STEP_15_a_split_sees_the_action_that_ended_the_wait_before_it(world: World) -> None:
    """One event satisfies one wait; it has happened all the same."""
    await world.put("links/offer", url="https://fjord.example/offer")
    await world.content("offer", html=OFFER)
    click = {"event": "link_clicked"}
    flow = await world.flow(
        "seen",
        mail("ask", content="offer"),
        {"id": "answer", "kind": "wait_for_action", "actions": [click]},
        mail("thanks"),
        split(branch("clicker", when={**click, "link": "offer"})),
    )
    person = await world.person()
    participant = await world.enrol(flow, person)
    await resting(world, participant, "answer")
    await world.clicks(person, "Offer")
    assert await left(world, participant) is Reason.COMPLETED
    assert await steps_passed(world, participant) == ["ask", "answer", "thanks", "split", "clicker"]


async def test_STEP_15_everyone_else_may_exit(world: World) -> None:
    await world.selection("others")
    flow = await world.flow(
        "exit",
        split(
            branch("norwegian", when=when("person.country", "NO")),
            everyone_else={"exit": {"add_to_selection": "others"}},
            name="Who is Norwegian?",
        ),
    )
    shown, _ = (await world.api.get(f"/v1/flows/{flow}")).json()["statistics"]["steps"]
    assert shown["summary"] == "Who is Norwegian?"
    swede, norwegian = await world.person(country="SE"), await world.person(country="NO")
    participants = [await world.enrol(flow, person) for person in (swede, norwegian)]
    assert [await left(world, participant) for participant in participants] == [
        Reason.EVERYONE_ELSE,
        Reason.COMPLETED,
    ]
    out = await world.participant(participants[0])
    assert (out.status, out.step) == (Status.DROPPED_OUT, "split")
    assert ("split", "handed_over") in await world.journal(participants[0])
    assert [await is_member(world, person, "others") for person in (swede, norwegian)] == [True, False]


async def test_STEP_15_random_shares_are_slices_of_one_draw_and_take_everyone(world: World) -> None:
    """Whoever a condition takes is not drawn; the same person falls into the same slice again, for ever."""
    halves = split(
        branch("swedish", when=when("person.country", "SE")),
        branch("half", share="50 percent"),
        branch("rest", share="50 percent"),
        everyone_else={"steps": [tag("nobody")]},
    )
    flow = await world.flow("shares", halves, enrolment={"once": False})
    people = [await world.person(country="SE"), *[await world.person() for _ in range(12)]]

    async def ways() -> list[str]:
        participants = [await world.enrol(flow, person) for person in people]
        for participant in participants:
            await left(world, participant)
        return [(await steps_passed(world, participant))[1] for participant in participants]

    expected = ["half" if draw(person, "split") < Fraction(1, 2) else "rest" for person in people[1:]]
    assert await ways() == ["swedish", *expected]
    assert set(expected) == {"half", "rest"}
    assert await ways() == ["swedish", *expected]
