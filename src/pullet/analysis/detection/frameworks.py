"""Callables whose result is a WSGI or ASGI application, by where they are imported from. Data, no logic.

Aliases and submodules (`from fastapi.applications import FastAPI`) are resolved by the reader of modules; a key that
has a submodule wins over its package.
"""

from __future__ import annotations

from typing import NamedTuple

from pullet.analysis.detection.application import ASGI, WSGI


class Made(NamedTuple):
    """What an expression makes."""

    framework: str
    interface: str


CONSTRUCTORS = {
    # (package, callable)
    ("flask", "Flask"): Made("Flask", WSGI),
    ("apiflask", "APIFlask"): Made("APIFlask", WSGI),
    ("flask_openapi3", "OpenAPI"): Made("Flask", WSGI),
    ("bottle", "Bottle"): Made("Bottle", WSGI),
    ("bottle", "default_app"): Made("Bottle", WSGI),
    ("falcon", "App"): Made("Falcon", WSGI),
    ("falcon", "API"): Made("Falcon", WSGI),
    ("falcon.asgi", "App"): Made("Falcon", ASGI),
    ("connexion", "FlaskApp"): Made("Connexion", ASGI),
    ("connexion", "AsyncApp"): Made("Connexion", ASGI),
    ("django.core.wsgi", "get_wsgi_application"): Made("Django", WSGI),
    ("django.core.asgi", "get_asgi_application"): Made("Django", ASGI),
    ("channels.routing", "ProtocolTypeRouter"): Made("Django Channels", ASGI),
    ("fastapi", "FastAPI"): Made("FastAPI", ASGI),
    ("starlette", "Starlette"): Made("Starlette", ASGI),
    ("litestar", "Litestar"): Made("Litestar", ASGI),
    ("starlite", "Starlite"): Made("Starlite", ASGI),
    ("quart", "Quart"): Made("Quart", ASGI),
    ("sanic", "Sanic"): Made("Sanic", ASGI),
    ("fasthtml", "FastHTML"): Made("FastHTML", ASGI),
    ("fasthtml", "fast_app"): Made("FastHTML", ASGI),
    ("shiny", "App"): Made("Shiny", ASGI),
    ("connexion", "App"): Made("Connexion", ASGI),
    ("blacksheep", "Application"): Made("BlackSheep", ASGI),
    ("gradio", "mount_gradio_app"): Made("Gradio", ASGI),
    ("masonite.foundation", "Application"): Made("Masonite", WSGI),
    ("eve", "Eve"): Made("Eve", WSGI),
    ("esmerald", "Esmerald"): Made("Esmerald", ASGI),
    ("ravyn", "Ravyn"): Made("Ravyn", ASGI),
    ("lilya.apps", "Lilya"): Made("Lilya", ASGI),
    ("quart_trio", "QuartTrio"): Made("Quart", ASGI),
    ("strawberry.asgi", "GraphQL"): Made("Strawberry", ASGI),
    ("ariadne.asgi", "GraphQL"): Made("Ariadne", ASGI),
    ("ariadne.wsgi", "GraphQL"): Made("Ariadne", WSGI),
    ("marimo", "create_asgi_app"): Made("Marimo", ASGI),
    ("engineio", "ASGIApp"): Made("Engine.IO", ASGI),
    ("socketio", "ASGIApp"): Made("Socket.IO", ASGI),
    ("socketio", "WSGIApp"): Made("Socket.IO", WSGI),
    ("asgiref.wsgi", "WsgiToAsgi"): Made("WsgiToAsgi", ASGI),
    ("a2wsgi", "WSGIMiddleware"): Made("a2wsgi", ASGI),
    ("a2wsgi", "ASGIMiddleware"): Made("a2wsgi", WSGI),
    ("whitenoise", "WhiteNoise"): Made("WhiteNoise", WSGI),
}

METHODS = {
    # the last name of `config.make_wsgi_app()`: telling enough wherever it comes from
    "make_wsgi_app": Made("Pyramid", WSGI),
    "wsgifunc": Made("web.py", WSGI),
    "http_app": Made("MCP", ASGI),
    "streamable_http_app": Made("MCP", ASGI),
    "sse_app": Made("MCP", ASGI),
}

WEB = frozenset(
    """aiohttp anvil-app-server apiflask ariadne blacksheep bokeh bottle celery chainlit channels cherrypy connexion
    daphne dash django django-ninja djangorestframework emmett esmerald eve falcon fastapi fasthtml fastmcp flask
    flask-appbuilder gradio granian gunicorn hypercorn klein litestar masonite mesop nicegui panel pyramid
    python-fasthtml python-socketio quart ravyn reflex robyn sanic shiny solara starlette starlite strawberry-graphql
    streamlit taipy tornado uvicorn uwsgi vizro wagtail waitress web-py""".split()  # noqa: SIM905
)
"""Distributions that serve or make web apps, by their normalised names: who lists one of them lists an app's."""

FACTORY_NAMES = (
    "create_app",
    "make_app",
    "build_app",
    "get_app",
    "app_factory",
    "create_application",
    "get_application",
)

OBJECT_NAMES = ("app", "application", "api", "asgi", "wsgi", "server")
"""What servers are usually pointed at, best first."""


def framework_of(callable_name: str) -> Made | None:
    """What is made by a fully dotted callable such as `fastapi.applications.FastAPI`."""
    module, _, name = callable_name.rpartition(".")
    found = CONSTRUCTORS.get((module, name)) or CONSTRUCTORS.get((module.split(".", 1)[0], name))
    return found or (METHODS.get(name) if module else None)
