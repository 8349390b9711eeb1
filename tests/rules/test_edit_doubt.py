"""A step whose effect is in doubt is removed, and put back further on: the one case in which only the ledger knows."""

import asyncio
from contextlib import closing
from datetime import timedelta

from sqlmodel import Session, select

from activities.editing import versions
from activities.enrolling.enrolment import Enrolled
from activities.enrolling.events import Event
from activities.journeys.steps import Begun
from activities.life import commands
from store.journeys import EffectRow, EffectStatus, ParticipantRow
from tests.model.design import Design, flow
from tests.model.driver import Driver, WalkDatabase
from workflows.contract import Plan, Wait

FLOW = "doubt"


def edits(driver: Driver, *steps: str) -> None:
    """A minute later the flow has these steps."""
    core, design = driver.core, Design(steps, ways=(), listens=None)
    driver.now += timedelta(minutes=1)

    def work(session: Session) -> None:
        catalog = core.crm.catalog(session)
        versions.replace(session, core.definitions, catalog, flow(FLOW, design), "", driver.now)

    driver.write(work)


def test_SAFE_1_a_message_in_doubt_is_not_sent_where_its_step_is_put_back(database_url: str) -> None:
    """SAFE_2, EDIT_3, EDIT_5: its worker died while it sent; the step was removed, and never counted as done."""
    with closing(WalkDatabase(database_url)) as db, asyncio.Runner() as runner:
        driver = Driver(db, runner.get_loop())
        core, first = driver.core, Design(("sms", "listen", "c"), ways=(), listens=None)
        driver.people({"anna": None})
        driver.flows.append(FLOW)
        driver.write(lambda session: versions.create(session, flow(FLOW, first), "", driver.now) and None)
        driver.write(
            lambda session: (
                commands.command(session, core.definitions, core.crm.catalog(session), FLOW, "run", driver.now) and None
            )
        )
        enrolled = driver.propose(FLOW, "anna", again=False)
        assert isinstance(enrolled, Enrolled)

        def attempt(session: Session) -> Plan | Begun:
            return core.steps.enter(session, enrolled.participant, 1, "send_sms", driver.now)

        assert isinstance(driver.write(attempt), Begun)  # and its worker dies
        edits(driver, "listen", "c")
        assert isinstance(driver.write(attempt), Wait)  # Temporal's next attempt
        driver.settle()
        edits(driver, "listen", "sms", "c")
        driver.settle()
        driver.now += timedelta(minutes=1)
        driver.happens(Event("order.paid", driver.now, "anna", source="shop", id="paid"))
        driver.settle()
        effect = driver.look(lambda session: session.scalars(select(EffectRow)).first())
        row = driver.look(lambda session: session.scalars(select(ParticipantRow)).one())
        assert effect is not None
        assert (effect.step, effect.status) == ("sms", EffectStatus.UNKNOWN)
        assert not row.status.inside
        assert driver.sent == []
