"""Which Temporal server is meant, and what to say when it does not answer."""

from typing import Any

from temporalio.envconfig import ClientConfig

from api import mailbox
from console.shell import Failure
from settings import Settings


def given_server() -> str | None:
    """The server that the usual TEMPORAL_ variables or profile name; None: the one of `ferd up`."""
    return ClientConfig.load_client_connect_config().get("target_host")


def connect_config(settings: Settings) -> dict[str, Any]:
    """What Client.connect takes."""
    config: dict[str, Any] = dict(ClientConfig.load_client_connect_config())
    return {"target_host": f"{mailbox.HOST}:{settings.temporal_port}", **config}


def unreachable(settings: Settings) -> Failure:
    """It does not answer."""
    remedy = (
        "Is `ferd up` running? For a server of your own set TEMPORAL_ADDRESS."
        if given_server() is None
        else "Check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and TEMPORAL_API_KEY, or the profile; without them `ferd up` "
        "starts a server of its own."
    )
    return Failure(f"Temporal at {connect_config(settings)['target_host']} cannot be reached.", remedy)
