"""TRIG_10: no endless loops."""

from typing import Any

import pytest

from flows.outcome import Reason
from tests.rules.given import enrolled_people, when
from tests.support.running import Running, expect
from tests.support.waiting import eventually
from tests.support.world import World, mail, taken, wait

REST = wait("rest", "30 days")
SALE: dict[str, Any] = {"id": "sell", "kind": "create_sale", "title": "Beans", "owner": "liv"}
ON_SALE = {"triggers": [{"event": "sale_created"}], "once": False}


async def test_TRIG_10_a_loop_that_was_refused_is_listed_and_journalled(ferd: Running) -> None:
    """An event of a backend says which flows led to it; so does what a flow itself changes."""
    world = ferd.world
    flow = await world.flow("loop", REST, enrolment={"triggers": [{"event": "order.placed"}], "once": False})
    person = await world.person()
    participant = await world.enrol(flow, person)
    event = {"specversion": "1.0", "source": "shop", "type": "order.placed", "subject": f"person:{person}"}
    answer = await ferd.post("/events", {**event, "id": "1", "ferdcause": f"other,{flow}"}, 202)
    assert answer["items"][0]["outcome"] == "accepted"
    [refusal] = (await ferd.get(f"/flows/{flow}/refusals"))["items"]
    assert (refusal["person"], refusal["reason"], refusal["why"]) == (person, "loop", "trigger")
    assert refusal["event"] == "order.placed"
    journal = (await ferd.get(f"/participants/{participant}"))["journal"]
    assert [line["text"] for line in journal if line["event"] == "loop"] == [
        "not enrolled again by order.placed: this flow led to it"
    ]
    assert (await ferd.get(f"/flows/{flow}"))["statistics"]["refused"] == {"loop": 1}


async def test_TRIG_10_a_flow_that_creates_what_sets_it_off_is_entered_once(world: World) -> None:
    await associate(world)
    flow = await world.flow("sells", SALE, enrolment=ON_SALE)
    person = await world.person()
    await buys(world, person)
    (row,) = await eventually(lambda: world.participants(flow), lambda rows: rows and not rows[0].status.inside)
    assert ("", "loop") in [("", event) for _, event in await world.journal(row.id)]
    assert len(await world.all("sales")) == 2
    assert len(await world.participants(flow)) == 1


async def test_TRIG_10_skip_creating_skips_the_step_instead_of_the_enrolment(world: World) -> None:
    """One flow sells to who asked, the other asks for who bought: each would set off the other for ever."""
    await associate(world)
    settings = {"skip_creating": True}
    asked = {"triggers": [{"event": "request_created"}], "once": False}
    sells = await world.flow("sells", SALE, enrolment=asked, settings=settings)
    asks = await world.flow(
        "asks", {"id": "ask", "kind": "create_request", "title": "How was it?"}, enrolment=ON_SALE, settings=settings
    )
    await buys(world, await world.person())
    rows = await eventually(
        lambda: world.participants(asks), lambda rows: len(rows) == 2 and not any(row.status.inside for row in rows)
    )
    assert [row.reason for row in rows] == [Reason.COMPLETED] * 2
    assert len(await world.participants(sells)) == 1
    assert [len(await world.all(made)) for made in ("sales", "requests")] == [2, 1]  # one sale is the customer's own
    assert ("ask", "skipped") in await world.journal(rows[1].id)
    assert "it would create what has led here" in [line.text for line in await world.lines(rows[1].id)]


async def test_TRIG_1_sales_and_requests_set_off_triggers(still_ferd: Running) -> None:
    """Through the API: created, sold, lost; a colleague's sale enrols nobody (TRIG_7 counts the state they are in)."""
    world = still_ferd.world
    await associate(world)
    types = ("sale_created", "sale_sold", "sale_lost", "request_created")
    flows = {
        type: await world.flow(type.replace("_", "-"), REST, enrolment={"triggers": [{"event": type}], "once": False})
        for type in types
    }
    seller, loser, asker = [await world.person() for _ in range(3)]
    sale, request = {"title": "Beans", "owner": "liv"}, {"title": "Help"}
    sales = [
        expect(201, await still_ferd.api.post("/v1/sales", json={**sale, "person": person}))["id"]
        for person in (seller, loser)
    ]
    for id, stage in zip(sales, ("sold", "lost"), strict=True):
        expect(200, await still_ferd.api.patch(f"/v1/sales/{id}", json={"stage": stage}))
    expect(201, await still_ferd.api.post("/v1/requests", json={**request, "person": asker}))
    found = {type: await enrolled_people(world, flow) for type, flow in flows.items()}
    assert found == {
        "sale_created": [seller, loser],
        "sale_sold": [seller],
        "sale_lost": [loser],
        "request_created": [asker],
    }
    # Who matches already is who is in that state now.
    expect(200, await still_ferd.api.patch(f"/v1/sales/{sales[0]}", json={"stage": "lost"}))
    for type, expected in (("sale_created", 2), ("sale_sold", 0), ("sale_lost", 2), ("request_created", 1)):
        draft = await world.save(
            world.definition(f"draft-{type.replace('_', '-')}", REST, enrolment={"triggers": [{"event": type}]})
        )
        dry = await still_ferd.post(f"/flows/{draft}/run?dry_run=true")
        assert dry["existing"]["enrolled"] == expected, type


@pytest.mark.parametrize("by", ["triggers", "hand-overs"])
async def test_TRIG_10_a_chain_of_three_flows_comes_to_an_end(world: World, by: str) -> None:
    """One leads to the next, the last to the first: by triggers each is entered once, by hand-overs twice, not more."""
    names = ["red", "green", "blue"]
    flows = [world.id(name) for name in names]
    for number, name in enumerate(names):
        following = names[(number + 1) % 3]
        paint = {"id": "paint", "kind": "update_person", "set": {"person.category": following}}
        on = {"event": "person_updated", "when": when("person.category", name)}
        end = {"id": "end", "kind": "finish", "no_success": {"add_to_flow": world.id(following)}}
        await world.save(
            world.definition(name, paint, enrolment={"triggers": [on], "once": False})
            if by == "triggers"
            else world.definition(name, mail("hello"), end, enrolment={"once": False})
        )
    for flow in flows:
        await world.command(flow, "run")
    person = await world.person()
    if by == "triggers":
        await world.change(person, category="red")
    else:
        await world.enrol(flows[0], person)
    last = await eventually(
        lambda: world.participants(flows[2]),
        lambda rows: len(rows) == (1 if by == "triggers" else 2) and not rows[-1].status.inside,
    )
    entered = [len(await world.participants(flow)) for flow in flows]
    assert entered == ([1, 1, 1] if by == "triggers" else [2, 2, 2])
    text = " ".join(line.text for line in await world.lines(last[-1].id))
    assert (await world.state(flows[0])).statistics.refused == {"loop": 1}
    assert by == "triggers" or "refused: loop" in text


async def associate(world: World) -> None:
    await world.put("associates/liv", email="liv@fjord.example")


async def buys(world: World, person: str) -> None:
    """The person makes a sale, by no flow's doing."""
    taken(await world.api.post("/v1/sales", json={"title": "Beans", "person": person, "owner": "liv"}))
