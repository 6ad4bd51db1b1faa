"""The API that the command line uses, on a unix socket for root and the owner. Translates only.

Long work answers with JSON lines (`Progress`), the last of which has `done`. GET /v1/openapi.json describes it all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Body, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from pullet import __version__
from pullet.api.data import data_routes
from pullet.api.findings import finding_routes
from pullet.api.parameters import PROGRESS, Author, Environment
from pullet.api.previews import preview_routes
from pullet.api.secrets import secret_routes
from pullet.api.streams import ProgressLines, answer, status_code, stream
from pullet.domain.errors import PulletError
from pullet.domain.identity import PRODUCTION
from pullet.domain.release import Deployment, Event
from pullet.domain.report import EnvironmentStatus, HealReport, TargetStatus
from pullet.domain.runtime import Capability
from pullet.operations import change, diagnose, logs, look
from pullet.operations.control import Control
from pullet.operations.heal import heals

Limit = Annotated[int, Query(ge=1, le=1000)]


def create_api(control: Control, stop: Callable[[], None]) -> FastAPI:
    """`stop` ends the daemon and every process of this home."""
    api = FastAPI(title="Pullet", version=__version__, openapi_url="/v1/openapi.json", docs_url=None, redoc_url=None)
    api.add_exception_handler(PulletError, _answer_error)
    api.add_exception_handler(RequestValidationError, _answer_malformed)
    api.include_router(_questions(control), prefix="/v1")
    api.include_router(_requests(control, stop), prefix="/v1")
    api.include_router(secret_routes(control), prefix="/v1")
    api.include_router(data_routes(control), prefix="/v1")
    api.include_router(preview_routes(control), prefix="/v1")
    api.include_router(finding_routes(control), prefix="/v1")
    return api


def _questions(control: Control) -> APIRouter:
    router = APIRouter(tags=["questions"])

    @router.get("/status", response_model=TargetStatus)
    async def status() -> Response:
        """What runs on this box, with every condition."""
        return answer(await look.target_status(control))

    @router.get("/apps/{app}", response_model=EnvironmentStatus)
    async def environment(app: str, environment: Environment = PRODUCTION) -> Response:
        """One environment of an app."""
        return answer(await look.environment_status(control, app, environment))

    @router.get("/apps/{app}/deployments", response_model=list[Deployment])
    async def deployments(app: str, environment: Environment = PRODUCTION, limit: Limit = 20) -> Response:
        """What became of each attempt, the latest first, with every step."""
        return answer(tuple(look.deployments(control, app, environment, limit)))

    @router.get("/apps/{app}/events", response_model=list[Event])
    async def events(app: str, environment: Environment = PRODUCTION, limit: Limit = 100) -> Response:
        """What happened by itself: restarts, drift, automatic rollbacks."""
        return answer(tuple(look.events(control, app, environment, limit)))

    @router.get("/apps/{app}/explain", response_model=list[str])
    async def explain(app: str, environment: Environment = PRODUCTION, release: int | None = None) -> Response:
        """What was inferred about a release (default: the live one), from which file and line."""
        return answer(look.explain(control, app, environment, release))

    @router.get("/apps/{app}/heal", response_model=HealReport)
    async def heal(app: str, environment: Environment = PRODUCTION, release: int | None = None) -> Response:
        """What healing changed for a release (default: the live one), and the patch that makes it permanent."""
        return answer(await heals(control, app, environment, release))

    @router.get("/apps/{app}/logs", response_class=PlainTextResponse)
    async def app_logs(
        app: str,
        environment: Environment = PRODUCTION,
        lines: Annotated[int, Query(ge=0, le=100_000)] = 100,
        follow: bool = False,
        deployment: Annotated[int | None, Query(description="A deployment's step logs instead.")] = None,
    ) -> StreamingResponse:
        """What the app wrote, as plain text."""
        source = (
            logs.app_log(control, app, environment, lines=lines, follow=follow)
            if deployment is None
            else logs.deployment_log(control, app, environment, deployment)
        )
        return StreamingResponse(await _started(source), media_type="text/plain; charset=utf-8")

    @router.get("/doctor", response_model=list[Capability])
    async def doctor() -> Response:
        """What this box allows."""
        world = control.neighbours
        return answer(await diagnose.capabilities(world.home, world.builder, world.runtime, world.router))

    return router


def _requests(control: Control, stop: Callable[[], None]) -> APIRouter:
    router = APIRouter(tags=["requests"])

    @router.post("/up", **PROGRESS)
    async def up(
        url: Annotated[str, Body()],
        branch: Annotated[str | None, Body()] = None,
        name: Annotated[str | None, Body()] = None,
        author: Author = "pullet",
    ) -> ProgressLines:
        """Deploy a repository as `production` and keep it deployed: a commit in the fleet, and what becomes of it."""
        return stream(change.up(control, change.UpRequest(url, branch, name, author)))

    @router.post("/apps/{app}/sync", **PROGRESS)
    async def sync(app: str, environment: Environment = PRODUCTION) -> ProgressLines:
        """Look at once, and try again a revision that failed."""
        return stream(change.sync(control, app, environment))

    @router.post("/apps/{app}/suspend", **PROGRESS)
    async def suspend(app: str, environment: Environment = PRODUCTION, author: Author = "pullet") -> ProgressLines:
        """Stop an environment's processes; keep everything."""
        return stream(change.set_suspended(control, app, environment, True, author))

    @router.post("/apps/{app}/resume", **PROGRESS)
    async def resume(app: str, environment: Environment = PRODUCTION, author: Author = "pullet") -> ProgressLines:
        """Start them again."""
        return stream(change.set_suspended(control, app, environment, False, author))

    @router.post("/apps/{app}/rollback", **PROGRESS)
    async def rollback(
        app: str,
        environment: Environment = PRODUCTION,
        release: Annotated[int | None, Query(ge=1)] = None,
        author: Author = "pullet",
    ) -> ProgressLines:
        """Go back to a release (default: the one before); the revision left behind is skipped."""
        return stream(change.rollback(control, app, environment, release, author))

    @router.post("/apps/{app}/down", **PROGRESS)
    async def down(app: str, author: Author = "pullet") -> ProgressLines:
        """Remove the app from the fleet and from this box."""
        return stream(change.down(control, app, author))

    @router.post("/poll")
    async def poll(url: Annotated[str | None, Query(description="One repository; default: all.")] = None) -> Response:
        """Poll now; what the hooks do. Answers how many repositories."""
        return answer(control.target.wake_sources(url))

    @router.post("/stop")
    async def stop_everything() -> Response:
        """End every process of this home, the daemon last."""
        stop()
        return answer("stopping")

    return router


async def _started(source: AsyncIterator[str]) -> AsyncIterator[str]:
    """The same lines; an error of the first one is raised here, while the answer can still say so."""
    first = await anext(source, None)

    async def lines() -> AsyncIterator[str]:
        if first is not None:
            yield first + "\n"
        async for line in source:
            yield line + "\n"

    return lines()


async def _answer_error(_: Request, err: Exception) -> Response:
    assert isinstance(err, PulletError)
    body = {"code": err.code, "message": err.message, "context": err.context, "hint": err.hint}
    return JSONResponse(body, status_code=status_code(err))


async def _answer_malformed(_: Request, err: Exception) -> Response:
    """As FastAPI does, but without what was sent: it may be a secret."""
    assert isinstance(err, RequestValidationError)
    detail = [{key: each[key] for key in ("type", "loc", "msg")} for each in err.errors()]
    return JSONResponse({"detail": detail}, status_code=422)
