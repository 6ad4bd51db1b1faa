"""Push under load: the new release replaces the old one, and no request fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bench.load import Load, Report, run
from tests.e2e.pullet import Pullet
from tests.e2e.repositories import Repository

pytestmark = pytest.mark.e2e

_AT_LEAST = 5  # redeploys while the load lasts

_FLASK = """
import time
from flask import Flask, request

app = Flask(__name__)


@app.route("/", methods=["GET", "POST"])
def home():
    return f"{version} {{len(request.get_data())}}"


@app.get("/slow")
def slow():
    time.sleep(2)
    return "{version} slow"
"""

_CHAT = """
async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await send({{"type": "websocket.accept"}})
        await send({{"type": "websocket.send", "text": "{version}"}})
        while (await receive())["type"] != "websocket.disconnect":
            pass
    elif scope["type"] == "http":
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": b"{version}"}})
"""


def _flask(version: str) -> str:
    return _FLASK.replace("{version}", version).replace("{{", "{").replace("}}", "}")


@contextlib.contextmanager
def _loads(*loads: Load) -> Iterator[tuple[list[Report], Callable[[], bool]]]:
    """Run beside the block: (the reports, complete after the block; whether all loads are still under way)."""
    with ThreadPoolExecutor(len(loads)) as pool:
        work = [pool.submit(run, load) for load in loads]
        reports: list[Report] = []
        yield reports, lambda: not any(one.done() for one in work)
        reports += [one.result(120) for one in work]


@pytest.fixture
def shop(own: Pullet) -> Repository:
    repository = Repository(own.root / "repositories" / "shop")
    repository.commit(
        {
            "app.py": _flask("v0"),
            "requirements.txt": "flask\ngunicorn\n",
            "Procfile": "web: gunicorn --workers 1 --threads 16 app:app\n",
        }
    )
    return repository


def test_pushes_under_load_lose_no_request(own: Pullet, shop: Repository) -> None:
    own.up(shop)
    router, host, seconds = ("127.0.0.1", own.port), "shop.localhost", 20.0
    kept = Load(router, host, rate=25, seconds=seconds, post_share=0.2)
    fresh = Load(router, host, rate=25, seconds=seconds, post_share=0.2, keep_alive=False)
    slow = Load(router, host, ("/slow",), rate=1, seconds=seconds)  # 2 s each: one is always under way
    number = 0
    with _loads(kept, fresh, slow) as (reports, under_way):
        while under_way():
            number += 1
            shop.push(app_py=_flask(f"v{number}"))
            own.wait_for("shop", f"v{number} 0", 20)
    assert number >= _AT_LEAST
    assert [report.failures for report in reports] == [{}, {}, {}]
    seen = {version for report in reports for version in report.answers}
    assert seen <= {f"v{release}" for release in range(number + 1)}
    assert len(seen) > number // 2  # a release that lives for a moment on a busy box may meet no request of the load
    assert {row["outcome"] for row in own.deployments("shop")} == {"succeeded"}


async def test_a_websocket_is_told_that_the_service_restarts(
    pullet: Pullet, new_repository: Callable[[Pullet], Repository]
) -> None:
    chat = new_repository(pullet)
    chat.commit(
        {
            "app.py": _CHAT.format(version="v1"),
            "requirements.txt": "uvicorn\nwebsockets\n",
            "Procfile": "web: uvicorn app:app\n",
        }
    )
    await asyncio.to_thread(pullet.up, chat)
    address = f"ws://{chat.name}.localhost/"
    async with connect(address, host="127.0.0.1", port=pullet.port, open_timeout=10, close_timeout=5) as talk:
        assert await talk.recv() == "v1"
        chat.push(app_py=_CHAT.format(version="v2"))
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(talk.recv(), 30)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    async with connect(address, host="127.0.0.1", port=pullet.port, open_timeout=10, close_timeout=5) as talk:
        assert await talk.recv() == "v2"
