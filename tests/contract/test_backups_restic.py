"""What only a real repository can go through: damage, kills, locks, a missing disk, secrets that must not show."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pullet.domain.backup import Retention
from pullet.domain.command import Command, Completed
from pullet.domain.errors import BackupFailed, ConfigError
from pullet.domain.home import Home
from pullet.drivers.backups import ResticBackups, find_restic, read_credentials
from pullet.drivers.backups.password import repository_password
from pullet.drivers.process import ProcessRunner
from tests.backups import CREDENTIALS, KEY, contents, fill, manifest, restic_backups, restic_program
from tests.polling import alive, until

pytestmark = pytest.mark.real
LAST = Retention(1, 0, 0, 0)


@dataclass
class Box:
    folder: Path

    @property
    def repository(self) -> Path:
        return self.folder / "kept"

    async def backups(self, key: str = KEY, home: str = "home") -> ResticBackups:
        return await restic_backups(self.folder / home, str(self.repository), key)

    def packs(self) -> list[Path]:
        """The largest first."""
        found = [path for path in (self.repository / "data").rglob("*") if path.is_file()]
        return sorted(found, key=lambda path: path.stat().st_size, reverse=True)

    def restic(self, *arguments: str) -> list[str]:
        return [str(self.folder / "home" / "tools" / "restic" / "restic"), *arguments]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "RESTIC_REPOSITORY": str(self.repository),
            "RESTIC_PASSWORD": repository_password(KEY),
            "RESTIC_CACHE_DIR": str(self.folder / "cache"),
        }


@pytest.fixture
def box() -> Iterator[Box]:
    folder = Path(tempfile.mkdtemp(prefix="pullet-backups-"))
    (folder / "kept").mkdir()
    yield Box(folder)
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder)


def cut_short(box: Box) -> None:
    pack = box.packs()[0]
    pack.chmod(0o600)
    os.truncate(pack, pack.stat().st_size // 2)


def delete_one(box: Box) -> None:
    box.packs()[0].unlink()


def flip_a_bit(box: Box) -> None:
    pack = box.packs()[0]
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[len(data) // 3] ^= 1
    pack.write_bytes(data)


def lose_the_index(box: Box) -> None:
    for path in (box.repository / "index").iterdir():
        path.unlink()


HARM: tuple[Callable[[Box], None], ...] = (cut_short, delete_one, flip_a_bit, lose_the_index)


@pytest.mark.parametrize("harm", HARM)
async def test_a_damaged_backup_is_refused_and_nothing_is_left(box: Box, harm: Callable[[Box], None]) -> None:
    made = await (await box.backups()).save(fill(box.folder / "saved"), manifest())
    harm(box)
    backups = await box.backups()
    before = sorted(box.folder.iterdir())
    with pytest.raises(BackupFailed) as caught:
        await backups.restore(made.id, box.folder / "restored")
    assert "damaged" in caught.value.message
    assert sorted(box.folder.iterdir()) == before
    with pytest.raises(BackupFailed, match="damaged"):
        await backups.check()


async def test_the_second_backup_takes_little(box: Box) -> None:
    backups = await box.backups()
    saved = fill(
        box.folder / "saved", size=24 << 20
    )  # restic's largest chunk has 8 MiB, and only the first one changes
    await backups.save(saved, manifest())
    first = sum(path.stat().st_size for path in box.packs())
    with (saved / "shop" / "db").open("r+b") as file:
        file.write(os.urandom(100))
    await backups.save(saved, manifest())
    assert sum(path.stat().st_size for path in box.packs()) - first < first / 2


async def test_a_change_that_the_times_hide_is_saved(box: Box) -> None:
    backups = await box.backups()
    saved = box.folder / "saved"
    saved.mkdir()
    (saved / "file").write_text("one")
    stamp = (saved / "file").stat()
    await backups.save(saved, manifest())
    (saved / "file").write_text("two")
    os.utime(saved / "file", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    made = await backups.save(saved, manifest())
    await backups.restore(made.id, box.folder / "restored")
    assert (box.folder / "restored" / "file").read_text() == "two"


class Caught(ProcessRunner):
    """Remembers what it ran."""

    def __init__(self) -> None:
        self.seen: list[Command] = []

    async def run(self, command: Command, *, log: Callable[[str], None] | None = None) -> Completed:
        self.seen.append(command)
        return await super().run(command, log=log)


def locks(box: Box) -> list[str]:
    """Those that are whole: restic writes each under another name first."""
    return [path.name for path in (box.repository / "locks").iterdir() if "-tmp-" not in path.name]


async def killed_in(box: Box, *arguments: str) -> None:
    """restic with these arguments, killed as soon as it holds a lock."""
    process = subprocess.Popen(  # noqa: ASYNC220
        box.restic(*arguments), env=box.environment(), cwd=box.folder, stdout=subprocess.DEVNULL
    )
    try:
        await until(lambda: any(locks(box)) or process.poll() is not None)
    finally:
        process.kill()
        process.wait()


async def test_a_save_that_was_killed_is_not_listed_and_the_next_one_works(box: Box) -> None:
    backups = await box.backups()
    saved = fill(box.folder / "saved", size=16 << 20)
    first = await backups.save(saved, manifest())
    (saved / "shop" / "db").write_bytes(os.urandom(16 << 20))
    await killed_in(box, "backup", "saved", "--tag=pullet")
    assert list((box.repository / "locks").iterdir()), "it was killed too late for this test"
    assert list(await backups.list()) == [first]
    second = await backups.save(saved, manifest())
    assert await backups.prune("box", LAST) == 1  # needs the repository for itself
    assert list((box.repository / "locks").iterdir()) == []
    await backups.restore(second.id, box.folder / "restored")
    assert contents(box.folder / "restored") == contents(saved)


async def test_no_process_is_signalled_because_a_lock_names_its_id(box: Box) -> None:
    """restic would ask by SIGHUP, of which most programs die."""
    backups = await box.backups()
    saved = fill(box.folder / "saved", size=16 << 20)
    await backups.save(saved, manifest())
    await killed_in(box, "backup", "saved", "--force")
    bystander = subprocess.Popen(["sleep", "100"])  # noqa: ASYNC220
    try:
        number = lock_of(box)["pid"]
        assert not alive(number)
        backups._restic.attempt = rewriting(backups, number, bystander.pid)  # type: ignore[method-assign]
        with pytest.raises(BackupFailed, match="in use"):
            await backups.prune("box", LAST)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def lock_of(box: Box) -> dict[str, Any]:
    name = locks(box)[0]
    done = subprocess.run(
        box.restic("cat", "lock", name, "--no-lock"), env=box.environment(), capture_output=True, check=True
    )
    lock: dict[str, Any] = json.loads(done.stdout)
    assert lock["hostname"] == socket.gethostname()
    return lock


def rewriting(backups: ResticBackups, old: int, new: int) -> Callable[..., Coroutine[Any, Any, Completed]]:
    """`cat lock` says another process id: as if that was given to another program since."""
    attempt = backups._restic.attempt

    async def changed(*arguments: str, **more: object) -> Completed:
        done = await attempt(*arguments, **more)  # type: ignore[arg-type]
        text = done.stdout.replace(f'"pid": {old}'.encode(), f'"pid": {new}'.encode())
        assert arguments[:2] != ("cat", "lock") or text != done.stdout
        assert arguments[0] != "unlock"
        return Completed(done.exit_code, text, done.stderr, done.duration)

    return changed


async def test_a_making_that_was_killed_is_taken_up_again(box: Box) -> None:
    backups = await box.backups()
    saved = fill(box.folder / "saved")
    made = await backups.save(saved, manifest())
    shutil.rmtree(box.repository)
    shutil.rmtree(box.folder / "home" / "cache")
    (box.repository / "keys").mkdir(parents=True)
    (box.repository / "keys" / made.id).write_text("half a key")
    made = await backups.save(saved, manifest())
    assert list(await backups.list()) == [made]


async def test_a_repository_that_is_gone_is_not_begun_anew(box: Box) -> None:
    backups = await box.backups()
    saved = fill(box.folder / "saved")
    await backups.save(saved, manifest())
    box.repository.rename(box.folder / "unmounted")
    for _ in range(2):
        with pytest.raises(BackupFailed):
            await backups.save(saved, manifest())
        with pytest.raises(BackupFailed):
            await backups.list()
        box.repository.mkdir(exist_ok=True)  # an empty mount point
    assert list(box.repository.iterdir()) == []


async def test_a_folder_of_something_else_is_left_alone(box: Box) -> None:
    (box.repository / "letters").write_text("mine")
    with pytest.raises(BackupFailed, match="neither empty nor whole"):
        await (await box.backups()).save(fill(box.folder / "saved"), manifest())
    assert list(box.repository.iterdir()) == [box.repository / "letters"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_cannot_be_read_fails_the_backup(box: Box) -> None:
    backups = await box.backups()
    saved = fill(box.folder / "saved")
    (saved / "shop" / "db").chmod(0)
    with pytest.raises(BackupFailed, match="could not be read"):
        await backups.save(saved, manifest())
    assert list(await backups.list()) == []


async def test_a_store_that_is_away_is_an_error_without_the_secrets(box: Box) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        address = f"s3:http://127.0.0.1:{taken.getsockname()[1]}/bucket"
        backups = await restic_backups(box.folder / "home", address, credentials=CREDENTIALS)
        with pytest.raises(BackupFailed) as caught:
            await asyncio.wait_for(backups.list(), 60)
    assert "cannot be reached" in caught.value.message
    shown = f"{caught.value} {caught.value.__cause__}"
    assert not [secret for secret in (*CREDENTIALS.values(), repository_password(KEY)) if secret in shown]


async def test_no_secret_is_in_a_command_line(box: Box) -> None:
    await restic_program()
    runner = Caught()
    await box.backups()  # has restic in place
    backups = ResticBackups(Home(box.folder / "home"), runner, str(box.repository), KEY, CREDENTIALS)
    await backups.save(fill(box.folder / "saved"), manifest())
    secrets = (*CREDENTIALS.values(), repository_password(KEY), KEY)
    assert runner.seen
    assert not [secret for command in runner.seen for secret in secrets if secret in " ".join(command.argv)]


async def test_without_restic_and_debian_the_hint_says_what_to_install(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(box.folder))
    with pytest.raises(BackupFailed) as caught:
        await find_restic(box.folder / "tools", ProcessRunner())
    assert "apt-get install restic" in caught.value.hint


def test_credentials_are_read_from_a_private_file_only(box: Box) -> None:
    path = box.folder / "credentials"
    path.write_text("# of the store\nAWS_ACCESS_KEY_ID=one\nexport AWS_SECRET_ACCESS_KEY='t=w o'\n\n")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="Others may read"):
        read_credentials(path)
    path.chmod(0o600)
    assert read_credentials(path) == {"AWS_ACCESS_KEY_ID": "one", "AWS_SECRET_ACCESS_KEY": "t=w o"}
    path.write_text("LD_PRELOAD=/tmp/evil.so\n")
    with pytest.raises(ConfigError) as caught:
        read_credentials(path)
    assert "evil" not in str(caught.value)


def test_the_password_is_what_the_decision_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "adr" / "0013-backups-by-restic.md").read_text()
    recipe = page.partition("```python\n")[2].partition("```")[0]
    done = subprocess.run(["python3", "-c", recipe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == repository_password("AGE-SECRET-KEY-1...\n")
