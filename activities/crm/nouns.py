"""The nouns that are plain records, each with its table, its model and its checks."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from activities.crm.associates import AssociateIn
from activities.crm.catalog import Refuses, StoreCatalog
from activities.crm.custom import CustomFieldIn, once
from activities.crm.faults import Conflict, Fault, Refused
from activities.crm.kinds import CategoryIn, FollowUpTypeIn, GroupIn, RequestTypeIn, SaleTypeIn
from activities.crm.library import ContentIn, FormIn, LinkIn
from activities.crm.models import BlockedIn, NamedIn
from activities.crm.records import Check, Records
from flows import reactions
from flows.steps.send_email import LARGEST_ATTACHMENTS
from store.kinds import AssociateGroup, Category, CustomField, FollowUpType, RequestType, SaleType
from store.library import ContentRow, FileRow, FormRow, LinkRow, SubscriptionType
from store.people import Associate, BlockedAddress, Project, Selection


def _attachments(session: Session, _: str, fields: Mapping[str, Any]) -> None:
    """Every attachment is there, and together they fit into a mail (STEP_1)."""
    files = [session.get(FileRow, file) for file in fields["attachments"]]
    missing = [
        Fault(f"There is no file {id}.", "Upload it with POST /v1/files, or leave it out.", ("attachments", index))
        for index, (id, file) in enumerate(zip(fields["attachments"], files, strict=True))
        if file is None
    ]
    if missing:
        raise Refused(missing)
    size = sum(file.size for file in files if file is not None)
    if size > LARGEST_ATTACHMENTS:
        what = f"The attachments have {size:,} bytes in all; {LARGEST_ATTACHMENTS:,} are possible."
        raise Refused([Fault(what, "Leave some out, or link to them instead.", ("attachments",))])


def _reactions(refuses: Refuses) -> Check:
    """What a form or link does by itself can be done, here and by the CRM behind (STEP_23)."""

    def check(session: Session, _: str, fields: Mapping[str, Any]) -> None:
        actions, catalog = reactions.REACTIONS.validate_python(fields["actions"]), StoreCatalog(session, refuses)
        found = [
            Fault(problem.what, problem.remedy, ("actions", *problem.where))
            for problem in reactions.problems(actions, catalog)
        ]
        if found:
            raise Refused(found)

    return check


def links(refuses: Refuses) -> Records[LinkRow, LinkIn]:
    """Links that are tracked."""
    return Records("link", "lnk", LinkRow, LinkIn, check=_reactions(refuses))


def forms(refuses: Refuses) -> Records[FormRow, FormIn]:
    """Forms that people fill in."""
    return Records("form", "frm", FormRow, FormIn, check=_reactions(refuses))


def _blocked_once(session: Session, id: str, fields: Mapping[str, Any]) -> None:
    query = select(col(BlockedAddress.id)).where(
        col(BlockedAddress.channel) == fields["channel"],
        col(BlockedAddress.address) == fields["address"],
        col(BlockedAddress.id) != id,
    )
    if (taken := session.scalar(query)) is not None:
        raise Conflict(f"The address is blocked already, as {taken}.", "Nothing more is needed.")


def _members(session: Session, _: str, fields: Mapping[str, Any]) -> None:
    missing = [
        Fault(f"There is no associate {id}.", "Create the associate first, or leave it out.", ("members", index))
        for index, id in enumerate(fields["members"])
        if session.get(Associate, id) is None
    ]
    if missing:
        raise Refused(missing)


ASSOCIATES = Records("associate", "ass", Associate, AssociateIn)
SELECTIONS = Records("selection", "sel", Selection, NamedIn)
PROJECTS = Records("project", "pro", Project, NamedIn)
BLOCKED = Records("blocked address", "blk", BlockedAddress, BlockedIn, check=_blocked_once)
CONTENT = Records("content", "con", ContentRow, ContentIn, check=_attachments)
SUBSCRIPTION_TYPES = Records("subscription type", "sub", SubscriptionType, NamedIn)
GROUPS = Records("group", "grp", AssociateGroup, GroupIn, check=_members)
FOLLOW_UP_TYPES = Records("follow-up type", "fut", FollowUpType, FollowUpTypeIn)
REQUEST_TYPES = Records("request type", "rqt", RequestType, RequestTypeIn)
CATEGORIES = Records("category", "cat", Category, CategoryIn, check=_members)
SALE_TYPES = Records("sale type", "slt", SaleType, SaleTypeIn)
CUSTOM_FIELDS = Records("custom field", "fld", CustomField, CustomFieldIn, check=once)
