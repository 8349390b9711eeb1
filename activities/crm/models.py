"""People, companies and what has a name as they come in: every field checked, unknown fields refused.

Whoever writes to the CRM goes through these models: the API, CSV import, and steps of flows.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from activities.crm.values import Country, CustomFields, Email, Ids, Language, Line, Maybe, Name, Zone, email_key, phone
from flows.model import Id

Channel = Literal["email", "sms"]
ConsentState = Literal["granted", "withdrawn"]


class Incoming(BaseModel):
    """The base of everything that comes in."""

    model_config = ConfigDict(extra="forbid")


class Consent(Incoming):
    """What a person has said about being written to; a channel that is missing was never spoken of."""

    email: ConsentState | None = Field(default=None, title="E-mail")
    sms: ConsentState | None = Field(default=None, title="SMS")


class PersonIn(Incoming):
    """A person's fields that can be written."""

    external_id: Maybe[Line] = Field(default=None, title="External id", description="Its key in another system.")
    first_name: Maybe[Line] = Field(default=None, title="First name")
    last_name: Maybe[Line] = Field(default=None, title="Last name")
    email: Maybe[Email] = Field(default=None, title="E-mail", description="Two people may share an address.")
    country: Maybe[Country] = Field(default=None, title="Country", description="ISO 3166-1, two letters.")
    mobile: Maybe[Line] = Field(
        default=None,
        title="Mobile",
        description="Kept in E.164; without a country code it is a number of the person's country.",
    )
    language: Maybe[Language] = Field(default=None, title="Language", description="BCP 47, as in nb or en-GB.")
    time_zone: Maybe[Zone] = Field(default=None, title="Time zone", description="IANA name.")
    category: Maybe[Line] = Field(default=None, title="Category")
    company: Maybe[Id] = Field(default=None, title="Company", description="Its id.")
    our_contact: Maybe[Id] = Field(default=None, title="Our contact", description="An associate's id.")
    our_service_contact: Maybe[Id] = Field(default=None, title="Our service contact", description="An associate's id.")
    former_employee: bool = Field(default=False, title="Former employee", description="No longer with the company.")
    consent: Consent = Field(default_factory=Consent, title="Consent")
    subscriptions: Ids = Field(default_factory=list, title="Subscriptions", description="Ids of subscription types.")
    custom: CustomFields = Field(default_factory=dict, title="Custom fields")

    @field_validator("mobile")
    @classmethod
    def _e164(cls, mobile: str | None, info: ValidationInfo) -> str | None:
        return phone(mobile, info.data.get("country")) if mobile else None


class CompanyIn(Incoming):
    """A company's fields that can be written."""

    external_id: Maybe[Line] = Field(default=None, title="External id", description="Its key in another system.")
    name: Name = Field(title="Name")
    category: Maybe[Line] = Field(default=None, title="Category")
    country: Maybe[Country] = Field(default=None, title="Country", description="ISO 3166-1, two letters.")
    employees: int | None = Field(default=None, ge=0, le=100_000_000, title="Employees")
    our_contact: Maybe[Id] = Field(default=None, title="Our contact", description="An associate's id.")
    custom: CustomFields = Field(default_factory=dict, title="Custom fields")


class NamedIn(Incoming):
    """What can be written of a selection, a project, a subscription type: its name."""

    name: Name = Field(title="Name")


class BlockedIn(Incoming):
    """An address that nothing is to be sent to."""

    channel: Channel = Field(title="Channel")
    address: Name = Field(title="Address", description="An e-mail address, or a mobile number with its country code.")
    reason: Maybe[Line] = Field(default=None, title="Reason", description="As in bounced, complained, asked for it.")

    @field_validator("address")
    @classmethod
    def _of_channel(cls, address: str, info: ValidationInfo) -> str:
        channel = info.data.get("channel")
        return phone(address, None) if channel == "sms" else email_key(address)
