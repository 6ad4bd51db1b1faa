"""Services, their data, backups and schedules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.responses import Response

from pullet.api.parameters import PROGRESS, Environment
from pullet.api.streams import ProgressLines, answer, stream
from pullet.domain.backup import Backup
from pullet.domain.identity import PRODUCTION, EnvironmentKey
from pullet.domain.report import ScheduleReport, ServiceReport
from pullet.operations import data, schedules
from pullet.operations.control import Control

Service = Annotated[str | None, Query(description="Name of the service; default: the only one.")]
File = Annotated[str, Body(embed=True, description="Absolute path of a file on the box.")]
BackupId = Annotated[str | None, Query(description="How the backup's id begins; default: the newest that fits.")]


def data_routes(control: Control) -> APIRouter:
    router = APIRouter(tags=["data"])
    _questions(control, router)
    _requests(control, router)
    return router


def _questions(control: Control, router: APIRouter) -> None:
    @router.get("/services", response_model=list[ServiceReport])
    async def services(app: str | None = None, environment: str | None = None) -> Response:
        """Every backing service there is data of, also what no app asks for any more."""
        return answer(await data.services(control, app, environment))

    @router.get("/backups", response_model=list[Backup])
    async def backups() -> Response:
        """Every whole backup at the destination, the oldest first."""
        return answer(tuple(await data.backups(control)))

    @router.get("/apps/{app}/schedules", response_model=list[ScheduleReport])
    async def app_schedules(app: str, environment: Environment = PRODUCTION, limit: int = 5) -> Response:
        """The schedules of the live release, each with its last runs."""
        return answer(schedules.listing(control, app, environment, limit))

    @router.get("/apps/{app}/schedules/{name}/output", response_model=list[str])
    async def schedule_output(
        app: str, name: str, environment: Environment = PRODUCTION, run: int | None = None
    ) -> Response:
        """The last lines that a run (default: the newest) wrote."""
        return answer(tuple(schedules.output(control, app, environment, name, run)))


def _requests(control: Control, router: APIRouter) -> None:
    @router.post("/apps/{app}/services/{name}/remove", **PROGRESS)
    async def remove_service(app: str, name: str, environment: Environment = PRODUCTION) -> ProgressLines:
        """Delete a service's data for good; refused while the live release asks for it."""
        return stream(data.remove_service(control, EnvironmentKey(app, environment), name))

    @router.post("/apps/{app}/clone", **PROGRESS)
    async def clone(
        app: str, origin: str, environment: Environment = PRODUCTION, service: Service = None
    ) -> ProgressLines:
        """Replace an environment's data by a copy of another one's."""
        return stream(data.clone(control, EnvironmentKey(app, environment), origin, service))

    @router.post("/apps/{app}/dump", **PROGRESS)
    async def dump(
        app: str, path: File, environment: Environment = PRODUCTION, service: Service = None
    ) -> ProgressLines:
        """Write one service's data into a new file."""
        return stream(data.dump(control, EnvironmentKey(app, environment), service, Path(path)))

    @router.post("/apps/{app}/load", **PROGRESS)
    async def load(
        app: str,
        path: Annotated[str | None, Body(embed=True, description="Of a dump; null: the newest snapshot.")] = None,
        environment: Environment = PRODUCTION,
        service: Service = None,
    ) -> ProgressLines:
        """Replace one service's data by what a dump holds, or by what they were before the last release commands."""
        key = EnvironmentKey(app, environment)
        if path is None:
            return stream(data.load_snapshot(control, key, service))
        return stream(data.load(control, key, service, Path(path)))

    @router.post("/backup", **PROGRESS)
    async def back_up(app: str | None = None, environment: Environment = PRODUCTION) -> ProgressLines:
        """Back up one environment, or without `app` the whole target."""
        return stream(data.back_up(control, EnvironmentKey(app, environment) if app else None))

    @router.post("/restore", **PROGRESS)
    async def restore(
        app: str | None = None,
        environment: Environment = PRODUCTION,
        service: Service = None,
        backup: BackupId = None,
    ) -> ProgressLines:
        """Put data back: of a service, of an environment, or without `app` of the whole target."""
        return stream(data.restore(control, EnvironmentKey(app, environment) if app else None, service, backup))
