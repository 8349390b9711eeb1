"""A fifth of what a provider takes is done, and nobody hears of it: whole journeys through each adapter.

Where the provider takes a key nothing happens twice, and everything once. Where it takes none every doubtful effect is
unknown and in the attention list, and nothing happens twice or is missing (SAFE_1, SAFE_2). Most answers that are lost
are lost because the other side hangs up; the rest never come. Some calls are refused for now, before anything is done.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession
from pydantic import SecretStr
from sqlmodel import Session

from activities.mail.compose import message_id
from activities.webhooks import signing
from bench.proofs.findings import Findings, expect
from flows.outcome import Status
from store.journeys import EffectStatus
from store.outside import EndpointRow
from store.people import Person
from tests.support.backend import Backend, Call, Fault, Reply, backend
from tests.support.inbox import Inbox
from tests.support.running import Running, running
from tests.support.superoffice import Faults, StandIn
from tests.support.waiting import eventually
from tests.support.world import World, mail, now

DONE_UNHEARD, REFUSED = 0.2, 0.05
PATIENCE = 3_600
MOST = 1_000
"""People, as many as one call enrols."""
SECRET = signing.new_secret()
SENDER = "hello@fjord.example"


@dataclass
class Misfortune:
    """What goes wrong with a call. `silent`: some wait for an answer until their time is up, which takes long."""

    silent: bool
    random: Random = field(default_factory=lambda: Random(1))

    def draw(self) -> Fault | None:
        """`refuse`: for now, with nothing done; `drop` and `silent`: done, and nobody hears of it."""
        chance = self.random.random()
        if chance < DONE_UNHEARD:
            return "silent" if self.silent and chance < DONE_UNHEARD / 4 else "drop"
        return "refuse" if chance < DONE_UNHEARD + REFUSED else None


@dataclass
class Provider:
    """A provider over HTTP. `keyed`: it does nothing twice under one key. `done`: how often each key's effect was."""

    program: Backend
    misfortune: Misfortune
    keyed: bool
    done: Counter[str] = field(default_factory=Counter)
    unheard: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.program.reply = self.reply

    def reply(self, call: Call) -> Reply | Fault:
        """Take a call."""
        key, fault = call.headers["idempotency-key"], self.misfortune.draw()
        if fault == "refuse":
            return Reply(503)
        if not (self.keyed and key in self.done):
            self.done[key] += 1
        if fault is not None:
            self.unheard.add(key)
            return fault
        return Reply(201, {"sid": f"SM{len(self.done)}", "id": len(self.done)})


class ForgetfulInbox(Inbox):
    """A mail server of that kind: it has the mail, and hangs up or says nothing."""

    def __init__(self, misfortune: Misfortune) -> None:
        super().__init__()
        self.misfortune = misfortune
        self.done: Counter[str] = Counter()
        self.unheard: set[str] = set()

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: Envelope) -> str:
        """Called by aiosmtpd."""
        fault = self.misfortune.draw()
        if fault == "refuse":
            return "451 come back later"
        answer = await super().handle_DATA(server, session, envelope)
        id = str(self.mails[-1]["Message-ID"])
        self.done[id] += 1
        if fault is not None:
            self.unheard.add(id)
            if fault == "silent":
                await server.loop.create_future()  # until the client hangs up
            assert server.transport is not None
            server.transport.close()
        return answer


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter in a world of its own. `happened` and `unheard` answer by the keys that they are given."""

    world: World
    step: Mapping[str, Any]
    keyed: bool
    happened: Callable[[str, str], int]
    unheard: Callable[[str, str], bool]


MakeWorld = Callable[..., Any]
"""`tests.support.world.world`, but for the settings."""


@asynccontextmanager
async def _smtp(make: MakeWorld, misfortune: Misfortune) -> AsyncIterator[Adapter]:
    inbox = ForgetfulInbox(misfortune)
    async with make(inbox=inbox) as world:

        def happened(key: str, _: str) -> int:
            return inbox.done[message_id(key, SENDER)]

        yield Adapter(world, mail("act"), False, happened, lambda key, _: message_id(key, SENDER) in inbox.unheard)


@asynccontextmanager
async def _over_http(
    make: MakeWorld, misfortune: Misfortune, step: Mapping[str, Any], keyed: bool, settings: Callable[[str], Any]
) -> AsyncIterator[Adapter]:
    async with backend() as program, make(**settings(program.url)) as world:
        provider = Provider(program, misfortune, keyed)
        endpoint = EndpointRow(
            id="erp", name="ERP", url=program.url, secret=SECRET, created_at=now(), updated_at=now()
        )  # fmt: skip
        await world.db.write(lambda session: session.merge(endpoint))
        yield Adapter(world, step, keyed, lambda key, _: provider.done[key], lambda key, _: key in provider.unheard)


@dataclass
class _Noted(Faults):
    """Faults of SuperOffice's, and of whom a change was not heard."""

    unheard: set[int] = field(default_factory=set)

    def draw(self, call: Call) -> str:
        """What goes wrong with this call."""
        fault = super().draw(call)
        if fault == "accept_then_drop":
            self.unheard.add(int(call.path.rpartition("/")[2]))
        return fault


