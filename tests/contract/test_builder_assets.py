"""Assets, with the real Node of the package index: npm, pnpm and both kinds of yarn.

What is installed is a folder of the repository itself, so nothing but Node and the managers comes over the network.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pullet.domain.app import AppSpec, Dependencies, DependencyKind, Process
from pullet.domain.assets import Assets, Manager
from pullet.domain.errors import BuildFailed, Retry
from pullet.drivers.build.settings import BuildSettings, box_environment
from tests.builds import Bench, of_uv

pytestmark = pytest.mark.real

GREETING = {"name": "greeting", "version": "1.0.0", "main": "index.js"}
PACKAGE = {
    "name": "shop",
    "version": "1.0.0",
    "private": True,
    "scripts": {"build": "node build.js"},
    "dependencies": {"greeting": "file:./greeting"},
}
BUILD = """
const fs = require("fs");
fs.mkdirSync("../public", {recursive: true});
fs.writeFileSync("../public/app.css", `/* ${require("greeting")} ${process.env.NODE_ENV} */`);
"""
NPM_LOCK = {
    "name": "shop",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"name": "shop", "version": "1.0.0", "dependencies": {"greeting": "file:./greeting"}},
        "greeting": {"version": "1.0.0"},
        "node_modules/greeting": {"resolved": "greeting", "link": True},
    },
}
PNPM_LOCK = """lockfileVersion: '9.0'

settings:
  autoInstallPeers: true
  excludeLinksFromLockfile: false

importers:

  .:
    dependencies:
      greeting:
        specifier: file:./greeting
        version: file:greeting

packages:

  greeting@file:greeting:
    resolution: {directory: greeting, type: directory}

snapshots:

  greeting@file:greeting: {}
"""
YARN_LOCK = '# yarn lockfile v1\n\n\n"greeting@file:./greeting":\n  version "1.0.0"\n'
DEPENDENCIES = Dependencies(DependencyKind.REQUIREMENTS, "requirements.txt")
SPEC = AppSpec(".", None, DEPENDENCIES, ())


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Node and the managers, fetched once for all tests here."""
    yield tmp_path_factory.mktemp("tools")


@pytest.fixture
def real(tmp_path: Path, tools: Path) -> Bench:
    bench = Bench(tmp_path, of_uv)
    bench.settings = BuildSettings(keep_unused=0, time_limit=120, environ=box_environment(os.environ))
    bench.builder = of_uv(bench)
    bench.home.cache.mkdir(parents=True)
    (bench.home.cache / "node").symlink_to(tools)
    bench.write("requirements.txt", "")
    bench.write("assets/package.json", json.dumps(PACKAGE))
    bench.write("assets/build.js", BUILD)
    bench.write("assets/greeting/package.json", json.dumps(GREETING))
    bench.write("assets/greeting/index.js", 'module.exports = "hello";\n')
    return bench


def with_lock(bench: Bench, name: str, text: str, manager: Manager, version: str = "") -> AppSpec:
    bench.write(f"assets/{name}", text)
    assets = Assets("assets", manager, version, f"assets/{name}", (f"{manager} run build",), node="22")
    return replace(SPEC, assets=(assets,))


def npm(bench: Bench) -> AppSpec:
    return with_lock(bench, "package-lock.json", json.dumps(NPM_LOCK), Manager.NPM)


def css(bench: Bench) -> str:
    return (bench.tree / "public/app.css").read_text()


async def test_npm_builds_by_its_lock_and_leaves_no_packages_in_the_release(real: Bench) -> None:
    await real.build(npm(real))
    assert css(real) == "/* hello production */"
    assert not (real.tree / "assets/node_modules").exists()
    assert any("Node 22." in line for line in real.log)


async def test_the_next_build_with_the_same_lock_installs_nothing(real: Bench) -> None:
    await real.build(npm(real))
    real.log.clear()
    real.write("assets/build.js", BUILD.replace("/* ", "/* again "))
    await real.build(npm(real), number=2)
    assert css(real) == "/* again hello production */"
    assert not any("npm ci" in line for line in real.log)


async def test_pnpm(real: Bench) -> None:
    await real.build(with_lock(real, "pnpm-lock.yaml", PNPM_LOCK, Manager.PNPM))
    assert css(real) == "/* hello production */"
    assert not (real.tree / "assets/node_modules").exists()


async def test_yarn_classic(real: Bench) -> None:
    real.write("assets/.yarnrc", "--modules-folder /node_modules\n")
    await real.build(with_lock(real, "yarn.lock", YARN_LOCK, Manager.YARN))
    assert css(real) == "/* hello production */"


