"""What lies between two versions of a flow: which steps stay, what takes the place of the others, who is concerned.

A step's identity is its id; one whose kind changes is another (EDIT_3, EDIT_5). Pure: two outlines in, answers out.
"""

from collections.abc import Collection, Sequence
from functools import cached_property

from flows.planning import Outline, Row
from flows.steps.base import BaseStep


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
                moved -= _in_order([step for step in stay if self.after.seat[step.id][0] == there], self.after)
        return frozenset(moved)

    def replans(self, step: str) -> bool:
        """Whether who stands at the step has to be planned afresh: it is removed or moved, or its timing changed."""
        if not self.stays(step):
            return True
        old, new = self.before.step[step], self.after.step[step]
        return step in self.moved or old.timing(self.before.flow) != new.timing(self.after.flow)


def _in_order(steps: Sequence[BaseStep], after: Outline) -> set[str]:
    """The most steps whose order is the same in the later version; if it can be either, rather one that acts."""
    best: list[tuple[int, int, tuple[str, ...]]] = []
    for number, step in enumerate(steps):
        seat = after.seat[step.id][1]
        before = [best[earlier] for earlier in range(number) if after.seat[steps[earlier].id][1] < seat]
        length, acting, kept = max(before, default=(0, 0, ()))
        best.append((length + 1, acting + step.acts, (*kept, step.id)))
    return set(max(best, default=(0, 0, ()))[2])
