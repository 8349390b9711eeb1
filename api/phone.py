"""Where the local phone is: what the API shows and takes SMS with, unless an SMS provider is set."""

from fastapi import APIRouter

from api import mailbox
from api.engine import Engine
from api.hooks import deliveries
from postbox import phone
from settings import Settings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def is_local(settings: Settings) -> bool:
    """Whether SMS go to the local phone and not to a provider.

    Whoever opens its pages may answer for any number: there is no phone where strangers reach the API, unless it is a
    machine to try things out on, which shows its mailbox too.
    """
    closed = settings.host in _LOOPBACK or mailbox.is_local(settings)
    return settings.sms_url == settings.own_phone and closed


def router(settings: Settings, engine: Engine) -> APIRouter:
    """The local phone; what is answered on its page comes in as from a provider."""

    async def answered(number: str, text: str) -> None:
        now = engine.clock()
        await engine.dispatcher.write(lambda session: deliveries(engine).sms_in(session, number, text, "", now))

    return phone.router(settings.home / "phone", settings.sms_account, settings.sms_token.get_secret_value(), answered)
