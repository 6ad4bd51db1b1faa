"""By which commands a Dockerfile's Node stage builds a folder whose package.json has no script for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.vendors.dockerfile import FILES, instructions
from pullet.domain.app import Place

_IMAGE = re.compile(r"(--\S+\s+)*([\w.-]+(:\d+)?/){0,5}node(:\S+)?(\s|$)")
_BUILDS = re.compile(r"\b(build|compile|bundle|webpack|vite|esbuild|tailwind(css)?|rollup|gulp|parcel|sass)\b")
_NOT = re.compile(r"\b(apt(-get)?|apk|yarn install|npm (ci|install|i)|pnpm (install|i)|corepack|chown|adduser|curl)\b")
_PLACE = re.compile(r"/(app|application|code|src|srv|project|work|workspace|web|site|repo)(/[A-Za-z0-9_-]{1,40}){0,2}")
_LENGTH = 2_000
_COMMANDS = 10


@dataclass(frozen=True)
class Stage:
    commands: tuple[str, ...]
    seen_at: str
    """Where the image has the repository; empty where that is no place for one."""
    place: Place


def commands(repository: Repository, folder: str) -> Stage | None:
    """Those of the stage that works in `folder` of the repository; None where there is none."""
    for path in FILES:
        found: list[tuple[str, int]] = []
        seen_at = ""
        in_stage, work = False, "/"
        for name, rest, line in instructions(repository.top.text(path)):
            if name == "FROM":
                in_stage, work = _IMAGE.match(rest) is not None, "/"
            elif name == "WORKDIR":
                target = rest.strip("\"'")
                work = target if target.startswith("/") else f"{work.rstrip('/')}/{target}"
            elif name == "RUN" and in_stage and _is_in(work, folder) and _is_build(rest):
                found.append((re.sub(r"\s+", " ", re.sub(r"^(--\S+\s+)+", "", rest)).strip(), line))
                seen_at = work.rstrip("/").removesuffix("" if folder == "." else f"/{folder}")
        if found:
            lines = tuple(command for command, _ in found[:_COMMANDS])
            return Stage(lines, seen_at if _PLACE.fullmatch(seen_at) else "", repository.top.place(path, found[0][1]))
    return None


def _is_in(work: str, folder: str) -> bool:
    return folder == "." or work.rstrip("/").endswith(f"/{folder}")


def _is_build(rest: str) -> bool:
    return (
        len(rest) <= _LENGTH
        and rest.isprintable()
        and not rest.startswith(("[", "<<"))
        and bool(_BUILDS.search(rest))
        and not _NOT.search(rest)
    )
