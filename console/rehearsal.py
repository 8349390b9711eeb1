"""A flow made short enough to watch: a copy whose days are seconds, and that touches nothing of the real one."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from flows.definition import Flow
from flows.loading import dump
from flows.moments import resolve, write_moment
from flows.units import Duration

PREFIX = "demo-"
MARK = "(demo)"
"""Stands in the sender's name, so that mails of a copy are told from others."""

_DAY = 86_400
_NAMED = ("selection", "member_of", "exclude", "add_to_selection", "add_to_flow")
_SLACK = 12
"""Seconds that people get, beyond the waits, to come to a fixed date together."""


def rehearsal(flow: Flow, day: float, now: datetime) -> Flow:
    """The copy: a day takes `day` seconds, windows are gone, fixed dates come soon, nobody is let in by triggers."""
    return _Copy(flow, day, now).made()


def written(flow: Flow, of: str) -> bytes:
    """The copy as a file."""
    return f"# A demo copy of {of}: days are seconds. Made by `ferd demo`; edits are lost.\n{dump(flow)}".encode()


class _Copy:
    def __init__(self, flow: Flow, day: float, now: datetime) -> None:
        self._flow = flow
        self._day = day
        # When everyone has come this far, and the real date that the last fixed wait stood for.
        self._reached = now + timedelta(seconds=_SLACK)
        self._date: datetime | None = None

    def made(self) -> Flow:
        data = self._flow.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        data["id"] = PREFIX + self._flow.id
        data["name"] = f"Demo: {self._flow.name or self._flow.id}"
        data.pop("schedule", None)
        data.get("settings", {}).pop("pause_dates", None)
        for channel in ("email", "sms"):
            data.get(channel, {}).pop("window", None)
        for sender in ("from", "reply_to"):
            _mark(data.get("email", {}), sender)
        enrolment = data.setdefault("enrolment", {})
        enrolment["triggers"] = []
        # Whoever took part in an earlier demo may come again.
        enrolment["once"] = False
        enrolment["leave"] = [PREFIX + other for other in enrolment.get("leave", ())]
        if "within" in (data.get("success") or {}):
            data["success"]["within"] = self._short(data["success"]["within"])
        data["steps"] = [self._step(step) for step in data.get("steps", ())]
        return Flow.model_validate(_renamed(data))

    def _step(self, step: dict[str, Any]) -> dict[str, Any]:
        step.pop("only_on", None)
        match step["kind"]:
            case "wait":
                self._wait(step)
            case "wait_for_action":
                within = step.get("within", "7 days")
                step["within"] = within if within == "none" else self._short(within)
        for branch in (*step.get("branches", ()), step.get("everyone_else", {})):
            if "steps" in branch:
                branch["steps"] = [self._step(inner) for inner in branch["steps"]]
        return step

    def _wait(self, step: dict[str, Any]) -> None:
        until = step.get("until")
        if until is None:
            length = step.get("for", "2 days")
            for key in ("until_field", "offset", "until_weekday", "at", "zone", "if_past", "if_missing"):
                step.pop(key, None)
            step["for"] = self._short(length)
            return
        date = resolve(datetime.fromisoformat(until), self._flow.zone)
        gap = 0.0 if self._date is None else (date - self._date).total_seconds() / _DAY * self._day
        if self._date is not None:
            self._reached += timedelta(seconds=max(gap, 2.0))
        self._date = date
        step["until"] = write_moment(self._reached.astimezone(UTC).replace(microsecond=0))

    def _short(self, length: str) -> str:
        duration = Duration.parse(length)
        days = {"weeks": 7 * _DAY, "days": _DAY, "workdays": _DAY, "hours": 3_600, "minutes": 60, "seconds": 1}
        seconds = max(1, ceil(duration.amount * days[duration.unit] / _DAY * self._day))
        if self._date is None:
            self._reached += timedelta(seconds=seconds)
        return str(Duration(seconds, "seconds"))


def _mark(email: dict[str, Any], key: str) -> None:
    """Put the mark into the name of a sender, or of its fallback."""
    sender = email.get(key)
    if isinstance(sender, dict) and "fallback" in sender:
        _mark(sender, "fallback")
    elif isinstance(sender, dict):
        sender["name"] = f"{sender.get('name', '')} {MARK}".strip()
    elif isinstance(sender, str) and "@" in sender:
        email[key] = {"name": MARK, "address": sender}


def _renamed(node: Any) -> Any:
    """Every selection and flow that is named gets the prefix, so that the real ones stay as they are."""
    if isinstance(node, Mapping):
        return {key: _prefixed(value) if key in _NAMED else _renamed(value) for key, value in node.items()}
    return [_renamed(each) for each in node] if isinstance(node, list) else node


def _prefixed(name: Any) -> Any:
    if isinstance(name, list):
        return [_prefixed(each) for each in name]
    return PREFIX + name if isinstance(name, str) else name
