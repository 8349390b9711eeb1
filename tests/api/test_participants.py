"""Participants over HTTP: enrolled, listed, read, and what can be done about one."""

from datetime import timedelta
from typing import Any

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from store.journeys import EffectRow, EffectStatus, ParticipantRow
from tests.support.running import Running, expect, problem
from tests.support.waiting import eventually
from tests.support.world import mail, now, wait

LONG = (mail("hello"), wait("breathe", "30 days"), mail("bye"))


async def enrolled(ferd: Running, flow: str) -> str:
    """A participant who waits in the long wait."""
    participant = await ferd.world.enrol(flow)
    await ferd.world.until(participant, step="breathe")
    return participant


def _row(participant: str) -> SelectOfScalar[ParticipantRow]:
    return select(ParticipantRow).where(col(ParticipantRow.id) == participant)


def _unknown_effect(flow: str, participant: str, key: str) -> EffectRow:
    return EffectRow(
        key=key,
        participant=participant,
        flow=flow,
        step="hello",
        kind="send_email",
        channel="email",
        status=EffectStatus.UNKNOWN,
        planned_at=now(),
        settled_at=now(),
    )


async def do(ferd: Running, participant: str, operation: str) -> Any:
    return await ferd.post(f"/participants/{participant}/{operation}")


async def test_people_are_enrolled_one_by_one(still_ferd: Running) -> None:
    """TRIG_3, TRIG_4, PART_5: each person is decided on its own, whoever proposes them."""
    world = still_ferd.world
    only = {"field": "person.country", "op": "is", "value": "NO"}
    flow = await world.flow("norway", wait("w", "1 day"), enrolment={"filter": only})
    kari, lars = await world.person(country="NO"), await world.person(country="DK")

    answer = await still_ferd.post(f"/flows/{flow}/participants", {"people": [kari, lars, kari, "nobody"]}, 202)
    [first, *rest] = answer["items"]
    assert first["outcome"] == "enrolled"
    assert first["person"] == kari
    assert [(each["person"], each["outcome"], each["reason"]) for each in rest] == [
        (lars, "refused", "filter"),
        (kari, "refused", "already_active"),
        ("nobody", "refused", "unknown_person"),
    ]
    await still_ferd.post(f"/participants/{first['participant']}/cancel")
    again = await still_ferd.post(f"/flows/{flow}/participants", {"person": kari}, 202)
    assert again["items"][0]["reason"] == "took_part_before"
    again = await still_ferd.post(f"/flows/{flow}/participants", {"person": kari, "again": True}, 202)
    assert again["items"][0]["outcome"] == "enrolled"


async def test_a_thousand_at_once_and_no_more(still_ferd: Running) -> None:
    """TRIG_11: in chunks, in order; a repeat with the same key enrols nobody twice."""
    world = still_ferd.world
    flow = await world.flow("many", wait("w", "1 day"))
    people = [await world.person() for _ in range(120)]
    await still_ferd.post(f"/flows/{flow}/pause")
    headers = {"Idempotency-Key": "a-batch"}
    first = await still_ferd.api.post(f"/v1/flows/{flow}/participants", json={"people": people}, headers=headers)
    items = expect(202, first)["items"]
    assert [each["person"] for each in items] == people
    assert {each["outcome"] for each in items} == {"queued"}
    again = await still_ferd.api.post(f"/v1/flows/{flow}/participants", json={"people": people}, headers=headers)
    assert expect(202, again)["items"] == items
    assert (await still_ferd.get(f"/flows/{flow}"))["statistics"]["queued"] == 120
    listed = await still_ferd.get(f"/flows/{flow}/participants", limit=200)
    assert [each["person"] for each in listed["items"]] == people

    problem(422, await still_ferd.api.post(f"/v1/flows/{flow}/participants", json={"people": ["p"] * 1001}))
    problem(422, await still_ferd.api.post(f"/v1/flows/{flow}/participants", json={"person": "p", "selection": "s"}))
    problem(422, await still_ferd.api.post(f"/v1/flows/{flow}/participants", json={}))
    problem(404, await still_ferd.api.post("/v1/flows/nothing/participants", json={"person": "p"}))


async def test_LIFE_1_nobody_enters_a_draft(still_ferd: Running) -> None:
    """LIFE_1, TRIG_2: a draft takes nobody, by person or by selection."""
    world = still_ferd.world
    flow = await world.save(world.definition("draft", wait("w", "1 day")))
    person = await world.person()
    await world.selection("newcomers", person)
    answer = await still_ferd.post(f"/flows/{flow}/participants", {"person": person}, 202)
    assert answer["items"][0] == {
        "person": person,
        "outcome": "refused",
        "participant": None,
        "reason": "flow_not_open",
    }
    refused = await still_ferd.api.post(f"/v1/flows/{flow}/participants", json={"selection": "newcomers"})
    assert problem(409, refused)["allowed"] == ["run"]


