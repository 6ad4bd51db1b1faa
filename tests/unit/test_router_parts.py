"""The router's pure parts and its files: the access log's reader, hashed names, publishing, and interruption."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullet.domain.errors import RouterError
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.drivers.router.access import AccessCounts, parse
from pullet.drivers.router.assets import has_hashed_name, publish
from pullet.drivers.router.configuration import Settings, Tls, configuration, identity, render
from pullet.drivers.router.pages import html_page
from pullet.drivers.router.routes import RouteFiles, normal_host
from pullet.ports import Page, RouteTarget

HOST = "shop.localhost"


def entry(status: int = 200, ended: float = 1000.0, host: str = HOST) -> bytes:
    return json.dumps({"ts": ended, "status": status, "request": {"host": host}}).encode() + b"\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def counts(log: Path) -> AccessCounts:
    return AccessCounts(log, lambda host: host == HOST)


def append(log: Path, *lines: bytes) -> None:
    with log.open("ab") as out:
        out.write(b"".join(lines))


def test_counts_grow_with_the_log_and_look_back_to_a_moment(log: Path) -> None:
    reader = counts(log)
    assert reader.since(HOST, 0) == (0, 0)
    append(log, entry(), entry(502, 1001))
    assert reader.since(HOST, 0) == (2, 1)
    append(log, entry(500, 1002))
    assert (reader.since(HOST, 0), reader.since(HOST, 1001.5)) == ((3, 2), (1, 1))


def test_a_line_is_counted_when_it_is_whole(log: Path) -> None:
    reader, line = counts(log), entry()
    append(log, line[:20])
    assert reader.since(HOST, 0) == (0, 0)
    append(log, line[20:])
    assert reader.since(HOST, 0) == (1, 0)


def test_rotation_loses_nothing(log: Path) -> None:
    reader = counts(log)
    append(log, entry())
    assert reader.since(HOST, 0) == (1, 0)
    append(log, entry())
    log.rename(log.with_suffix(".1"))
    assert reader.since(HOST, 0) == (2, 0)
    append(log, entry())
    assert reader.since(HOST, 0) == (3, 0)
    log.write_bytes(b"")
    append(log, entry()[:10])
    assert reader.since(HOST, 0) == (3, 0)


def test_hostile_lines_and_hosts_are_no_harm(log: Path) -> None:
    reader = counts(log)
    append(log, b"\xff\xfe\n", b"null\n", b"[" * 5000 + b"\n", b"x" * 300_000 + b"\n", b'{"request":3}\n')
    append(log, entry(host="stranger"), entry(host="SHOP.localhost.:8080"), entry(host="[::1]:80"), entry())
    assert (reader.since(HOST, 0), reader.since("stranger", 0)) == ((2, 0), (0, 0))


def test_memory_ends_after_an_hour(log: Path) -> None:
    reader = counts(log)
    append(log, *(entry(ended=float(second)) for second in range(0, 8000, 10)))
    assert reader.since(HOST, 0)[0] == 361


@given(st.binary())
def test_any_line_is_read_without_an_error(line: bytes) -> None:
    parse(line)


@given(st.text())
def test_a_host_is_normal_or_refused(host: str) -> None:
    try:
        name = normal_host(host)
    except RouterError:
        return
    assert normal_host(name) == name
    assert "/" not in name
    assert name.isascii()


@given(st.text(), st.text(), st.text())
def test_no_text_escapes_a_page(title: str, message: str, note: str) -> None:
    page = html_page(502, title, message, note)
    assert page.count("<") == html_page(502, "", "", "").count("<")


@pytest.mark.parametrize(
    ("name", "hashed"),
    [("app.5f3a9c0d12ab.css", True), ("index-BfX3k2_a.js", True), ("x.min.5f3a9c0d.js.map", True),
     ("my-document.js", False), ("report-20240115.pdf", False), ("app.deadbeef.js", False), ("jquery-3.7.1.js", False),
     ("bootstrap.min.css", False), ("5f3a9c0d", False)],
)  # fmt: skip
def test_hashed_names(name: str, hashed: bool) -> None:
    assert has_hashed_name(name) is hashed


def test_the_identity_follows_every_setting() -> None:
    settings = [
        Settings(1),
        Settings(2),
        Settings(1, Tls()),
        Settings(1, Tls(email="a@b")),
        Settings(1, Tls(444)),
        Settings(1, caddy="2"),
    ]
    assert len({identity(each) for each in settings}) == len(settings)
    assert identity(settings[0]).encode() in render(configuration(settings[0]))


# --- files


def target(number: int, *sockets: str, static: tuple[tuple[str, str], ...] = ()) -> RouteTarget:
    return RouteTarget(ReleaseId(EnvironmentKey("shop", "production"), number), sockets or ("/a",), static)


def files(tmp_path: Path) -> RouteFiles:
    (tmp_path / "hosts").mkdir(exist_ok=True)
    return RouteFiles(tmp_path / "hosts", tmp_path)


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def test_a_kill_between_any_two_file_operations_leaves_the_old_route_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    static = tmp_path / "static"
    static.mkdir()
    (static / "a.5f3a9c0d.js").write_text("a")
    routes, old = files(tmp_path), target(1, "/a", "/b")
    new = target(2, "/c", static=(("/static", str(static)),))
    changes: list[tuple[Callable[[], None], RouteTarget | None]] = [
        (lambda: routes.switch(HOST, new), new),
        (lambda: routes.show_page(HOST, Page("t", "m")), RouteTarget(None)),
        (lambda: routes.remove(HOST), None),
    ]
    for change, wanted in changes:
        step = 0
        while True:
            routes.remove(HOST)
            routes.switch(HOST, old)
            if not killed_at(step, change, monkeypatch):
                break
            assert routes.target(HOST) in (old, wanted)
            change()
            assert routes.target(HOST) == wanted
            step += 1
        assert step > 2
        left = list((tmp_path / "hosts" / HOST).glob("*")) if wanted else []
        assert len(left) <= 3  # `on`, the generation, the one before


def killed_at(step: int, change: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run `change` up to its `step`-th file operation; False where it has no more than that."""
    done = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def operation(*args: object, **kwargs: object) -> object:
            nonlocal done
            if done == step:
                raise Killed
            done += 1
            return real(*args, **kwargs)

        return operation

    with monkeypatch.context() as patch:
        for name in ("mkdir", "chmod", "symlink", "replace", "unlink", "link", "rmdir"):
            patch.setattr(os, name, counted(getattr(os, name)))
        try:
            change()
        except Killed:
            return True
        return False


