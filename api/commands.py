"""A flow's life: one call for each command of the table (LIFE)."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from sqlmodel import Session

from activities import commands
from activities.commands import Commanded, NotRunnable
from activities.crm.models import Incoming
from activities.lifecycle import COMMANDS, MEANING, allowed
from api.engine import Engine, EngineDep
from api.flow_files import places
from api.pending import refuse_pending
from api.resource import PathId, problems
from store.flows import FlowRow, FlowStatus, FlowVersion
from workflows.contract import Command


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
        summary=f"{command.capitalize()} a flow",
        description=MEANING[command],
        responses=problems(404, 409, 413, 415, 422),
    )
    async def give(engine: EngineDep, flow: PathId, body: CommandIn | None = None) -> CommandAnswer:
        done = await engine.dispatcher.write(lambda session: _give(engine, session, flow, command))
        return CommandAnswer(id=flow, status=done.status, under_way=done.under_way, commands=allowed(done.status))


for each in COMMANDS:
    _add(each)


@router.delete(
    "/{flow}",
    operation_id="delete_flow",
    summary="Delete a flow",
    description="Whoever is inside is cancelled; what was sent stays in the record, and the id is never used again.",
    status_code=204,
    responses=problems(404, 409, 422),
)
async def delete(engine: EngineDep, flow: PathId) -> None:
    at = engine.clock()
    await engine.dispatcher.write(lambda session: commands.delete(session, flow, at))
