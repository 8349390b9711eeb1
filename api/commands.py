"""A flow's life: one call for each command of the table (LIFE)."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from sqlmodel import Session

from activities import commands
from activities.commands import Commanded, NotRunnable, allowed
from activities.crm.models import Incoming
from api.engine import Engine, EngineDep
from api.flow_files import places
from api.pending import refuse_pending
from api.resource import PathId, problems
from store.flows import FlowRow, FlowStatus, FlowVersion
from workflows.contract import Command

COMMANDS: list[Command] = list(dict.fromkeys(command for row in commands.TRANSITIONS.values() for command in row))
"""Every command that the table knows."""

_SUMMARIES: dict[Command, str] = {
    "run": "Start a flow, or go on after a pause",
    "pause": "Hold every participant where it stands",
    "resume": "Let everyone go on",
    "off": "Let nobody new in, and skip every action",
    "close": "Let nobody new in; those inside go on",
    "end": "End a flow: everyone inside is cancelled",
    "stop": "Stop everyone where they are, for good",
}


class CommandIn(Incoming):
    """A command has no options yet."""


class CommandAnswer(BaseModel):
    """A command has taken effect."""

    id: str
    status: FlowStatus = Field(title="Status")
    under_way: int = Field(title="Under way", description="Effects that have begun and are not settled yet.")
    commands: list[Command] = Field(title="Commands", description="Allowed now.")


router = APIRouter(prefix="/flows", tags=["flows"], dependencies=[Depends(refuse_pending)])


def _give(engine: Engine, session: Session, flow: str, command: Command) -> Commanded:
    catalog = engine.crm.catalog(session)
    try:
        return commands.command(session, engine.core.definitions, catalog, flow, command, engine.clock())
    except NotRunnable as error:
        row = session.get_one(FlowVersion, (flow, session.get_one(FlowRow, flow).version))
        source = places(row.source)
        raise NotRunnable(flow, [source.placed(problem) for problem in error.problems]) from None


def _add(command: Command) -> None:
    @router.post(
        f"/{{flow}}/{command}",
        operation_id=f"{command}_flow",
        summary=_SUMMARIES[command],
        responses=problems(404, 409, 413, 415, 422),
    )
    async def give(engine: EngineDep, flow: PathId, body: CommandIn | None = None) -> CommandAnswer:
        done = await engine.dispatcher.write(lambda session: _give(engine, session, flow, command))
        return CommandAnswer(id=flow, status=done.status, under_way=done.under_way, commands=allowed(done.status))


for each in COMMANDS:
    _add(each)
