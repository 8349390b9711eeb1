"""STEP_23: the mails that forms and links answer with, each once, without any flow."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from activities.outside.elsewhere import NOTHING_ELSEWHERE
from activities.responses.handing import LOST, Handing
from activities.responses.outbox import Outbox
from flows.ports import Done, Email, NotDone
from store.journeys import EffectRow, EffectStatus, MessageRow
from store.pending import PendingEffect
from store.work import FollowUp
from tests.rules.given import mailed
from tests.rules.test_step_reactions import ANSWER, _form, _submit
from tests.support.running import Running, expect, problem
from tests.support.waiting import eventually
from tests.support.world import READER, SCANNER, World, now

KARI = "kari@x.example"


async def _inbox(world: World) -> list[Any]:
    return list(world.inbox.mails)


async def _effects(world: World) -> Sequence[EffectRow]:
    return await world.db.read(lambda session: session.scalars(select(EffectRow).order_by(col(EffectRow.key))).all())


def _blocked(address: str) -> dict[str, str]:
    return {"channel": "email", "address": address, "reason": "bounced"}


class _Mail:
    """A mail server as one would like it: it loses the worker, or answers as it is told, in the end when told to."""

    def __init__(self, *answers: BaseException | Done) -> None:
        self.answers = list(answers)
        self.keys: list[str] = []
        self.asked, self.answered = asyncio.Event(), asyncio.Event()

    async def send(self, request: Email, key: str) -> Done:
        self.keys.append(key)
        self.asked.set()
        if not self.answers:
            await self.answered.wait()
            return Done()
        answer = self.answers.pop(0)
        if isinstance(answer, Done):
            return answer
        raise answer


class _Killed(BaseException):
    """What nothing catches, as nothing runs on after SIGKILL."""


def _outbox(ferd: Running, mail: _Mail, later: timedelta = timedelta()) -> Outbox:
    def clock() -> datetime:
        return now() + later

    waiting = Handing(ferd.world.core.crm, NOTHING_ELSEWHERE, "email")
    return Outbox(ferd.world.db, {Email: mail}, clock, waiting)


async def test_STEP_23_a_form_answers_with_a_mail_and_each_submission_with_one(ferd: Running) -> None:
    """It needs no flow and no consent; what was sent is seen among the messages."""
    world = ferd.world
    await world.content("thanks", subject="Thanks, {{ form.email }}", html="<p>{{ person.email }}</p>", text="")
    await _form(ferd, "contact", actions=[{**ANSWER, "content": "thanks", "reply_to": "help@fjord.example"}])
    await _submit(ferd, "contact", KARI)
    mail = (await eventually(lambda: _inbox(world)))[0]
    assert (mail["Subject"], mail["To"], mail["Reply-To"]) == (f"Thanks, {KARI}", KARI, "help@fjord.example")
    assert "us@fjord.example" in mail["From"]
    assert "List-Unsubscribe" not in mail
    await _submit(ferd, "contact", KARI)
    await eventually(lambda: _inbox(world), lambda mails: len(mails) == 2)
    assert len({mail["Message-ID"] for mail in world.inbox.mails}) == 2
    effects = await eventually(
        lambda: _effects(world), lambda rows: [row.status for row in rows] == [EffectStatus.DONE] * 2
    )
    assert {(row.participant, row.flow, row.step, row.tries) for row in effects} == {("", "", "form contact", 1)}
    messages = (await ferd.get("/messages"))["items"]
    assert [(each["state"], each["content"], each["step"], each["to"]) for each in messages] == [
        ("done", "thanks", "form contact", KARI)
    ] * 2
    assert await world.stored.count(PendingEffect) == 0


async def test_STEP_23_a_link_answers_with_a_mail(ferd: Running) -> None:
    """A machine's click gets none."""
    world = ferd.world
    kari = await world.person()
    expect(201, await ferd.api.put(
        "/v1/links/offer", json={"name": "Offer", "url": "https://fjord.example/offer", "actions": [ANSWER]}
    ))  # fmt: skip
    await mailed(world, kari, '<a href="{{ links.offer }}">Offer</a>')
    for agent in (SCANNER, READER):
        await world.clicks(kari, "Offer", agent)
    await eventually(
        lambda: world.messages(person=kari), lambda messages: [each.state for each in messages] == ["done"] * 2
    )
    assert world.inbox.subjects == ["hello", "mail"]
    assert [row.kind for row in await _effects(world) if row.step == "link offer"] == ["send_email"]


