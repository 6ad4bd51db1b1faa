"""The engine `live` against real servers on loopback: one with every hole, one with none, and some that hold it up."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from flask import Flask, request
from werkzeug.serving import make_server

from pullet.analysis.security.live.rules import RULES
from pullet.domain.app import AppSpec, Dependencies, DependencyKind, Process
from pullet.domain.errors import AssessmentFailed
from pullet.domain.security import Coverage, EngineReport
from pullet.drivers.security.live.client import Bounds
from pullet.drivers.security.live.engine import LiveEngine
from tests.assessing import api, leaky, sound, subject_of, unheard, workbench

pytestmark = pytest.mark.real

_FAST = Bounds(rate=200.0, seconds=3.0, total=60.0)
_SPEC = AppSpec(".", None, Dependencies(DependencyKind.NONE), (Process("web", "gunicorn app:app"),))
_LOGIN = (
    'path = "/login"\ncheck = "/account"\nmarker = "Log out"\nfields = { user = "SCAN_USER", password = "SCAN_PASS" }\n'
)


@pytest.fixture
def top() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o711)
    (made / "tree").mkdir()
    yield made
    shutil.rmtree(made)


@contextmanager
def served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def run_by_uvicorn(app: FastAPI) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextmanager
def answering(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server of bytes: each connection is served in a thread of its own, until it ends or is shut."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection:
            try:
                serve(connection)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=one, args=(connection,)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (acceptor, *threads):
            thread.join(20)


async def scanned(
    top: Path, url: str, *, source: object = None, bounds: Bounds = _FAST, login: str = "", **more: object
) -> EngineReport:
    files: dict[str, str | bytes] = (
        {"app.py": Path(str(getattr(source, "__file__", ""))).read_bytes()} if source else {}
    )
    if login:
        files[".pullet/login.toml"] = login
    given = {
        "python": Path(sys.executable) if source else None,
        "spec": _SPEC,
        "frameworks": frozenset({"flask"}),
        **more,
    }
    subject = subject_of(top / "tree", files, url=url, **given)
    return await LiveEngine(await workbench(top / "home"), bounds).assess(subject, unheard)


def coverage(report: EngineReport, unit: str) -> Coverage:
    return next(each for each in report.coverage if each.unit == unit)


def rules(report: EngineReport) -> set[str]:
    return {finding.rule.removeprefix("live/") for finding in report.findings}


async def test_every_hole_of_a_leaky_app_is_found(top: Path) -> None:
    with served(leaky.app) as url:
        report = await scanned(top, url, source=leaky)
    assert report.gap == ""
    assert rules(report) >= {
        *("csp", "nosniff", "framing", "referrer", "opener", "cookie-httponly", "cookie-samesite"),
        *("cors-credentials", "trace", "django-debug", "traceback", "sql-injection", "server-error"),
        *("open-redirect", "listing", "source-map", "repository", "environment-file", "source-file", "data-file"),
        *("backup", "desk-file", "admin-open", "docs", "debug-toolbar", "traversal", "reflected-xss", "host-header"),
        "guessing",
    }
    by_rule = {finding.rule: finding for finding in report.findings}
    assert str(by_rule["live/reflected-xss"].spot) == "GET /search"
    assert "markupsafe" in by_rule["live/reflected-xss"].fix
    assert by_rule["live/reflected-xss"].blocks
    assert not by_rule["live/guessing"].blocks


async def test_routes_are_counted_as_the_app_declares_them(top: Path) -> None:
    with served(leaky.app) as url:
        report = await scanned(top, url, source=leaky)
    routes = coverage(report, "routes")
    assert dict(routes.missed) == {"GET /broken": "answers 500", "GET /{name:path}": "404 with sample values"}
    assert [name for name, _ in routes.excused] == ["POST /login", "POST /orders"]
    assert (routes.done, routes.there) == (9, 11)
    assert not report.assessed


async def test_a_sound_app_has_no_findings_and_all_its_routes_are_reached_when_logged_in(top: Path) -> None:
    variables = {"SCAN_USER": "scan", "SCAN_PASS": "right"}
    with served(sound.app) as url:
        report = await scanned(top, url, source=sound, login=_LOGIN, variables=variables)
    assert report.gap == ""
    assert rules(report) == {"framing-tolerated"}  # Werkzeug's own server does accept two lengths
    assert coverage(report, "routes").missed == ()
    assert report.assessed
    assert "right" not in str(report)


@pytest.mark.parametrize(
    ("login", "password", "says"),
    [
        (_LOGIN, "wrong", "was not logged in after its login"),
        (_LOGIN, "", "not set: SCAN_PASS"),
        (_LOGIN.replace("/account", "/").replace("Log out", ""), "right", "answers a stranger in the same way"),
        (_LOGIN.replace('"/login"', '"/search"'), "right", "no login form"),
        (_LOGIN.replace('"/login"', '"//elsewhere.example.org"'), "right", "path on the site"),
    ],
)
async def test_a_login_that_fails_leaves_a_gap(top: Path, login: str, password: str, says: str) -> None:
    with served(sound.app) as url:
        variables = {"SCAN_USER": "scan", "SCAN_PASS": password}
        report = await scanned(top, url, source=sound, login=login, variables=variables)
    assert says in report.gap
    assert not report.assessed


async def test_a_session_that_is_lost_on_the_way_leaves_a_gap(top: Path) -> None:
    app = Flask("lost")
    inside = {"left": 3}

    @app.get("/account")
    def account() -> tuple[str, int]:
        inside["left"] -= 1
        return ("Log out", 200) if inside["left"] == 1 else ("", 401)

    @app.route("/login", methods=["GET", "POST"])
    def login() -> str:
        return "<form method=post><input name=user><input type=password name=password></form>"

    with served(app) as url:
        variables = {"SCAN_USER": "scan", "SCAN_PASS": "right"}
        report = await scanned(top, url, login=_LOGIN, variables=variables)
    assert "was not logged in after the pages were visited" in report.gap


async def test_redirects_off_the_host_are_told_and_never_followed(top: Path) -> None:
    visited: list[str] = []
    other = Flask("other")
    other.before_request(lambda: visited.append("here"))
    told: list[str] = []
    with served(other) as elsewhere:
        app = Flask("redirecting")
        app.add_url_rule("/", "front", lambda: ("", 302, {"Location": elsewhere}))
        with served(app) as url:
            subject = subject_of(top / "tree", {}, url=url)
            report = await LiveEngine(await workbench(top / "home"), _FAST).assess(subject, told.append)
    assert visited == []
    assert any(elsewhere.removeprefix("http://") in line for line in told)
    assert not report.assessed


async def test_what_streams_for_ever_or_answers_drop_by_drop_is_cut_and_counted(top: Path) -> None:
    def serve(connection: socket.socket) -> None:
        target = connection.recv(65536).split(b" ")[1]
        if target == b"/":
            links = b"<a href=/endless>a</a><a href=/drops>b</a><a href=/events>c</a>"
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + links)
        elif target == b"/endless":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
            while True:
                connection.sendall(b"x" * 65536)
        elif target in {b"/drops", b"/events"}:
            kind = b"text/event-stream" if target == b"/events" else b"text/html"
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\n\r\n")
            for _ in range(100):
                connection.sendall(b"x")
                threading.Event().wait(0.1)
        else:
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    with answering(serve) as url:
        report = await scanned(top, url, bounds=Bounds(rate=200.0, seconds=0.5, total=30.0))
    answers = coverage(report, "answers")
    missed = dict(answers.missed)
    assert (missed["GET /endless"], missed["GET /drops"]) == ("longer than 2048 KB", "not whole after 0.5 s")
    assert [name for name, _ in answers.excused] == ["GET /events"]
    assert not report.assessed


async def test_a_server_that_says_nothing_is_a_gap_and_one_that_is_slow_ends_the_scan(top: Path) -> None:
    def silent(connection: socket.socket) -> None:
        connection.settimeout(10)
        while connection.recv(65536):
            pass

    with answering(silent) as url:
        report = await scanned(top, url, bounds=Bounds(rate=200.0, seconds=0.3, total=3.0))
    assert "Nothing answers" in report.gap

    def slow(connection: socket.socket) -> None:
        target = connection.recv(65536).split(b" ")[1]
        if target != b"/":
            threading.Event().wait(0.4)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with answering(slow) as url:
        report = await scanned(top, url, bounds=Bounds(rate=200.0, seconds=1.0, total=2.0))
    assert "limit was reached" in dict(coverage(report, "checks").missed)["the rest"]
    assert not report.assessed


async def test_requests_that_are_taken_for_two_are_smuggling(top: Path) -> None:
    def naive(connection: socket.socket) -> None:
        """Heeds no length at all."""
        connection.settimeout(1)
        received = connection.recv(65536)
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        connection.sendall(answer * max(1, received.count(b"GET ")))

    with answering(naive) as url:
        report = await scanned(top, url)
    found = {finding.identity for finding in report.findings if finding.rule == "live/smuggling"}
    assert found == {"two lengths", "space before colon", "unknown coding"}
    assert "framing-kept-open" in rules(report)


async def test_without_an_answer_about_its_routes_a_scan_is_not_complete(top: Path) -> None:
    with served(sound.app) as url:
        report = await scanned(top, url)
        (top / "tree" / "app.py").unlink(missing_ok=True)
        broken = subject_of(
            top / "tree", {"app.py": "raise RuntimeError('no')"}, url=url, python=Path(sys.executable), spec=_SPEC
        )
        failing = await LiveEngine(await workbench(top / "home"), _FAST).assess(broken, unheard)
    assert "nothing is installed" in dict(coverage(report, "routes").missed)["routes that are not known"]
    assert "RuntimeError: no" in dict(coverage(failing, "routes").missed)["routes that are not known"]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "http://user@127.0.0.1/", "http://127.0.0.1:99999/"])
async def test_a_url_that_is_none_is_refused(top: Path, url: str) -> None:
    with pytest.raises(AssessmentFailed, match="leads nowhere"):
        await scanned(top, url)


async def test_without_a_url_the_part_is_left_out(top: Path) -> None:
    engine = LiveEngine(await workbench(top / "home"))
    assert engine.left_out(subject_of(top / "tree", {})) == "no URL was given"


def test_every_rule_says_what_to_do() -> None:
    for name, rule in RULES.items():
        assert rule.fixes[""], name
        assert rule.title, name
        assert rule.reason.endswith("."), name
        assert rule.exploit.endswith("."), name


async def test_an_api_is_known_by_its_routes_and_by_its_description(top: Path) -> None:
    with run_by_uvicorn(api.app) as url:
        report = await scanned(top, url, source=api, frameworks=frozenset({"fastapi"}))
    assert rules(report) == {"framing-kept-open", "docs", "csp", "framing", "referrer", "opener", "nosniff"}
    routes = coverage(report, "routes")
    assert ("GET /items/{number:int}", "404 with sample values") not in routes.missed
    assert [name for name, _ in routes.excused] == ["DELETE /items/{number:int}", "POST /items"]
    assert (routes.done, routes.there) == (7, 7)
    assert report.assessed


async def test_the_description_alone_declares_routes_where_nothing_is_installed(top: Path) -> None:
    with run_by_uvicorn(api.app) as url:
        report = await scanned(top, url)
    routes = coverage(report, "routes")
    assert (routes.done, routes.there, routes.missed) == (3, 3, ())


async def test_a_throw_away_is_written_to_and_nothing_else_is(top: Path) -> None:
    methods: set[str] = set()
    app = Flask("writable")
    kept: dict[str, bytes] = {}

    @app.route("/static/<name>", methods=["GET", "PUT"])
    def static_file(name: str) -> bytes:
        methods.add(request.method)
        if request.method == "PUT":
            kept[name] = request.get_data()
        return kept.get(name, b"")

    with served(app) as url:
        kept_out = await scanned(top, url)
        assert "PUT" not in methods
        report = await scanned(top, url, throw_away=True)
    assert "put" not in rules(kept_out)
    assert "put" in rules(report)
    assert len(kept) == 1
