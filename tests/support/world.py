"""A small world for tests of behaviour: a store, a worker, a mail server that keeps what it gets, people and flows.

Everything is real but the clock: journeys run on the shared Temporal server, whose time stands still until `forward`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
from fastapi import FastAPI
from pydantic import SecretStr
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.core import Core
from activities.crm.suppression import Suppression
from activities.enrolling.enrolment import Enrolled, Proposal
from activities.life.commands import Commanded
from activities.outside import choice
from api.edits import FlowEdited
from api.engine import Engine
from api.flows import FlowPublic
from api.messages import MessagePublic
from api.participants import EffectPublic, JournalEntry, Operation, ParticipantInFull, ParticipantPublic
from flows.definition import Flow
from flows.facts import Values
from flows.outcome import Refusal, Status
from settings import Settings
from store.columns import new_id
from store.database import Database
from store.flows import FlowStatus
from tests.support.apps import borrowed, caller
from tests.support.inbox import Inbox
from tests.support.letters import Letter
from tests.support.stored import Stored
from tests.support.waiting import eventually, says
from worker import FerdPlugin
from workflows.contract import Command, flow_id, journey_id

UI = "http://temporal.example:8233"
FILE = {"Content-Type": "application/json"}
SHOP = "https://shop.example"
READER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SCANNER = "Mozilla/5.0 (compatible; proofpoint urldefense)"
SENDER = {"from": "hello@fjord.example", "reply_to": "same_as_from"}


@dataclass
class World:
    """What a test works with: `api` is let in, `public` is anybody.

    Flow ids get a suffix of the world's own, because all tests share one server.
    """

    env: WorkflowEnvironment
    client: Client
    settings: Settings
    core: Core
    app: FastAPI
    api: httpx2.AsyncClient
    public: httpx2.AsyncClient
    inbox: Inbox
    queue: str
    suffix: str = field(default_factory=lambda: uuid4().hex[:8])

    @property
    def db(self) -> Database:
        return self.core.db

    @property
    def stored(self) -> Stored:
        """What the API rightly does not show: for everything else there is the API."""
        return Stored(self.core.db)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """A worker beside the world's own, or instead of it."""
        async with Worker(self.client, task_queue=self.queue):
            yield

    def id(self, name: str) -> str:
        """The id that a flow of this name has here."""
        return f"{name}-{self.suffix}"

    # --- people, content and events ---------------------------------------------------------------------------------

    async def person(self, **fields: Any) -> str:
        """A person with an address of its own."""
        id = new_id("per")
        given = {"first_name": "Kari", "last_name": "Nordmann", "email": f"{id}@x.example", **fields}
        taken(await self.api.put(f"/v1/people/{id}", json=given))
        return id

    async def change(self, person: str, **fields: Any) -> None:
        """Change a person's fields."""
        taken(await self.api.patch(f"/v1/people/{person}", json=fields))

    async def put(self, path: str, **fields: Any) -> None:
        """Create or replace something of the CRM or the library; without another name it bears its id."""
        taken(await self.api.put(f"/v1/{path}", json={"name": path.rpartition("/")[2], **fields}))

    async def content(self, id: str = "mail", **fields: Any) -> None:
        """A prepared e-mail."""
        given = {"state": "ready", "subject": id, "html": "<p>Hello</p>", "text": "Hello", **fields}
        await self.put(f"content/{id}", **given)

    async def form(self, id: str, **fields: str) -> None:
        """A form that asks for an address and for these fields, each of a type."""
        asked = [{"name": name, "type": type} for name, type in {"email": "email", **fields}.items()]
        await self.put(f"forms/{id}", fields=asked)

    async def selection(self, id: str, *people: str) -> None:
        """A selection with members."""
        await self.put(f"selections/{id}")
        if people:
            await self.join(f"selections/{id}", *people, fire_triggers=False)

    async def join(self, group: str, *people: str, fire_triggers: bool | None = None) -> None:
        """Put people into a group: `selections/ID` or `projects/ID`."""
        asked = {} if fire_triggers is None else {"fire_triggers": fire_triggers}
        taken(await self.api.post(f"/v1/{group}/members", json={"people": people}, params=asked))

    async def happens(self, type: str, person: str, at: datetime | None = None, **data: Any) -> None:
        """Something happens to a person, and another program tells it."""
        event = {"id": new_id("evt"), "source": SHOP, "type": type, "subject": f"person:{person}", "data": data}
        told = event if at is None else {**event, "time": at.isoformat()}
        [answer] = taken(await self.api.post("/v1/events", json=told))["items"]
        assert answer["outcome"] == "accepted", answer

    # --- what people do: at the addresses that they are given ---------------------------------------------------------

    async def clicks(self, person: str, link: str, agent: str = READER) -> None:
        """Somebody follows a link of their mails, the latest on which this is written.

        In a mail with several links a click counts only three seconds later (STEP_24), in one with a single link at
        once.
        """
        address = next(
            address for letter in await self._letters(person) for written, address in letter.links if written == link
        )
        answer = await self.public.get(address, headers={"User-Agent": agent})
        assert answer.status_code == 302, answer.text

    async def opens(self, person: str, agent: str = READER) -> None:
        """Somebody opens their latest mail, with its pictures."""
        [latest, *_] = await self._letters(person)
        for picture in latest.pictures:
            assert (await self.public.get(picture, headers={"User-Agent": agent})).is_success

    async def submits(self, person: str, form: str, **fields: str) -> None:
        """Somebody fills in a form on a web page: their address, and these fields."""
        given = {"email": await self._address(person), **fields}
        answer = await self.public.post(f"/f/{form}", data=given)
        assert answer.status_code == 200, answer.text

    async def _letters(self, person: str) -> list[Letter]:
        """The mails of a person, the latest first."""
        return [Letter(mail) for mail in reversed(self.inbox.to(await self._address(person)))]

    async def _address(self, person: str) -> str:
        return str(taken(await self.api.get(f"/v1/people/{person}"))["email"])

    # --- flows ----------------------------------------------------------------------------------------------------

    def definition(self, name: str, *steps: dict[str, Any], **settings: Any) -> Flow:
        """A flow that sends from a fixed address."""
        return Flow.model_validate(
            {"id": self.id(name), "name": name, "email": SENDER, "steps": list(steps), **settings}
        )

    async def save(self, flow: Flow) -> str:
        """Save a flow file over HTTP."""
        taken(await self.api.post("/v1/flows", content=file_of(flow), headers=FILE))
        return flow.id

    async def edit(self, flow: Flow, *, dry_run: bool = False) -> FlowEdited:
        """Save a new version over HTTP, or ask what saving it would do."""
        path, asked = f"/v1/flows/{flow.id}", {"dry_run": dry_run}
        answer = await self.api.put(path, params=asked, content=file_of(flow), headers=FILE)
        return FlowEdited.model_validate(taken(answer))

    async def flow(self, name: str, *steps: dict[str, Any], **settings: Any) -> str:
        """A flow that runs."""
        flow = await self.save(self.definition(name, *steps, **settings))
        await self.command(flow, "run")
        return flow

    async def command(self, flow: str, given: Command) -> Commanded:
        """Give a flow a command over HTTP."""
        answer = taken(await self.api.post(f"/v1/flows/{flow}/{given}"))
        return Commanded(FlowStatus(answer["status"]), answer["under_way"])

    # --- participants ---------------------------------------------------------------------------------------------

    async def propose(self, flow: str, person: str, *, again: bool = False) -> Enrolled | Refusal:
        """Propose a person to a flow over HTTP."""
        body = {"person": person, "again": again}
        [answer] = taken(await self.api.post(f"/v1/flows/{flow}/participants", json=body))["items"]
        if answer["outcome"] == "refused":
            return Refusal(answer["reason"])
        return Enrolled(answer["participant"], Status.QUEUED if answer["outcome"] == "queued" else Status.ACTIVE)

    async def propose_by(self, why: str, flow: str, person: str, event: Values | None = None) -> Enrolled | Refusal:
        """Propose a person as something else does than the API: a hand-over, a selection, a trigger with its event."""
        return await self.core.dispatcher.write(
            lambda session: self.core.enrolment.propose(session, Proposal(flow, person, why, event=event), now())
        )

    async def enrol(
        self, flow: str, person: str | None = None, *, again: bool = False, event: Values | None = None
    ) -> str:
        """Enrol a person (a new one, if none is given), or have an event's data do it; the participant's id."""
        who = person or await self.person()
        answer = await (self.propose_by("trigger", flow, who, event) if event else self.propose(flow, who, again=again))
        assert isinstance(answer, Enrolled), answer
        return answer.participant

    async def operate(self, participant: str, operation: Operation) -> None:
        """Do something about one participant over HTTP."""
        taken(await self.api.post(f"/v1/participants/{participant}/{operation}"))

    def journey(self, flow: str, participant: str) -> WorkflowHandle[Any, Any]:
        """The journey's workflow."""
        return self.client.get_workflow_handle(journey_id(flow, participant))

    def life(self, flow: str) -> WorkflowHandle[Any, Any]:
        """The flow's workflow."""
        return self.client.get_workflow_handle(flow_id(flow))

    async def forward(self, flow: str, participant: str, time: timedelta | None = None) -> None:
        """Let time pass for one journey; without a time, to its end."""
        async with asyncio.timeout(60):
            if time is None:
                await self.env.fast_forward(self.journey(flow, participant))
            else:
                await self.env.fast_forward(self.journey(flow, participant), time)

    # --- what is shown ----------------------------------------------------------------------------------------------

    async def state(self, flow: str) -> FlowPublic:
        """The flow as it is shown."""
        return FlowPublic.model_validate(taken(await self.api.get(f"/v1/flows/{flow}")))

    async def settled(self, flow: str) -> FlowPublic:
        """The flow, once the background work of the last command is done."""
        return await eventually(lambda: self.state(flow), lambda state: not state.settling)

    async def participant(self, participant: str) -> ParticipantInFull:
        """The participant with its journal and its effects."""
        return ParticipantInFull.model_validate(taken(await self.api.get(f"/v1/participants/{participant}")))

    async def participants(self, flow: str) -> list[ParticipantPublic]:
        """Everyone who was enrolled in a flow, in the order of arrival."""
        return [ParticipantPublic.model_validate(each) for each in await self.all(f"flows/{flow}/participants")]

    async def until(self, participant: str, **wanted: Any) -> ParticipantInFull:
        """The participant, once this is said of it: something is on its way that needs no time of the journey's."""
        return await eventually(lambda: self.participant(participant), lambda shown: says(shown, wanted))

    async def lines(self, participant: str) -> list[JournalEntry]:
        """The journal."""
        return (await self.participant(participant)).journal

    async def journal(self, participant: str) -> list[tuple[str, str]]:
        """What the journal says: (step, event)."""
        return [(line.step, line.event) for line in await self.lines(participant)]

    async def effects(self, participant: str) -> list[EffectPublic]:
        """What was done in the world for a participant."""
        return (await self.participant(participant)).effects

    async def messages(self, **of: str) -> list[MessagePublic]:
        """The messages of a participant, a flow or a person."""
        return [MessagePublic(**{**each, "sender": each["from"]}) for each in await self.all("messages", **of)]

    async def all(self, path: str, **query: str) -> list[dict[str, Any]]:
        """Every item of a list, page by page."""
        items: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = taken(await self.api.get(f"/v1/{path}", params={**query, "cursor": cursor, "limit": 1000}))
            items += page["items"]
            cursor = page["next_cursor"]
        return items


