"""Whether somebody still has something to do in a flow, whatever their journey (PART_1, TRIG_5, TRIG_14)."""

from dataclasses import replace

from sqlalchemy import select
from sqlmodel import Session, col

from flows.conditions import holds
from flows.definition import Flow
from flows.facts import Facts
from flows.outcome import Reason
from flows.steps.base import Leave
from store.journeys import EventRow, EventUse


def unfit(session: Session, flow: Flow, participant: str, facts: Facts) -> Leave | None:
    """Why this person has nothing to do in this flow any more; None: they may go on."""
    enrolment = flow.enrolment
    if facts.person.get("former_employee"):
        return Leave(Reason.FORMER_EMPLOYEE, "the person has left the company")
    if enrolment.exclude is not None and facts.records.member_of(enrolment.exclude):
        return Leave(Reason.EXCLUDED, f"on the exclusion list {enrolment.exclude}")
    if not facts.person or facts.person.get("deleted"):
        return Leave(Reason.PERSON_DELETED, "the person was deleted")
    if enrolment.stay_while_filter_holds and not _passes_filter(session, flow, participant, facts):
        return Leave(Reason.FILTER, "the filter no longer holds")
    return None


def _passes_filter(session: Session, flow: Flow, participant: str, facts: Facts) -> bool:
    if flow.enrolment.filter is None:
        return True
    # A wait may have met another event since: the filter is about the one that led in.
    led_in = (
        select(col(EventRow.data))
        .join(EventUse, col(EventUse.event) == col(EventRow.id))
        .where(col(EventUse.participant) == participant, col(EventUse.step) == "")
    )
    came_with = session.scalar(led_in)
    if came_with is not None:
        facts = replace(facts, event=came_with)
    return holds(flow.enrolment.filter, facts, flow.zone)
