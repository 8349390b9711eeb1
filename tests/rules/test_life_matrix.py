"""Pause, off, end and stop, as they befall people in every position inside."""

import threading
from dataclasses import dataclass, field

import pytest

from tests.rules.given import DAY, ended, resting
from tests.support.running import Running
from tests.support.waiting import eventually
from tests.support.world import World, mail, wait

STEPS = mail("first"), wait("rest", "3 days"), mail("second"), wait("last", "1 day")
# In the middle of an effect; in a wait; before the first step; held alone, in a wait; in the last wait of the flow.
ROLES = ACTING, WAITING, QUEUED, HELD, FINISHING = "acting", "waiting", "queued", "held", "finishing"

BEFORE = {
    ACTING: "enrolled",
    WAITING: "enrolled first:done rest:waiting",
    QUEUED: "enrolled",
    HELD: "enrolled first:done rest:waiting rest:paused rest:held",
    FINISHING: "enrolled first:done rest:waiting rest:passed second:done last:waiting",
}
SENT = {ACTING: "first", WAITING: "first", QUEUED: "", HELD: "first", FINISHING: "first second"}


@dataclass(frozen=True, slots=True)
class Fate:
    """What a command leads to, role by role: where they stand once it has settled, and where ten days later.

    Written as status, reason if there is one, step, and what holds them. `end` is after everything was resumed; `sent`
    are mails beside those sent before, `told` the journal from the command on.
    """

    settled: dict[str, str]
    later: dict[str, str]
    end: str
    sent: dict[str, str] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)


def out(reason: str) -> Fate:
    """Whoever is inside is cancelled where they stand, at once and for good; what had begun is told all the same."""
    steps = {ACTING: "first", WAITING: "rest", QUEUED: "first", HELD: "rest", FINISHING: "last"}
    reads = {role: f"cancelled {reason} {step}" for role, step in steps.items()}
    told = {role: f"{step}:left" for role, step in steps.items()} | {ACTING: "first:left first:done"}
    return Fate(reads, reads, f"cancelled {reason}", told=told)


_PAUSED = {
    ACTING: "active first (flow paused)",
    WAITING: "active rest (flow paused)",
    QUEUED: "queued first (flow paused)",
    HELD: "active rest (paused, flow paused)",
    FINISHING: "active last (flow paused)",
}
_ON = {
    ACTING: "first:done first:held rest:waiting rest:passed second:{} last:waiting last:passed left",
    WAITING: "rest:passed second:{} last:waiting last:passed left",
    QUEUED: "first:admitted first:{} rest:waiting rest:passed second:{} last:waiting last:passed left",
    HELD: "rest:resumed rest:passed second:{} last:waiting last:passed left",
    FINISHING: "last:passed left",
}
FATES = {
    "pause": Fate(
        settled=_PAUSED,
        later=_PAUSED,
        end="finished completed",
        sent={ACTING: "second", WAITING: "second", QUEUED: "first second", HELD: "second"},
        told={role: told.replace("{}", "done") for role, told in _ON.items()}
        | {
            WAITING: "rest:held rest:passed second:done last:waiting last:passed left",
            FINISHING: "last:held last:passed left",
        },
    ),
    "off": Fate(
        settled={
            ACTING: "active rest", WAITING: "active rest", QUEUED: "active rest", HELD: "active rest (paused)",
            FINISHING: "active last",
        },
        later={role: "finished completed last" for role in ROLES} | {HELD: "active rest (paused)"},
        end="finished completed",
        told={role: told.replace("{}", "skipped") for role, told in _ON.items()},
    ),
    "end": out("flow_ended"),
    "stop": out("flow_stopped"),
}  # fmt: skip


