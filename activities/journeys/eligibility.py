"""Whether a message may go to this person now (PART_2). Checked in the gate, before every message."""

from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert
from sqlmodel import Session, col

from activities.crm.embedded import EmbeddedCrm
from flows.definition import Flow
from flows.facts import Values
from flows.outcome import Reason
from flows.sms import mobile_of
from flows.steps.base import Channel, GoOn, Leave, Message
from store.journeys import AddressClaim, ParticipantRow


def check(
    session: Session, crm: EmbeddedCrm, row: ParticipantRow, flow: Flow, step: Message, person: Values
) -> GoOn | Leave | None:
    """Why the person does not get this message, and where that leads; None: it may be sent.

    Claims the address for this participant: two people who share one are not both written to in the same flow.
    """
    refused = _consent(flow, step, person)
    if refused is not None:
        return refused
    if step.channel == "sms":
        address = key = mobile_of(person)
    else:
        address = str(person.get("email") or "")
        key = crm.address_key("email", address)
    if not address:
        return step.without_address()
    if crm.is_blocked(session, "sms" if step.channel == "sms" else "email", key):
        return Leave(Reason.ADDRESS_BLOCKED, "the address is blocked: it bounced, or its owner complained")
    if not _claim(session, row, step.channel, key):
        return Leave(Reason.ADDRESS_ACTIVE, "the address is active in this flow through another person")
    return None


def _consent(flow: Flow, step: Message, person: Values) -> Leave | None:
    consent = (person.get("consent") or {}).get(step.channel)
    if step.transactional and consent != "withdrawn":
        return None
    subscription = flow.email.subscription if step.channel == "email" else None
    if consent == "withdrawn" or (subscription and subscription in (person.get("unsubscribed") or ())):
        return Leave(Reason.CONSENT_WITHDRAWN, f"consent to {step.channel} was withdrawn")
    if step.channel == "email" and flow.email.consent == "required":
        subscribed = subscription is None or subscription in (person.get("subscriptions") or ())
        if consent != "granted" or not subscribed:
            return Leave(Reason.CONSENT_MISSING, "no recorded consent, or not subscribed")
    return None


def _claim(session: Session, row: ParticipantRow, channel: Channel, address: str) -> bool:
    place = {"flow": row.flow, "generation": row.generation, "channel": channel, "address": address}
    claim = _CLAIM[session.get_bind().dialect.name]
    holder = session.connection().scalar(claim, {**place, "participant": row.id})
    if holder == row.id:
        return True
    # The same person may be in twice, for two values of the flow's key (TRIG_13).
    person = select(col(ParticipantRow.person)).where(col(ParticipantRow.id) == holder)
    return session.connection().scalar(person) == row.person


def _insert(dialect: Any) -> ReturningInsert[Any]:
    """Claim an address, or leave it to who has it; answers whose it is. Two at once: one waits for the other."""
    insert = dialect.insert(AddressClaim)
    taken = insert.on_conflict_do_update(
        index_elements=["flow", "generation", "channel", "address"],
        set_={"participant": AddressClaim.__table__.c["participant"]},  # type: ignore[attr-defined]
    )
    return cast(ReturningInsert[Any], taken.returning(col(AddressClaim.participant)))


_CLAIM = {"postgresql": _insert(postgresql), "sqlite": _insert(sqlite)}
