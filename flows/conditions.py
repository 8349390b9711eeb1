"""Conditions: filters, branches of a split, success criteria. They are data and are never evaluated as code.

{field: company.employees, op: ">", value: 200}      a field compared (see `flows.comparisons`)
{member_of: newcomers}                               in a selection or project
{all: […]}   {any: […]}   {not: …}                   groups, nested at will
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from textwrap import shorten
from typing import Annotated, Literal, NamedTuple

from pydantic import Discriminator, Field, Tag

from flows import comparisons
from flows.catalog import Kind
from flows.comparisons import Comparison
from flows.facts import Facts, Records
from flows.model import Id, Strict
from flows.problems import Place, Problem


class Membership(Strict):
    """Being in a selection or project."""

    member_of: Id = Field(title="Member of", description="The person is in this selection or project.")


class MembershipComparison(Strict):
    """Being in a selection or project, written like a comparison."""

    field: Literal["person", "person.id"] | None = Field(
        default=None, title="Field", description="May be left out: it is always the person."
    )
    op: Literal["member_of"] = Field(title="Operator", description="Is in the selection or project.")
    value: Id = Field(title="Value", description="The selection or project.")

    @property
    def member_of(self) -> str:
        return self.value


class All(Strict):
    """Every one of several conditions."""

    all: tuple["Condition", ...] = Field(title="All", description="Holds if each of these conditions does.")


class Some(Strict):
    """At least one of several conditions."""

    any: tuple["Condition", ...] = Field(title="Any", description="Holds if one of these conditions does.")


class Not(Strict):
    """The opposite of a condition."""

    not_: "Condition" = Field(alias="not", title="Not", description="Holds if this condition does not.")


_TAGS: Mapping[type[Strict], str] = {
    Comparison: "<comparison>",
    Membership: "<member_of>",
    MembershipComparison: "<membership>",
    All: "<all>",
    Some: "<any>",
    Not: "<not>",
}


def condition_tag(given: object) -> str | None:
    """Which form of condition this is: the tags in angle brackets that pydantic puts into an error's place."""
    if isinstance(given, Strict):
        return _TAGS.get(type(given))
    if not isinstance(given, Mapping):
        return None
    for key in ("all", "any", "not", "member_of"):
        if key in given:
            return f"<{key}>"
    if given.get("op") == "member_of":
        return "<membership>"
    return "<comparison>" if "field" in given or "op" in given else None


Condition = Annotated[
    Annotated[Comparison, Tag("<comparison>")]
    | Annotated[Membership, Tag("<member_of>")]
    | Annotated[MembershipComparison, Tag("<membership>")]
    | Annotated[All, Tag("<all>")]
    | Annotated[Some, Tag("<any>")]
    | Annotated[Not, Tag("<not>")],
    Discriminator(
        condition_tag,
        custom_error_type="condition",
        custom_error_message="a condition has field and op, or one of all, any, not, member_of",
    ),
]
"""A condition, nested at will. pydantic's error places carry tags such as `<all>` that are no part of the file."""

for _model in (All, Some, Not):
    _model.model_rebuild()


class Reference(NamedTuple):
    """A name that has to exist as one of these kinds, and where it stands, relative to what was asked."""

    kinds: tuple[Kind, ...]
    name: str
    where: Place


@dataclass(frozen=True, slots=True)
class _Sight:
    """What conditions look at: the fields, the memberships, and the zone of dates without one."""

    namespace: Mapping[str, object]
    records: Records
    zone: tzinfo


def holds(condition: Condition, facts: Facts, zone: tzinfo) -> bool:
    """Whether the condition is true of these facts; `zone` is the flow's, for dates. Never raises for any data."""
    return _holds(condition, _Sight(facts.namespace(), facts.records, zone))


def because(condition: Condition, facts: Facts, zone: tzinfo) -> str:
    """Why the condition holds or does not, for the journal: only the condition in words, none of the person's data."""
    return shorten(_why(condition, _Sight(facts.namespace(), facts.records, zone))[1], 400, placeholder=" …")


def words(condition: Condition) -> str:
    """The condition in words: `company.employees > 200 and member of newcomers`."""
    match condition:
        case Comparison():
            return comparisons.words(condition)
        case Membership() | MembershipComparison():
            return f"member of {condition.member_of}"
        case All(all=parts):
            return " and ".join(_in_brackets(part) for part in parts)
        case Some(any=parts):
            return " or ".join(_in_brackets(part) for part in parts)
        case Not(not_=part):
            return f"not {_in_brackets(part)}"


def problems(condition: Condition) -> Iterator[Problem]:
    """What is wrong with the condition, `where` relative to it: unknown fields, unfit operators and values (TRIG_9)."""
    match condition:
        case Comparison():
            yield from comparisons.problems(condition)
        case All(all=parts) | Some(any=parts):
            key = "all" if isinstance(condition, All) else "any"
            if not parts:
                yield Problem(f"“{key}” has no conditions in it.", "Put a condition into it, or remove it.", (key,))
            for index, part in enumerate(parts):
                yield from (problem.under(key, index) for problem in problems(part))
        case Not(not_=part):
            yield from (problem.under("not") for problem in problems(part))


def fields(condition: Condition) -> Iterator[str]:
    """The paths of the fields that the condition looks at."""
    for leaf, _ in _leaves(condition, ()):
        if isinstance(leaf, Comparison):
            yield leaf.field


def selections(condition: Condition) -> Iterator[Reference]:
    """The selections or projects that the condition names."""
    for leaf, where in _leaves(condition, ()):
        if not isinstance(leaf, Comparison):
            key = "member_of" if isinstance(leaf, Membership) else "value"
            yield Reference(("selection", "project"), leaf.member_of, (*where, key))


def _leaves(
    condition: Condition, where: Place
) -> Iterator[tuple[Comparison | Membership | MembershipComparison, Place]]:
    match condition:
        case All(all=parts) | Some(any=parts):
            key = "all" if isinstance(condition, All) else "any"
            for index, part in enumerate(parts):
                yield from _leaves(part, (*where, key, index))
        case Not(not_=part):
            yield from _leaves(part, (*where, "not"))
        case _:
            yield condition, where


def _holds(condition: Condition, sight: _Sight) -> bool:
    match condition:
        case Comparison():
            return comparisons.satisfied(condition, sight.namespace, sight.zone)
        case Membership() | MembershipComparison():
            return sight.records.member_of(condition.member_of)
        case All(all=parts):
            return all(_holds(part, sight) for part in parts)
        case Some(any=parts):
            return any(_holds(part, sight) for part in parts)
        case Not(not_=part):
            return not _holds(part, sight)


def _why(condition: Condition, sight: _Sight) -> tuple[bool, str]:
    """Whether it holds, and the smallest part that decides it, in words."""
    match condition:
        case Not(not_=part):
            truth, text = _why(part, sight)
            return not truth, text
        case All(all=parts) | Some(any=parts):
            decisive = isinstance(condition, Some)
            said = []
            for part in parts:
                truth, text = _why(part, sight)
                if truth is decisive:
                    return truth, text
                said.append(text)
            return not decisive, " and ".join(said) or "no condition"
        case _:
            truth = _holds(condition, sight)
            return truth, words(condition) if truth else f"{words(condition)} does not hold"


def _in_brackets(condition: Condition) -> str:
    return f"({words(condition)})" if isinstance(condition, All | Some) else words(condition)
