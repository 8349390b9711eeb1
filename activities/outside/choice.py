"""The CRM that was chosen (`FERD_CRM`)."""

from typing import Literal

from activities.outside import webhook
from activities.outside.elsewhere import NOTHING_ELSEWHERE, Elsewhere
from activities.outside.superoffice import effects as superoffice

Choice = Literal["embedded", "webhook", "superoffice"]


def elsewhere(crm: Choice) -> Elsewhere:
    """What leaves our store for it."""
    if crm == "superoffice":
        return superoffice.ELSEWHERE
    return webhook.ELSEWHERE if crm == "webhook" else NOTHING_ELSEWHERE
