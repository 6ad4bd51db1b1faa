"""One Valkey server under its shim: started from a record, asked over its socket."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import stat
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.errors import DiskFull, ServiceFailed
from pullet.domain.runtime import Phase
from pullet.drivers.services.trouble import disk_full, last_words
from pullet.drivers.services.untrusted import copy_regular
from pullet.drivers.services.valkey import files
from pullet.drivers.services.valkey.files import Record
from pullet.drivers.services.valkey.resp import Refused, ask
from pullet.drivers.supervision import Supervised, SupervisedState, Supervisor

_START_LIMIT = 60.0  # seconds; 1 GB of data takes about 5
_DRAIN = 10.0  # seconds to flush what is to be flushed
_LOOK_AGAIN = 0.01  # seconds
_TRIAL = "trial"  # the folder of its shim
_ON_ITS_WAY = (Phase.STARTING, Phase.UP)


class Server:
    """`root` is the folder of the service, `user` whom the server runs as (None: as Pullet)."""

    def __init__(self, supervisor: Supervisor, program: Path, root: Path, record: Record, user: int | None) -> None:
        self._supervisor = supervisor
        self._program = program
        self._root = root
        self._record = record
        self._user = user

    def state(self) -> SupervisedState:
        return self._supervisor.observe(self._root / "process")

    def runs_as_recorded(self) -> bool:
        state = self.state()
        return state.phase in _ON_ITS_WAY and state.labels == self._record.identity()

    async def start(self) -> None:
        """Returns once it serves. Raises ServiceFailed with its last words, and no server is left."""
        await self._launch(self._root / "process", trial=False)

    async def stop(self) -> None:
        await self._supervisor.stop(self._root / "process", _DRAIN)

    async def ask(self, *command: str) -> str:
        """Raises ServiceFailed."""
        try:
            return await ask(self._data / files.SOCKET, files.ADMIN, self._record.admin_password, *command)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as err:
            raise ServiceFailed(f"The Valkey server of {self._record.key} gave no answer", context=str(err)) from err

    async def snapshot(self, destination: Path) -> None:
        """Write the data as of now to `destination`; the server forks for it and serves on."""
        snapshot = self._data / files.SNAPSHOT
        await self._until_no_snapshot_is_made()
        snapshot.unlink(missing_ok=True)
        try:
            await self.ask("BGSAVE", "SCHEDULE")
            while not snapshot.exists():
                await self._look_at_snapshot(snapshot)
            await asyncio.to_thread(copy_regular, snapshot, destination)
        finally:
            snapshot.unlink(missing_ok=True)

    async def prove(self) -> None:
        """Start a server on the recorded data with no port, and end it once it has read them. Raises ServiceFailed."""
        try:
            await self._launch(self._root / _TRIAL, trial=True)
        finally:
            await asyncio.shield(end_trial(self._supervisor, self._root))

    @property
    def _data(self) -> Path:
        return self._root / self._record.data

    async def _launch(self, folder: Path, *, trial: bool) -> None:
        check_reach(self._root, self._program, self._user)
        await self._supervisor.stop(folder, _DRAIN)
        (self._data / files.SNAPSHOT).unlink(missing_ok=True)  # a cache would start with it
        configuration = files.write_configuration(self._root, self._record, self._user, trial=trial)
        try:
            await self._supervisor.launch(self._supervised(folder, configuration))
            await self._until_it_serves(folder)
        except BaseException:
            await asyncio.shield(self._supervisor.stop(folder, _DRAIN))
            raise

    def _supervised(self, folder: Path, configuration: Path) -> Supervised:
        return Supervised(
            folder=folder,
            command=Command((str(self._program), str(configuration)), cwd=self._data, environment={"LC_ALL": "C"}),
            user=self._user,
            give_up_after=None,
            socket=self._data / files.SOCKET,
            labels=self._record.identity(),
        )

    async def _until_it_serves(self, folder: Path) -> None:
        try:
            async with asyncio.timeout(_START_LIMIT):
                while not await self._serves():
                    state = self._supervisor.observe(folder)
                    if state.restarts or state.phase not in _ON_ITS_WAY:
                        raise self._failed(folder, state.reason or "it ended at once")
                    await asyncio.sleep(_LOOK_AGAIN)
        except TimeoutError:
            raise self._failed(folder, f"it did not serve within {_START_LIMIT:.0f} s") from None

    async def _serves(self) -> bool:
        """False also while it reads its data: it answers LOADING then."""
        with contextlib.suppress(OSError, TimeoutError, Refused, asyncio.IncompleteReadError, ValueError):
            answer = await ask(self._data / files.SOCKET, files.ADMIN, self._record.admin_password, "PING")
            return answer == "PONG"
        return False

    async def _until_no_snapshot_is_made(self) -> None:
        while "rdb_bgsave_in_progress:1" in await self.ask("INFO", "persistence"):  # noqa: ASYNC110 - another process
            await asyncio.sleep(_LOOK_AGAIN)

    async def _look_at_snapshot(self, snapshot: Path) -> None:
        told = await self.ask("INFO", "persistence")
        waiting = "rdb_bgsave_in_progress:1" in told or "aof_rewrite_in_progress:1" in told
        if "rdb_last_bgsave_status:err" in told and not waiting and not await asyncio.to_thread(snapshot.exists):
            raise self._failed(self._root / "process", "it could not write a snapshot")
        await asyncio.sleep(_LOOK_AGAIN)

    def _failed(self, folder: Path, what: str) -> ServiceFailed | DiskFull:
        what = f"The Valkey server of {self._record.key} failed: {what}"
        evidence = last_words(folder / "output.log", 8)
        if "No space left on device" in evidence:
            return disk_full(what, evidence)
        return ServiceFailed(
            what,
            context=evidence,
            hint="Its data were left as they were.",
        )


async def end_trial(supervisor: Supervisor, root: Path) -> None:
    """Also one whose Pullet was killed: its shim would keep it for ever."""
    folder = root / _TRIAL
    if folder.exists():
        await supervisor.stop(folder, _DRAIN)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def check_reach(root: Path, program: Path, user: int | None) -> None:
    if user is None:
        return
    for path in (*root.resolve().parents, *program.resolve().parents):
        if not path.stat().st_mode & stat.S_IXOTH:
            raise ServiceFailed(
                f"Valkey runs as a user of its own, which cannot pass through {path}",
                hint=f"Choose another PULLET_HOME, or open the way: chmod o+x {path}",
            )
