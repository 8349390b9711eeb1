"""Journeys of the past still run: every recorded history replays with today's workflow code."""

import asyncio
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from tests.support.histories import recorded
from workflows.contract import Done, JourneyInput
from workflows.flow import FlowWorkflow
from workflows.journey import JourneyWorkflow
from workflows.recurrence import RecurrenceWorkflow
from workflows.repeat import RepeatWorkflow

WORKFLOWS = [JourneyWorkflow, FlowWorkflow, RepeatWorkflow, RecurrenceWorkflow]
PATHS = {
    "welcome", "reference", "paused-by-signal", "cancelled-by-signal", "cancelled-in-temporal", "action-signalled",
    "early-signal", "flow-paused", "flow-life", "retried", "away-for-hours", "failing", "continued-as-new",
    "local", "local-lost", "repeated", "repeat-unanswered", "recurrence",
}  # fmt: skip


def history_of(path: Path) -> WorkflowHistory:
    """The history in a file."""
    return WorkflowHistory.from_json(path.stem, path.read_text())


def test_every_path_is_recorded() -> None:
    assert {path.stem for path in recorded()} >= PATHS


@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
async def test_a_recorded_history_replays(path: Path) -> None:
    replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter)
    await replayer.replay_workflow(history_of(path))


@workflow.defn(name="Journey", sandboxed=False)
class Hesitant(JourneyWorkflow):
    """A journey that rests a second before it begins: the kind of change that breaks journeys under way."""

    @workflow.init
    def __init__(self, journey: JourneyInput) -> None:
        super().__init__(journey)

    @workflow.run
    async def run(self, journey: JourneyInput) -> Done:
        await asyncio.sleep(1)
        return await super().run(journey)


async def test_the_test_fails_when_workflow_code_breaks_its_past() -> None:
    (path,) = [path for path in recorded() if path.stem == "reference"]
    with pytest.raises(NondeterminismError):
        await Replayer(workflows=[Hesitant], data_converter=pydantic_data_converter).replay_workflow(history_of(path))
