"""The kinds of step. A new kind is one file here and one line in the union."""

from typing import Annotated, get_args

from pydantic import Field

from flows.steps.add_to import AddTo
from flows.steps.base import Action, Channel
from flows.steps.call_webhook import CallWebhook
from flows.steps.create_follow_up import CreateFollowUp
from flows.steps.create_request import CreateRequest
from flows.steps.create_sale import CreateSale
from flows.steps.distribute import Distribute
from flows.steps.exit import Exit
from flows.steps.finish import Finish
from flows.steps.notify_email import NotifyEmail
from flows.steps.notify_sms import NotifySms
from flows.steps.remove_from import RemoveFrom
from flows.steps.run_script import RunScript
from flows.steps.send_email import SendEmail
from flows.steps.send_sms import SendSms
from flows.steps.split import EveryoneElse, Split, SplitBranch
from flows.steps.update_person import UpdatePerson
from flows.steps.wait import Wait
from flows.steps.wait_for_action import ActionBranch, WaitForAction

Step = Annotated[
    SendEmail
    | SendSms
    | NotifyEmail
    | NotifySms
    | Wait
    | WaitForAction
    | Split
    | UpdatePerson
    | AddTo
    | RemoveFrom
    | CreateFollowUp
    | CreateRequest
    | CreateSale
    | Distribute
    | CallWebhook
    | RunScript
    | Exit
    | Finish,
    Field(discriminator="kind"),
]

for _model in (ActionBranch, WaitForAction, SplitBranch, EveryoneElse, Split):
    _model.model_rebuild(_types_namespace={"Step": Step})

_MODELS = {
    kind: model for model in get_args(get_args(Step)[0]) for kind in get_args(model.model_fields["kind"].annotation)
}

KINDS: tuple[str, ...] = tuple(_MODELS)
"""Every kind, by the name that flow files, activities and the Temporal UI use."""

CHANNELS: dict[str, Channel] = {kind: model.channel for kind, model in _MODELS.items() if issubclass(model, Action)}
"""The kinds that act, and what through."""
