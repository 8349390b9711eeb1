"""Whether a participation is a success (STEP_18)."""

from datetime import datetime

from flows import events
from flows.calendar import Workdays, add
from flows.definition import Flow
from flows.events import EventFilter
from flows.facts import Facts, Happening
from flows.moments import zone_or


def state_meets(flow: Flow, facts: Facts) -> bool:
    """Whether one of the criterion's conditions holds now."""
    wanted = [each for each in _wanted(flow) if not isinstance(each, EventFilter)]
    return _in_time(flow, facts, facts.now) and any(events.matches(each, None, facts, flow.zone) for each in wanted)


def event_meets(flow: Flow, happening: Happening, facts: Facts) -> bool:
    """Whether this event is one that the criterion names."""
    wanted = [each for each in _wanted(flow) if isinstance(each, EventFilter)]
    return _in_time(flow, facts, happening.at) and any(
        events.matches(each, happening, facts, flow.zone) for each in wanted
    )


def _wanted(flow: Flow) -> list[events.ActionFilter]:
    return flow.success.any if flow.success is not None else []


def _in_time(flow: Flow, facts: Facts, at: datetime) -> bool:
    if flow.success is None or flow.success.within is None:
        return True
    zone = zone_or(facts.person.get("time_zone"), flow.zone)
    return at <= add(facts.enrolled_at, flow.success.within, zone, Workdays(flow.settings.calendar))
