"""What an edit makes of the places of steps: which have moved, and where those go on whose step is gone."""

from functools import cache
from itertools import combinations, pairwise

from tests.model.design import ACTS, MAIN_ROW, Design


@cache
def moved(before: Design, after: Design) -> frozenset[str]:
    """The steps that stay and have changed places: the fewest that can have, and rather those at which people rest."""
    found = set(before.steps & after.steps)
    for row, steps in before.rows.items():
        now = after.rows.get(row, ())
        beside = [step for step in steps if step in now]
        kept = max(
            (some for size in range(len(beside) + 1) for some in combinations(range(len(beside)), size)
             if all(now.index(beside[i]) < now.index(beside[j]) for i, j in pairwise(some))),
            key=lambda some: (len(some), sum(beside[i] in ACTS for i in some), some),
        )  # fmt: skip
        found -= {beside[i] for i in kept}
    return frozenset(found)


def guarded(before: Design, after: Design) -> set[str]:
    """EDIT_6: where nobody may stand: waits and splits that are removed or moved, and branches that are removed."""
    rest = before.steps - ACTS - {"end"}
    found = set(rest) & (moved(before, after) | before.steps - after.steps)
    gone = before.rows.keys() if "fork" in found else before.rows.keys() - after.rows.keys()
    return found.union(*(before.rows[row] for row in gone if row != MAIN_ROW))


def instead(step: str, before: Design, after: Design, passed: list[str]) -> str:
    """EDIT_3, EDIT_5: where those go on whose step is gone: at what came in its stead, or follows it."""
    row = before.row_of(step)
    if row not in after.rows:
        return after.after("fork") if "fork" in after.steps else instead("fork", before, after, passed)
    steps, now = before.rows[row], after.rows[row]
    index = steps.index(step)
    for following in steps[index + 1 :]:
        if following in now and following not in passed:
            seat = now.index(following)
            while seat > 0 and now[seat - 1] not in before.steps:
                seat -= 1
            return now[seat]
    for earlier in reversed(steps[:index]):
        if earlier in now:
            return after.after(earlier)
    if index == 0 and now:
        return now[0]
    return "" if row == MAIN_ROW else after.after("fork")
