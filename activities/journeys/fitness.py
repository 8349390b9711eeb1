"""Whether somebody still has something to do in a flow, whatever their journey (PART_1, TRIG_5, TRIG_14)."""

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import col

from flows.conditions import holds
from flows.outcome import Reason
from flows.steps.base import Leave
from store.journeys import EventRow, EventUse

if TYPE_CHECKING:
    from activities.journeys.standing import Standing


def unfit(here: "Standing") -> Leave | None:
    """Why this person has nothing to do in this flow any more; None: they may go on."""
    facts, enrolment = here.facts(), here.outline.flow.enrolment
    if facts.person.get("former_employee"):
        return Leave(Reason.FORMER_EMPLOYEE, "the person has left the company")
    if enrolment.exclude is not None and facts.records.member_of(enrolment.exclude):
        return Leave(Reason.EXCLUDED, f"on the exclusion list {enrolment.exclude}")
    if not facts.person or facts.person.get("deleted"):
        return Leave(Reason.PERSON_DELETED, "the person was deleted")
    if enrolment.stay_while_filter_holds and not _passes_filter(here):
        return Leave(Reason.FILTER, "the filter no longer holds")
    return None


def _passes_filter(here: "Standing") -> bool:
    flow, facts = here.outline.flow, here.facts()
    if flow.enrolment.filter is None:
        return True
    # A wait may have met another event since: the filter is about the one that led in.
    led_in = (
        select(col(EventRow.data))
        .join(EventUse, col(EventUse.event) == col(EventRow.id))
        .where(col(EventUse.participant) == here.row.id, col(EventUse.step) == "")
    )
    came_with = here.session.scalar(led_in)
    if came_with is not None:
        facts = replace(facts, event=came_with, form=came_with.get("fields") or {})
    return holds(flow.enrolment.filter, facts, flow.zone)
