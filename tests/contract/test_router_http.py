"""What a visitor gets from Caddy: hosts, pages, static files, protocols. One router for the module."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from pullet.domain.errors import ProbeFailed
from pullet.drivers.router.visitor import RouterVisitor
from pullet.ports import Page
from tests.contract.routing import Bench, bench, until

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]
HOST = "shop.localhost"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real() -> AsyncIterator[Bench]:
    with bench() as one:
        await one.router.ensure()
        await one.router.switch(HOST, one.target(1, one.upstream("a")))
        one.upstream("b")
        yield one


# --- the router's own visitor


async def test_a_visitor_gets_what_a_browser_would(real: Bench) -> None:
    visitor = RouterVisitor(real.port)
    answer = await visitor.get(HOST, "/some/page?q=1", 5)
    assert (answer.status, answer.body.split()[:2]) == (200, [b"a", b"shop.localhost"])
    assert (await visitor.get("nobody.localhost", "/", 5)).status == 404
    with pytest.raises(ProbeFailed, match="no whole answer in"):
        await visitor.get(HOST, "/slow", 0.2)
    with pytest.raises(ProbeFailed, match="not answered"):
        await RouterVisitor(1).get(HOST, "/", 1)


# --- hosts


@pytest.mark.parametrize(
    "spelling", [HOST, "SHOP.LOCALHOST", "Shop.Localhost.", "shop.localhost:1", "shop.localhost.:80"]
)
async def test_a_host_is_found_however_it_is_spelt(real: Bench, spelling: str) -> None:
    assert real.ask(spelling).text.startswith("a shop.localhost")


@pytest.mark.parametrize(
    "host",
    ["*", "*.localhost", "sho?.localhost", "[s]hop.localhost", "{http.request.uri.path}", "../hosts/shop.localhost",
     "shop.localhost/", "shop.localhost/on", "./shop.localhost", "x" * 300, "x" * 101, "", "shop.localhost\0", ".",
     "..", "shop%2elocalhost", "\\*", "shop.localhost,shop.localhost", "on", "1"],
)  # fmt: skip
async def test_hostile_hosts_reach_no_app(real: Bench, host: str) -> None:
    got = real.ask_raw(f"GET /shop.localhost HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert got.split(b" ")[1] in (b"400", b"404")
    assert b"X-App" not in got
    assert got.partition(b"\r\n\r\n")[2]


async def test_an_unknown_host_is_told_its_own_name(real: Bench) -> None:
    got = real.ask("nobody.localhost")
    assert got.status == 404
    assert "nobody.localhost" in got.text
    assert "color-scheme:light dark" in got.text


# --- pages


async def test_a_page_gives_the_reason_escaped_in_the_form_asked_for(real: Bench) -> None:
    host = "page.localhost"
    await real.router.show_page(host, Page("shop failed", "line <b>one\n</style>two"))
    html = real.ask(host, "/any/where", Accept="text/html,*/*")
    assert (html.status, html.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert "line &lt;b&gt;one\n&lt;/style&gt;two" in html.text
    assert html.headers["Cache-Control"] == "no-store"
    assert json.loads(real.ask(host, Accept="application/json").text)["message"] == "line <b>one\n</style>two"
    assert real.ask(host, Accept="text/plain").text.startswith("502 shop failed\n")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_a_suspended_app_answers_503_to_every_method(real: Bench, method: str) -> None:
    await real.router.show_page("off.localhost", Page("shop is suspended", "by ada", 503))
    got = real.ask("off.localhost", "/x", method, If_None_Match="*", Range="bytes=0-1")
    assert got.status == 503
    assert "by ada" in got.text


async def test_an_upstream_that_is_down_gets_a_page_with_its_name(real: Bench) -> None:
    await real.router.switch("dead.localhost", real.target(1, str(real.home.sockets / "none.sock")))
    got = real.ask("dead.localhost")
    assert got.status == 502
    assert "shop does not answer" in got.text
    assert got.headers["Retry-After"] == "5"


async def test_a_request_waits_for_an_instance_that_is_on_its_way(real: Bench) -> None:
    socket_path = real.home.sockets / "late.sock"
    await real.router.switch("late.localhost", real.target(1, str(socket_path)))
    asking = asyncio.create_task(asyncio.to_thread(real.ask, "late.localhost", "/", "POST", b"hello"), name="ask")
    await asyncio.to_thread(real.upstream, "late")
    assert (await asking).text.startswith("late 5 ")


async def test_what_reached_an_app_is_not_sent_twice(real: Bench) -> None:
    assert real.ask(HOST, "/hangup").status == 502
    assert real.ask(HOST, "/boom").status == 500


# --- static files


async def test_static_files_and_how_long_they_are_kept(real: Bench) -> None:
    folder = real.folder("1/static", {"app.5f3a9c0d.css": "body{}", "about.txt": "about", "deep/x.txt": "x"})
    (folder / "about.txt.gz").write_bytes(gzip.compress(b"about"))
    await real.router.switch("st.localhost", real.target(1, _a(real), static=(("/static", str(folder)),)))
    hashed = real.ask("st.localhost", "/static/app.5f3a9c0d.css")
    assert (hashed.text, hashed.headers["Cache-Control"]) == ("body{}", "public, max-age=31536000, immutable")
    other = real.ask("st.localhost", "/static/about.txt")
    assert (other.text, other.headers["Cache-Control"]) == ("about", "no-cache")
    assert real.ask("st.localhost", "/static/about.txt", If_None_Match=other.headers["Etag"]).status == 304
    packed = real.ask("st.localhost", "/static/about.txt", "HEAD", Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(
    "path",
    ["/static/missing.css", "/static/", "/static", "/static/deep", "/static/deep/", "/static/link.txt",
     "/static/linked/x.txt", "/static/.env", "/static/*", "/static/a?.txt", "/static/../page.html",
     "/static/%2e%2e/%2e%2e/route.json", "/static/x%00.txt", "/about.txt"],
)  # fmt: skip
async def test_what_is_no_published_file_goes_to_the_app(real: Bench, path: str) -> None:
    folder = real.folder("2/static", {"ab.txt": "ab", "deep/x.txt": "x", ".env": "SECRET"})
    if not (folder / "link.txt").is_symlink():
        (folder / "link.txt").symlink_to("/etc/passwd")
        (folder / "linked").symlink_to(real.home.root)
        os.mkfifo(folder / "pipe")
    await real.router.switch("hostile.localhost", real.target(1, _a(real), static=(("/static", str(folder)),)))
    got = real.ask_raw(f"GET {path} HTTP/1.1\r\nHost: hostile.localhost\r\nConnection: close\r\n\r\n".encode())
    assert b"X-App: yes" in got or got.startswith(b"HTTP/1.1 400")


async def test_hashed_files_of_the_release_before_stay_reachable_for_one_generation(real: Bench) -> None:
    host = "assets.localhost"
    for number, name in enumerate(["one.aaaa1111.js", "two.bbbb2222.js", "three.cccc3333.js"], 1):
        folder = real.folder(f"a{number}/static", {name: name, f"plain{number}.js": "plain"})
        await real.router.switch(host, real.target(number, _a(real), static=(("/s", str(folder)),)))
        await real.router.switch(host, real.target(number, _a(real), _a(real), static=(("/s", str(folder)),)))
    assert real.ask(host, "/s/three.cccc3333.js").text == "three.cccc3333.js"
    assert real.ask(host, "/s/two.bbbb2222.js").text == "two.bbbb2222.js"
    assert "X-App" in real.ask(host, "/s/one.aaaa1111.js").headers
    assert "X-App" in real.ask(host, "/s/plain2.js").headers


# --- protocols


async def test_bodies_arrive_whole_and_slow_requests_survive_a_switch(real: Bench) -> None:
    host, body = "body.localhost", os.urandom(3_000_000)
    await real.router.switch(host, real.target(1, _a(real)))
    slow = asyncio.create_task(asyncio.to_thread(real.ask, host, "/slow"), name="slow")
    await asyncio.sleep(0.2)
    await real.router.switch(host, real.target(2, str(real.home.sockets / "b.sock")))
    assert (await asyncio.to_thread(real.ask, host, "/", "POST", body)).text.startswith("b 3000000 ")
    assert (await slow).text.startswith("a ")


async def test_http2_without_tls(real: Bench) -> None:
    got = real.ask_raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"\0\0\x08\7\0" + bytes(12))
    assert got[3] == 4, "a SETTINGS frame, RFC 9113 section 6.5"


async def test_an_upgraded_connection_survives_a_switch_until_the_app_ends_it(real: Bench) -> None:
    host = "ws.localhost"
    await real.router.switch(host, real.target(1, _a(real)))
    with socket.create_connection(("127.0.0.1", real.port), timeout=10) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 101")
        await real.router.switch(host, real.target(2, str(real.home.sockets / "b.sock")))
        assert real.ask(host).text.startswith("b ")
        connection.sendall(b"still here")
        assert connection.recv(1000) == b"still here"


async def test_access_is_counted_by_host(real: Bench) -> None:
    host, start = "count.localhost", time.time()
    await real.router.switch(host, real.target(1, _a(real)))
    for path in ("/", "/?token=secret", "/boom"):
        real.ask("COUNT.localhost", path)
    until(lambda: real.router.access_counts(host, start) == (3, 1))
    assert real.router.access_counts(host, time.time() + 60) == (0, 0)
    assert "secret" not in (real.home.router / "logs" / "access.log").read_text()


def _a(real: Bench) -> str:
    return str(real.home.sockets / "a.sock")
