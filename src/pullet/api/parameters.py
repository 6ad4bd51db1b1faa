"""What many routes share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Query

from pullet.api.streams import ProgressLines
from pullet.domain.report import Progress

Author = Annotated[str, Header(alias="X-Pullet-Author", description="Who asks; the author of the fleet commit.")]
Environment = Annotated[str, Query(description="Name of the environment.")]
PROGRESS: dict[str, Any] = {
    "response_class": ProgressLines,
    "responses": {
        200: {
            "model": Progress,
            "description": "One a line, as it happens; the last one has `done`.",
            "content": {ProgressLines.media_type: {"schema": {"type": "object"}}},
        }
    },
}
