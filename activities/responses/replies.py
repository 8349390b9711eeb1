"""The mails that forms and links answer with (STEP_23): who may get one, and what is kept of it."""

from datetime import datetime

from sqlmodel import Session

from activities.crm.embedded import EmbeddedCrm
from activities.mail.compose import mail_id
from flows.ports import Email
from store.journeys import MessageRow
from store.people import Person


def barred(session: Session, crm: EmbeddedCrm, person: str, email: Email) -> str:
    """Why nothing may be sent; they asked for it, so that only a withdrawal counts (PART_2)."""
    if not email.to.address:
        return "no address for email"
    if crm.is_blocked(session, "email", crm.address_key("email", email.to.address)):
        return "the address is blocked"
    row = session.get_one(Person, person, populate_existing=True)
    return "consent to email was withdrawn" if row.consent.get("email") == "withdrawn" else ""


def message_of(email: Email, effect: str, person: str, source: str, content: str, now: datetime) -> MessageRow:
    """It is listed among all others, without a flow. `source` is the form or link."""
    return MessageRow(
        id=email.message, effect=effect, channel="email", person=person, participant="", flow="", step=source,
        content=content, to=email.to.address, sender=email.sender.address, subject=email.subject, text=email.text,
        html=email.html, mail_id=mail_id(effect), transactional=True, at=now, campaign=dict(email.campaign),
        links=sorted(link for url, link in email.links.items() if url in email.html or url in email.text),
    )  # fmt: skip
