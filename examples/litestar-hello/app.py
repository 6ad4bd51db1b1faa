"""The smallest useful Litestar app."""

from litestar import Litestar, MediaType, get

MESSAGE = "Hello from Litestar"


@get("/", media_type=MediaType.TEXT)
async def index() -> str:
    return MESSAGE


@get("/healthz")
async def health() -> dict[str, str]:
    return {"status": "ok"}


app = Litestar(route_handlers=[index, health])
