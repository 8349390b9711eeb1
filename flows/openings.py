"""When an action may act: its weekdays, the flow's pause dates, and the sending window (STEP_19, LIFE_13)."""

from datetime import datetime

from flows.calendar import Workdays, only_on
from flows.definition import Flow
from flows.facts import Values
from flows.moments import zone_or
from flows.steps.base import Action, Message


class Openings:
    """The moments at which a step of a flow may act for a person."""

    def __init__(self, flow: Flow, step: Action, person: Values) -> None:
        self._zone = flow.zone
        self._weekdays = step.only_on
        self._pause_dates = flow.settings.pause_dates
        self._workdays = Workdays(flow.settings.calendar)
        self._window = step.window(flow) if isinstance(step, Message) else None
        of_person = self._window is not None and self._window.zone == "person"
        self._window_zone = zone_or(person.get("time_zone"), flow.zone) if of_person else flow.zone

    def first(self, at: datetime) -> datetime:
        """`at`, or the first moment after it at which the step may act."""
        for _ in range(10):  # each limit may push the moment out of another
            before = at
            if self._weekdays:
                at = only_on(at, self._weekdays, self._zone)
            if self._pause_dates is not None:
                at = self._pause_dates.permitted(at, self._zone)
            at = self._in_window(at)
            if at == before:
                break
        return at

    def skips(self, now: datetime) -> bool:
        """Whether a message that comes outside the window is left out rather than kept waiting."""
        return self._window is not None and self._window.outside == "skip" and self._in_window(now) > now

    def _in_window(self, at: datetime) -> datetime:
        return at if self._window is None else self._window.opens(at, self._window_zone, self._workdays)
