"""A Temporal server whose clocks stand still until a test moves them with `fast_forward`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

import temporal_server
from workflows.contract import SEARCH_ATTRIBUTES


@asynccontextmanager
async def time_skipping_server() -> AsyncIterator[WorkflowEnvironment]:
    """A development server in memory. Aim `fast_forward` past a timer, never exactly at it."""
    dynamic_config = (
        "frontend.WorkflowTimeSkippingEnabled=true",
        # Without it every skip costs about a second of wall time.
        'history.timerProcessorMaxTimeShift="10ms"',
        # Without it a quick chain of continue-as-new jumps days ahead.
        'history.workflowIdReuseMinimalInterval="0s"',
    )
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        ts_config=TimeSkippingConfig(enabled=False),
        dev_server_existing_path=str(temporal_server.binary()),
        dev_server_log_level="error",
        dev_server_extra_args=[word for value in dynamic_config for word in ("--dynamic-config-value", value)],
    )
    async with environment:
        await temporal_server.register(environment.client, SEARCH_ATTRIBUTES)
        yield environment
