"""A person's way through a flow, played through ahead of time: nothing is stored, sent or waited for."""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flows import conditions, fields, success
from flows.definition import Flow
from flows.facts import Content, Facts, Happening, Values
from flows.openings import Openings
from flows.outcome import Reason
from flows.planning import Due, Line, Outline, Rest, Stuck, course
from flows.ports import FieldChange
from flows.steps.add_to import AddTo
from flows.steps.base import Action, Leave, Message
from flows.steps.remove_from import RemoveFrom
from flows.steps.send_email import SendEmail
from flows.steps.update_person import UpdatePerson

_ADDRESSES = {"email": "email", "sms": "mobile"}
_MOST_STOPS = 10_000


@dataclass(frozen=True, slots=True)
class Played:
    """One entry of the journal as it would be."""

    at: datetime
    line: Line


@dataclass
class _Records:
    """What the person would have done and got until now."""

    events: Sequence[Happening]
    acted: datetime
    now: datetime
    used: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    mails: list[tuple[str | None, datetime]] = field(default_factory=list)

    def member_of(self, group: str) -> bool:
        return group in self.groups

    def content(self, content: str) -> Content | None:
        return None

    def associate(self, associate: str) -> Values:
        return {}

    def links(self) -> Mapping[str, str]:
        return {}

    def registered(self, html: str, text: str) -> Mapping[str, str]:
        return {}

    def happenings(
        self, types: Collection[str], since: datetime | None = None, *, unused: bool = False
    ) -> Sequence[Happening]:
        return [
            each
            for each in self.events
            if each.type in types
            and each.at <= self.now
            and (since is None or each.at >= since)
            and not (unused and each.id in self.used)
        ]

    def settling(self, types: Collection[str], until: datetime) -> datetime | None:
        return None

    def last_sent(self, link: str | None, content: str | None = None) -> datetime | None:
        # Which content carries which link is not known here: any mail may have.
        sent = [at for of, at in self.mails if content is None or of == content]
        return sent[-1] if sent else None

    def last_acted(self) -> datetime:
        return self.acted


