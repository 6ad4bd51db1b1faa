"""Secrets: names come out, values only go in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.responses import Response

from pullet.api.parameters import PROGRESS, Author, Environment
from pullet.api.streams import ProgressLines, answer, stream
from pullet.domain.identity import PRODUCTION
from pullet.domain.report import SecretStatus
from pullet.domain.secrets import SecretPlace
from pullet.operations import secrets
from pullet.operations.control import Control


def secret_routes(control: Control) -> APIRouter:
    router = APIRouter(tags=["secrets"])

    @router.get("/apps/{app}/secrets", response_model=list[SecretStatus])
    async def app_secrets(app: str, environment: Environment = PRODUCTION) -> Response:
        """Names of an environment's secrets and how each is set; never a value."""
        return answer(secrets.listing(control, app, environment))

    @router.get("/key", response_model=str)
    async def key() -> Response:
        """The target's public key (age): everybody may seal secrets with it."""
        return answer(control.neighbours.secrets.recipient())

    @router.post("/apps/{app}/secrets/{name}", **PROGRESS)
    async def set_secret(
        app: str,
        name: str,
        value: Annotated[str, Body(embed=True)],
        any_environment: Annotated[bool, Body(description="Environments that clone this one can open it too.")] = False,
        environment: Environment = PRODUCTION,
        author: Author = "pullet",
    ) -> ProgressLines:
        """Seal the value into the fleet and redeploy. The value is never given back."""
        place = SecretPlace(app, environment, name)
        return stream(secrets.set_secret(control, place, value, any_environment=any_environment, author=author))

    @router.post("/apps/{app}/secrets/{name}/unset", **PROGRESS)
    async def unset_secret(
        app: str, name: str, environment: Environment = PRODUCTION, author: Author = "pullet"
    ) -> ProgressLines:
        """Take a sealed secret out of the fleet and redeploy."""
        return stream(secrets.unset(control, SecretPlace(app, environment, name), author))

    @router.post("/apps/{app}/secrets/{name}/rotate", **PROGRESS)
    async def rotate_secret(
        app: str, name: str, environment: Environment = PRODUCTION, author: Author = "pullet"
    ) -> ProgressLines:
        """Give a generated secret a new value and redeploy."""
        return stream(secrets.rotate(control, SecretPlace(app, environment, name), author))

    return router
