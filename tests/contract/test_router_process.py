"""Caddy as a process: its port, its start and its failure, a changed configuration, TLS, what it may read."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import ssl
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bench.load import Load, run
from pullet.domain.errors import PortTaken, RouterError
from pullet.drivers.router.caddy import CaddyRouter
from pullet.drivers.router.configuration import Tls
from pullet.drivers.runtime.users import FIRST_USER
from pullet.ports import Page
from tests.contract.routing import Bench, bench, free_port

pytestmark = pytest.mark.real
HOST = "shop.localhost"


async def test_a_taken_port_is_named_with_its_holder() -> None:
    with bench() as real, socket.create_server(("127.0.0.1", real.port)):
        with pytest.raises(PortTaken, match=rf"Port {real.port} is taken by .*pid {os.getpid()}"):
            await real.router.ensure()
        assert real.supervisor.children == {}


async def test_another_router_on_the_port_is_seen_although_caddy_would_share_it() -> None:
    with bench() as one, bench() as other:
        await one.router.ensure()
        late = CaddyRouter(other.home, other.supervisor, one.port)
        with pytest.raises(PortTaken, match="caddy"):
            await late.ensure()
        await one.router.ensure()
        assert len(one.supervisor.launched) == 1


async def test_ensure_starts_a_killed_router_again_and_routes_are_still_there() -> None:
    with bench() as real:
        await real.router.ensure()
        await real.router.show_page(HOST, Page("gone", "why"))
        for child in real.supervisor.children.values():
            child.kill()
            child.wait()
        await real.router.ensure()
        assert real.ask(HOST).status == 502


async def test_a_router_that_cannot_start_shows_its_last_lines(tmp_path: Path) -> None:
    with bench() as real:
        broken = real.home.root / "caddy"
        broken.write_text("#!/bin/sh\n[ $1 = version ] && echo v2.11.0 && exit\necho boom of Caddy; exit 3\n")
        broken.chmod(0o755)
        router = CaddyRouter(real.home, real.supervisor, real.port, caddy=broken)
        with pytest.raises(RouterError, match="exited with 3") as caught:
            await router.ensure()
        assert "boom of Caddy" in caught.value.context
        assert real.supervisor.children == {}


async def test_an_old_caddy_is_refused() -> None:
    with bench() as real:
        old = real.home.root / "caddy"
        old.write_text("#!/bin/sh\necho v2.6.2\n")
        old.chmod(0o755)
        router = CaddyRouter(real.home, real.supervisor, real.port, caddy=old)
        with pytest.raises(RouterError, match=r"2\.6\.2"):
            await router.ensure()


async def test_a_changed_configuration_brings_a_new_process_that_takes_the_port_over() -> None:
    with bench() as real:
        await real.router.ensure()
        await real.router.switch(HOST, real.target(1, real.upstream("a")))
        newer = CaddyRouter(real.home, real.supervisor, real.port)
        newer._settings = replace(newer._settings, log_megabytes=8)
        load = Load(("127.0.0.1", real.port), HOST, rate=100, seconds=2, keep_alive=False)
        loading = asyncio.create_task(asyncio.to_thread(run, load), name="load")
        await asyncio.sleep(0.5)
        await newer.ensure()
        report = await loading
        assert len(real.supervisor.children) == 1
        assert report.failed <= 2, report.summary()  # what sat unaccepted in the old listener's queue


async def test_a_changed_port_leaves_one_router() -> None:
    with bench() as real:
        await real.router.ensure()
        await real.router.show_page(HOST, Page("gone", "why"))
        moved = CaddyRouter(real.home, real.supervisor, free_port())
        await moved.ensure()
        assert len(real.supervisor.children) == 1
        with pytest.raises(ConnectionRefusedError):
            real.ask(HOST)


async def test_tls_for_routed_names_only() -> None:
    port = free_port()
    with bench(Tls(port=port, internal=True)) as real:
        await real.router.ensure()
        await real.router.switch("shop.example.org", real.target(1, real.upstream("a")))
        await real.router.switch(HOST, real.target(1, str(real.home.sockets / "a.sock")))
        status, protocol, text = await asyncio.to_thread(ask_tls, port, "shop.example.org")
        assert (status, protocol) == (200, "TLSv1.3")
        assert text.startswith("a shop.example.org")
        for stranger in ("other.example.org", HOST, "x.shop.example.org", "*.example.org"):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.to_thread(ask_tls, port, stranger)
        moved = real.ask("shop.example.org", "/x?y=1")
        assert (moved.status, moved.headers["Location"]) == (308, f"https://shop.example.org:{port}/x?y=1")
        assert real.ask(HOST).status == 200


def ask_tls(port: int, host: str) -> tuple[int, str | None, str]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # an authority of Caddy's own signs
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=15) as plain,
        context.wrap_socket(plain, server_hostname=host) as negotiated,
    ):
        assert negotiated.selected_alpn_protocol() == "h2"
    context.set_alpn_protocols(["http/1.1"])
    with socket.create_connection(("127.0.0.1", port), timeout=15) as plain:
        wrapped = context.wrap_socket(plain, server_hostname=host)
        connection = http.client.HTTPConnection(host)
        connection.sock = wrapped
        connection.request("GET", "/", headers={"Host": host})
        answer = connection.getresponse()
        text = answer.read().decode()
        protocol = wrapped.version()
        connection.close()
        return answer.status, protocol, text


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only then is Caddy a user of its own")
async def test_as_root_the_router_is_a_user_that_reads_only_its_routes() -> None:
    with bench() as real:
        before = os.umask(0o077)
        try:
            await serve_something(real)
        finally:
            os.umask(before)
        (child,) = real.supervisor.children.values()
        uids = (Path("/proc") / str(child.pid) / "status").read_text().split("Uid:")[1].split()[:4]
        assert uids == [str(FIRST_USER - 1)] * 4
        for private in (real.home.root, real.home.sockets, real.home.router):
            assert not stat.S_IMODE(private.stat().st_mode) & (stat.S_IROTH | stat.S_IWOTH)
        assert await asyncio.to_thread(as_router, "ls", str(real.home.root)) != 0
        assert await asyncio.to_thread(as_router, "touch", str(real.home.router / "hosts" / "x")) != 0


def as_router(*argv: str) -> int:
    return subprocess.run(
        argv, user=FIRST_USER - 1, group=FIRST_USER - 1, extra_groups=[], capture_output=True, check=False
    ).returncode


async def serve_something(real: Bench) -> None:
    await real.router.ensure()
    folder = real.folder("1/static", {"x.txt": "x"})
    (folder / "x.txt").chmod(0o600)
    await real.router.switch(HOST, real.target(1, real.upstream("a"), static=(("/s", str(folder)),)))
    assert real.ask(HOST).status == 200
    assert real.ask(HOST, "/s/x.txt").text == "x"