async def test_a_selection_is_enrolled_in_the_background(ferd: Running) -> None:
    """TRIG_11: with progress; refusals are counted, and the rest go on."""
    world = ferd.world
    flow = await world.flow("selected", wait("w", "1 day"))
    people = [await world.person() for _ in range(3)]
    await world.selection("newcomers", *people)
    await world.enrol(flow, people[0])

    response = await ferd.api.post(f"/v1/flows/{flow}/participants", json={"selection": "newcomers"})
    job = expect(202, response)["job"]
    assert (job["done"], job["total"]) == (False, 3)
    assert response.headers["location"] == f"/v1/flows/{flow}/enrolments/{job['id']}"
    done = await eventually(lambda: ferd.get(f"/flows/{flow}/enrolments/{job['id']}"), lambda job: job["done"])
    assert (done["enrolled"], done["refused"]) == (2, 1)
    listed = await ferd.get(f"/flows/{flow}/participants")
    assert {each["person"] for each in listed["items"]} == set(people)

    problem(404, await ferd.api.get(f"/v1/flows/{flow}/enrolments/job_none"))
    unknown = await ferd.api.post(f"/v1/flows/{flow}/participants", json={"selection": "nobody"})
    assert problem(422, unknown)["problems"][0]["pointer"] == "/selection"


async def test_PART_6_who_waits_where_since_when_until_when(ferd: Running) -> None:
    """PART_6: for every step who waits in it, since when, until when, how much is left; in pages, in order."""
    flow = await ferd.world.flow("where", *LONG)
    waiting = [await enrolled(ferd, flow) for _ in range(3)]

    first = await ferd.get(f"/flows/{flow}/participants", step="breathe", limit=2)
    rest = await ferd.get(f"/flows/{flow}/participants", step="breathe", limit=2, cursor=first["next_cursor"])
    items = [*first["items"], *rest["items"]]
    assert [each["id"] for each in items] == waiting
    one = items[0]
    assert (one["status"], one["step"], one["held"], one["reason"]) == ("active", "breathe", [], None)
    assert timedelta(days=29) < timedelta(seconds=one["left"]) <= timedelta(days=30)
    assert one["since"] < one["until"]
    assert (await ferd.get(f"/flows/{flow}/participants", step="hello"))["items"] == []
    problem(422, await ferd.api.get(f"/v1/flows/{flow}/participants", params={"status": "lazy"}))
    problem(422, await ferd.api.get(f"/v1/flows/{flow}/participants", params={"cursor": "bm90LWEtbnVtYmVy"}))

    of_person = await ferd.get("/participants", person=one["person"], flow=flow)
    assert [each["id"] for each in of_person["items"]] == [one["id"]]


async def test_LIFE_15_the_ended_read_as_cancelled_at_once(still_ferd: Running) -> None:
    """LIFE_15: in every list, though no journey has been closed yet."""
    world = still_ferd.world
    flow = await world.flow("ended", *LONG)
    participant = await world.enrol(flow)
    await still_ferd.post(f"/flows/{flow}/end")
    await still_ferd.post(f"/flows/{flow}/run")
    newcomer = await world.enrol(flow)

    async def of(status: str) -> list[str]:
        return [each["id"] for each in (await still_ferd.get(f"/flows/{flow}/participants", status=status))["items"]]

    assert await of("cancelled") == [participant]
    assert await of("active") == [newcomer]
    read = await still_ferd.get(f"/participants/{participant}")
    assert (read["status"], read["reason"], read["left"], read["possible"]) == (
        "cancelled",
        "flow_ended",
        None,
        ["remove"],
    )
    problem(409, await still_ferd.api.post(f"/v1/participants/{participant}/pause"))


async def test_a_participant_in_full(ferd: Running) -> None:
    """PART_7, SAFE_1: the journal, the effects, and the way to the Temporal UI."""
    flow = await ferd.world.flow("full", *LONG)
    participant = await enrolled(ferd, flow)
    read = await ferd.get(f"/participants/{participant}")
    assert [(entry["step"], entry["event"]) for entry in read["journal"]] == [
        ("", "enrolled"),
        ("hello", "done"),
        ("breathe", "waiting"),
    ]
    [effect] = read["effects"]
    assert (effect["key"], effect["status"]) == (f"{participant}/hello/1", "done")
    assert read["workflow"] == f"journey/{flow}/{participant}"
    assert read["temporal"].endswith(f"/namespaces/default/workflows/journey%2F{flow}%2F{participant}")
    assert read["possible"] == ["pause", "cancel", "remove"]
    problem(404, await ferd.api.get("/v1/participants/par_none"))
    problem(404, await ferd.api.post("/v1/participants/par_none/pause"))
    problem(404, await ferd.api.delete("/v1/participants/par_none"))