class Refused(Exception):
    """The API said no: its problem."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status}: {problem}")
        self.status, self.problem = status, problem


def file_of(flow: Flow) -> str:
    """The flow as a file."""
    return flow.model_dump_json(by_alias=True, exclude_defaults=True, indent=1)


def taken(answer: httpx2.Response) -> Any:
    """What the API answered. Raises Refused."""
    if answer.is_success:
        return answer.json() if answer.content else None
    raise Refused(answer.status_code, answer.json())


def now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def mail(id: str, **settings: Any) -> dict[str, Any]:
    """A step that sends the content `mail` with its id as subject."""
    return {"id": id, "kind": "send_email", "content": "mail", "subject": id, **settings}


def wait(id: str, time: str) -> dict[str, Any]:
    """A step that waits."""
    return {"id": id, "kind": "wait", "for": time}


@asynccontextmanager
async def world(
    env: WorkflowEnvironment,
    database_url: str,
    home: Path,
    *,
    worker: bool = True,
    inbox: Inbox | None = None,
    queue: str | None = None,
    **given: Any,
) -> AsyncIterator[World]:
    """A world with content `mail`, and with a worker of its own unless told otherwise; `given` are settings."""
    inbox, queue = inbox or Inbox(), queue or f"ferd-{uuid4().hex[:8]}"
    settings = Settings(
        home=home,
        api_key=SecretStr("k" * 32),
        secret_keys=[SecretStr("s" * 32)],
        database_url=SecretStr(database_url),
        smtp_url=SecretStr(f"smtp://127.0.0.1:{inbox.port}"),
        **given,
    )
    address = env.client.service_client.config.target_host
    client = await Client.connect(address, namespace=env.client.namespace, plugins=[FerdPlugin(settings)])
    db = Database(database_url)
    inbox.start()
    try:
        suppression = Suppression(settings.signing_keys)
        given_away = choice.elsewhere(settings.crm)
        core = Core.build(db, client, task_queue=queue, suppression=suppression, elsewhere=given_away)
        engine = Engine.of(core, client, settings, UI)
        with borrowed(engine) as app:
            async with caller(app, settings.api_key.get_secret_value()) as api, caller(app) as public:
                small = World(env, client, settings, core, app, api, public, inbox, queue)
                await small.content()
                if worker:
                    async with small.worker():
                        yield small
                else:
                    yield small
    finally:
        inbox.stop()
        db.close()
