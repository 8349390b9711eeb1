"""Does what forms and links do by themselves (STEP_23), in the transaction of the submission or click.

A mail is planned there, and sent once that has committed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from sqlmodel import Session

from activities.crm.embedded import EmbeddedCrm
from activities.crm.groups import lock_people
from activities.enrolling.enrolment import Enrolment, Proposal
from activities.responses.replies import Replies
from flows.making import CreateFollowUp, CreateRequest
from flows.ports import Email, NotDone, Request
from flows.reactions import NOWHERE, REACTIONS
from flows.reply import Reply
from flows.steps.base import Do, Fail
from store.columns import new_id


class Reacting:
    """Carries reactions out."""

    def __init__(self, enrolment: Enrolment, crm: EmbeddedCrm, replies: Replies) -> None:
        self._enrolment = enrolment
        self._crm = crm
        self._replies = replies

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
            if isinstance(reaction, Reply) and isinstance(move, Do) and isinstance(move.request, Email):
                told.append(self._replies.plan(session, person, reaction, move.request, source, now))
            elif isinstance(move, Do):
                told.append(self._perform(session, _of(move.request, source), now))
            else:
                told.append(f"{reaction.kind}: {move.text if isinstance(move, Fail) else 'not possible here'}")
        return told

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
