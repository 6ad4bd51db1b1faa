"""How a web process comes to listen on the unix socket that Pullet gives it.

A known server has its own bind options replaced by the socket's, and keeps everything else that the owner wrote.
A program that takes a port among its options gets $PORT there; anything else gets it in the environment. Both have a
relay in front (`drivers/runtime/relay.py`).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from pullet.domain.app import Server


@dataclass(frozen=True)
class Serving:
    """How to start a process."""

    argv: tuple[str, ...]
    """Ready to run: a shell is in it where the command needs one."""
    listens_on_socket: bool
    """False: the process listens on $PORT and needs a relay, or serves nothing."""
    server: Server = Server.UNKNOWN
    python: tuple[str, ...] = ()
    """Where a warm spare can become this process: the same without shell and assignments, the server's name first."""
    assignments: tuple[tuple[str, str], ...] = ()
    """Variables that the command line sets before the server, literal."""


@dataclass(frozen=True)
class _Options:
    """A server's options that say where it listens: dropped with their value, or alone; and what takes their place."""

    valued: frozenset[str]
    alone: frozenset[str]
    bind: tuple[str, ...]
    """`{socket}` is replaced."""


def _options(valued: str, bind: str, alone: str = "") -> _Options:
    return _Options(frozenset(valued.split()), frozenset(alone.split()), tuple(bind.split()))


_SERVERS = {
    Server.GUNICORN: _options("-b --bind -m --umask", "--bind unix:{socket} --umask 0", "-D --daemon --reload"),
    Server.UVICORN: _options("--host --port --uds --fd", "--uds {socket}", "--reload"),
    Server.GRANIAN: _options(
        "--host --port --uds --uds-permissions", "--uds {socket} --uds-permissions 666", "--reload"
    ),
    Server.HYPERCORN: _options("-b --bind -m --umask", "--bind unix:{socket} --umask 0", "--reload"),
    Server.DAPHNE: _options("-b --bind -p --port -u --unix-socket --fd -e --endpoint", "-u {socket}"),
    Server.WAITRESS: _options(
        "--host --port --listen --unix-socket --unix-socket-perms", "--unix-socket={socket} --unix-socket-perms=666"
    ),
}
_NAMES = {
    **{server.value: server for server in _SERVERS},
    "waitress-serve": Server.WAITRESS,
    "uvicorn.main": Server.UVICORN,
}
_PORTS = {
    # programs that listen on a port only: their options that say where, and what takes their place at the end
    ("gunicorn",): _options("-b --bind", "--bind 127.0.0.1:$PORT", "-D --daemon --reload"),
    ("flask", "run"): _options("-p --port -h --host", "--port $PORT", "--reload --debug --debugger"),
    ("quart", "run"): _options("-p --port -h --host", "--port $PORT", "--reload"),
    ("litestar", "run"): _options("-p --port -H --host", "--port $PORT", "-r --reload -d --debug"),
    ("fastapi", "run"): _options("--port --host", "--port $PORT", "--reload"),
    ("fastapi", "dev"): _options("--port --host", "--port $PORT", "--reload"),
    ("sanic",): _options("-p --port -H --host", "--port $PORT", "-d --dev --debug -r --reload"),
    ("streamlit", "run"): _options("--server.port --server.address", "--server.port $PORT"),
    ("panel", "serve"): _options(
        "--port --address --allow-websocket-origin", "--port $PORT --allow-websocket-origin *"
    ),
    ("bokeh", "serve"): _options(
        "--port --address --allow-websocket-origin", "--port $PORT --allow-websocket-origin *"
    ),
    ("chainlit", "run"): _options("--port --host", "--port $PORT --headless", "-w --watch"),
    ("solara", "run"): _options("--port --host", "--port $PORT --production"),
    ("shiny", "run"): _options("-p --port -h --host", "--port $PORT", "-r --reload -b --launch-browser"),
    ("marimo", "run"): _options("-p --port --host", "--port $PORT --headless --no-token"),
    ("voila",): _options("--port --Voila.port --Voila.ip", "--port $PORT --no-browser"),
}
_ADDRESS = re.compile(r"([\w.\[\]:-]*:)?\d+|[\d.]+")
_MANAGERS = frozenset({"manage.py", "django-admin"})
_SHELL = re.compile(r"[|&;<>()$`\\\"'*?\[\]#~%{}\n]")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_UNASSIGNED = re.compile(r"\s*(?!exec\b)[^\s=]+(\s|$)")
"""A simple command gets `exec`, so that signals reach the program and not the shell."""
_PYTHON = re.compile(r"(.*/)?python(3(\.\d+)?)?")
_SIMPLE_END = re.compile(r"(?P<before>.*&&)(?P<last>[^&|;`\n]*)", re.DOTALL)
_GREEN_WORKERS = re.compile(r"\b(gevent|eventlet)")


def serve(command: str, socket: str, *, on_port: bool = False) -> Serving:
    """How to run the owner's `command` so that it answers on `socket` (an absolute path without spaces).

    `on_port`: by way of a port, though its server could take a socket.
    """
    before, last = _split_chain(command)
    words = _words(last)
    found = _find_server(words) if words is not None else None
    if words is not None and not before and (found is None or on_port) and not any("$" in word for word in words):
        return _on_a_port(words) or plain(command)
    if words is None or found is None or on_port:
        return plain(command)
    server, first = found
    assignments, head, tail = _assignments(words), words[:first], words[first:]
    tail = _rebind(tail, _SERVERS[server], socket)
    simple = not before and not any("$" in word or "`" in word for word in words)
    if not simple:
        return Serving(("/bin/sh", "-c", f"{before} {_shell_words(head)} {_quoted(tail)}".strip()), True, server)
    argv = (*head[len(assignments) :], *tail)
    if assignments:
        return Serving(
            ("/usr/bin/env", *(f"{k}={v}" for k, v in assignments), *argv), True, server, _warm(tail), assignments
        )
    return Serving(argv, True, server, _warm(tail))


