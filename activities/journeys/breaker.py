"""The circuit breaker: a flow whose sends fail pauses itself (LIFE_17).

Looked at after a send that failed, so what succeeds costs nothing: the last sends are read by an index, no further than
the setting asks. Only sends since the flow's last command or edit count, so that a person who resumes it gives it
another chance. The pause is the ordinary command: nobody is lost, everyone is held where it stands.
"""

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from activities.definitions import UnknownFlow
from activities.journeys.standing import Rules
from activities.life.commands import CommandRefused, command
from flows.definition import CircuitBreaker
from store.flows import FlowRow, FlowStatus
from store.journeys import EffectStatus, MessageRow

_FAILED = (EffectStatus.FAILED, EffectStatus.UNKNOWN)
_DEFAULT = CircuitBreaker()


def look(session: Session, rules: Rules, flow: str, now: datetime) -> None:
    """Pause the flow if too many of its last sends failed. A transaction of its own: a command has the flow alone."""
    row = session.get(FlowRow, flow)
    if row is None or row.status is not FlowStatus.RUNNING:
        return
    setting = rules.definitions.current(session, row).flow.settings.circuit_breaker or _DEFAULT
    if setting == "off":
        return
    last = (
        select(col(MessageRow.state))
        .where(col(MessageRow.flow) == flow, col(MessageRow.at) >= row.changed_at, ~col(MessageRow.notice))
        .where(col(MessageRow.state) != EffectStatus.PLANNED)
        .order_by(col(MessageRow.at).desc())
        .limit(setting.of_last)
    )
    failed = sum(state in _FAILED for state in session.scalars(last))
    if failed * 100 <= setting.failed.percent * setting.of_last:
        return
    why = f"circuit breaker: {failed} of the last {setting.of_last} sends failed"
    try:
        command(session, rules.definitions, rules.crm.catalog(session), flow, "pause", now, why=why)
    except (CommandRefused, UnknownFlow):
        return  # somebody was faster
