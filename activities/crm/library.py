"""Content, links and forms as they come in."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from activities.crm.models import Incoming
from activities.crm.values import Ids, Line, Maybe, Name, Prose, wrong
from flows.reactions import Reactions


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in url and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise wrong("This is not a web address", "Write it in full, as in https://www.example.com/offer.")
    return url


Url = Annotated[
    Line,
    StringConstraints(max_length=2_000),
    AfterValidator(_web_address),
    WithJsonSchema({"type": "string", "format": "uri"}),
]


class ContentIn(Incoming):
    """What can be written of a prepared e-mail."""

    name: Name = Field(title="Name")
    state: Literal["draft", "ready"] = Field(default="draft", title="State", description="Only ready content is sent.")
    subject: Line = Field(default="", title="Subject", description="Liquid; a flow's step may have its own.")
    html: Prose = Field(default="", title="HTML", description="Liquid.")
    text: Prose = Field(default="", title="Text", description="Liquid; made from the HTML if empty.")
    attachments: Ids = Field(default_factory=list, title="Attachments", description="Files that always go along: ids.")


_ACTIONS: Any = Field(
    default_factory=list,
    title="Actions",
    description="What is done each time: steps of the kinds add_to, update_person, create_request, create_follow_up, "
    "and send_email with from and reply_to of its own: a reply mail.",
)


class LinkIn(Incoming):
    """What can be written of a tracked link."""

    name: Name = Field(title="Name")
    url: Url = Field(title="Address", description="Where it leads: http or https.")
    actions: Reactions = _ACTIONS


class FormField(Incoming):
    """A field of a form."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")] = Field(
        title="Name", description="As conditions name it: form.NAME."
    )
    type: Literal["text", "email", "tel", "number", "date", "checkbox", "url"] = Field(default="text", title="Type")
    required: bool = Field(default=False, title="Required")
    label: Maybe[Line] = Field(default=None, title="Label")


def _named_once(fields: list[FormField]) -> list[FormField]:
    if len({field.name for field in fields}) < len(fields):
        raise wrong("Two fields have the same name", "Give each field a name of its own.")
    return fields


class NewPeople(Incoming):
    """What is set of people who were not known before they filled in the form."""

    category: Maybe[Line] = Field(default=None, title="Category")
    business: Maybe[Line] = Field(default=None, title="Business", description="Kept as person.custom.business.")

    def fields(self) -> dict[str, Any]:
        """As fields of a person."""
        custom = {"custom": {"business": self.business}} if self.business else {}
        return {**({"category": self.category} if self.category else {}), **custom}


class FormIn(Incoming):
    """What can be written of a form. After it was sent, people see `thanks_text` or are sent on to `thanks_url`."""

    name: Name = Field(title="Name")
    fields: Annotated[list[FormField], AfterValidator(_named_once), Field(max_length=200)] = Field(
        default_factory=list, title="Fields"
    )
    thanks_url: Maybe[Url] = Field(default=None, title="Thanks page")
    thanks_text: Maybe[Prose] = Field(default=None, title="Thanks text")
    actions: Reactions = _ACTIONS
    new_people: NewPeople = Field(
        default_factory=NewPeople, title="New people", description="Fields of people who are new by this form."
    )
