"""What SuperOffice can never do of a step: a problem when the flow is to run, not a surprise at the step (LIFE_2)."""

from collections.abc import Iterator

from sqlmodel import Session, col, select

from activities.outside.superoffice.fields import SLOTS, has_slot
from activities.outside.superoffice.lists import number_of
from flows.catalog import suggestion
from flows.ports import FieldChange
from flows.problems import Problem
from flows.steps.base import Action
from flows.steps.create_follow_up import CreateFollowUp
from flows.steps.create_request import CreateRequest
from flows.steps.creating import CONTACTS, Owned
from flows.steps.distribute import Distribute
from flows.steps.membership import Membership
from flows.steps.update_person import UpdatePerson, entries, template
from store.library import SubscriptionType
from store.pulling import FieldItemRow

_NO_ASSOCIATES = (*CONTACTS, "automatic", "nobody")


def refusals(session: Session, step: Action) -> Iterator[Problem]:
    """The problems of a step, if SuperOffice is the CRM."""
    if isinstance(step, UpdatePerson):
        yield from _fields(step)
        for change in step.changes():
            # What merge tags will say nobody knows yet.
            if change.change in ("set", "add", "remove") and change.value is not None and template(change) is None:
                yield from _items(session, change)
    if isinstance(step, Membership):
        for index, project in enumerate(step.project):
            yield from _foreign("project", project, "project", index)
    if isinstance(step, CreateFollowUp) and step.files:
        remedy = "Leave them out, or link to them with links."
        yield Problem("Files cannot be put into an appointment of SuperOffice.", remedy, ("files",))
    if isinstance(step, Owned | CreateRequest):
        yield from _associate(step.owner, "owner")
        yield from _associate(step.fallback, "fallback")
    if isinstance(step, Distribute):
        for index, associate in enumerate(step.associates):
            yield from _associate(associate, "associates", index)
        yield from _associate(step.fallback, "fallback")


def _fields(step: UpdatePerson) -> Iterator[Problem]:
    for change in step.changes():
        place = step.clear.index(change.field) if change.change == "clear" else change.field
        named = [change.field, *([str(change.value)] if change.change == "copy" else ())]
        for field in (field for field in named if not has_slot(field)):
            remedy = "Keep it in a user-defined field of SuperOffice, as in person.custom.SuperOffice_1."
            yield Problem(f"SuperOffice has no place for {field}.", remedy, (change.change, place))
        if change.change in ("add", "remove") and change.field not in SLOTS:
            what = f"{change.field} is no list in SuperOffice: its user-defined fields hold one item."
            yield Problem(what, "Use set.", (change.change, place))


def _items(session: Session, change: FieldChange) -> Iterator[Problem]:
    """What is no item of the field's list. Of a list that was not pulled nothing is said."""
    query = select(FieldItemRow.number, FieldItemRow.name).where(col(FieldItemRow.field) == change.field)
    items = dict(session.exec(query).all())
    for index, given in entries(change.value) if items else ():
        if change.field == "person.subscriptions" and session.get(SubscriptionType, given) is None:
            continue  # that is a problem with every CRM
        if number_of(items, given) is None:
            what = f"SuperOffice's list for {change.field} has no item “{given}”."
            remedy = "Write the name or number of one of its items; `ferd pull` takes over new ones."
            yield Problem(what, suggestion(given, [*items.values()]) + remedy, (change.change, change.field, *index))


def _associate(id: str | None, *where: str | int) -> Iterator[Problem]:
    if id is not None and id not in _NO_ASSOCIATES:
        yield from _foreign("associate", id, *where)


def _foreign(noun: str, id: str, *where: str | int) -> Iterator[Problem]:
    if not id.isdecimal():
        remedy = f"Name one by its number there; `ferd pull` takes over every {noun}."
        yield Problem(f"The {noun} “{id}” is none of SuperOffice's.", remedy, where)