@asynccontextmanager
async def _superoffice(make: MakeWorld, misfortune: Misfortune) -> AsyncIterator[Adapter]:
    faults = _Noted(accept_then_drop=DONE_UNHEARD, busy=REFUSED, random=misfortune.random)
    async with backend() as program:
        there = StandIn(program, faults=faults)
        for number in range(MOST):
            there.add_person(number + 1, CustomFields={"n": 0})
        settings = {
            "crm": "superoffice", "crm_url": there.url, "crm_secret": SecretStr("refresh"),
            "superoffice_client": "client", "superoffice_client_secret": SecretStr("secret"),
            "superoffice_token_url": f"{program.url}/tokens",
        }  # fmt: skip
        step = {"id": "act", "kind": "update_person", "increase": {"person.custom.n": 1}}
        async with make(**settings) as world:

            def happened(_: str, person: str) -> int:
                return int(there.people[_number(person)]["CustomFields"]["n"])

            yield Adapter(world, step, False, happened, lambda _, person: _number(person) in faults.unheard)


ADAPTERS: Mapping[str, Callable[[MakeWorld, Misfortune], Any]] = {
    "smtp": _smtp,
    "sms": partial(
        _over_http,
        step={"id": "act", "kind": "send_sms", "text": "Hei"},
        keyed=False,
        settings=lambda url: {"sms_url": url, "sms_account": "AC1", "sms_token": SecretStr("t" * 32)},
    ),
    "call_webhook": partial(
        _over_http, step={"id": "act", "kind": "call_webhook", "endpoint": "erp"}, keyed=True, settings=lambda url: {}
    ),
    "call_webhook, on_unknown: leave": partial(
        _over_http,
        step={"id": "act", "kind": "call_webhook", "endpoint": "erp", "on_unknown": "leave"},
        keyed=False,
        settings=lambda url: {},
    ),
    "webhook crm": partial(
        _over_http,
        step={"id": "act", "kind": "update_person", "set": {"person.category": "customer"}},
        keyed=True,
        settings=lambda url: {"crm": "webhook", "crm_url": url, "crm_secret": SecretStr(SECRET)},
    ),
    "superoffice": _superoffice,
}


async def prove(adapter: Adapter, name: str, number: int, found: Findings) -> None:
    """Send `number` people through one step of the adapter, and look at every effect from both sides."""
    async with running(adapter.world) as ferd:
        flow = await _sent_through(ferd, adapter, number)
        effects = {effect.key: effect for effect in await adapter.world.effects_of(flow)}
        expect(f"{name}: effects in the ledger", len(effects), number)
        people = {row.id: row.person for row in await adapter.world.participants(flow)}
        who = {key: people[effect.participant] for key, effect in effects.items()}
        times = Counter(adapter.happened(key, person) for key, person in who.items())
        expect(f"{name}: how often effects happened", dict(times), {1: number})
        doubtful = {key for key, person in who.items() if adapter.unheard(key, person)}
        unknown = {key for key, effect in effects.items() if effect.status is EffectStatus.UNKNOWN}
        expect(f"{name}: unknown", unknown, set() if adapter.keyed else doubtful)
        done = {key for key, effect in effects.items() if effect.status is EffectStatus.DONE}
        expect(f"{name}: done", done, effects.keys() - unknown)
        expect(f"{name}: in the attention list", await _listed(ferd, flow), unknown)
        expect(f"{name}: something was unheard of", bool(doubtful), True)
        tries = sum(effect.tries for effect in effects.values())
        found.note(
            f"{name}: done / unheard of / unknown / calls", f"{number} / {len(doubtful)} / {len(unknown)} / {tries}"
        )


async def _sent_through(ferd: Running, adapter: Adapter, number: int) -> str:
    """Everybody through a flow, over HTTP, to its end."""
    world = adapter.world
    await world.db.write(partial(_add_people, number=number))
    settings = {"settings": {"circuit_breaker": "off"}, "sms": {"from": "FjordCoffee"}}
    flow = await world.flow("adapters", dict(adapter.step), **settings)
    people = [f"per_{at + 1}" for at in range(number)]
    await ferd.post(f"/flows/{flow}/participants", {"people": people}, 202)

    async def statistics() -> Any:
        return (await ferd.get(f"/flows/{flow}"))["statistics"]

    await eventually(statistics, lambda shown: shown["finished"] == number, seconds=PATIENCE, pause=0.2)
    expect("everyone has finished", {row.status for row in await world.participants(flow)}, {Status.FINISHED})
    return flow


def _add_people(session: Session, number: int) -> None:
    for at in range(1, number + 1):
        email = f"{at}@x.example"
        person = Person(
            id=f"per_{at}", external_id=str(at), first_name="Kari", email=email, email_key=email,
            mobile=f"+4740{at:06}", custom={"n": 0}, created_at=now(), updated_at=now(),
        )  # fmt: skip
        session.merge(person)  # the same people go through every adapter


def _number(person: str) -> int:
    return int(person.removeprefix("per_"))


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
