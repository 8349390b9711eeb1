"""The base of every model of the flow file, and the types that many of them share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
Id = Annotated[str, StringConstraints(pattern=ID)]
"""The name of a thing that flows refer to: a step, a flow, a content, a selection, a link, a form."""


class Strict(BaseModel):
    """A part of the flow file: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
