"""A fifth of what a provider takes is done, and nobody hears of it: whole journeys through each adapter.

Where the provider takes a key, or what was done can be found again, nothing happens twice, and everything once. Where
not, every doubtful effect is unknown and in the attention list, and nothing happens twice or is missing (SAFE_1,
SAFE_2). Most answers that are lost are lost because the other side hangs up; the rest never come. Some calls are
refused for now, before anything is done.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pydantic import SecretStr
from sqlmodel import Session, col

from bench.proofs import crms, providers
from bench.proofs.findings import Findings, expect
from bench.proofs.providers import Adapter, MakeWorld, Misfortune
from flows.outcome import Status
from store.journeys import EffectStatus, ParticipantRow
from store.people import Person
from tests.support.running import Running, running
from tests.support.waiting import eventually
from tests.support.world import now

PATIENCE = 3_600
WORKER_LOST = "no answer: the worker was lost"
"""Where a machine is so busy that a worker's heartbeats come too late, that is one more cause of doubt."""
MANY = 200
"""With so many people something goes wrong with every kind of effect."""

ADAPTERS: Mapping[str, Callable[[MakeWorld, Misfortune], Any]] = {
    "smtp": providers.smtp,
    "sms": partial(
        providers.over_http,
        steps=[{"id": "act", "kind": "send_sms", "text": "Hei"}],
        settings=lambda url: {"sms_url": url, "sms_account": "AC1", "sms_token": SecretStr("t" * 32)},
        unkeyed=("send_sms",),
    ),
    "call_webhook": partial(providers.over_http, steps=[{"id": "act", "kind": "call_webhook", "endpoint": "erp"}]),
    "call_webhook, on_unknown: leave": partial(
        providers.over_http,
        steps=[{"id": "act", "kind": "call_webhook", "endpoint": "erp", "on_unknown": "leave"}],
        unkeyed=("call_webhook",),
    ),
    "webhook crm": crms.webhook,
    "superoffice": crms.superoffice,
}


async def prove(adapter: Adapter, name: str, number: int, found: Findings) -> None:
    """Send `number` people through the adapter's steps, and look at every effect from both sides."""
    async with running(adapter.world) as ferd:
        flow = await _sent_through(ferd, adapter, number)
        effects = {effect.key: effect for effect in await adapter.world.stored.effects(flow)}
        expect(f"{name}: effects in the ledger", len(effects), number * adapter.each)
        people = {row.id: row.person for row in await adapter.world.participants(flow)}
        who = {key: people[effect.participant] for key, effect in effects.items()}
        unheard = {key for key, effect in effects.items() if adapter.unheard(effect, who[key])}
        unknown = {key for key, effect in effects.items() if effect.status is EffectStatus.UNKNOWN}
        lost = {key for key in unknown - unheard if effects[key].error.startswith(WORKER_LOST)}
        for key, effect in effects.items():
            times = set(adapter.happened(effect, who[key]))
            often = {0, 1} if key in lost else {1}
            expect(f"{name}: {effect.kind} happened {times} times ({key})", times <= often, True)
        adapter.also()
        doubtful = {key for key in unheard | lost if effects[key].kind in adapter.unkeyed}
        expect(f"{name}: unknown", unknown, doubtful)
        done = {key for key, effect in effects.items() if effect.status is EffectStatus.DONE}
        expect(f"{name}: done", done, effects.keys() - unknown)
        expect(f"{name}: in the attention list", await _listed(ferd, flow), unknown)
        expect(f"{name}: something was unheard of", bool(unheard), True)
        for kind in sorted({effect.kind for effect in effects.values()}):
            of_kind = {key for key, effect in effects.items() if effect.kind == kind}
            expect(f"{name}: some {kind} was unheard of", bool(of_kind & unheard) or number < MANY, True)
            figures = (
                len(of_kind), len(of_kind & unheard), len(of_kind & unknown), sum(effects[key].tries for key in of_kind)
            )  # fmt: skip
            found.note(f"{name}, {kind}: effects / unheard of / unknown / tries", " / ".join(map(str, figures)))


async def _sent_through(ferd: Running, adapter: Adapter, number: int) -> str:
    """Everybody through a flow, over HTTP, to its end."""
    world = adapter.world
    await world.db.write(partial(_add_people, number=number))
    settings = {"settings": {"circuit_breaker": "off"}, "sms": {"from": "FjordCoffee"}}
    flow = await world.flow("adapters", *map(dict, adapter.steps), **settings)
    people = [f"per_{at}" for at in range(1, number + 1)]
    await ferd.post(f"/flows/{flow}/participants", {"people": people}, 202)

    finished = (col(ParticipantRow.flow) == flow, col(ParticipantRow.status) == Status.FINISHED)
    await eventually(
        lambda: world.stored.count(ParticipantRow, *finished),
        lambda count: count == number,
        seconds=PATIENCE,
        pause=0.1,
    )
    expect("everyone has finished", (await ferd.get(f"/flows/{flow}"))["statistics"]["finished"], number)
    return flow


def _add_people(session: Session, number: int) -> None:
    for at in range(1, number + 1):
        email, country = f"{at}@x.example", crms.COUNTRIES[at % len(crms.COUNTRIES)]
        person = Person(
            id=f"per_{at}", external_id=str(at), first_name="Kari", email=email, email_key=email, country=country,
            mobile=f"+4740{at:06}", custom={"n": 0}, created_at=now(), updated_at=now(),
        )  # fmt: skip
        session.merge(person)  # the same people go through every adapter


async def _listed(ferd: Running, flow: str) -> set[str]:
    """Keys of the effects in the attention list."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await ferd.get("/attention", flow=flow, limit=100, cursor=cursor)
        found += [entry["effect"] for entry in page["items"]]
        cursor = page["next_cursor"]
    expect("each is listed once", len(found), len(set(found)))
    return set(found)
