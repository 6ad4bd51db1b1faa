"""An environment a branch."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body
from fastapi.responses import Response

from pullet.api.parameters import PROGRESS, Author
from pullet.api.streams import ProgressLines, answer, stream
from pullet.domain.report import PreviewReport
from pullet.operations import previews
from pullet.operations.control import Control


def preview_routes(control: Control) -> APIRouter:
    router = APIRouter(tags=["previews"])

    @router.get("/apps/{app}/previews", response_model=PreviewReport)
    async def app_previews(app: str) -> Response:
        """Which branches have an environment, and why others have none."""
        return answer(previews.listing(control, app))

    @router.post("/apps/{app}/previews", **PROGRESS)
    async def change_previews(
        app: str,
        settings: Annotated[
            dict[str, Any] | None, Body(embed=True, description="Keys of `[previews]` to set; null switches them off.")
        ] = None,
        author: Author = "pullet",
    ) -> ProgressLines:
        """Switch previews on or off, as a commit in the fleet."""
        return stream(previews.change(control, app, settings, author))

    return router
