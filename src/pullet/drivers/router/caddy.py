"""The Router port with Caddy: one constant configuration, routes as files, no reload ever.

Layout below `Home.router`:

    hosts/              routes (routes.py); Caddy's working directory; it may only read there
    logs/               access log, written and rotated by Caddy
    state/              Caddy's own: certificates
    process/<digest>/   one folder a configuration: caddy.json and its shim. Another configuration is another folder,
                        so a new router shares the port (SO_REUSEPORT) before the old one is told to end
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.errors import PortTaken, RouterError
from pullet.domain.home import Home
from pullet.domain.runtime import Capability, Phase
from pullet.drivers.process import last_lines
from pullet.drivers.router import listeners
from pullet.drivers.router.access import AccessCounts
from pullet.drivers.router.configuration import (
    IDENTITY_PATH,
    OWN_HOST,
    Settings,
    Tls,
    configuration,
    identity,
    render,
)
from pullet.drivers.router.program import find_caddy
from pullet.drivers.router.routes import RouteFiles, normal_host
from pullet.drivers.runtime.users import FIRST_USER
from pullet.drivers.supervision import Supervised, Supervisor
from pullet.ports import Page, RouteTarget

_START_LIMIT = 15.0  # seconds until a new router must answer
_LOOK_AGAIN = 0.02  # seconds
_ON_ITS_WAY = (Phase.STARTING, Phase.UP, Phase.BACKING_OFF)


class CaddyRouter:
    """`port` serves plain HTTP (h1 and h2c) on all addresses; `tls` adds https with certificates on demand.

    `user` (uid and gid) matters to root only: Caddy runs as that user, which reads nothing of the home but its routes.
    """

    def __init__(
        self,
        home: Home,
        supervisor: Supervisor,
        port: int,
        *,
        tls: Tls | None = None,
        user: int = FIRST_USER - 1,
        caddy: Path | None = None,
    ) -> None:
        self._home = home
        self._port = port
        self._supervisor = supervisor
        self._user = user if os.geteuid() == 0 else None
        self._given = caddy
        self._caddy: Path | None = None
        self._hosts = home.router / "hosts"
        self._logs = home.router / "logs"
        self._state = home.router / "state"
        self._processes = home.router / "process"
        self._settings = Settings(
            port=port, tls=tls, access_log=str(self._logs / "access.log"), hooks=str(home.hooks_socket)
        )
        self._files = RouteFiles(self._hosts, home.root)
        self._access = AccessCounts(self._logs / "access.log", self._files.is_routed)
        self._writing = asyncio.Lock()
        self._starting = asyncio.Lock()  # apart: routes change while an old router drains

    # --- routes

    async def routes(self) -> Mapping[str, RouteTarget]:
        return await asyncio.to_thread(self._files.read)

    async def switch(self, host: str, target: RouteTarget) -> None:
        name = normal_host(host)
        async with self._writing:
            await asyncio.to_thread(self._prepare_folders)
            await asyncio.to_thread(self._files.switch, name, target)

    async def show_page(self, host: str, page: Page) -> None:
        name = normal_host(host)
        async with self._writing:
            await asyncio.to_thread(self._prepare_folders)
            await asyncio.to_thread(self._files.show_page, name, page)

    async def remove(self, host: str) -> None:
        name = normal_host(host)
        async with self._writing:
            await asyncio.to_thread(self._files.remove, name)

    def access_counts(self, host: str, since: float) -> tuple[int, int]:
        return self._access.since(normal_host(host), since)

    # --- the process

    async def ensure(self) -> None:
        async with self._starting:
            folder = await self._wanted_folder()
            if not await self._answers(folder):
                await asyncio.to_thread(self._prepare_folders)
                await asyncio.to_thread(self._check_ports)
                await self._start(folder)
            await self._end(other for other in self._folders() if other != folder)

    def url(self, host: str) -> str:
        return f"http://{normal_host(host)}:{self._port}"

    async def stop(self) -> None:
        async with self._starting:
            await self._end(self._folders())

    async def capabilities(self) -> Sequence[Capability]:
        try:
            running = await self._answers(await self._wanted_folder())
            version = f"Caddy {self._settings.caddy}"
        except RouterError as err:
            running, version = False, err.message
        tls = self._settings.tls
        return (
            Capability("router", running, f"{version} on port {self._settings.port}", "" if running else _NOT_RUNNING),
            Capability("http/2", True, "h2c on the plain port" + (", h2 with TLS" if tls else "")),
            Capability(
                "tls",
                tls is not None,
                f"certificates on demand, port {tls.port}" if tls else "plain HTTP only",
                "" if tls else "Enable TLS in the settings to serve names outside *.localhost by https.",
            ),
        )

    async def _wanted_folder(self) -> Path:
        if self._caddy is None:
            self._caddy, version = await find_caddy(self._given)
            self._settings = replace(self._settings, caddy=version)
        return self._processes / identity(self._settings)

    async def _start(self, folder: Path) -> None:
        assert self._caddy is not None
        self._check_reach(self._caddy)
        supervised = await asyncio.to_thread(self._supervised, folder, self._caddy)
        launched = await self._supervisor.launch(supervised)
        try:
            await self._wait_until_it_answers(folder, launched.restarts)
            self._refuse_shared_ports()
        except BaseException:
            await asyncio.shield(self._end([folder]))
            raise

    def _supervised(self, folder: Path, caddy: Path) -> Supervised:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711 if self._user is not None else 0o700)
        config = folder / "caddy.json"
        fresh = folder / "caddy.json.new"
        fresh.write_bytes(render(configuration(self._settings)))
        fresh.chmod(0o644)
        fresh.replace(config)
        environment = {
            "HOME": str(self._state),
            "XDG_DATA_HOME": str(self._state / "data"),
            "XDG_CONFIG_HOME": str(self._state / "config"),
            "PATH": os.defpath,
        }
        return Supervised(
            folder=folder,
            command=Command((str(caddy), "run", "--config", str(config)), cwd=self._hosts, environment=environment),
            user=self._user,
            ambient_capabilities=("net_bind_service",) if self._user is not None else (),
            give_up_after=None,
        )

    async def _wait_until_it_answers(self, folder: Path, restarts: int) -> None:
        try:
            async with asyncio.timeout(_START_LIMIT):
                while not await self._answers(folder):
                    state = self._supervisor.observe(folder)
                    if state.restarts > restarts or state.phase not in _ON_ITS_WAY:
                        raise _failed(folder, state.reason or "Caddy ended at once")
                    await asyncio.sleep(_LOOK_AGAIN)
        except TimeoutError:
            raise _failed(folder, f"Caddy gave no answer within {_START_LIMIT:.0f} s") from None

    async def _answers(self, folder: Path) -> bool:
        """True where the router of this folder runs and this very configuration answers on the port.

        Old and new may share the port for a moment, so one question may reach the other: ask a few times.
        """
        if self._supervisor.observe(folder).phase is not Phase.UP:
            return False
        for _ in range(8):
            told = await asyncio.to_thread(_ask_identity, self._settings.port)
            if told in ("", folder.name):
                return bool(told)
        return False

    def _check_ports(self) -> None:
        for port in self._ports():
            if listeners.why_not_bindable(port) == "taken" and (
                not listeners.listening_inodes(port) or listeners.strangers(port, self._own_pids())
            ):
                raise self._taken(port)

    def _refuse_shared_ports(self) -> None:
        """Another Caddy of the same user may have taken the same port in the same moment: neither would notice."""
        for port in self._ports():
            if listeners.strangers(port, self._own_pids()):
                raise self._taken(port)

    def _taken(self, port: int) -> PortTaken:
        holder = listeners.describe_holder(listeners.strangers(port, self._own_pids()))
        return PortTaken(
            f"Port {port} is taken by {holder}",
            hint="Stop that program, or choose another port for Pullet with --port.",
        )

    def _ports(self) -> tuple[int, ...]:
        tls = self._settings.tls
        return (self._settings.port, tls.port) if tls else (self._settings.port,)

    def _own_pids(self) -> list[int]:
        pids = (self._supervisor.observe(folder).pid for folder in self._folders())
        return [pid for pid in pids if pid is not None]

    def _folders(self) -> list[Path]:
        with contextlib.suppress(FileNotFoundError):
            return sorted(self._processes.iterdir())
        return []

    async def _end(self, folders: Iterable[Path]) -> None:
        for folder in list(folders):
            if self._supervisor.observe(folder).phase is not Phase.GONE:
                await self._supervisor.stop(folder, drain=self._settings.grace + 2)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    # --- folders and rights

    def _prepare_folders(self) -> None:
        for folder in (self._hosts, self._logs, self._state, self._processes):
            folder.mkdir(parents=True, exist_ok=True)
        if self._user is None:
            return
        for folder in (self._home.root, self._home.router, self._processes, self._home.sockets):
            if folder.exists():
                folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)  # to pass through, not to read
        os.chown(self._hosts, 0, self._user)
        self._hosts.chmod(0o750)
        for folder in (self._logs, self._state):
            os.chown(folder, self._user, self._user)
            folder.chmod(0o700)

    def _check_reach(self, caddy: Path) -> None:
        if self._user is None:
            return
        for path in (*self._home.root.resolve().parents, *caddy.resolve().parents):
            if not path.stat().st_mode & stat.S_IXOTH:
                raise RouterError(
                    f"The router runs as a user of its own, which cannot pass through {path}",
                    hint=f"Choose another PULLET_HOME, or open the way: chmod o+x {path}",
                )


_NOT_RUNNING = "`pullet up` or `pullet serve` starts it."


def _ask_identity(port: int) -> str:
    connection = http.client.HTTPConnection(OWN_HOST, port, timeout=2)
    try:
        connection.request("GET", IDENTITY_PATH, headers={"Host": OWN_HOST, "Connection": "close"})
        answer = connection.getresponse()
        return answer.read(64).decode("ascii", "replace") if answer.status == 200 else ""
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def _failed(folder: Path, what: str) -> RouterError:
    try:
        output = (folder / "output.log").read_text(errors="replace")
    except OSError:
        output = ""
    return RouterError(
        f"The router did not start: {what}",
        context=last_lines(output[-8000:], 8),
        hint="`pullet doctor` checks the port and Caddy.",
    )
