"""What tests read of the store, past the API: ledger keys, stamps, wakes, what a journey does next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, func, select

from store.database import Database
from store.flows import FlowRow
from store.journeys import EffectRow, JournalRow, MessageRow, ParticipantRow
from tests.support.waiting import eventually, says


@dataclass(frozen=True)
class Stored:
    """Rows as they are; the API reads some of them otherwise, and shows others not at all."""

    db: Database

    async def flow(self, flow: str) -> FlowRow:
        """The flow's row, also when it is deleted."""
        return await self.db.read(lambda session: session.get_one(FlowRow, flow))

    async def participant(self, participant: str) -> ParticipantRow:
        """The participant's row."""
        return await self.db.read(
            lambda session: session.scalars(select(ParticipantRow).where(col(ParticipantRow.id) == participant)).one()
        )

    async def participants(self, flow: str) -> Sequence[ParticipantRow]:
        """The rows of everyone who was enrolled in a flow, in the order of arrival."""
        return await self.db.read(
            lambda session: session.scalars(
                select(ParticipantRow).where(col(ParticipantRow.flow) == flow).order_by(col(ParticipantRow.number))
            ).all()
        )

    async def until(self, participant: str, **wanted: Any) -> ParticipantRow:
        """The participant's row, once it says this. Whoever is of an older run reads as cancelled in the API before."""
        return await eventually(lambda: self.participant(participant), lambda row: says(row, wanted))

    async def lines(self, participant: str) -> Sequence[JournalRow]:
        """The journal's lines with their numbers, which go on over all participants."""
        return await self.db.read(
            lambda session: session.scalars(
                select(JournalRow).where(col(JournalRow.participant) == participant).order_by(col(JournalRow.number))
            ).all()
        )

    async def effects(self, flow: str) -> Sequence[EffectRow]:
        """The ledger's entries of a flow."""
        return await self.db.read(
            lambda session: session.scalars(select(EffectRow).where(col(EffectRow.flow) == flow)).all()
        )

    async def messages(self, participant: str) -> Sequence[MessageRow]:
        """The rows of a participant's messages."""
        return await self.db.read(
            lambda session: session.scalars(
                select(MessageRow).where(col(MessageRow.participant) == participant).order_by(col(MessageRow.at))
            ).all()
        )

    async def count(self, table: type[Any], *where: Any) -> int:
        """How many rows a table has."""
        query = select(func.count()).select_from(table).where(*where)
        return await self.db.read(lambda session: session.scalars(query).one())
