"""OpenTelemetry: one trace from the API's request over enrolment, journey and activity to SMTP.

Silent unless an OTLP endpoint is set by the usual variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, ...), or a
provider was set by the program that ferd runs in. Spans carry ids only (SAFE_4).
"""

import os
from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from temporalio.contrib.opentelemetry import TracingInterceptor

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def configure(service: str) -> None:
    """Send traces to the OTLP endpoint, if one is set. `service` names the process: ferd-api, ferd-worker."""
    if any(os.environ.get(name) for name in _ENDPOINTS):
        resource = Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", service)})
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)


def enabled() -> bool:
    """Whether spans go anywhere."""
    return isinstance(trace.get_tracer_provider(), TracerProvider)


def interceptors() -> Sequence[TracingInterceptor]:
    """What carries a trace through Temporal: a journey's spans end at once, so months of waiting show as they pass."""
    return [TracingInterceptor()] if enabled() else []
