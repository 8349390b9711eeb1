"""Tells the owner of a follow-up that a flow, form or link has put it into the diary (STEP_6, STEP_23): by e-mail.

The follow-up itself was made in the gate's transaction; its owner is told once, and not again where nobody knows
whether the mail left: the follow-up stands in the diary all the same.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from activities.crm.associates import diary
from activities.crm.groups import lock_people
from activities.definitions import Definitions
from activities.life.brakes import holds
from activities.mail.compose import mail_id
from activities.responses.outbox import AT_ONCE, LATER, Outgoing, next_try
from flows.definition import EmailSettings, Flow
from flows.ports import Done, Email, Mailbox, NotDone, Silence
from flows.reactions import NOWHERE, REACTIONS
from flows.reply import Reply
from flows.senders import FixedSender
from store.columns import new_id
from store.database import lock_flow
from store.flows import FlowRow, FlowStatus
from store.journeys import EffectStatus, MessageRow
from store.library import FormRow, LinkRow
from store.people import Associate, Person
from store.work import FollowUp

log = structlog.get_logger(__name__)

_OF_FOLLOW_UP = col(MessageRow.effect) == bindparam("follow_up")
_MESSAGE = select(MessageRow).where(_OF_FOLLOW_UP)
_STATES = {Done: EffectStatus.DONE, NotDone: EffectStatus.FAILED, Silence: EffectStatus.UNKNOWN}


class Notices:
    """The owners who are still to be told, as mails that wait."""

    def __init__(self) -> None:
        self._definitions = Definitions()

    def due(self, session: Session, now: datetime) -> Sequence[str]:
        """Follow-ups whose owners are to be told."""
        query = select(col(FollowUp.id)).where(col(FollowUp.tell_at) <= now).order_by(col(FollowUp.tell_at))
        return session.scalars(query.limit(AT_ONCE)).all()

    def settle(self, session: Session, sent: Outgoing, outcome: Done | NotDone | Silence, now: datetime) -> None:
        """Told, or to be told later."""
        # The person first, as everywhere: whoever erases them takes the message along.
        people = session.scalars(select(col(MessageRow.person)).where(_OF_FOLLOW_UP), {"follow_up": sent.key})
        lock_people(session, people)
        message = session.scalar(_MESSAGE, {"follow_up": sent.key})
        if message is not None:
            message.state = _STATES[type(outcome)]
            message.headers = dict(outcome.data) if isinstance(outcome, Done) else {}
        if isinstance(outcome, Done):
            return
        at = next_try(sent.since, outcome, now) if isinstance(outcome, NotDone) else None
        row = session.get(FollowUp, sent.key, with_for_update=True) if at is not None else None
        if row is not None:
            row.tell_at = at
        elif at is None:
            log.warning("owner_not_told", follow_up=sent.key, outcome=type(outcome).__name__)

    def take(self, session: Session, key: str, now: datetime) -> Outgoing | None:
        """What to send, marked as told; None: somebody else does it, the flow is paused, or there is no address."""
        row = session.get(FollowUp, key)
        if row is None:
            return None
        lock_people(session, [row.person])
        lock_flow(session, row.flow)
        flow = session.get(FlowRow, row.flow)
        row = session.get(FollowUp, key, with_for_update=True, populate_existing=True)
        if row is None or row.tell_at is None or row.tell_at > now:
            return None
        off = flow is not None and (flow.paused or flow.status is FlowStatus.STOPPED)
        if off or holds(session, "email"):
            row.tell_at = now + LATER
            return None
        row.tell_at = None
        owner = session.get(Associate, row.owner) if row.owner is not None else None
        person = session.get(Person, row.person)
        if owner is None or owner.email is None or person is None or (flow is None and row.flow):
            return None
        source = self._definitions.current(session, flow).flow if flow is not None else _acting(session, row.step)
        return Outgoing(row.id, row.created_at, _kept(session, row, _email(source, row, owner, person), now))


def _kept(session: Session, row: FollowUp, email: Email, now: datetime) -> Email:
    """The mail under the id by which it can be read back: as a message of the step that made the follow-up."""
    message = session.scalar(_MESSAGE, {"follow_up": row.id})
    if message is None:
        message = MessageRow(
            id=email.message, effect=row.id, channel="email", person=row.person, participant=row.participant,
            flow=row.flow, step=row.step, notice=True, mail_id=mail_id(row.id), to="", sender="", at=now,
        )  # fmt: skip
        session.add(message)
    message.at, message.state = now, EffectStatus.PLANNED
    message.to, message.sender = email.to.address, email.sender.address
    message.subject, message.text = email.subject, email.text
    return replace(email, message=message.id)


def _acting(session: Session, step: str) -> Flow:
    """The form or link that made a follow-up, as a flow that sends from where its reply mail comes from."""
    noun, _, id = step.partition(" ")
    acting = session.get(FormRow, id) if noun == "form" else session.get(LinkRow, id)
    if acting is None:
        return NOWHERE.model_copy(update={"name": id})
    replies = [each for each in REACTIONS.validate_python(acting.actions) if isinstance(each, Reply)]
    email = EmailSettings.model_construct(from_=replies[0].from_ if replies else None)
    return NOWHERE.model_copy(update={"name": acting.name, "email": email})


def _email(flow: Flow, row: FollowUp, owner: Associate, person: Person) -> Email:
    to = Mailbox(owner.email or "", owner.name)
    zone = diary(owner, flow.zone, flow.settings.calendar).zone
    lines = [f"{row.title}", "", f"When: {_when(row, zone)}", f"Person: {person.name or person.id}"]
    source = "Flow" if row.flow else row.step.partition(" ")[0].capitalize()
    lines += [f"{source}: {flow.name or flow.id}", f"Follow-up: {row.id}"]
    return Email(
        message=new_id("msg"),
        to=to,
        sender=_sender(flow) or to,
        reply_to=None,
        subject=f"New in your diary: {row.title}",
        html="",
        text="\n".join(lines) + "\n",
        unsubscribe=False,
        tracked=False,
    )


def _sender(flow: Flow) -> Mailbox | None:
    """The flow's fixed address: the contact whom its mails to the person come from may be the very owner."""
    given = flow.email.from_
    fixed = given if isinstance(given, FixedSender) or given is None else given.fallback
    return Mailbox(fixed.address, fixed.name) if fixed is not None and fixed.address else None


def _when(row: FollowUp, zone: ZoneInfo) -> str:
    if row.starts_at is None or row.ends_at is None:
        return f"due {row.due}"
    start, end = row.starts_at.astimezone(zone), row.ends_at.astimezone(zone)
    return f"{start:%Y-%m-%d %H:%M} to {end:%H:%M} ({zone.key})"
