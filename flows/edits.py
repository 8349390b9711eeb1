"""What lies between two versions of a flow: which steps stay, what takes the place of the others, who is concerned.

A step's identity is its id; one whose kind changes is another (EDIT_3, EDIT_5). Pure: two outlines in, answers out.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from flows.planning import Outline, Row
from flows.steps.base import BaseStep

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that the guard keeps where it is while anybody stands at one of the steps `where` (EDIT_6)."""

    step: str
    what: str
    where: frozenset[str]


class Edit:
    """The step from one version of a flow to a later one."""

    def __init__(self, before: Outline, after: Outline) -> None:
        self.before = before
        self.after = after

    def stays(self, step: str) -> bool:
        """Whether the step is in both versions."""
        old, new = self.before.step.get(step), self.after.step.get(step)
        return old is not None and new is not None and old.kind == new.kind

    def place(self, step: str, passed: Collection[str] = ()) -> str | None:
        """Where someone who stands at a step goes on: there, or where the removed step stood (None: the end).

        That is the next of its old neighbours that stays and is not passed, or what is new right before it: whatever
        was put in the removed step's stead is done. Where none stays behind it, what follows the last one before it;
        on a removed branch, what is below the split.
        """
        if self.stays(step):
            return step
        row, index = self.before.seat[step]
        there = self.row(row)
        if there is None:
            assert row.owner is not None
            return self.after.after(row.owner) if self.stays(row.owner) else self.place(row.owner, passed)
        neighbours, now = self.before.steps(row), self.after.steps(there)
        for following in neighbours[index + 1 :]:
            seat = self._seat_in(there, following.id)
            if seat is not None and following.id not in passed:
                while seat > 0 and not self.stays(now[seat - 1].id):
                    seat -= 1
                return now[seat].id
        for earlier in reversed(neighbours[:index]):
            if self._seat_in(there, earlier.id) is not None:
                return self.after.after(earlier.id)
        if index == 0 and now:
            return now[0].id
        return None if there.owner is None else self.after.after(there.owner)

    def row(self, row: Row) -> Row | None:
        """The same sequence in the later version; None: its branch, or the step that it belongs to, is gone."""
        if row.owner is None:
            return row
        if not self.stays(row.owner):
            return None
        old, new = self.before.step[row.owner], self.after.step[row.owner]
        names = new.inner_names()
        if old.inner_names()[row.branch] in names:
            return Row(row.owner, names.index(old.inner_names()[row.branch]))
        # A branch that only got another name still holds steps that it held.
        held = {step.id for step in self.before.steps(row)}
        for branch, (name, steps) in enumerate(zip(names, new.inner(), strict=True)):
            if name not in old.inner_names() and not held.isdisjoint(step.id for step in steps):
                return Row(row.owner, branch)
        return None

    def _seat_in(self, there: Row, step: str) -> int | None:
        """Where in a sequence of the later version a step that stays is found, itself or inside of new steps there."""
        if not self.stays(step):
            return None
        row, seat = self.after.seat[step]
        while row != there:
            if row.owner is None or self.stays(row.owner):
                return None
            row, seat = self.after.seat[row.owner]
        return seat

    @cached_property
    def moved(self) -> frozenset[str]:
        """The steps that stay and have another place: in another sequence, or in another order than their neighbours.

        Of steps that changed places the fewest have moved; of two, the one at which people rest.
        """
        moved = {step for step in self.before.step if self.stays(step)}
        for row in {row for row, _ in self.before.seat.values()}:
            there = self.row(row)
            stay = [step for step in self.before.steps(row) if self.stays(step.id)]
            if there is not None:
                beside = [step for step in stay if self.after.seat[step.id][0] == there]
                kept = _in_order(beside, lambda step: self.after.seat[step.id][1], lambda step: step.acts)
                moved.difference_update(step.id for step in kept)
        return frozenset(moved)

    def replans(self, step: str) -> bool:
        """Whether who stands at the step has to be planned afresh: it is removed or moved, or its timing changed."""
        if not self.stays(step):
            return True
        old, new = self.before.step[step], self.after.step[step]
        return step in self.moved or old.timing(self.before.flow) != new.timing(self.after.flow)

    def guarded(self) -> Iterator[Kept]:
        """What the edit removes or moves and the guard keeps: waits, splits, branches (EDIT_6)."""
        for id, step in self.before.step.items():
            if step.acts:
                continue
            where = self.before.inside(id) | {id}
            if not self.stays(id):
                changed = id in self.after.step
                yield Kept(id, f"{step.kind} {id} cannot {'become another kind' if changed else 'be removed'}", where)
            else:
                if id in self.moved:
                    yield Kept(id, f"{step.kind} {id} cannot be moved", where)
                yield from self._branches(id)

    def _branches(self, step: str) -> Iterator[Kept]:
        names = self.before.step[step].inner_names()
        now = {branch: self.row(Row(step, branch)) for branch in range(len(names))}
        there = {branch: row.branch for branch, row in now.items() if row is not None}
        kept = _in_order(list(there), lambda branch: there[branch], lambda branch: True)
        for branch, name in enumerate(names):
            if branch not in kept:
                what = f"branch {name} of {step} cannot be {'moved' if branch in there else 'removed'}"
                yield Kept(step, what, self.before.within(Row(step, branch)))


def own_settings(step: BaseStep) -> dict[str, Any]:
    """What a step says, as in a flow file with every default, without the steps on its branches."""
    data: dict[str, Any] = step.model_dump(mode="json", by_alias=True)
    for *where, last in step.inner_places():
        here: Any = data
        for part in where:
            here = here[part]
        del here[last]
    return data


def _in_order(things: Sequence[T], seat: Callable[[T], int], rather: Callable[[T], bool]) -> list[T]:
    """The most things whose later seats are in order; of as many, those with more that one would `rather` keep."""
    best: list[tuple[int, int, list[int]]] = []
    for number, thing in enumerate(things):
        before = [best[earlier] for earlier in range(number) if seat(things[earlier]) < seat(thing)]
        length, wanted, kept = max(before, default=(0, 0, []))
        best.append((length + 1, wanted + rather(thing), [*kept, number]))
    return [things[number] for number in max(best, default=(0, 0, []))[2]]