def _on_a_port(words: list[str]) -> Serving | None:
    """A program that takes a port among its options, or after `manage.py runserver`."""
    border = len(_assignments(words))
    before = ["/usr/bin/env", *words[:border]] if border else []
    rest = words[border:]
    if rest[1:2] == ["-m"] and _PYTHON.fullmatch(rest[0]):
        before, rest = [*before, *rest[:2]], rest[2:]
    argv = _runserver(rest) or _with_port(rest)
    return Serving((*before, *argv), False) if argv else None


def _runserver(words: list[str]) -> list[str]:
    """Django's own; without the reloader, which would be a second process."""
    if "runserver" not in words or not any(word.rpartition("/")[2] in _MANAGERS for word in words):
        return []
    end = words.index("runserver") + 1
    kept = [word for word in words[end:] if not _ADDRESS.fullmatch(word) and word != "--noreload"]
    return [*words[:end], "--noreload", *kept, "127.0.0.1:$PORT"]


def _with_port(words: list[str]) -> list[str]:
    named = [word.rpartition("/")[2] for word in words[:1]] + words[1:2]
    for name, options in _PORTS.items():
        if tuple(named[: len(name)]) == name:
            kept = _without(words[len(name) :], options)
            border = kept.index("--") if "--" in kept else len(kept)  # what comes after is the app's own
            return [*words[: len(name)], *kept[:border], *options.bind, *kept[border:]]
    return []


def plain(command: str) -> Serving:
    """The command as it is; by a shell where it uses one."""
    if _SHELL.search(command) or _ASSIGNMENT.fullmatch((command.split() or [""])[0]):
        simple = _UNASSIGNED.match(command) is not None and _words(command) is not None
        return Serving(("/bin/sh", "-c", f"exec {command}" if simple else command), False)
    return Serving(tuple(command.split()), False)


def _split_chain(command: str) -> tuple[str, str]:
    """(`a && b &&`, `c`): only a chain of && starts its last command for good."""
    match = _SIMPLE_END.fullmatch(command)
    return (match["before"].strip(), match["last"].strip()) if match else ("", command)


def _words(text: str) -> list[str] | None:
    """The words of one simple command; None for anything that is more than that."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        words = list(lexer)
    except ValueError:  # a quotation without end
        return None
    if "`" in text or "\n" in text or any(set(word) <= set("|&;<>()") for word in words if word):
        return None
    return words[1:] if words[:1] == ["exec"] else words


def _assignments(words: list[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for word in words:
        match = _ASSIGNMENT.fullmatch(word)
        if match is None:
            break
        found.append((match[1], match[2]))
    return tuple(found)


def _find_server(words: list[str]) -> tuple[Server, int] | None:
    """The server and the index of the word after which its options begin."""
    index = len(_assignments(words))
    rest = words[index:]
    if rest[:3] and _PYTHON.fullmatch(rest[0]) and rest[1:2] == ["-m"] and len(rest) > 2:
        server = _NAMES.get(rest[2])
        return (server, index + 2) if server else None
    server = _NAMES.get(rest[0].rpartition("/")[2]) if rest else None
    return (server, index) if server else None


def _rebind(words: list[str], options: _Options, socket: str) -> list[str]:
    """`words` (the server's name first) without their bind options, then the socket's."""
    bind = [part.replace("{socket}", socket) for part in options.bind]
    return [words[0], *bind, *_without(words[1:], options)]


def _without(words: list[str], options: _Options) -> list[str]:
    """`words` but for those that say where to listen."""
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in options.valued:
            skip = True
        elif not _says_where(word, options):
            kept.append(word)
    return kept


def _says_where(word: str, options: _Options) -> bool:
    """`--bind=…`, `-b0.0.0.0:80`, `--reload`."""
    if word in options.alone or word.partition("=")[0] in options.valued:
        return True
    return len(word) > 2 and word[0] == "-" != word[1] and word[:2] in options.valued


def _warm(tail: list[str]) -> tuple[str, ...]:
    """Green workers patch the standard library before anything else may be imported: nothing for a warm spare."""
    return () if _GREEN_WORKERS.search(" ".join(tail)) else tuple(tail)


def _shell_words(head: list[str]) -> str:
    """Assignments, `exec` so that signals reach the server itself, and what comes before it (`python -m`)."""
    assigned = len([word for word in head if _ASSIGNMENT.fullmatch(word)])
    return " ".join([_quoted(head[:assigned]), "exec", _quoted(head[assigned:])]).strip()


def _quoted(words: list[str]) -> str:
    """For sh, with $VARIABLES still expanded."""
    return " ".join(_quote(word) for word in words)


def _quote(word: str) -> str:
    if "$" not in word:
        match = _ASSIGNMENT.fullmatch(word)
        return f"{match[1]}={shlex.quote(match[2])}" if match else shlex.quote(word)
    return '"' + re.sub(r'(["`\\])', r"\\\1", word) + '"' if not _ASSIGNMENT.fullmatch(word) else _quote_value(word)


def _quote_value(word: str) -> str:
    name, _, value = word.partition("=")
    return f'{name}="' + re.sub(r'(["`\\])', r"\\\1", value) + '"'