class Simulation:
    """One person, the data that it begins with, and what it will do, by time."""

    def __init__(self, flow: Flow, data: Mapping[str, Values], events: Sequence[Happening], start: datetime) -> None:
        self._outline = Outline(flow)
        self._data: dict[str, dict[str, Any]] = {root: dict(data.get(root, {})) for root in ("person", "company")}
        self._records = _Records(sorted(events, key=lambda each: each.at), start, start)
        self._now = self._since = start
        self._facts = Facts(
            now=start, since=start, participant="simulated", enrolled_at=start, person={}, company={}, owner={},
            service_owner={}, records=self._records,
        )  # fmt: skip
        self._succeeded = False

    def play(self) -> Iterator[Played]:
        """Everything that would be written down, until the person leaves or waits without an end."""
        entry = self._outline.flow.enrolment.filter
        if entry is not None and not conditions.holds(entry, self._known(), self._outline.flow.zone):
            yield self._tell("", "", "refused", conditions.because(entry, self._known(), self._outline.flow.zone))
            return
        yield self._tell("", "", "enrolled", "enrolled")
        at, arriving = self._outline.first, True
        for _ in range(_MOST_STOPS):
            if self._meets():
                met = "the success criterion is met"
                if self._straight:
                    yield self._out(Leave(Reason.SUCCESS, met, on_success=self._outline.on_success), "")
                    return
                yield self._tell("", "", "success", met)
            walk = course(self._outline, at, self._known, arriving=arriving)
            self._used(walk.used)
            yield from (Played(self._now, line) for line in walk.lines)
            match walk.stop:
                case Leave() as leave:
                    yield self._out(leave, walk.at)
                    return
                case Stuck(step=step, text=text):
                    yield self._tell(step.id, step.kind, "failed", text)
                    return
                case Rest() as rest:
                    at, arriving, self._since = rest.step.id, False, rest.since
                    if (going := self._next(rest)) is None:
                        yield self._tell(at, rest.step.kind, "waiting", "waits without an end")
                        return
                    self._go(going)
                case Due(step=Action() as step):
                    gone = yield from self._act(step)
                    if gone is not None:
                        yield self._out(gone, step.id)
                        return
                    at, arriving = self._outline.after(step.id), True

    def _act(self, step: Action) -> Generator[Played, None, Leave | None]:
        openings = Openings(self._outline.flow, step, self._data["person"])
        if openings.skips(self._now):
            yield self._tell(step.id, step.kind, "skipped", "outside the sending window")
            return None
        if (opens := openings.first(self._now)) > self._now:
            yield self._tell(step.id, step.kind, "waiting", "until the sending window or weekday, or past a pause date")
            self._go(opens)
        if isinstance(step, Message) and not self._data["person"].get(_ADDRESSES[step.channel]):
            move = step.without_address()
            if isinstance(move, Leave):
                return move
            yield self._tell(step.id, step.kind, "skipped", move.text)
            return None
        yield self._tell(step.id, step.kind, "done", step.summary())
        self._records.acted = self._now
        match step:
            case SendEmail():
                self._records.mails.append((step.content, self._now))
            case UpdatePerson():
                for change in step.changes():
                    self._change(change)
            case AddTo():
                self._records.groups.update(step.selection, step.project)
            case RemoveFrom():
                self._records.groups.difference_update(step.selection, step.project)
        return None

    def _next(self, rest: Rest) -> datetime | None:
        """When something happens to who rests: the rest is over, or the person does something."""
        coming = [each.at for each in self._records.events if each.at > self._now]
        moments = [at for at in (rest.until, *coming[:1]) if at is not None]
        return min(moments, default=None)

    def _go(self, to: datetime) -> None:
        self._now = self._records.now = to

    def _known(self) -> Facts:
        person, company = self._data["person"], self._data["company"]
        return replace(self._facts, now=self._now, since=self._since, person=person, company=company)

    def _used(self, used: Sequence[tuple[str, Happening]]) -> None:
        for _, event in used:
            self._records.used.add(event.id)
            self._facts = replace(self._facts, event=event.data)

    def _meets(self) -> bool:
        """Whether the success criterion is met for the first time."""
        if self._succeeded:
            return False
        flow, known = self._outline.flow, self._known()
        happened = [each for each in self._records.events if known.enrolled_at <= each.at <= self._now]
        self._succeeded = success.state_meets(flow, known) or any(
            success.event_meets(flow, each, known) for each in happened
        )
        return self._succeeded

    @property
    def _straight(self) -> bool:
        criterion = self._outline.flow.success
        return criterion is not None and criterion.then == "finish"

    def _change(self, change: FieldChange) -> None:
        """What update_person does to a field (STEP_3)."""
        *way, name = change.field.split(".")
        holder: dict[str, Any] = self._data
        for part in way:
            holder = holder.setdefault(part, {})
        was = holder.get(name)
        entries = change.value if isinstance(change.value, list) else [change.value]
        match change.change:
            case "set":
                holder[name] = change.value
            case "clear":
                holder.pop(name, None)
            case "add":
                holder[name] = [*(was or []), *(each for each in entries if each not in (was or []))]
            case "remove":
                holder[name] = [each for each in was or [] if each not in entries]
            case "increase" | "decrease":
                by = float(str(change.value))
                holder[name] = (was or 0) + (by if change.change == "increase" else -by)
            case "copy":
                holder[name] = fields.value(self._data, str(change.value))

    def _tell(self, step: str, kind: str, event: str, text: str) -> Played:
        return Played(self._now, Line(step, kind, event, text))

    def _out(self, leave: Leave, step: str) -> Played:
        reason = Reason.SUCCESS if self._succeeded and leave.reason is Reason.COMPLETED else leave.reason
        then = leave.on_success if reason is Reason.SUCCESS else leave.hand_over
        flow = f", then proposed to flow {then.add_to_flow}" if then and then.add_to_flow else ""
        selection = f", then added to selection {then.add_to_selection}" if then and then.add_to_selection else ""
        return self._tell(step, "", "left", f"{reason.status.value.replace('_', ' ')}: {leave.text}{flow}{selection}")
