"""How a participation can stand and end: statuses, and the closed list of reasons (PART)."""

from enum import StrEnum

from pydantic import Field

from flows.model import Id, Strict


class Status(StrEnum):
    """Where one person's participation in one flow stands."""

    QUEUED = "queued"
    ACTIVE = "active"
    FINISHED = "finished"
    FINISHED_WITH_SUCCESS = "finished_with_success"
    DROPPED_OUT = "dropped_out"
    CANCELLED = "cancelled"

    @property
    def inside(self) -> bool:
        """Still in the flow."""
        return self in (Status.QUEUED, Status.ACTIVE)


class Reason(StrEnum):
    """Why a participation ended. Every end has one; the list is closed."""

    COMPLETED = "completed"
    SUCCESS = "success_criterion_met"
    EXIT = "exit"
    NO_ACTION = "no_action_in_time"
    EVERYONE_ELSE = "everyone_else_exits"
    DATE_PAST = "date_past"
    DATE_MISSING = "date_missing"
    FORMER_EMPLOYEE = "former_employee"
    EXCLUDED = "on_exclusion_list"
    PERSON_DELETED = "person_deleted"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    CONSENT_MISSING = "consent_missing"
    NO_ADDRESS = "no_address"
    NO_MOBILE = "no_mobile"
    ADDRESS_ACTIVE = "address_active_through_another_person"
    ADDRESS_BLOCKED = "address_blocked"
    FILTER = "filter_no_longer_holds"
    LEFT_FOR_OTHER = "left_for_another_flow"
    STEP_FAILED = "step_failed"
    UNREACHABLE = "recipient_unreachable"
    FLOW_ENDED = "flow_ended"
    FLOW_STOPPED = "flow_stopped"
    FLOW_DELETED = "flow_deleted"
    BY_HAND = "cancelled_by_hand"
    MERGED = "merged"

    @property
    def status(self) -> Status:
        """The status that a participation ending for this reason gets."""
        if self is Reason.COMPLETED:
            return Status.FINISHED
        if self is Reason.SUCCESS:
            return Status.FINISHED_WITH_SUCCESS
        if self in _CANCELLING:
            return Status.CANCELLED
        return Status.DROPPED_OUT


_CANCELLING = {Reason.FLOW_ENDED, Reason.FLOW_STOPPED, Reason.FLOW_DELETED, Reason.BY_HAND, Reason.MERGED}


class Refusal(StrEnum):
    """Why someone who was proposed is not enrolled (TRIG). Closed."""

    UNKNOWN_PERSON = "unknown_person"
    FLOW_NOT_OPEN = "flow_not_open"
    ALREADY_ACTIVE = "already_active"
    ONCE = "took_part_before"
    FILTER = "filter"
    EXCLUDED = "on_exclusion_list"
    LOOP = "loop"


class HandOver(Strict):
    """Where someone who leaves goes next (STEP_16, STEP_17)."""

    add_to_flow: Id | None = Field(
        default=None,
        title="Add to flow",
        description="Propose the person to this flow; its filter decides whether they enter.",
    )
    add_to_selection: Id | None = Field(
        default=None, title="Add to selection", description="Make the person a member of this selection."
    )
