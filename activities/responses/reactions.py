"""Does what forms and links do by themselves (STEP_23), in the transaction of the submission or click.

What leaves our store is planned there, and handed over once that has committed: mails, and what another CRM carries
out. What that CRM is to change is changed in our copy at once, so that filters and triggers see it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from sqlmodel import Session

from activities.crm.embedded import EmbeddedCrm
from activities.crm.groups import lock_people
from activities.enrolling.enrolment import Enrolment, Proposal
from activities.outside.elsewhere import Elsewhere
from activities.responses.pending import PendingEffects
from activities.responses.replies import barred
from flows.making import CreateFollowUp, CreateRequest
from flows.ports import Email, NotDone, Request
from flows.reactions import NOWHERE, REACTIONS
from flows.steps.base import Action, Do, Fail
from store.columns import new_id


class Reacting:
    """Carries reactions out."""

    def __init__(self, enrolment: Enrolment, crm: EmbeddedCrm, pending: PendingEffects, elsewhere: Elsewhere) -> None:
        self._enrolment = enrolment
        self._crm = crm
        self._pending = pending
        self._elsewhere = elsewhere

    def react(
        self,
        session: Session,
        noun: Literal["form", "link"],
        id: str,
        reactions: Sequence[Mapping[str, Any]],
        person: str,
        data: Mapping[str, Any],
        now: datetime,
    ) -> list[str]:
        """Do all of it for this person; answers what came of each. One that cannot be done keeps no other back."""
        if not reactions or not lock_people(session, [person]):
            return []
        told = []
        for reaction in REACTIONS.validate_python(list(reactions)):
            facts = self._enrolment.facts(session, Proposal("", person, "", event=data), now)
            move = reaction.enter(NOWHERE, replace(facts, message=new_id("msg")))
            source = f"{noun} {id}"
            if isinstance(move, Do):
                told.append(self._do(session, person, reaction, _of(move.request, source), source, now))
            else:
                told.append(f"{reaction.kind}: {move.text if isinstance(move, Fail) else 'not possible here'}")
        return told

    def _do(self, session: Session, person: str, reaction: Action, request: Request, source: str, now: datetime) -> str:
        if isinstance(request, Email):
            if why := barred(session, self._crm, person, request):
                return f"not done: {why}"
            self._pending.plan(session, person, reaction, request, source, now)
            return f"{reaction.summary()}: {request.message}"
        if type(request) not in self._elsewhere.requests:
            return self._perform(session, request, now)
        self._pending.plan(session, person, reaction, request, source, now)
        here = self._perform(session, request, now) if type(request) in self._elsewhere.copies else reaction.summary()
        return f"{here}; handed over to the CRM"

    def _perform(self, session: Session, request: Any, now: datetime) -> str:
        try:
            with session.begin_nested():
                return self._crm.perform(session, request, at=now, cause=()).text
        except NotDone as error:
            return f"not done: {error.text}"


def _of(request: Request, source: str) -> Request:
    """What is made names the form or link that made it, and no flow."""
    if isinstance(request, CreateRequest | CreateFollowUp):
        return replace(request, origin=replace(request.origin, participant="", flow="", step=source))
    return request
