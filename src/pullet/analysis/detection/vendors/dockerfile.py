"""Dockerfile: what its last stage starts, from which Python, with which variables. Hints, as images are not built."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pullet.analysis.detection.vendors.documents import Node
from pullet.analysis.detection.vendors.reading import Reading
from pullet.analysis.detection.vendors.values import inside

FILES = (
    "Dockerfile.prod",
    "Dockerfile.production",
    "Dockerfile",
    "Containerfile",
    "docker/Dockerfile",
    ".docker/Dockerfile",
)
CONVENTIONS = (
    ("CMD and ENTRYPOINT, in both forms", "`processes.web.command`, where nothing better is found"),
    ("the scripts that they call", "mined for servers, migrations and seeds; never run whole"),
    ("FROM python:X", "`app.python`"),
    ("ENV", "`variables`, without those for the image or the builder"),
    ("RUN with collectstatic and the like", "`build.commands`"),
    ("RUN that builds, in a stage FROM node", "`build.assets`, where the package.json there has no script for it"),
    ("WORKDIR below where COPY puts the repository", "the folder"),
)
_INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
_PAIR = re.compile(r"""([A-Za-z_]\w*)=("(?:\\.|[^"\\]){0,2000}"|'[^']{0,2000}'|(?:\\.|[^\s\\"']){0,2000})""")
_PYTHON = re.compile(r"(?:[\w.-]+(?::\d+)?/){0,5}(?:python|uv|django|fastapi|uvicorn-gunicorn[\w-]*):(\S*?)(?:@\S*)?")
_VERSION = re.compile(r"(?:python-?)?(3\.\d{1,2})(?:[.\w-]*)")
_LINES = 1000


def instructions(text: str) -> Iterator[tuple[str, str, int]]:
    """Of the last stage and the names of all images: (NAME, arguments, line)."""
    pending, start = "", 0
    for number, line in enumerate(text.splitlines()[:_LINES], 1):
        if line.lstrip().startswith("#") or (not line.strip() and not pending):
            continue
        start = start or number
        if line.rstrip().endswith("\\"):
            pending += line.rstrip()[:-1] + " "
            continue
        if found := _INSTRUCTION.match(pending + line):
            yield found[1].upper(), found[2].strip(), start
        pending, start = "", 0


def read(reading: Reading) -> None:
    text = reading.repository.top.text(reading.path)
    steps = list(instructions(text))
    last = max((number for number, step in enumerate(steps) if step[0] == "FROM"), default=0)
    for name, rest, line in steps:
        if name == "FROM" and (version := _python(rest)):
            node = Node(version, line)
            reading.say("app.python", version, node, f"is made from {rest.split()[0]}")
    base = _base_stages(steps, last)
    folder = _folder(base)
    for name, rest, line in base:
        if name == "ENV":
            for key, value in _pairs(rest):
                reading.variable(key, Node(value, line, key))
        elif name == "RUN":
            reading.build(Node(_without_options(rest), line), folder, strict=True)
    _start(reading, base, folder)


def _base_stages(steps: list[tuple[str, str, int]], last: int) -> list[tuple[str, str, int]]:
    """The last stage's steps, after those of the stages that it is made from."""
    words = steps[last][1].split() if steps and steps[last][0] == "FROM" else []
    for number, (name, rest, _) in enumerate(steps[:last]):
        parts = rest.split()
        if name == "FROM" and len(parts) == 3 and words and parts[2] == words[0]:
            end = next((n for n in range(number + 1, last) if steps[n][0] == "FROM"), last)
            return steps[number:end] + steps[last:]
    return steps[last:]


def _python(rest: str) -> str:
    words = [word for word in rest.split() if not word.startswith("--")]
    found = _PYTHON.fullmatch(words[0]) if words else None
    version = _VERSION.fullmatch(found[1]) if found else None
    return version[1] if version else ""


def _folder(steps: list[tuple[str, str, int]]) -> str:
    """Where commands start, as seen from the repository: WORKDIR less the place to which everything was copied."""
    current, copied = "/", ""
    for name, rest, _ in steps:
        if name == "WORKDIR":
            target = rest.strip("\"'")
            current = target if target.startswith("/") else f"{current.rstrip('/')}/{target}"
        words = [word for word in rest.split() if not word.startswith("--")]
        if name in ("COPY", "ADD") and len(words) == 2 and words[0] in (".", "./", "/"):
            copied = words[1] if words[1].startswith("/") else f"{current}/{words[1]}"
            copied = re.sub(r"/(\./?)*$", "", copied.replace("//", "/"))
    return (inside(current, (copied,)) if copied else "") or "."


def _start(reading: Reading, steps: list[tuple[str, str, int]], folder: str) -> None:
    entry = next(((rest, line) for name, rest, line in reversed(steps) if name == "ENTRYPOINT"), ("", 0))
    command = next(((rest, line) for name, rest, line in reversed(steps) if name == "CMD"), ("", 0))
    script = " ".join(part for part in (_as_shell(entry[0]), _as_shell(command[0])) if part)
    if not script:
        return
    node = Node(script, entry[1] or command[1], "CMD")
    # An entry script ends with `exec "$@"`: what CMD says is what it starts.
    served = reading.web(node, folder)
    if entry[0] and command[0] and not served:
        reading.web(Node(_as_shell(command[0]), command[1], "CMD"), folder)


def _as_shell(rest: str) -> str:
    if rest.startswith("["):
        try:
            words = json.loads(rest)
        except (ValueError, RecursionError):
            return ""
        texts = [word for word in words if isinstance(word, str)] if isinstance(words, list) else []
        return " ".join(_quoted(word) for word in texts)
    return rest


def _quoted(word: str) -> str:
    """Variables stay variables: what a shell was meant to fill in, Pullet's does."""
    return word if re.fullmatch(r"[\w@%+=:,./${}-]+", word) else "'" + word.replace("'", "'\\''") + "'"


def _without_options(rest: str) -> str:
    return re.sub(r"^(--\S+\s+)+", "", rest)


def _pairs(rest: str) -> Iterator[tuple[str, str]]:
    if found := _PAIR.findall(rest):
        yield from ((key, value.strip("\"'")) for key, value in found)
    else:
        key, _, value = rest.partition(" ")
        yield key, value.strip()
