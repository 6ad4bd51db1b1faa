"""What a command of another platform is for: to serve, to work, to release, to build, or nothing here."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import PurePosixPath

from pullet.analysis.detection.vendors.shell import plain, word_set


class Purpose(Enum):
    SERVE = "serve"
    DEVELOP = "develop"  # serves, but was never meant for visitors
    WORK = "work"
    RELEASE = "release"
    BUILD = "build"
    SCRIPT = "script"  # a file of the repository to look into
    PROGRAM = "program"  # of the app; what it does is not known
    INSTALL = "install"
    NODE = "node"
    NOISE = "noise"
    UNKNOWN = "unknown"


_SERVERS = word_set(
    "gunicorn uvicorn granian hypercorn daphne waitress-serve waitress uwsgi streamlit chainlit panel "
    "bokeh voila mercury solara datasette sanic litestar twistd mod_wsgi-express"
)
_WORKERS = word_set("celery rq rqworker dramatiq huey_consumer huey_consumer.py arq taskiq flower")
_INSTALLERS = word_set("pip pip3 apt apt-get apk yum dnf conda uv poetry pipenv pdm rye easy_install brew gem")
_NODE = word_set("npm npx yarn pnpm bun node nodejs corepack")
_NOISE = word_set(
    "sleep echo printf set cd pushd popd source . export unset mkdir rmdir chmod chown rm ls cat cp mv ln "
    "touch nc curl wget true false : [ [[ test trap break continue exit return wait kill read pwd env id "
    "whoami date which command umask ulimit shift local readonly declare getopts eval alias hash type git "
    "tar unzip sed awk grep find docker docker-compose nginx supervisord service cron crond pg_isready "
    "psql redis-cli redis-server wait-for-it wait-for-it.sh wait-for wait-for.sh wait_for_it.sh wait-for- "
    "postgres.sh dockerize tee xargs head tail"
)
_MANAGE_WORKERS = word_set(
    "qcluster rqworker rqscheduler process_tasks db_worker runworker celery run_huey rundramatiq procrastinate"
)
_MANAGE_BUILD = word_set("collectstatic compilemessages compress tailwind compilescss")
_SEED = re.compile(r"(?i)(^|[/_.-])(seed\w*|init_?db|create_?(db|tables|database)|migrate\w*|populate\w*|initial_data)")
_PRESTART = re.compile(r"(?i)pre_?(start|launch|deploy)|release|backend_pre_start|setup_db")
_WRAPPERS_WITH_USER = frozenset({"gosu", "su-exec"})
_WRAPPERS = frozenset({"exec", "nohup", "sudo", "env", "time", "command", "dumb-init", "tini", "stdbuf"})
_RUNNERS = frozenset({"pipenv", "poetry", "uv", "pdm", "rye", "hatch", "doppler"})
_WAITERS = re.compile(r"(?:.*/)?(wait[-_]for[\w.-]*|dockerize|wait-for)(\.sh|\.py)?")
_PYTHON = re.compile(r"python(3(\.\d+)?)?|pypy3?")
_TAKES_VALUE = frozenset({"--with", "--extra", "--group", "--env-file", "--python", "-p", "-n", "--directory"})


def unwrap(words: tuple[str, ...]) -> tuple[str, ...]:
    """Without what containers and package managers put in front: `poetry run gunicorn x` is `gunicorn x`."""
    for _ in range(6):
        shorter = _unwrap_once(words)
        if shorter == words:
            break
        words = shorter
    return (_program(words[0]), *words[1:]) if words else words


def _unwrap_once(words: tuple[str, ...]) -> tuple[str, ...]:
    if len(words) < 2:
        return words
    first, second = PurePosixPath(plain(words[0])).name, plain(words[1])
    if first in _RUNNERS and second == "run":
        return _after_options(words[2:])
    if first in _WRAPPERS:
        return _after_options(words[1:])
    if first in _WRAPPERS_WITH_USER or (first, second) == ("newrelic-admin", "run-program"):
        return words[2:]
    if _WAITERS.fullmatch(plain(words[0])) and "--" in words:
        return words[words.index("--") + 1 :]
    return words


def _after_options(words: tuple[str, ...]) -> tuple[str, ...]:
    while (words and words[0].startswith("-")) or (words and re.fullmatch(r"[A-Z_]+=\S*", words[0])):
        words = words[2 if words[0] in _TAKES_VALUE else 1 :]
    return words


def _program(word: str) -> str:
    """`/usr/local/bin/gunicorn` and `.venv/bin/gunicorn` are `gunicorn`; every Python is the app's."""
    name = PurePosixPath(plain(word)).name
    in_bin = PurePosixPath(plain(word)).parent.name in ("bin", "sbin")
    if _PYTHON.fullmatch(name):
        return "python"
    return name if in_bin and "/" in word and not name.endswith((".sh", ".py")) else word


