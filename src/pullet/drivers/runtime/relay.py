"""Bridges a unix socket to an app that can only listen on a TCP port. Standard library only; any Python from 3.8 on.

    python -I -S relay.py SOCKET COMMAND…

Starts COMMAND with a free loopback port in $PORT and its like, and binds SOCKET once the app answers there, or on the
port that it listens on instead: no socket means that it does not listen yet. At the end of a word of COMMAND, $PORT
becomes the port. SIGTERM goes on to the app; open connections stay until it has closed them. Ends as the app ends.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

CHUNK = 1 << 16
PATIENCE = 5.0  # seconds after which the log tells that nothing listens on the port
LOOK_ELSEWHERE = 10  # attempts at $PORT before each look at what the app listens on instead
SETTLING = 1.0  # seconds that $PORT has to come after another port: that may be for metrics
SECOND_THOUGHTS = 60  # seconds during which $PORT still takes the place of another
INSIDE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "inside")  # noqa: PTH100, PTH118, PTH120
LISTENING = "0A"  # a state in /proc/net/tcp, proc(5)
PORT_VARIABLES = (
    "FLASK_RUN_PORT",
    "UVICORN_PORT",
    "GRANIAN_PORT",
    "LITESTAR_PORT",
    "STREAMLIT_SERVER_PORT",
    "GRADIO_SERVER_PORT",
    "CHAINLIT_PORT",
    "BOKEH_PORT",
)
FIXED_VARIABLES = {
    "STREAMLIT_SERVER_HEADLESS": "true",
    "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "GRADIO_ANALYTICS_ENABLED": "false",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, to its end; then tell the other side that no more comes, and leave it the other direction."""
    with contextlib.suppress(OSError):
        while True:
            data = await reader.read(CHUNK)
            if not data:
                break
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def bridge(place: "tuple[str, int]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        app_reader, app_writer = await asyncio.open_connection(*place)
    except OSError:
        writer.close()
        return
    try:
        await asyncio.gather(copy(reader, app_writer), copy(app_reader, writer))
    finally:
        app_writer.close()
        writer.close()


async def answers(place: "tuple[str, int]", *, http: bool) -> bool:
    """Whether somebody takes connections there; with `http`, whether it speaks that: an app may have other ports."""
    try:
        reader, writer = await asyncio.open_connection(*place)
    except OSError:
        return False
    try:
        if not http:
            return True
        writer.write(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return (await asyncio.wait_for(reader.read(5), 2)) == b"HTTP/"
    except (OSError, asyncio.TimeoutError):  # noqa: UP041 - two before Python 3.11
        return False
    finally:
        writer.close()


async def find_place(port: int, app: int) -> "tuple[str, int]":
    """Where the app listens: on `port`, or wherever a process of it does."""
    attempts, seen = 0, 0.0
    while True:
        if await answers(("127.0.0.1", port), http=False):
            return "127.0.0.1", port
        attempts += 1
        if attempts % LOOK_ELSEWHERE == 0 and (place := await place_elsewhere(app)):
            seen = seen or time.monotonic()
            if time.monotonic() - seen >= SETTLING:
                sys.stderr.write(f"pullet: the app listens on port {place[1]} and not on $PORT\n")
                return place
        if attempts == round(PATIENCE / 0.02):
            sys.stderr.write("pullet: the app listens on no port yet\n")
        await asyncio.sleep(0.02)


async def place_elsewhere(app: int) -> "tuple[str, int] | None":
    """Where the app speaks HTTP, whatever port that is."""
    for place in places_of(app):
        if await answers(place, http=True):
            return place
    return None


def places_of(app: int) -> "list[tuple[str, int]]":
    """(address, port) that the process or one below it listens on, the least port first."""
    sockets = {inode for pid in family_of(app) for inode in sockets_of(pid)}
    found = []
    for path, address in (("/proc/net/tcp", "127.0.0.1"), ("/proc/net/tcp6", "::1")):
        with contextlib.suppress(OSError), open(path) as file:  # noqa: PTH123
            for fields in map(str.split, list(file)[1:]):
                if fields[3] == LISTENING and fields[9] in sockets:
                    found.append((address, int(fields[1].rpartition(":")[2], 16)))
    return sorted(found, key=lambda place: place[1])


def family_of(app: int) -> "list[int]":
    parents = {}
    for entry in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as file:  # noqa: PTH123
            parents[int(entry)] = int(file.read().rpartition(")")[2].split()[1])
    family = [app]
    for member in family:
        family += [pid for pid, parent in parents.items() if parent == member and pid not in family]
    return family


def sockets_of(pid: int) -> "list[str]":
    """Inodes of the sockets that a process has open."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{name}")  # noqa: PTH115
                if target.startswith("socket:["):
                    found.append(target[8:-1])
    return found


async def serve(path: str, port: int, app: int) -> None:
    place = await find_place(port, app)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108
    temporary = path + ".new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)  # noqa: PTH108
    await asyncio.start_unix_server(lambda r, w: bridge(place, r, w), temporary, backlog=1024)
    os.chmod(temporary, 0o666)  # noqa: S103, PTH101 - the router is another user; the folder keeps others out
    os.rename(temporary, path)  # noqa: PTH104
    for _ in range(SECOND_THOUGHTS if place[1] != port else 0):
        await asyncio.sleep(1)
        if await answers(("127.0.0.1", port), http=True):
            sys.stderr.write("pullet: the app listens on $PORT by now\n")
            place = ("127.0.0.1", port)
            break
    await asyncio.Event().wait()


def environment(port: int) -> "dict[str, str]":
    """The owner's variables win over all but $PORT itself."""
    given = dict.fromkeys(PORT_VARIABLES, str(port))
    gunicorn = f"--bind=127.0.0.1:{port} {os.environ.get('GUNICORN_CMD_ARGS', '')}".strip()
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), INSIDE)))
    own = {"PORT": str(port), "GUNICORN_CMD_ARGS": gunicorn, "PYTHONPATH": path, "PULLET_HOOKS": "pullet_ports"}
    return {**given, **FIXED_VARIABLES, **os.environ, **own}


async def main(path: str, command: "list[str]") -> int:
    port = free_port()
    words = [word[: -len("$PORT")] + str(port) if word.endswith("$PORT") else word for word in command]
    process = await asyncio.create_subprocess_exec(*words, env=environment(port))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: pass_on(process))
    serving = asyncio.ensure_future(serve(path, port, process.pid))
    code = await process.wait()
    serving.cancel()
    await asyncio.wait([serving])
    return code if code >= 0 else 128 - code


def pass_on(process: "asyncio.subprocess.Process") -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2:])))
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"pullet: cannot run {sys.argv[2]}: {error}")
