"""Which package.json builds an app's assets, how and with what; and those that lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pullet.analysis.detection import files_to_read, understand
from pullet.analysis.detection.explain import explain
from pullet.analysis.detection.node_versions import request
from pullet.config.app_file import find_app_file
from pullet.config.app_writing import write_app_file
from pullet.domain.app import AppSpec
from pullet.domain.assets import Assets, Manager
from pullet.drivers.build.node import package_of, requests
from pullet.drivers.build.settings import BuildSettings, npm_environment
from tests.unit.detection_corpus import DJANGO, FLASK

APP = {"requirements.txt": "flask\n", "app.py": FLASK}


def package(**content: Any) -> str:
    return json.dumps(content, indent=1)


VITE = package(scripts={"dev": "vite", "build": "vite build"})
LINT = package(scripts={"lint": "eslint ."}, devDependencies={"eslint": "9"})
NODE_STAGE = """FROM node:24 AS assets
WORKDIR /app/assets
COPY assets/package.json ./
RUN yarn install
RUN --mount=type=cache,target=/x ../run css:build \\
  && ../run js:build
FROM python:3.12
RUN echo build
CMD ["gunicorn", "app:app"]
"""


def spec_of(files: dict[str, str]) -> AppSpec:
    data = {path: text.encode() for path, text in files.items()}
    read = {path: data[path] for path in files_to_read([(path, len(text)) for path, text in data.items()])}
    app_file = find_app_file(read)
    return understand(list(data), read, app_file.declared() if app_file else None, "shop")


def assets_of(files: dict[str, str]) -> tuple[Assets, ...]:
    return spec_of(APP | files).assets


def why(files: dict[str, str]) -> str:
    return next(row.why for row in explain(spec_of(APP | files)) if row.setting == "build.assets")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"package.json": VITE}, Assets(".", commands=("npm run build",))),
        (
            {"package.json": VITE, "package-lock.json": "{}"},
            Assets(".", lock="package-lock.json", commands=("npm run build",)),
        ),
        (
            {"frontend/package.json": VITE, "frontend/pnpm-lock.yaml": ""},
            Assets("frontend", Manager.PNPM, "", "frontend/pnpm-lock.yaml", ("pnpm run build",)),
        ),
        (
            {"theme/static_src/package.json": VITE, "theme/static_src/yarn.lock": ""},
            Assets("theme/static_src", Manager.YARN, "", "theme/static_src/yarn.lock", ("yarn run build",)),
        ),
        (
            {"package.json": package(scripts={"build": "x"}, packageManager="yarn@4.1.0+sha512.ab12"), "yarn.lock": ""},
            Assets(".", Manager.YARN, "4.1.0", "yarn.lock", ("yarn run build",)),
        ),
        (
            {
                "package.json": package(scripts={"build": "x"}, packageManager="pnpm@9.15.4"),
                "package-lock.json": "",
            },
            Assets(".", Manager.PNPM, "9.15.4", "", ("pnpm run build",)),
        ),
        (
            {"package.json": package(scripts={"build:prod": "x", "dev": "y"})},
            Assets(".", commands=("npm run build:prod",)),
        ),
        (
            {"package.json": package(scripts={"production": "mix --production"})},
            Assets(".", commands=("npm run production",)),
        ),
        (
            {"package.json": package(scripts={"build": "tsc --noEmit", "css:build": "tailwindcss -o x"})},
            Assets(".", commands=("npm run css:build",)),
        ),
        (
            {"package.json": package(scripts={"build": "x"}, engines={"node": "^20 || >=22"})},
            Assets(".", commands=("npm run build",), node=">=22"),
        ),
        ({"package.json": VITE, ".nvmrc": "lts/iron\n"}, Assets(".", commands=("npm run build",), node="20")),
        (
            {"assets/package.json": VITE, ".node-version": "v22.1.0\n"},
            Assets("assets", commands=("npm run build",), node="22"),
        ),
        (
            {"assets/package.json": package(name="x"), "assets/yarn.lock": "", "Dockerfile": NODE_STAGE},
            Assets(
                "assets",
                Manager.YARN,
                "",
                "assets/yarn.lock",
                ("../run css:build && ../run js:build",),
                "/app",
            ),
        ),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_built(files: dict[str, str], expected: Assets) -> None:
    assert assets_of(files) == (expected,)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"package.json": LINT},
        {"e2e/package.json": VITE},
        {"docs/package.json": VITE},
        {"node_modules/left-pad/package.json": VITE},
        {"tests/frontend/package.json": VITE},
        {".hidden/package.json": VITE},
        {"{{ name }}/package.json": VITE},
        {"a/b/c/package.json": VITE},
        {"package.json": package(scripts={"build": "jest"})},
        {"package.json": package(scripts={"build": "docker build ."})},
        {"package.json": package(scripts={"build": "tailwindcss --watch"})},
        {"assets/package.json": package(name="x"), "Dockerfile": NODE_STAGE.replace("node:24", "python:3.12")},
        {"assets/package.json": package(name="x"), "Dockerfile": NODE_STAGE.replace("/app/assets", "/app/other")},
    ],
    ids=lambda files: " ".join(files) or "none",
)
def test_what_is_not_built(files: dict[str, str]) -> None:
    assert assets_of(files) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"build"',
        "[" * 100_000,
        '{"scripts": []}',
        '{"scripts": {"build": 1}}',
        '{"scripts": {"build": "  "}}',
        '{"scripts": {"build": "' + "x" * 5_000 + '"}}',
        '{"scripts": null, "engines": null, "packageManager": {}}',
        "{" + '"x": {' * 50_000,
        " " * 300_000 + VITE,
        "\0\ud800".encode("utf-8", "replace").decode() + VITE,
    ],
    ids=lambda text: f"{text[:20]!r} {len(text)}",
)
def test_a_package_json_that_lies_builds_nothing(text: str) -> None:
    assert assets_of({"package.json": text}) == ()


@pytest.mark.parametrize(
    "content",
    [
        {"engines": {"node": "; rm -rf /"}},
        {"engines": {"node": "1" * 500}},
        {"engines": [">=18"]},
        {"packageManager": "yarn@file:/etc/passwd"},
        {"packageManager": "pnpm@9 --registry=http://x"},
        {"packageManager": "bun@1.0.0"},
        {"packageManager": 9},
    ],
    ids=str,
)
def test_what_says_nothing_useful_is_not_followed(content: dict[str, Any]) -> None:
    found = assets_of({"package.json": package(scripts={"build": "x"}, **content)})
    assert found == (Assets(".", commands=("npm run build",)),)


def test_many_package_files_are_bounded() -> None:
    files = {f"part{number}/package.json": VITE for number in range(300)}
    assert len(assets_of(files)) == 4


def test_a_workspace_is_built_from_its_top() -> None:
    files = {"package.json": VITE, "packages/web/package.json": VITE, "frontend/package.json": VITE}
    assert [each.folder for each in assets_of(files)] == ["."]


def test_two_folders_are_both_built_with_linters_beside_them() -> None:
    files = {"package.json": LINT, "assets/package.json": VITE, "theme/static_src/package.json": VITE}
    assert [each.folder for each in assets_of(files)] == ["assets", "theme/static_src"]


def test_it_is_told_why() -> None:
    spec = spec_of(APP | {"frontend/package.json": VITE, "frontend/yarn.lock": ""})
    row = next(row for row in explain(spec) if row.setting == "build.assets")
    assert (row.value, row.where) == ("yarn run build", "frontend/package.json:4")
    assert row.why == "frontend/package.json has the script build; frontend/yarn.lock says by yarn"
    assert why({"package.json": LINT}) == "package.json has no script that builds"
    assert "no JSON object" in why({"package.json": "[]"})


def test_the_apps_folder_is_where_they_are_looked_for() -> None:
    files = {"pullet.toml": '[app]\nroot = "backend"\n', "frontend/package.json": VITE, "backend/ui/package.json": VITE}
    spec = spec_of(files | {f"backend/{path}": text for path, text in APP.items()})
    assert [each.folder for each in spec.assets] == ["ui"]


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("assets = []", ()),
        ('assets = ["npm run css"]', (Assets("web", commands=("npm run css",)),)),
        ('assets = ["make css"]\nassets_folder = "other"', (Assets("other", commands=("make css",)),)),
        ('assets_folder = "lint"', ()),
        ('node = "22"', (Assets("web", commands=("npm run build",), node="22", strict=True),)),
        ('commands = ["npm ci && npm run build"]', (Assets("web"),)),
        ('commands = ["cd web; yarn; yarn build"]\nassets = []', (Assets("web", Manager.YARN),)),
        ('commands = ["python manage.py collectstatic"]', (Assets("web", commands=("npm run build",)),)),
    ],
)
def test_what_is_declared_wins(toml: str, expected: tuple[Assets, ...]) -> None:
    files = {"web/package.json": VITE, "lint/package.json": LINT, "pullet.toml": f"[build]\n{toml}\n"}
    assert assets_of(files) == expected


def test_what_init_writes_builds_the_same() -> None:
    files = {"assets/package.json": package(name="x"), "assets/yarn.lock": "", "Dockerfile": NODE_STAGE}
    spec = spec_of(APP | files)
    text = write_app_file(spec)
    assert 'assets_folder = "assets"' in text
    assert spec_of(APP | files | {"pullet.toml": text}).assets == spec.assets


def test_they_come_before_collectstatic() -> None:
    spec = spec_of(DJANGO | {"package.json": VITE})
    assert spec.assets == (Assets(".", commands=("npm run build",)),)
    assert spec.build_commands == ("python manage.py collectstatic --noinput || true",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20", "20"), ("v20.11.1", "20"), ("20.x", "20"), ("^20.1", "20"), ("~20.3", "20"), (">=18", ">=18"),
        (">= 14.0.0", ">=14"), (">=18 <21", ">=18,<21"), (">=18.0.0 <=20", ">=18,<21"), (">18", ">=19"),
        (">18.2", ">=18"), ("<20.5", "<21"), ("16 - 18", ">=16,<19"), ("^18 || ^20", "20"), ("18 || >=20", ">=20"),
        ("lts/iron", "20"), ("lts/*", ""), ("node", ""), ("*", ""), ("", ""), ("|| ||", ""), ("latest", ""),
        ("x" * 1_000, ""), ("=22.1.0", "22"), ("system", ""),
    ],
)  # fmt: skip
def test_what_a_range_asks_of_node(text: str, expected: str) -> None:
    assert request(text) == expected


def test_which_nodes_are_tried() -> None:
    assert requests(Assets("."))[0] == ""
    assert requests(Assets(".", node="18"))[:3] == ("==18.*", "==20.*", "==22.*")
    assert requests(Assets(".", node="25"))[-1] == ""
    assert requests(Assets(".", node=">=18,<21", strict=True)) == ("<21,>=18",)
    assert requests(Assets(".", node="22.11", strict=True)) == ("==22.11.*",)


@pytest.mark.parametrize(
    ("manager", "version", "head", "expected"),
    [
        (Manager.PNPM, "", "lockfileVersion: '9.0'", ("pnpm", "9")),
        (Manager.PNPM, "", "lockfileVersion: '6.0'", ("pnpm", "8")),
        (Manager.PNPM, "", "lockfileVersion: 5.4", ("pnpm", "7")),
        (Manager.PNPM, "10.2.0", "lockfileVersion: '9.0'", ("pnpm", "10.2.0")),
        (Manager.YARN, "", "# yarn lockfile v1", ("yarn", "1")),
        (Manager.YARN, "1.22.19", "", ("yarn", "1.22.19")),
        (Manager.YARN, "", "# generated\n\n__metadata:\n  version: 8\n", ("@yarnpkg/cli-dist", "4")),
        (Manager.YARN, "", "__metadata:\n  version: 6\n  cacheKey: 8", ("@yarnpkg/cli-dist", "3")),
        (Manager.YARN, "3.6.1", "", ("@yarnpkg/cli-dist", "3.6.1")),
    ],
)
def test_which_manager_wrote_a_lock(manager: Manager, version: str, head: str, expected: tuple[str, str]) -> None:
    assert package_of(Assets(".", manager, version), head) == expected


def test_npm_gets_what_was_set_for_it_and_the_boxes_certificates(tmp_path: Path) -> None:
    rc = tmp_path / "npmrc"
    rc.write_text("")
    environ = {
        "NPM_CONFIG_REGISTRY": "https://user:word@npm.example.org/",
        "npm_config_//npm.example.org/:_authToken": "t0ken",
        "npm_config_@acme:registry": "https://acme.example.org/",
        "npm_config_prefix": "/usr",
        "npm_config_userconfig": "/root/.npmrc",
        "SSL_CERT_FILE": "/etc/ssl/bundle.pem",
        "HTTPS_PROXY": "http://proxy.example.org:3128",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    assert npm_environment(environ, (rc,)) == {
        "npm_config_registry": "https://user:word@npm.example.org/",
        "npm_config_//npm.example.org/:_authToken": "t0ken",
        "npm_config_@acme:registry": "https://acme.example.org/",
        "npm_config_globalconfig": str(rc),
        "SSL_CERT_FILE": "/etc/ssl/bundle.pem",
        "NODE_EXTRA_CA_CERTS": "/etc/ssl/bundle.pem",
        "HTTPS_PROXY": "http://proxy.example.org:3128",
    }
    assert {"t0ken", "word"} <= set(BuildSettings(environ=environ).secrets)
