"""Providers that do a fifth of what they get and are not heard of, and a small world before each."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession

from activities.mail.compose import message_id
from activities.webhooks import signing
from store.journeys import EffectRow
from store.outside import EndpointRow
from tests.support.backend import Backend, Call, Fault, Reply, backend
from tests.support.inbox import Inbox
from tests.support.world import SENDER, World, mail, now

DONE_UNHEARD, REFUSED = 0.2, 0.05
SECRET = signing.new_secret()


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


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter in a world of its own.

    `steps` are the flow's, `each` is how many effects one journey has. Doubtful effects of the `unkeyed` kinds are left
    to a person. `happened` and `unheard` say of an effect and its person how often the other side did each part of it,
    and whether it was done without an answer; `also` expects what else has to hold.
    """

    world: World
    steps: Sequence[Mapping[str, Any]]
    unkeyed: Collection[str]
    happened: Callable[[EffectRow, str], Sequence[int]]
    unheard: Callable[[EffectRow, str], bool]
    each: int = 1
    also: Callable[[], None] = lambda: None


MakeWorld = Callable[..., Any]
"""`tests.support.world.world`, but for the settings."""


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


@asynccontextmanager
async def smtp(make: MakeWorld, misfortune: Misfortune) -> AsyncIterator[Adapter]:
    """A mail server: no key."""
    inbox = ForgetfulInbox(misfortune)

    def id(effect: EffectRow) -> str:
        return message_id(effect.key, SENDER["from"])

    async with make(inbox=inbox) as world:
        yield Adapter(
            world, [mail("act")], ("send_email",),
            happened=lambda effect, _: [inbox.done[id(effect)]],
            unheard=lambda effect, _: id(effect) in inbox.unheard,
        )  # fmt: skip


@asynccontextmanager
async def over_http(
    make: MakeWorld,
    misfortune: Misfortune,
    steps: Sequence[Mapping[str, Any]],
    settings: Callable[[str], Any] = lambda url: {},
    unkeyed: Collection[str] = (),
    each: int = 1,
) -> AsyncIterator[Adapter]:
    """A provider over HTTP, that is also the endpoint `erp`; `settings` are ferd's, by its address."""
    async with backend() as program, make(**settings(program.url)) as world:
        provider = Provider(program, misfortune, keyed=not unkeyed)
        endpoint = EndpointRow(
            id="erp", name="ERP", url=program.url, secret=SECRET, created_at=now(), updated_at=now()
        )  # fmt: skip
        await world.db.write(lambda session: session.merge(endpoint))
        yield Adapter(
            world, steps, unkeyed, each=each,
            happened=lambda effect, _: [provider.done[effect.key]],
            unheard=lambda effect, _: effect.key in provider.unheard,
        )  # fmt: skip