async def test_STEP_23_SAFE_2_a_worker_lost_while_it_sends_leaves_it_to_a_person(still_ferd: Running) -> None:
    """Killed before: it is sent once. Killed after it was begun: never again by itself, until a person says so."""
    world, mail = still_ferd.world, _Mail(_Killed(), Done(), Done())
    await _form(still_ferd, "contact", actions=[ANSWER])
    await _submit(still_ferd, "contact", KARI)
    assert await _effects(world) == []  # planned, and nobody has begun
    with pytest.raises(_Killed):
        await _outbox(still_ferd, mail).once()
    assert [row.status for row in await _effects(world)] == [EffectStatus.PLANNED]
    assert not await _outbox(still_ferd, mail).once()
    assert not await _outbox(still_ferd, mail, 2 * LOST).once()
    assert len(mail.keys) == 1

    (entry,) = (await still_ferd.get("/attention"))["items"]
    assert (entry["kind"], entry["flow"], entry["step"]) == ("unknown", "", "form contact")
    assert mail.keys == [entry["effect"]]
    (message,) = (await still_ferd.get("/messages"))["items"]
    assert (message["state"], message["person"]) == ("unknown", entry["person"])

    again = await still_ferd.post("/attention", {"effect": entry["effect"], "outcome": "again"})
    assert again["key"].endswith("/2")
    assert await _outbox(still_ferd, mail).once()
    assert mail.keys == [entry["effect"], again["key"]]
    assert [row.status for row in await _effects(world)] == [EffectStatus.REPEATED, EffectStatus.DONE]
    assert (await still_ferd.get("/attention"))["items"] == []
    problem(404, await still_ferd.api.post("/v1/attention", json={"effect": entry["effect"], "outcome": "again"}))


async def test_STEP_23_SAFE_2_what_did_not_leave_is_tried_again_and_what_is_marked_is_over(still_ferd: Running) -> None:
    world = still_ferd.world
    mail = _Mail(
        NotDone("busy", retryable=True), Done(), _Killed(), NotDone("no relaying", retryable=False), Done(),
        NotDone("no such user", retryable=False, unreachable=True),
    )  # fmt: skip
    await _form(still_ferd, "contact", actions=[ANSWER])
    await _submit(still_ferd, "contact", KARI)
    await _outbox(still_ferd, mail).once()
    assert not await _outbox(still_ferd, mail).once()  # not at once
    await _outbox(still_ferd, mail, LOST).once()
    (done,) = await _effects(world)
    assert (done.status, done.tries, mail.keys) == (EffectStatus.DONE, 2, [done.key] * 2)

    await _submit(still_ferd, "contact", KARI)
    with pytest.raises(_Killed):
        await _outbox(still_ferd, mail).once()
    await _outbox(still_ferd, mail, 2 * LOST).once()
    await still_ferd.post("/attention", {"effect": mail.keys[2], "outcome": "not_done"})
    assert await world.stored.count(PendingEffect) == 0

    await _submit(still_ferd, "contact", KARI)
    await _outbox(still_ferd, mail).once()
    (entry,) = (await still_ferd.get("/attention"))["items"]
    assert (entry["kind"], entry["step"], entry["effect"]) == ("failed", "form contact", mail.keys[3])
    assert entry["text"] == "Send e-mail mail: no relaying"
    again = await still_ferd.post("/attention", {"effect": entry["effect"], "outcome": "again"})
    assert (again["key"], (await still_ferd.get("/attention"))["items"]) == (entry["effect"], [])
    await _outbox(still_ferd, mail).once()
    assert mail.keys[4] == entry["effect"]
    assert [row.status for row in await _effects(world)] == [
        EffectStatus.DONE, EffectStatus.FAILED, EffectStatus.DONE,
    ]  # fmt: skip

    await _submit(still_ferd, "contact", KARI)
    await _outbox(still_ferd, mail).once()
    assert (await still_ferd.get("/attention"))["items"] == []  # nobody is there: nothing that a person could mend
    assert await world.stored.count(PendingEffect) == 0