async def test_PART_4_one_participant_is_paused_and_resumed(ferd: Running) -> None:
    """PART_4: it alone is held; holds add up, and it moves on when none is left."""
    world = ferd.world
    flow = await world.flow("held", mail("hello"), wait("breathe", "2 days"), mail("bye"))
    one, other = await enrolled(ferd, flow), await enrolled(ferd, flow)
    assert (await do(ferd, one, "pause"))["held"] == ["paused"]
    assert (await do(ferd, one, "pause"))["held"] == ["paused"]
    await world.until(one, holding=True)
    await world.forward(flow, one, timedelta(days=3))
    await world.forward(flow, other)
    await world.until(other, status="finished")
    assert (await ferd.get(f"/participants/{one}"))["status"] == "active"

    await ferd.post(f"/flows/{flow}/pause")
    assert (await ferd.get(f"/participants/{one}"))["held"] == ["paused", "flow paused"]
    assert (await do(ferd, one, "resume"))["held"] == ["flow paused"]
    await world.stored.until(one, wake=None)
    assert (await world.participant(one)).holding
    await ferd.post(f"/flows/{flow}/resume")
    await world.forward(flow, one)
    assert (await world.until(one, status="finished")).held == []
    assert world.inbox.subjects.count("bye") == 2
    assert "held" in [event for _, event in await world.journal(one)]


async def test_PART_4_one_participant_is_cancelled(ferd: Running) -> None:
    """PART_4: out of the flow, and its workflow ends; cancelling twice is once."""
    flow = await ferd.world.flow("cancelled", *LONG)
    participant = await enrolled(ferd, flow)
    left = await do(ferd, participant, "cancel")
    assert (left["status"], left["reason"], left["until"]) == ("cancelled", "cancelled_by_hand", None)
    result = await ferd.world.journey(flow, participant).result()
    assert result["status"] == "cancelled"
    assert (await do(ferd, participant, "cancel"))["status"] == "cancelled"
    counts = (await ferd.get(f"/flows/{flow}"))["statistics"]
    assert (counts["active"], counts["cancelled"]) == (0, 1)


async def test_PART_4_removed_with_all_record(ferd: Running) -> None:
    """PART_4: then it counts as never enrolled, and may come again."""
    world = ferd.world
    flow = await world.flow("removed", *LONG)
    person = await world.person()
    participant = await world.enrol(flow, person)
    await world.until(participant, step="breathe")
    assert (await ferd.api.delete(f"/v1/participants/{participant}")).status_code == 204
    await world.journey(flow, participant).result()

    problem(404, await ferd.api.get(f"/v1/participants/{participant}"))
    assert (await ferd.get("/messages", participant=participant))["items"] == []
    counts = (await ferd.get(f"/flows/{flow}"))["statistics"]
    assert (counts["enrolled"], counts["active"], counts["cancelled"]) == (0, 0, 0)
    assert all((step["waiting"], step["passed"]) == (0, 0) for step in counts["steps"])
    again = await ferd.post(f"/flows/{flow}/participants", {"person": person}, 202)
    assert again["items"][0]["outcome"] == "enrolled"


async def test_SAFE_3_a_failing_step_is_retried_or_skipped(ferd: Running) -> None:
    """SAFE_3: it is in the attention list with its reason and with what can be done; others are not slowed."""
    world = ferd.world
    steps = ({"id": "frail", "kind": "send_email", "content": "mail", "subject": "frail"}, mail("bye"))
    flow = await world.flow("failing", *steps)
    await world.content(state="draft")
    one, other = await world.enrol(flow), await world.enrol(flow)
    for participant in (one, other):
        await world.until(participant, held=["failing"])

    listed = (await ferd.get("/attention", flow=flow))["items"]
    assert [(each["participant"], each["kind"], each["step"], each["reason"]) for each in listed] == [
        (one, "held", "frail", "failing"),
        (other, "held", "frail", "failing"),
    ]
    assert "ready" in listed[0]["text"]
    assert listed[0]["possible"] == ["retry", "skip", "pause", "cancel", "remove"]
    page = await ferd.get("/attention", flow=flow, limit=1)
    rest = await ferd.get("/attention", flow=flow, limit=1, cursor=page["next_cursor"])
    assert [each["participant"] for each in rest["items"]] == [other]

    await world.content()
    assert (await do(ferd, one, "retry"))["held"] == []
    await world.until(one, status="finished")
    await do(ferd, other, "skip")
    await world.until(other, status="finished")
    assert sorted(world.inbox.subjects) == ["bye", "bye", "frail"]
    assert (await ferd.get("/attention", flow=flow))["items"] == []
    problem(409, await ferd.api.post(f"/v1/participants/{one}/retry"))


