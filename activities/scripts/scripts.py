"""Scripts by name: which program it is, and what it may take.

A name cannot reach further than this machine allows: an executable is a file in the folder of FERD_SCRIPTS, a Python
callable an entry point of the group `ferd.scripts` of an installed package.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from activities.crm.models import Incoming
from activities.crm.records import Records
from activities.crm.values import Maybe, Name, wrong
from activities.scripts.process import Limits
from store.outside import ScriptRow

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")]


class ScriptIn(Incoming):
    """What can be written of a script."""

    name: Name = Field(title="Name")
    executable: Maybe[FileName] = Field(
        default=None,
        title="Executable",
        description="A file in the folder of FERD_SCRIPTS; its first line names what runs it.",
    )
    entry_point: Maybe[FileName] = Field(
        default=None,
        title="Entry point",
        description="A Python callable: an entry point of the group ferd.scripts. It takes the data and answers JSON.",
    )
    seconds: float = Field(default=60, gt=0, le=3_600, title="Seconds", description="How long it may take.")
    cpu_seconds: int = Field(default=30, ge=1, le=3_600, title="CPU seconds", description="How much it may compute.")
    memory_mb: int = Field(default=512, ge=64, le=16_384, title="Memory", description="In MB, address space included.")
    on_lost: Literal["report", "rerun"] = Field(
        default="report",
        title="On lost",
        description="When the worker died while it ran: leave it to a person, or run it again, three times at most.",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.executable is None) is (self.entry_point is None):
            raise wrong("A script is an executable or an entry point", "Give one of the two.")
        return self


SCRIPTS = Records("script", "scr", ScriptRow, ScriptIn)


def limits(row: ScriptRow) -> Limits:
    """What the script may take."""
    return Limits(row.seconds, row.cpu_seconds, row.memory_mb * 1024 * 1024)
