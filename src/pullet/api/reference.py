"""docs/reference/openapi.json from the routes themselves; a unit test fails when what is committed is stale."""

from __future__ import annotations

import json
from typing import cast

from pullet.api.application import create_api
from pullet.operations.control import Control


def render() -> str:
    """The OpenAPI document. No route is called, so there need not be anything behind them."""
    api = create_api(cast("Control", None), stop=lambda: None)
    return json.dumps(api.openapi(), indent=2, ensure_ascii=False) + "\n"
