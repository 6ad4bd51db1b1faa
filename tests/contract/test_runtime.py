"""The contract of `Runtime` and `Prober`, on the fake and on real processes, cold and out of a warm spare."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pullet.domain.app import Process
from pullet.domain.errors import ProbeFailed, StartFailed
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey, InstanceId, ReleaseId
from pullet.domain.runtime import Instance, Phase, RunRequest, Spare, StartRequest, Workplace
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime import cgroups
from pullet.drivers.runtime.prober import HttpProber
from pullet.drivers.runtime.runtime import ShimRuntime
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.runtime.supervisor import ShimSupervisor
from pullet.ports import Runtime
from tests.contract.routing import free_port
from tests.fakes.runtime import FakeRuntime
from tests.polling import alive, until

SHOP = EnvironmentKey("shop", "production")
ASGI = """
import asyncio, os
BODY = ("{body} " + str(os.getuid()) + " " + os.environ.get("COLOUR", "")).encode()
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            await send({{"type": (await receive())["type"] + ".complete"}})
    if scope["path"] == "/slow":
        open("slow", "w").close()
        await asyncio.sleep(0.5)
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": BODY}})
"""
PORT = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"by port")
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


class World:
    """A home with trees of releases, and the runtime under test."""

    def __init__(self, home: Home, runtime: Runtime) -> None:
        self.home = home
        self.runtime = runtime

    def request(
        self, number: int = 1, command: str = "uvicorn main:app", *, name: str = "web", **more: object
    ) -> StartRequest:
        release = ReleaseId(SHOP, number)
        tree = self.home.tree(release)
        tree.mkdir(parents=True, exist_ok=True)
        (tree / "main.py").write_text(ASGI.format(body=f"release {number}"))
        (tree / "port.py").write_text(PORT)
        place = Workplace(release, str(tree), sys.executable, environment_digest="one")
        place = dataclasses.replace(place, **more)  # type: ignore[arg-type]
        return StartRequest(InstanceId(release, name, 0), place, Process(name, command))

    def log(self, request: StartRequest) -> str:
        path = self.runtime.log_path(request.id)
        return path.read_text() if path.exists() else ""

    async def clean(self) -> None:
        for instance in await self.runtime.observe():
            await self.runtime.stop(instance.id, 0)
        for each in await self.runtime.spares():
            await self.runtime.discard_spares(each.environment)


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    with tempfile.TemporaryDirectory(prefix="pullet-test-") as folder:
        yield Home(Path(folder))


async def real_runtime(home: Home) -> ShimRuntime:
    runner, groups = ProcessRunner(), cgroups.detect()
    return ShimRuntime(
        home, runner, ShimSupervisor(runner, groups, use_systemd=False), await detect_sandbox(home, runner), groups
    )


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
async def world(request: pytest.FixtureRequest, home: Home) -> AsyncIterator[World]:
    made = World(home, FakeRuntime() if request.param == "fake" else await real_runtime(home))
    yield made
    await made.clean()


@pytest.fixture
async def real(home: Home) -> AsyncIterator[World]:
    made = World(home, await real_runtime(home))
    yield made
    await made.clean()


async def get(instance: Instance, path: str = "/") -> str:
    """Body of GET over the instance's socket, once it listens."""
    async with asyncio.timeout(20):
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(instance.socket)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(0.02)
    writer.write(f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode().partition("\r\n\r\n")[2]


async def ready_spare(world: World, request: StartRequest) -> Spare:
    """A spare like `request`'s release, once it waits."""
    made = None
    while made is None or not made.ready:
        async with asyncio.timeout(20):
            made = await world.runtime.prepare_spare(request)
            await asyncio.sleep(0.02)
    return made


async def test_nothing_runs_in_a_new_home(world: World) -> None:
    assert not await world.runtime.observe()
    assert not await world.runtime.spares(SHOP)
    await world.runtime.stop(InstanceId(ReleaseId(SHOP, 1), "web", 0), 1)


async def test_an_instance_is_started_once_observed_and_stopped(world: World) -> None:
    request = world.request()
    first = await world.runtime.start(request)
    assert first.phase is Phase.UP and first.socket and not first.warm
    assert (await world.runtime.start(request)).pid == first.pid
    assert [each.id for each in await world.runtime.observe(SHOP)] == [request.id]
    assert not await world.runtime.observe(EnvironmentKey("other", "production"))
    await world.runtime.stop(request.id, 5)
    assert not await world.runtime.observe()


async def test_a_worker_serves_nothing(world: World) -> None:
    assert (await world.runtime.start(world.request(name="worker", command="sleep 600"))).socket == ""


async def test_a_spare_serves_the_next_release(world: World) -> None:
    live = world.request(1)
    await world.runtime.start(live)
    spare = await ready_spare(world, live)
    assert (spare.environment, spare.process) == (SHOP, "web")
    assert await world.runtime.spares(SHOP) == [spare]
    assert (await world.runtime.start(world.request(2))).warm
    assert not await world.runtime.spares()


async def test_spares_are_discarded(world: World) -> None:
    live = world.request(1)
    await world.runtime.start(live)
    await ready_spare(world, live)
    await world.runtime.discard_spares(SHOP)
    assert not await world.runtime.spares()
    assert not (await world.runtime.start(world.request(2))).warm


async def test_a_command_runs_to_its_end(world: World) -> None:
    lines: list[str] = []
    request = RunRequest(world.request().workplace, "true", timeout=20)
    assert (await world.runtime.run(request, lines.append)).exit_code == 0


@pytest.mark.real
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
async def test_a_release_answers_cold_or_warm(real: World, warm: bool) -> None:
    if warm:
        await real.runtime.start(real.request(1))
        await ready_spare(real, real.request(1))
    instance = await real.runtime.start(real.request(2))
    assert instance.warm is warm
    assert (await get(instance)).startswith("release 2 ")
    assert await HttpProber().probe(instance.socket, "shop.localhost", "/", 5) == 200
    assert Path(instance.socket).stat().st_mode & 0o666 == 0o666
    # after a crash it comes back, on the same socket, with its own release
    os.kill(instance.pid or 0, signal.SIGKILL)
    supervised = lambda: any(each.restarts for each in real.runtime._observe(SHOP))  # type: ignore[attr-defined]  # noqa: E731
    await until(supervised)
    body = ""
    async with asyncio.timeout(20):
        while not body.startswith("release 2 "):
            try:
                body = await get(instance)
            except OSError:
                await asyncio.sleep(0.02)


@pytest.mark.real
async def test_a_spare_with_other_variables_is_not_taken(real: World) -> None:
    live = real.request(1, variables=(("COLOUR", "red"),))
    await real.runtime.start(live)
    await ready_spare(real, live)
    instance = await real.runtime.start(real.request(2, variables=(("COLOUR", "blue"),)))
    assert not instance.warm and (await get(instance)).endswith("blue")
    assert not await real.runtime.spares()


@pytest.mark.real
async def test_a_release_that_shadows_a_module_starts_cold(real: World) -> None:
    live = real.request(1)
    await real.runtime.start(live)
    await ready_spare(real, live)
    changed = real.request(2)
    (Path(changed.workplace.tree) / "click").mkdir()
    assert not (await real.runtime.start(changed)).warm


@pytest.mark.real
async def test_an_app_on_a_port_is_relayed(real: World) -> None:
    instance = await real.runtime.start(real.request(command="python port.py"))
    await until(lambda: Path(instance.socket).exists())
    assert await get(instance) == "by port"
    await real.runtime.stop(instance.id, 5)
    assert not Path(instance.socket).parent.exists() and not alive(instance.pid or 0)


@pytest.mark.real
async def test_an_app_whose_port_is_written_in_its_code_is_found_and_the_next_release_starts_beside_it(
    real: World,
) -> None:
    """Two ports, of which one speaks HTTP."""
    port = free_port()
    code = PORT.replace('int(os.environ["PORT"])', str(port)).replace("by port", "number {number}")
    other = "import socket; other = socket.create_server(('127.0.0.1', 0))\n"
    requests = [real.request(number, command="python fixed.py") for number in (1, 2)]
    for number, request in enumerate(requests, 1):
        (Path(request.workplace.tree) / "fixed.py").write_text(other + code.replace("{number}", str(number)))
    instances = [await real.runtime.start(request) for request in requests]
    assert [await get(instance) for instance in instances] == ["number 1", "number 2"]


@pytest.mark.real
@pytest.mark.parametrize(
    "command",
    [
        "uvicorn main:app",
        "true && uvicorn main:app",
        "python -c \"import os, uvicorn; uvicorn.run('main:app', port=int(os.environ['PORT']))\"",
    ],
    ids=["socket", "shell", "relay"],
)
async def test_a_stopping_instance_finishes_what_it_is_doing(real: World, command: str) -> None:
    request = real.request(command=command)
    instance = await real.runtime.start(request)
    await until(lambda: Path(instance.socket).exists())
    answer = asyncio.create_task(get(instance, "/slow"), name="slow request")
    await until((Path(request.workplace.tree) / "slow").exists)
    await real.runtime.stop(request.id, 20)
    assert (await answer).startswith("release 1 ")


@pytest.mark.real
async def test_an_app_that_ends_at_once_says_why(real: World) -> None:
    request = real.request(command="uvicorn missing:app", secrets=("hunter2",))
    with pytest.raises(StartFailed) as caught:
        await real.runtime.start(request)
    assert "missing" in caught.value.context and "exited with" in caught.value.message
    assert not await real.runtime.observe()


@pytest.mark.real
async def test_a_command_that_does_not_exist(real: World) -> None:
    with pytest.raises(StartFailed) as caught:
        await real.runtime.start(real.request(command="no-such-server --flag"))
    assert "no-such-server" in caught.value.context


@pytest.mark.real
async def test_another_daemon_adopts_and_stops(real: World) -> None:
    first = await real.runtime.start(real.request())
    other = await real_runtime(real.home)
    assert await other.observe() == await real.runtime.observe()
    assert (await other.start(real.request())).pid == first.pid
    await other.stop(first.id, 5)
    assert not alive(first.pid or 0) and not await real.runtime.observe()


@pytest.mark.real
@pytest.mark.parametrize("left", [("lock", "spec.json"), ("lock",), ()])
async def test_what_a_stop_cut_short_left_is_seen_and_cleared_away(real: World, left: tuple[str, ...]) -> None:
    request = real.request()
    await real.runtime.start(request)
    folder = real.home.run / "shop/production/1/web.0"
    kept = {name: (folder / name).read_bytes() for name in left}
    await real.runtime.stop(request.id, 5)
    folder.mkdir(parents=True)
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    assert await real.runtime.observe(SHOP) == [Instance(request.id, Phase.GONE)]
    await real.runtime.stop(request.id, 0)
    assert not folder.exists() and not await real.runtime.observe(SHOP)


@pytest.mark.real
async def test_a_spare_taken_by_half_is_no_instance_yet(real: World) -> None:
    first, second = real.request(1), real.request(2)
    await real.runtime.start(first)
    await ready_spare(real, first)
    environment = real.home.run / "shop/production"
    (environment / "2").mkdir()
    (environment / "spares/web").rename(environment / "2/web.0")
    assert Instance(second.id, Phase.GONE) in await real.runtime.observe(SHOP)
    await real.runtime.stop(second.id, 0)
    assert [each.id for each in await real.runtime.observe(SHOP)] == [first.id]


@pytest.mark.real
async def test_secrets_are_in_no_log(real: World) -> None:
    request = real.request(
        command="sh -c 'echo key=$KEY'", name="worker", variables=(("KEY", "hunter2"),), secrets=("hunter2",)
    )
    await real.runtime.start(request)
    await until(lambda: "key=" in real.log(request))
    assert "hunter2" not in real.log(request)


@pytest.mark.real
async def test_run_tells_lines_code_and_time_out(real: World) -> None:
    lines: list[str] = []
    place = real.request().workplace
    done = await real.runtime.run(RunRequest(place, "echo one; echo $HOME; exit 3", timeout=20), lines.append)
    assert (done.exit_code, lines) == (3, ["one", "/tmp"])
    late = await real.runtime.run(RunRequest(place, "sleep 60", timeout=0.2), lines.append)
    assert late.exit_code == 124 and "longer than 0.2 s" in late.output


@pytest.mark.real
@pytest.mark.parametrize(
    ("answer", "says"), [(b"", "closed"), (b"SSH-2.0\r\n", "not HTTP"), (None, "no answer in 0.2 s")]
)
async def test_a_probe_says_what_happened_instead(home: Home, answer: bytes | None, says: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is not None:
            writer.write(answer)
            writer.close()
        else:
            await reader.read()
            writer.close()

    path = str(home.root / "s")
    with pytest.raises(ProbeFailed, match="does not listen yet"):
        await HttpProber().probe(path, "x", "/", 1)
    server = await asyncio.start_unix_server(serve, path)
    with pytest.raises(ProbeFailed, match=says):
        await HttpProber().probe(path, "x", "/", 0.2 if answer is None else 5)
    server.close()
    await server.wait_closed()
    with pytest.raises(ProbeFailed, match=r"refused|not listen"):
        await HttpProber().probe(path, "x", "/", 1)
