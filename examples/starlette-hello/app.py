"""The smallest useful Starlette app."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

MESSAGE = "Hello from Starlette"


async def index(request: Request) -> PlainTextResponse:
    return PlainTextResponse(MESSAGE)


async def health(request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


app = Starlette(routes=[Route("/", index), Route("/healthz", health)])
