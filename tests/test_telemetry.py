"""One trace from the API's request over enrolment, journey and activity to SMTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.testing import WorkflowEnvironment

import telemetry
from flows.outcome import Status
from tests.support.databases import SqliteDatabases
from tests.support.running import running
from tests.support.world import mail
from tests.support.world import world as make_world


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What would have been exported. The provider is global and can be set once only, hence the patch."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


async def test_one_trace_from_the_request_to_the_mail(
    spans: InMemorySpanExporter,
    temporal_env: WorkflowEnvironment,
    sqlite_databases: SqliteDatabases,
    tmp_path: Path,
) -> None:
    """And nothing personal in it (SAFE_4)."""
    marker = uuid4().hex
    async with make_world(temporal_env, sqlite_databases.create(), tmp_path) as world, running(world) as api:
        flow = await world.flow("traced", mail("hello", subject=f"{marker} {{{{ person.first_name }}}}"))
        person = await world.person(first_name=marker, email=f"{marker}@x.example")
        spans.clear()
        await api.post(f"/flows/{flow}/participants", {"person": person}, status=202)
        (participant,) = await world.participants(flow)
        await world.until(participant.id, status=Status.FINISHED)
        await world.journey(flow, participant.id).result()
    finished = {span.name: span for span in spans.get_finished_spans()}
    wanted = {
        "POST /v1/flows/{flow}/participants", "StartWorkflow:Journey", "RunWorkflow:Journey",
        "StartActivity:send_email", "RunActivity:send_email", "email send",
    }  # fmt: skip
    assert wanted <= set(finished)
    assert len({finished[name].context.trace_id for name in wanted}) == 1
    assert marker not in json.dumps([span.to_json() for span in spans.get_finished_spans()])


def test_silent_unless_an_endpoint_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    telemetry.configure("test")
    assert not telemetry.enabled()
    assert telemetry.interceptors() == []
