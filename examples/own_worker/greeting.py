"""A workflow of the team's own. It lives in a module of its own, because Temporal's sandbox imports it anew."""

from temporalio import workflow


@workflow.defn
class Greeting:
    @workflow.run
    async def run(self, name: str) -> str:
        return f"Hello, {name}"
