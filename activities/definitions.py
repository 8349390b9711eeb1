"""Flow versions, read once: a version never changes, so it is kept in memory."""

from sqlmodel import Session

from flows.definition import Flow
from flows.planning import Outline
from store.flows import FlowRow, FlowVersion

_KEPT = 256


class UnknownFlow(LookupError):
    """There is no flow of this id, or no longer."""

    def __init__(self, flow: str) -> None:
        super().__init__(f"there is no flow {flow}")
        self.flow = flow


class Definitions:
    """The outlines of flow versions."""

    def __init__(self) -> None:
        self._outlines: dict[tuple[str, int], Outline] = {}

    def outline(self, session: Session, flow: str, version: int) -> Outline:
        """The outline of one version of a flow."""
        known = self._outlines.get((flow, version))
        if known is None:
            row = session.get(FlowVersion, (flow, version))
            if row is None:
                raise UnknownFlow(flow)
            known = Outline(Flow.model_validate(row.definition))
            while len(self._outlines) >= _KEPT:
                self._outlines.pop(next(iter(self._outlines)), None)
            self._outlines[flow, version] = known
        return known

    def current(self, session: Session, flow: FlowRow) -> Outline:
        """The outline of a flow's current version."""
        return self.outline(session, flow.id, flow.version)