async def test_STEP_23_a_worker_that_is_ended_while_it_sends_hears_the_answer_first(still_ferd: Running) -> None:
    await _form(still_ferd, "contact", actions=[ANSWER])
    await _submit(still_ferd, "contact", KARI)
    slow = _Mail()
    sending = asyncio.create_task(_outbox(still_ferd, slow).once())
    await slow.asked.wait()
    sending.cancel()
    slow.answered.set()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert [row.status for row in await _effects(still_ferd.world)] == [EffectStatus.DONE]


async def test_STEP_23_PART_2_LIFE_16_nothing_goes_to_a_blocked_address_or_past_a_brake(still_ferd: Running) -> None:
    world, mail = still_ferd.world, _Mail(Done())
    await _form(still_ferd, "contact", actions=[ANSWER])
    expect(201, await still_ferd.api.post("/v1/blocked", json=_blocked("blocked@x.example")))
    await _submit(still_ferd, "contact", "blocked@x.example")
    assert await world.stored.count(PendingEffect) == 0
    for email in (KARI, "ola@x.example"):
        await _submit(still_ferd, "contact", email)
    braked = await still_ferd.post("/channels/email/pause")
    assert braked["under_way"] == 0  # what nobody has begun is not
    assert not await _outbox(still_ferd, mail).once()
    expect(201, await still_ferd.api.post("/v1/blocked", json=_blocked("ola@x.example")))
    await still_ferd.post("/channels/email/resume")
    assert await _outbox(still_ferd, mail).once()
    states = {each["to"]: each["state"] for each in (await still_ferd.get("/messages"))["items"]}
    assert states == {KARI: "done", "ola@x.example": "failed"}


async def test_STEP_23_PART_8_who_is_erased_gets_no_reply_and_leaves_none(still_ferd: Running) -> None:
    world, mail = still_ferd.world, _Mail(_Killed())
    await _form(still_ferd, "contact", actions=[ANSWER])
    for _ in range(2):
        await _submit(still_ferd, "contact", KARI)
    with pytest.raises(_Killed):
        await _outbox(still_ferd, mail).once()
    (person,) = {each["person"] for each in (await still_ferd.get("/messages"))["items"]}
    expect(204, await still_ferd.api.post(f"/v1/people/{person}/erase"))
    for table in (PendingEffect, MessageRow, EffectRow):
        assert await world.stored.count(table) == 0
    assert not await _outbox(still_ferd, mail, 2 * LOST).once()


async def test_STEP_23_STEP_6_the_owner_of_a_follow_up_made_by_a_form_is_told(ferd: Running) -> None:
    """By e-mail, from where the form's reply mail comes from."""
    world = ferd.world
    expect(201, await ferd.api.put("/v1/associates/ida", json={"name": "Ida", "email": "ida@fjord.example"}))
    call = {"kind": "create_follow_up", "title": "Call {{ person.email }}", "due": "2 days", "owner": "ida"}
    await _form(ferd, "contact", actions=[call, ANSWER])
    await _submit(ferd, "contact", KARI)
    await eventually(lambda: _inbox(world), lambda mails: len(mails) == 2)
    (told,) = world.inbox.to("ida@fjord.example")
    assert told["Subject"] == f"New in your diary: Call {KARI}"
    assert "us@fjord.example" in told["From"]
    assert "Form: contact" in told.get_content()
    assert await world.stored.count(FollowUp, col(FollowUp.tell_at).is_not(None)) == 0