@pytest.mark.parametrize("command", FATES)
async def test_LIFE_3_5_8_9_in_an_effect_in_a_wait_queued_held_and_about_to_finish(ferd: Running, command: str) -> None:
    """LIFE_3, LIFE_4, LIFE_5, LIFE_8, LIFE_9, LIFE_10: five people in one flow, over the API and Temporal."""
    world, fate, answered = ferd.world, FATES[command], threading.Event()
    flow = await world.flow("matrix", *STEPS)
    inside = await in_every_position(ferd, flow, answered)
    assert (await ferd.get(f"/flows/{flow}"))["under_way"] == 1
    assert (await ferd.post(f"/flows/{flow}/{command}"))["under_way"] == 1
    if fate is FATES["end"] or fate is FATES["stop"]:
        assert await reads(ferd, inside) == fate.settled  # before anything of it was done in the background
    await world.settled(flow)
    answered.set()
    await eventually(lambda: world.journal(inside[ACTING]), lambda lines: ("first", "done") in lines)
    await ferd.post("/resume-all")
    await eventually(lambda: reads(ferd, inside), lambda found: found == fate.settled)
    await ten_days(world, flow, inside)
    await eventually(lambda: reads(ferd, inside), lambda found: found == fate.later)
    if command == "pause":
        await ferd.post(f"/flows/{flow}/resume")
    if not fate.end.startswith("cancelled"):
        await ferd.post(f"/participants/{inside[HELD]}/resume")
    for role, participant in inside.items():
        if not fate.end.startswith("cancelled"):
            await world.stored.until(participant, started=True)
            await ended(world, flow, participant)
        row = await world.stored.participant(participant)
        status = row.status.value
        assert f"{status} {row.reason}" == fate.end, role
        sent = [str(mail["Subject"]) for mail in world.inbox.to(f"{role}@x.example")]
        assert sent == [*SENT[role].split(), *fate.sent.get(role, "").split()], role
        told = [f"{step}:{event}" if step else event for step, event in await world.journal(participant)]
        assert told == [*BEFORE[role].split(), *fate.told[role].split()], role
        if row.started:
            assert (await world.journey(flow, participant).result())["status"] == status
    counts = (await ferd.get(f"/flows/{flow}"))["statistics"]
    assert (counts[status], counts["active"], counts["queued"]) == (5, 0, 0)


async def in_every_position(ferd: Running, flow: str, answered: threading.Event) -> dict[str, str]:
    """Role -> participant. The mail of the one who acts is in the mail server's hands until that is `answered`."""
    world = ferd.world
    people = {role: await world.person(email=f"{role}@x.example") for role in ROLES}
    world.inbox.slow[f"{ACTING}@x.example"] = answered
    inside = {role: await world.enrol(flow, people[role]) for role in ROLES if role != QUEUED}
    for role in (WAITING, HELD, FINISHING):
        await resting(world, inside[role], "rest")
    await world.forward(flow, inside[FINISHING], 3 * DAY + DAY / 2)
    await resting(world, inside[FINISHING], "last")
    await ferd.post(f"/participants/{inside[HELD]}/pause")
    await world.until(inside[HELD], holding=True)

    async def acts() -> bool:
        return bool(world.inbox.to(f"{ACTING}@x.example"))

    await eventually(acts)
    await ferd.post("/pause-all")  # who comes into a running flow queues behind a brake
    inside[QUEUED] = await world.enrol(flow, people[QUEUED])
    return inside


async def reads(ferd: Running, inside: dict[str, str]) -> dict[str, str]:
    """Role -> how the participant reads."""
    found = {role: await ferd.get(f"/participants/{participant}") for role, participant in inside.items()}
    return {
        role: " ".join(
            [each["status"], *filter(None, [each["reason"]]), each["step"]]
            + ([f"({', '.join(each['held'])})"] if each["held"] else [])
        )
        for role, each in found.items()
    }


async def ten_days(world: World, flow: str, inside: dict[str, str]) -> None:
    """Let ten days pass for every journey that goes on."""
    for participant in inside.values():
        row = await world.stored.participant(participant)
        if row.started and row.status.inside:
            await world.forward(flow, participant, 10 * DAY)
