"""What flows and participants refuse, as problems: with how things stand and what is possible now."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response

from activities.definitions import UnknownFlow
from activities.desk.attention import UnknownEffect
from activities.desk.participants import OperationRefused
from activities.editing.copies import StillInside
from activities.editing.effects import StepsOccupied
from activities.editing.versions import EditRefused, FlowExists, StaleEdit
from activities.journeys.standing import UnknownParticipant
from activities.life.commands import CommandRefused, NotRunnable
from activities.life.lifecycle import TABLE, allowed
from activities.life.scheduled_brakes import UnknownBrake
from activities.life.schedules import TooLate, UnknownSchedule
from api.errors import ApiProblem, NotAllowed, NotFound, PreconditionFailed, ProblemDetail, Unprocessable, answer
from flows.problems import Problem

_TOLD = ("what", "remedy", "line", "column", "step", "severity")


def details(found: Iterable[Problem]) -> list[ProblemDetail]:
    """Problems of a flow, each with its place in the file and the step it belongs to."""
    return [
        ProblemDetail.model_validate({"pointer": problem.pointer} | {name: getattr(problem, name) for name in _TOLD})
        for problem in found
    ]


def _flow_exists(error: FlowExists) -> ApiProblem:
    remedy = f"Give the flow another id, or change it with PUT /v1/flows/{error.flow}. Ids are never used again."
    return NotAllowed(f"There is, or was, a flow {error.flow}.", remedy)


def _edit_refused(error: EditRefused) -> ApiProblem:
    now = ", ".join(allowed(error.status))
    editable = ", ".join(sorted(status.value for status, row in TABLE.items() if row.edit == "yes"))
    running = TABLE[error.status].edit == "if allowed"
    remedy = f"It can be edited while it is one of: {editable}. Commands allowed now: {now or 'none'}."
    return NotAllowed(
        f"The flow {error.flow} is {error.status.value} and cannot be edited now.",
        f"{remedy} To edit it while it runs, save settings.edit_while_running: true first." if running else remedy,
        flow_status=error.status.value,
        allowed=allowed(error.status),
    )


def _occupied(error: StepsOccupied) -> ApiProblem:
    remedy = (
        "Let them go on, or cancel them; or save settings.guard_occupied_steps: false first: then they are moved on. "
        "A dry run of the edit says where."
    )
    return NotAllowed(
        f"People stand where the edit of {error.flow} removes or moves something.",
        remedy,
        problems=[
            ProblemDetail.model_validate(
                {
                    "pointer": "/steps",
                    "step": effect.step,
                    "standing": effect.refused,
                    "what": effect.why,
                    "remedy": remedy,
                }
            )
            for effect in error.refused
        ],
    )


def _stale(error: StaleEdit) -> ApiProblem:
    return PreconditionFailed(
        f"The flow {error.flow} is at version {error.version}; the edit was made from another.",
        "Read it again, put your change into that version, and send it with its ETag.",
        version=error.version,
    )


def _command_refused(error: CommandRefused) -> ApiProblem:
    now = ", ".join(error.allowed)
    remedy = (
        f"Commands allowed now: {now}."
        if now
        else "No command is allowed any more; duplicate it, or make a new version of it."
    )
    if error.command == "delete":
        first = " or ".join(error.first)
        remedy = f"First {first} it, then delete it." if first else f"It stays in the record; archive it. {remedy}"
    return NotAllowed(
        f"The flow {error.flow} is {error.status.value}: {error.command} is not allowed.",
        remedy,
        flow_status=error.status.value,
        allowed=error.allowed,
    )


def _still_inside(error: StillInside) -> ApiProblem:
    return NotAllowed(
        f"People are inside the flow {error.flow}: it cannot be archived now.",
        "Close it and wait until they have left, or end it.",
        flow_status=error.status.value,
        allowed=allowed(error.status),
    )


def _too_late(error: TooLate) -> ApiProblem:
    what, remedy = f"{error}.", "Give a moment that is still to come, or leave it out to have it at once."
    wrong = ProblemDetail(pointer="/at", what=what, remedy=remedy)
    return Unprocessable("at is past; nothing was changed.", remedy, problems=[wrong])


def _unknown_schedule(error: UnknownSchedule) -> ApiProblem:
    return NotFound(
        f"The flow {error.flow} has no scheduled command {error.id}.",
        f"GET /v1/flows/{error.flow}/scheduled lists them.",
    )


def _unknown_brake(error: UnknownBrake) -> ApiProblem:
    return NotFound(f"No pause or resume {error} of all flows waits for its time.", "GET /v1/brakes lists them.")


def _not_runnable(error: NotRunnable) -> ApiProblem:
    return Unprocessable(
        f"The flow {error.flow} cannot run: problems are left in it.",
        "Mend every problem of severity error, save, and run it again.",
        problems=details(error.problems),
    )


def _operation_refused(error: OperationRefused) -> ApiProblem:
    return NotAllowed(error.what, error.remedy, participant=error.participant, allowed=error.possible)


def _unknown_flow(error: UnknownFlow) -> ApiProblem:
    return NotFound(f"There is no flow {error.flow}.", "Check the id; GET /v1/flows lists them.")


def _unknown_participant(error: UnknownParticipant) -> ApiProblem:
    return NotFound(f"There is no participant {error}.", "Check the id; GET /v1/flows/{id}/participants lists them.")


def _unknown_effect(error: UnknownEffect) -> ApiProblem:
    return NotFound(f"There is no effect {error.key} that is to be decided about.", "GET /v1/attention lists them.")


_PROBLEMS: Mapping[type[Exception], Callable[[Any], ApiProblem]] = {
    FlowExists: _flow_exists,
    EditRefused: _edit_refused,
    StaleEdit: _stale,
    StepsOccupied: _occupied,
    CommandRefused: _command_refused,
    NotRunnable: _not_runnable,
    StillInside: _still_inside,
    TooLate: _too_late,
    UnknownSchedule: _unknown_schedule,
    UnknownBrake: _unknown_brake,
    OperationRefused: _operation_refused,
    UnknownFlow: _unknown_flow,
    UnknownParticipant: _unknown_participant,
    UnknownEffect: _unknown_effect,
}


def install(app: FastAPI) -> None:
    """Have the application answer these errors as problems."""

    def respond(_: Request, error: Exception) -> Response:
        return answer(_PROBLEMS[type(error)](error).problem)

    for kind in _PROBLEMS:
        app.add_exception_handler(kind, respond)