@pytest.mark.parametrize("damage", ["on", "on/n2", "on/1", "on/route.json"])
def test_a_damaged_route_is_not_reported_and_can_be_routed_again(tmp_path: Path, damage: str) -> None:
    routes = files(tmp_path)
    routes.switch(HOST, target(1, "/a", "/b"))
    (tmp_path / "hosts" / HOST / damage).unlink()
    assert routes.read() == {}
    routes.switch(HOST, target(1, "/a", "/b"))
    assert routes.read() == {HOST: target(1, "/a", "/b")}


def test_a_static_folder_that_is_a_link_or_elsewhere_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "tree").mkdir(parents=True)
    (home / "tree" / "evil").symlink_to("/etc")
    for folder in (home / "tree" / "evil", home / "tree" / "evil" / "ssl", Path("/etc"), home / ".." / "x"):
        with pytest.raises(RouterError):
            publish((("/s", str(folder)),), tmp_path / "out", None, home)
    assert not any(path.is_file() for path in (tmp_path / "out").rglob("*"))


def test_only_regular_visible_files_are_published(tmp_path: Path) -> None:
    source = tmp_path / "static"
    (source / ".well-known").mkdir(parents=True)
    (source / ".git").mkdir()
    for name in ("a.txt", ".env", ".git/config", ".well-known/security.txt"):
        (source / name).write_text(name)
    (source / "link").symlink_to(source / ".env")
    os.mkfifo(source / "pipe")
    publish((("/", str(source)),), tmp_path / "out", None, tmp_path)
    published = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if not p.is_dir()}
    assert published == {"fresh/a.txt", "fresh/.well-known/security.txt"}
