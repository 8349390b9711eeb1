"""The same effects as a team would write them by hand: look the person up, fill in the template, send; set a field."""

from email.message import EmailMessage

import aiosmtplib
from liquid import Environment
from sqlmodel import Session
from temporalio import activity

from bench.by_hand_contract import Letter, Welcome
from bench.reference import FIRST_SUBJECT, HTML, SECOND_SUBJECT, SENDER, TEXT
from store.database import Database
from store.people import Person

_PLAIN, _ESCAPING = Environment(), Environment(autoescape=True)
_HTML, _TEXT = _ESCAPING.from_string(HTML), _PLAIN.from_string(TEXT)
_SUBJECTS = {subject: _PLAIN.from_string(subject) for subject in (FIRST_SUBJECT, SECOND_SUBJECT)}


class ByHandActivities:
    """The effects, with their database and mail server."""

    def __init__(self, database: Database, smtp_host: str, smtp_port: int) -> None:
        self._database = database
        self._host, self._port = smtp_host, smtp_port

    @activity.defn
    async def send_email(self, letter: Letter) -> None:
        """Send one mail to the person."""
        person = await self._database.read(lambda session: session.get_one(Person, letter.person))
        values = {"person": {"first_name": person.first_name}}
        message = EmailMessage()
        message["From"], message["To"] = SENDER, person.email
        message["Subject"] = _SUBJECTS[letter.subject].render(**values)
        message.set_content(_TEXT.render(**values))
        message.add_alternative(_HTML.render(**values), subtype="html")
        # A name of our own for the greeting: looking it up can take seconds.
        await aiosmtplib.send(message, hostname=self._host, port=self._port, local_hostname="localhost")

    @activity.defn
    async def update_person(self, welcome: Welcome) -> None:
        """Make the person a customer."""

        def work(session: Session) -> None:
            session.get_one(Person, welcome.person).category = "customer"

        await self._database.write(work)