async def test_a_newer_yarn_pinned_by_package_json(real: Bench) -> None:
    real.write("assets/.yarnrc.yml", "nodeLinker: node-modules\n")
    assets = Assets("assets", Manager.YARN, "4.9.2", "", ("yarn run build",), node="22")
    await real.build(replace(SPEC, assets=(assets,)))
    assert css(real) == "/* hello production */"
    assert not (real.tree / "assets/node_modules").exists()


async def test_build_commands_come_after_and_find_node(real: Bench) -> None:
    spec = replace(npm(real), build_commands=("cat public/app.css > seen && node --version >> seen",))
    await real.build(spec)
    assert (real.tree / "seen").read_text().startswith("/* hello production */v22.")


async def test_an_app_that_runs_node_keeps_its_packages(real: Bench) -> None:
    await real.build(replace(npm(real), processes=(Process("renderer", "node assets/render.js"),)))
    assert (real.tree / "assets/node_modules/greeting").exists()


async def test_a_script_that_fails_is_told_with_its_last_lines_and_leaves_nothing(real: Bench) -> None:
    spec = npm(real)
    real.write("assets/build.js", 'console.error("no such colour"); process.exit(3);\n')
    with pytest.raises(BuildFailed, match="assets could not be built: `npm run build`") as caught:
        await real.build(spec)
    assert "no such colour" in caught.value.context
    assert "assets = []" in caught.value.hint
    assert not (real.tree / "assets/node_modules").exists()


async def test_a_lock_that_does_not_fit_is_told(real: Bench) -> None:
    spec = npm(real)
    real.write("assets/package.json", json.dumps({**PACKAGE, "dependencies": {"greeting": "1", "other": "1"}}))
    with pytest.raises(BuildFailed, match="lock does not fit"):
        await real.build(spec)


async def test_no_registry_is_tried_again(real: Bench) -> None:
    environ = {**real.settings.environ, "npm_config_registry": "http://127.0.0.1:9/", "npm_config_fetch_retries": "0"}
    spec = npm(real)
    await real.build(spec)  # Node itself is there
    real.settings = replace(real.settings, environ=environ)
    real.builder = of_uv(real)
    real.write("assets/package.json", json.dumps({**PACKAGE, "dependencies": {"left-pad": "1.3.0"}}))
    with pytest.raises(BuildFailed, match="could not be reached") as caught:
        await real.build(replace(spec, assets=(replace(spec.assets[0], lock=""),)), number=2)
    assert caught.value.retry is Retry.BACKOFF


async def test_the_nearest_later_node_where_there_is_none_so_old(real: Bench) -> None:
    spec = npm(real)
    await real.build(replace(spec, assets=(replace(spec.assets[0], node="21"),)))
    assert any("Node 21 is not to be had: building with 22." in line for line in real.log)


async def test_a_declared_node_that_is_not_there_is_an_error(real: Bench) -> None:
    spec = npm(real)
    with pytest.raises(BuildFailed, match="no Node 21"):
        await real.build(replace(spec, assets=(replace(spec.assets[0], node="21", strict=True),)))


async def test_what_is_newest_does_not_depend_on_what_others_asked_for(real: Bench) -> None:
    spec = npm(real)
    await real.build(spec)
    real.log.clear()
    await real.build(replace(spec, assets=(replace(spec.assets[0], node=">=22"),)), number=2)
    assert not any("Node 22." in line for line in real.log)


async def test_without_the_index_what_is_here_will_do(real: Bench) -> None:
    spec = npm(real)
    await real.build(spec)
    offline = {name: value for name, value in real.settings.environ.items() if not name.startswith(("UV_", "PIP_"))}
    real.settings = replace(
        real.settings, environ={**offline, "UV_DEFAULT_INDEX": "http://127.0.0.1:9/", "UV_HTTP_RETRIES": "0"}
    )
    real.builder = of_uv(real)
    for note in (real.home.cache / "node").glob("answer-*"):
        note.unlink()
    await real.build(spec, number=2)
    assert css(real) == "/* hello production */"


async def test_a_link_in_the_place_of_the_packages_is_not_followed(real: Bench) -> None:
    victim = real.folder / "victim/node_modules"
    victim.mkdir(parents=True)
    spec = npm(real)
    script = "rm -rf node_modules && mv ../assets ../gone && ln -s ../victim ../assets"
    assets = replace(spec.assets[0], commands=(script,))
    await real.build(replace(spec, assets=(assets,)))
    assert victim.is_dir()