def purpose_of(words: tuple[str, ...]) -> Purpose:
    """Of an unwrapped command."""
    texts = [plain(word) for word in words]
    program = texts[0].removeprefix("./") if texts else ""
    if program == "python":
        return _of_python(texts[1:])
    if program.endswith("manage.py"):
        return _of_manage(texts[1:])
    name = PurePosixPath(program).name
    if name in ("sh", "bash", "ash", "dash") or program.endswith(".sh"):
        return Purpose.NOISE if _WAITERS.fullmatch(texts[-1 if name in ("sh", "bash") else 0]) else Purpose.SCRIPT
    if program.endswith(".py"):
        return _of_file(program)
    if program.startswith("$"):  # only a shell knows what that is; `exec "$@"` starts what CMD says
        name = "eval"
    for names, purpose in ((_NOISE, Purpose.NOISE), (_NODE, Purpose.NODE), (_INSTALLERS, Purpose.INSTALL)):
        if name in names:
            return purpose
    return _of_tool(name, texts[1:])


def _of_tool(name: str, rest: list[str]) -> Purpose:
    if name in _SERVERS:
        return Purpose.SERVE
    if name in _WORKERS:
        return Purpose.WORK
    if name == "flask":
        return _of_flask(rest)
    if name == "fastapi":
        return Purpose.DEVELOP if rest[:1] == ["dev"] else Purpose.SERVE
    if name in ("alembic", "aerich", "piccolo", "yoyo", "prisma"):
        return Purpose.RELEASE
    return Purpose.RELEASE if _SEED.search(name) else Purpose.UNKNOWN


def _of_flask(rest: list[str]) -> Purpose:
    words = [word for word in rest if not word.startswith("-")]
    if "run" in words:
        return Purpose.DEVELOP
    if "worker" in words or "rq" in words:
        return Purpose.WORK
    if "compile" in words or "build" in words or "assets" in words:
        return Purpose.BUILD
    return Purpose.RELEASE if words else Purpose.UNKNOWN


def _of_python(rest: list[str]) -> Purpose:
    while rest and rest[0].startswith("-") and not rest[0].endswith("m"):
        rest = rest[1:]
    if not rest:
        return Purpose.UNKNOWN
    if rest[0].startswith("-"):
        module = rest[1] if len(rest) > 1 else ""
        if module in ("pip", "venv", "ensurepip", "build", "virtualenv"):
            return Purpose.INSTALL
        found = _of_tool(module, rest[2:])
        return Purpose.PROGRAM if found is Purpose.UNKNOWN and module else found
    return _of_manage(rest[1:]) if rest[0].endswith("manage.py") else _of_file(rest[0])


def _of_manage(rest: list[str]) -> Purpose:
    command = next((word for word in rest if not word.startswith("-")), "")
    if command in ("runserver", "runserver_plus"):
        return Purpose.DEVELOP
    if command in ("makemigrations", "shell", "test", "check", "wait_for_db", "wait_for_database", "flush", "dbshell"):
        return Purpose.NOISE
    for names, purpose in ((_MANAGE_BUILD, Purpose.BUILD), (_MANAGE_WORKERS, Purpose.WORK)):
        if command in names:
            return purpose
    return Purpose.RELEASE if command else Purpose.UNKNOWN


def _of_file(path: str) -> Purpose:
    if not path.endswith(".py"):
        return Purpose.UNKNOWN
    name = PurePosixPath(path).name
    return Purpose.RELEASE if _SEED.search(name) or _PRESTART.search(name) else Purpose.PROGRAM
