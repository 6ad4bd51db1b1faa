"""The smallest Litestar app, made by a factory."""

from litestar import Litestar, get

GREETING = "Hello from Pullet"


@get("/")
async def home() -> dict[str, str]:
    return {"greeting": GREETING}


def create_app() -> Litestar:
    return Litestar(route_handlers=[home])
