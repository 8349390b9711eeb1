"""The HTTP facade: every call, behind one door."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline

from activities.crm.files import LARGEST_FILE
from api import (
    associates,
    attention,
    blocked,
    brakes,
    commands,
    companies,
    copies,
    edits,
    endpoints,
    enrolment_jobs,
    enrolment_lists,
    enrolments,
    errors,
    events,
    files,
    flows,
    groups,
    health,
    hooks,
    imports,
    kinds,
    library,
    mail_hooks,
    messages,
    participants,
    people,
    public,
    pulls,
    refusals,
    scheduled,
    scripts,
    statistics,
    superoffice_hook,
    versions,
    work,
)
from api.auth import SECURITY_SCHEMES, Door
from api.errors import Problem
from api.resource import PREFIX, problems
from api.services import Services

# Calls that ask for the API key.
GUARDED: Sequence[APIRouter] = (
    people.router,
    companies.router,
    *associates.routers,
    groups.selections,
    groups.projects,
    *library.routers,
    *kinds.routers,
    *work.routers,
    files.router,
    blocked.router,
    endpoints.router,
    scripts.router,
    flows.router,
    edits.router,
    versions.router,
    statistics.router,
    commands.router,
    scheduled.router,
    copies.router,
    brakes.router,
    enrolments.router,
    enrolment_jobs.router,
    enrolment_lists.router,
    participants.in_flow,
    participants.router,
    pulls.router,
    events.router,
    messages.router,
    attention.router,
)
# Calls from outside: the public side, and what providers report (signed).
OUTSIDE: Sequence[APIRouter] = (public.router, hooks.router, mail_hooks.router, superoffice_hook.router)
# Calls that ask for no API key.
OPEN: Sequence[APIRouter] = (*OUTSIDE, health.router)

BODY_LIMIT = 4 * 1024 * 1024
LARGER_BODIES: Mapping[str, int] = {
    # The form around the file takes a little more.
    f"{PREFIX}/files": LARGEST_FILE + 64 * 1024,
    f"{PREFIX}/people/import": imports.LARGEST_CSV,
    # What comes back may carry all that was sent, a third larger on its way.
    "/hooks/bounce": mail_hooks.LARGEST_MAIL,
    "/hooks/reply": mail_hooks.LARGEST_MAIL,
    f"{PREFIX}/flows/*/enrolments": imports.LARGEST_CSV,
}


def create_app(services: Services) -> FastAPI:
    """The application; it opens and closes nothing of `services`."""
    # Its page asks nothing of the network: what it shows comes with the package.
    app = FastAPIOffline(
        title="ferd",
        summary="Marketing flows on Temporal.",
        version="1",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url="/docs",
        redoc_url=None,
        static_url="/docs-static",
        # Closed: opened all at once, so many calls take a browser seconds.
        swagger_ui_parameters={"docExpansion": "none", "defaultModelsExpandDepth": -1},
    )
    app.state.services = services
    app.add_middleware(
        Door,
        keys=services.api_keys,
        editors=services.editor_keys,
        viewers=services.viewer_keys,
        body_limit=BODY_LIMIT,
        larger=LARGER_BODIES,
    )
    errors.install(app)
    refusals.install(app)
    for router in GUARDED:
        app.include_router(router, prefix=PREFIX, responses=problems(401, 403, 500))
    for router in OPEN:
        app.include_router(router)
    _describe(app)
    return app


def create_public_side(services: Services) -> FastAPI:
    """What people and providers outside may reach, alone: for an address of its own."""
    app = FastAPI(title="ferd", openapi_url=None)
    app.state.services = services
    app.add_middleware(Door, keys=(), body_limit=BODY_LIMIT, larger=LARGER_BODIES)
    errors.install(app)
    refusals.install(app)
    for router in OUTSIDE:
        app.include_router(router)
    return app


def _describe(app: FastAPI) -> None:
    """Have the API's description say what holds for every call: the key, and what an error looks like."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            description = generate()
            components = description["components"]
            components["securitySchemes"] = SECURITY_SCHEMES
            for unused in ("HTTPValidationError", "ValidationError"):
                components["schemas"].pop(unused, None)
            for path, calls in description["paths"].items():
                for call in calls.values():
                    _errors_are_problems(call)
                    if path.startswith(PREFIX + "/"):
                        call["security"] = [{scheme: []} for scheme in SECURITY_SCHEMES]
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _errors_are_problems(call: Mapping[str, Any]) -> None:
    """FastAPI says otherwise of what it refuses by itself, and that problems come as application/json too."""
    problem = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    for status, answer in call["responses"].items():
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        if schema in (problem, {"$ref": "#/components/schemas/HTTPValidationError"}):
            answer["description"] = HTTPStatus(int(status)).phrase
            answer["content"] = {errors.MEDIA_TYPE: {"schema": problem}}
