"""Send e-mail: one prepared content, with the person's data merged in (STEP_1)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from flows.catalog import Catalog, unknown
from flows.facts import Content, Facts
from flows.model import Id
from flows.ports import Email, Mailbox
from flows.problems import Problem
from flows.senders import mailbox_of
from flows.steps.base import Channel, Do, Fail, Message, Move
from flows.steps.merging import Merging, template_problems
from flows.templates import TemplateError

if TYPE_CHECKING:
    from flows.definition import Flow

LARGEST_ATTACHMENTS = 25 * 1024 * 1024
"""Bytes that the attachments of one mail may have together (STEP_1)."""


class SendEmail(Message):
    """Sends a prepared e-mail to the person."""

    channel: ClassVar[Channel] = "email"

    kind: Literal["send_email"] = Field(title="Kind", description="Send a prepared e-mail.")
    content: Id | None = Field(
        default=None, title="Content", description="The prepared e-mail; it must be ready.", examples=["welcome-mail"]
    )
    subject: str | None = Field(
        default=None,
        title="Subject",
        description="The subject, with merge tags; without it the content's own.",
        examples=["Welcome, {{ person.first_name }}"],
    )
    attachments: list[Id] = Field(
        default_factory=list,
        title="Attachments",
        description="Files to attach besides those of the content, at most 25 MB in all.",
        examples=[["brochure.pdf"]],
    )

    def enter(self, flow: "Flow", facts: Facts) -> Move:
        """Asks for the e-mail, rendered; fails without content or sender, or if a merge tag cannot be filled."""
        content = facts.records.content(self.content) if self.content else None
        if content is None or not content.ready:
            return Fail(f"Content {self.content} {'is not marked ready' if content else 'does not exist'}.")
        from_, reply = flow.email.from_, flow.email.reply_to
        sender = from_.mailbox(facts) if from_ else None
        reply_to = sender if reply is None or reply == "same_as_from" else reply.mailbox(facts)
        if sender is None or reply_to is None:
            what = "from" if sender is None else "reply-to"
            return Fail(f"There is no {what} address: the person has no such contact, and the flow names no fallback.")
        try:
            return Do(self._email(flow, facts, content, sender, reply_to), f"Sent e-mail {content.id}")
        except TemplateError as error:
            return Fail(f"Content {content.id} cannot be filled in: {error}")

    def _email(self, flow: "Flow", facts: Facts, content: Content, sender: Mailbox, reply_to: Mailbox) -> Email:
        merging = Merging(flow, facts)
        html, text = merging.text(content.html, html=True), merging.text(content.text)
        subject = self.subject if self.subject is not None else content.subject
        return Email(
            message=facts.message,
            to=mailbox_of(facts.person),
            sender=sender,
            reply_to=reply_to,
            subject=merging.line(subject),
            html=html,
            text=text,
            attachments=tuple(dict.fromkeys((*content.attachments, *self.attachments))),
            links=facts.records.registered(html, text),
            campaign=flow.email.campaign.tags() if flow.email.campaign else {},
            unsubscribe=not self.transactional,
            person=str(facts.person["id"]),
            flow=flow.id,
        )

    def summary(self) -> str:
        """`Send e-mail welcome-mail`."""
        return f"Send e-mail {self.content}"

    def problems(self, flow: "Flow", catalog: Catalog) -> Iterator[Problem]:
        """No content, content that is not ready, unknown merge tags and files, attachments that are too large."""
        if self.content is None:
            yield Problem("The step has no content.", "Add content: the id of a prepared e-mail.", ("content",))
        elif not catalog.exists("content", self.content):
            yield from unknown(catalog, ("content",), self.content, "content")
        else:
            yield from self._content_problems(self.content, catalog)
        if self.subject is not None:
            for problem in template_problems(self.subject, catalog):
                yield problem.at(0, 0).under("subject")
        yield from self._attachment_problems(catalog)

    def _content_problems(self, content: str, catalog: Catalog) -> Iterator[Problem]:
        if not catalog.content_ready(content):
            yield Problem(f"Content “{content}” is not marked ready.", "Mark it ready once it is.", ("content",))
        parts = catalog.content_templates(content)
        if self.subject is None and not parts.get("subject", "").strip():
            yield Problem(
                "The e-mail has no subject: neither the step nor the content gives one.", "Add subject.", ("subject",)
            )
        for part, source in parts.items():
            if part != "subject" or self.subject is None:
                for problem in template_problems(source, catalog):
                    line = f", line {problem.line}" if problem.line else ""
                    what = f"Content “{content}”, {part}{line}: {problem.what}"
                    yield Problem(what, problem.remedy, ("content",), severity=problem.severity)

    def _attachment_problems(self, catalog: Catalog) -> Iterator[Problem]:
        for index, file in enumerate(self.attachments):
            yield from unknown(catalog, ("file",), file, "attachments", index)
        always = (
            catalog.content_attachments(self.content)
            if self.content is not None and catalog.exists("content", self.content)
            else []
        )
        for file in always:
            if not catalog.exists("file", file):
                what = f"Content “{self.content}” attaches the file “{file}”, which is not there."
                yield Problem(what, "Upload it under this id, or take it out of the content.", ("content",))
        files = [file for file in dict.fromkeys([*always, *self.attachments]) if catalog.exists("file", file)]
        size = sum(catalog.file_size(file) for file in files)
        if size > LARGEST_ATTACHMENTS:
            yield Problem(
                f"The attachments have {size / 1024 / 1024:.1f} MB in all; 25 MB are possible.",
                "Attach less, or put large files on a web page and link to it.",
                ("attachments",) if self.attachments else ("content",),
            )
