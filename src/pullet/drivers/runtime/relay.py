"""Bridges a unix socket to an app that can only listen on a TCP port. Standard library only; any Python from 3.8 on.

    python -I -S relay.py SOCKET COMMAND…

Starts COMMAND with a free loopback port in $PORT, and binds SOCKET once that port answers: no socket means that the app
does not listen yet. SIGTERM goes on to the app; open connections stay until it has closed them. Ends as the app ends.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys

CHUNK = 1 << 16
PATIENCE = 5.0  # seconds after which the log tells that nothing listens on the port


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


async def bridge(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        app_reader, app_writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        writer.close()
        return
    try:
        await asyncio.gather(copy(reader, app_writer), copy(app_reader, writer))
    finally:
        app_writer.close()
        writer.close()


async def wait_for_port(port: int) -> None:
    waited = 0.0
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
        waited += 0.02
        if PATIENCE <= waited < PATIENCE + 0.02:
            sys.stderr.write(f"pullet: nothing listens on 127.0.0.1:{port} yet; does the app use $PORT?\n")


async def serve(path: str, port: int) -> None:
    await wait_for_port(port)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108
    temporary = path + ".new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)  # noqa: PTH108
    await asyncio.start_unix_server(lambda r, w: bridge(port, r, w), temporary, backlog=1024)
    os.chmod(temporary, 0o666)  # noqa: S103, PTH101 - the router is another user; the folder keeps others out
    os.rename(temporary, path)  # noqa: PTH104
    await asyncio.Event().wait()


async def main(path: str, command: "list[str]") -> int:
    port = free_port()
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, "PORT": str(port)})
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: pass_on(process))
    serving = asyncio.ensure_future(serve(path, port))
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
