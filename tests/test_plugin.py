"""FerdPlugin: all of ferd in a team's own worker."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, SecretStr
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import DataConverter, PayloadCodec
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from flows.outcome import Status
from settings import Settings
from tests.support.databases import SqliteDatabases
from tests.support.histories import recorded
from tests.support.processes import ROOT, python
from tests.support.world import mail
from tests.support.world import world as make_world
from tests.workflows.test_replay import history_of
from worker import FerdPlugin
from workflows.contract import TASK_QUEUE, Hold


async def test_the_example_carries_journeys_beside_a_workflow_of_the_teams_own(
    temporal_env: WorkflowEnvironment, sqlite_databases: SqliteDatabases, tmp_path: Path
) -> None:
    url = sqlite_databases.create()
    async with (
        make_world(temporal_env, url, tmp_path, worker=False, queue=TASK_QUEUE) as world,
        python(world, str(ROOT / "examples" / "own_worker" / "run.py")),
    ):
        flow = await world.flow("plugin", mail("hello"))
        participant = await world.enrol(flow)
        greeting = await world.client.execute_workflow("Greeting", "Kari", id=world.id("hi"), task_queue=TASK_QUEUE)
        assert greeting == "Hello, Kari"
        await world.until(participant, status=Status.FINISHED)
        assert world.inbox.subjects == ["hello"]


class _Codec(PayloadCodec):
    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)


async def test_a_codec_of_the_teams_own_stays(temporal_env: WorkflowEnvironment, tmp_path: Path) -> None:
    codec = _Codec()
    settings = _settings(tmp_path)
    client = await Client.connect(
        temporal_env.client.service_client.config.target_host,
        data_converter=DataConverter(payload_codec=codec),
        plugins=[FerdPlugin(settings)],
    )
    converter = client.data_converter
    assert converter.payload_codec is codec
    model: BaseModel = Hold(position=1, step="a", reasons=["paused"])
    assert await converter.decode(await converter.encode([model]), [Hold]) == [model]


async def test_a_replayer_takes_the_plugin(tmp_path: Path) -> None:
    (path,) = [path for path in recorded() if path.stem == "reference"]
    await Replayer(workflows=[], plugins=[FerdPlugin(_settings(tmp_path))]).replay_workflow(history_of(path))


def _settings(home: Path) -> Settings:
    return Settings(
        home=home,
        api_key=SecretStr("k" * 32),
        secret_keys=[SecretStr("s" * 32)],
        database_url=SecretStr(f"sqlite:///{home}/ferd.db"),
    )
