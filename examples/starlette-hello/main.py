"""The smallest Starlette app."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

GREETING = "Hello from Pullet"


async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse(GREETING)


app = Starlette(routes=[Route("/", home)])
