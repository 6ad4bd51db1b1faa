"""What was found of releases before they took traffic."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from pullet.api.parameters import Environment
from pullet.api.streams import answer
from pullet.domain.identity import PRODUCTION
from pullet.domain.security import Assessed
from pullet.domain.testing import Kept
from pullet.operations.assess import assessed
from pullet.operations.control import Control
from pullet.operations.results import kept


def finding_routes(control: Control) -> APIRouter:
    router = APIRouter(tags=["findings"])

    @router.get("/apps/{app}/tests", response_model=Kept)
    async def tests(
        app: str,
        environment: Environment = PRODUCTION,
        release: int | None = None,
        limit: Annotated[int, Query(ge=1, le=50)] = 2,
    ) -> Response:
        """What the tests of a release said, and of those before it, the newest first."""
        return answer(kept(control, app, environment, release, limit))

    @router.get("/apps/{app}/assessments", response_model=Assessed)
    async def assessments(app: str, environment: Environment = PRODUCTION, release: int | None = None) -> Response:
        """What was found of a release's security (default: the newest that was assessed), and of those before it."""
        return answer(assessed(control, app, environment, release))

    return router