async def test_SAFE_3_PART_6_who_is_skipped_stands_at_the_next_step_since_then(ferd: Running) -> None:
    """SAFE_3, PART_6: not since it came to the step that failed, where something holds it before it has acted."""
    world = ferd.world
    frail = {"id": "frail", "kind": "send_email", "content": "mail", "subject": "frail"}
    flow = await world.flow("since", frail, {"id": "tag", "kind": "update_person", "set": {"person.language": "nb"}})
    await world.content(state="draft")
    participant = await world.enrol(flow)
    await world.until(participant, held=["failing"])
    await ferd.post("/channels/crm/pause")
    skipped = now()
    await do(ferd, participant, "skip")
    assert (await world.until(participant, step="tag", holding=True)).since >= skipped


async def test_only_what_fails_can_be_retried_or_skipped(ferd: Running) -> None:
    flow = await ferd.world.flow("sound", *LONG)
    participant = await enrolled(ferd, flow)
    for operation in ("retry", "skip"):
        refused = problem(409, await ferd.api.post(f"/v1/participants/{participant}/{operation}"))
        assert refused["allowed"] == ["pause", "cancel", "remove"]


async def test_PART_4_a_terminated_journey_comes_back_only_by_retry(ferd: Running) -> None:
    """PART_4: it goes to the attention list as lost, and is started again from its position."""
    world = ferd.world
    flow = await world.flow("lost", mail("hello"), wait("breathe", "1 day"), mail("bye"))
    participant = await enrolled(ferd, flow)
    await world.journey(flow, participant).terminate()

    def lose(session: Any) -> None:  # as a wake-up that nobody heard
        row = session.scalars(_row(participant)).one()
        row.wake = row.since - timedelta(minutes=5)

    await world.db.write(lose)
    await world.core.sweep.once()
    [entry] = (await ferd.get("/attention", flow=flow))["items"]
    assert (entry["reason"], entry["possible"][0]) == ("lost", "retry")

    await do(ferd, participant, "retry")
    await world.stored.until(participant, wake=None)
    assert (await ferd.get("/attention", flow=flow))["items"] == []
    await world.forward(flow, participant)
    await world.until(participant, status="finished")
    assert world.inbox.subjects == ["hello", "bye"]


async def test_SAFE_2_an_unknown_effect_is_settled_by_a_person(still_ferd: Running) -> None:
    """SAFE_2: it stays in the attention list until somebody says whether it happened."""
    world = still_ferd.world
    flow = await world.flow("unknown", mail("hello"), wait("w", "1 day"))
    participant = await world.enrol(flow)
    key = f"{participant}/hello/1"
    await world.db.write(lambda session: session.add(_unknown_effect(flow, participant, key)))
    [entry] = (await still_ferd.get("/attention"))["items"]
    assert (entry["kind"], entry["effect"], entry["possible"]) == ("unknown", key, ["done", "not_done", "again"])

    settled = await still_ferd.post("/attention", {"effect": key, "outcome": "done"})
    assert settled["status"] == "done"
    assert (await still_ferd.get("/attention"))["items"] == []
    problem(404, await still_ferd.api.post("/v1/attention", json={"effect": key, "outcome": "done"}))
    problem(422, await still_ferd.api.post("/v1/attention", json={"effect": "x", "outcome": "done"}))
    assert ("hello", "done") in await world.journal(participant)


async def test_a_message_shows_the_text_that_was_made_from_its_html(ferd: Running) -> None:
    await ferd.world.content("mail", html="<h1>Dear Kari</h1>", text="")
    flow = await ferd.world.flow("made", *LONG)
    await enrolled(ferd, flow)
    [message] = (await ferd.get("/messages", flow=flow))["items"]
    assert message["text"].strip() == "Dear Kari"
    [sent] = ferd.world.inbox.mails
    body = sent.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == "Dear Kari"


async def test_messages_show_what_was_sent(ferd: Running) -> None:
    flow = await ferd.world.flow("sent", *LONG)
    participant = await enrolled(ferd, flow)
    [message] = (await ferd.get("/messages", flow=flow))["items"]
    assert message["participant"] == participant
    assert (message["channel"], message["step"], message["state"], message["subject"]) == (
        "email",
        "hello",
        "done",
        "hello",
    )
    assert message["from"] == "hello@fjord.example"
    assert message["to"].endswith("@x.example")
    assert message["opened_at"] is None
    assert message["clicked"] == []
    assert (await ferd.get("/messages", person=message["person"]))["items"] == [message]
    assert (await ferd.get("/messages", person="nobody"))["items"] == []
