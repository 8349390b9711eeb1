"""Saving flows: every save is a new version; what `check` passes can be run."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from sqlmodel import Session

from activities.definitions import Definitions, UnknownFlow
from activities.editing import versions
from activities.life.commands import command
from flows.checks import problems
from flows.definition import Flow
from flows.loading import dump, read
from store.database import Database
from store.flows import FlowRow, FlowStatus
from tests.flows.steps.arrival import flow_with
from tests.flows.strategies import CATALOG, flows

NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Undone(Exception):
    """Ends a transaction without keeping it."""


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flow=flows())
def test_LIFE_2_any_flow_that_check_passes_can_be_run(database_url: str, flow: Flow) -> None:
    """As it comes back from its own file, through the store."""
    loaded = read(dump(flow))
    assert loaded.flow == flow
    assert not [problem for problem in problems(flow, CATALOG) if problem.severity == "error"]
    definitions = Definitions()

    def save_and_run(session: Session) -> None:
        versions.create(session, flow, dump(flow), NOW)
        session.flush()
        assert command(session, definitions, CATALOG, flow.id, "run", NOW).status is FlowStatus.RUNNING
        assert definitions.outline(session, flow.id, 1).flow == flow
        raise Undone

    db = Database(database_url)
    try:
        with pytest.raises(Undone):
            db.transact(save_and_run)
    finally:
        db.close()


def test_EDIT_1_every_save_is_a_new_version_and_a_stale_one_is_refused(database_url: str) -> None:
    db, definitions = Database(database_url), Definitions()
    flow = flow_with({"id": "a", "kind": "wait", "for": "1 day"})
    longer = flow_with({"id": "a", "kind": "wait", "for": "2 days"})

    def edit(flow: Flow, source: str, expected: int | None = None) -> None:
        db.transact(
            lambda session: (
                versions.replace(session, definitions, CATALOG, flow, source, NOW, expected=expected) and None
            )
        )

    db.transact(lambda session: versions.create(session, flow, "one", NOW) and None)
    edit(longer, "two", expected=1)
    with pytest.raises(versions.StaleEdit):
        edit(flow, "three", expected=1)
    with pytest.raises(versions.FlowExists):
        db.transact(lambda session: versions.create(session, flow, "four", NOW) and None)
    with pytest.raises(UnknownFlow):
        edit(flow.model_copy(update={"id": "x"}), "")
    assert db.look(lambda session: session.get_one(FlowRow, "f").version) == 2
    definitions = Definitions()
    assert db.look(lambda session: definitions.outline(session, "f", 1).flow) == flow
    assert db.look(lambda session: definitions.outline(session, "f", 2).flow) == longer
    db.close()
