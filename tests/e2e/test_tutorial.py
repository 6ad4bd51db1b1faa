"""The tutorial, run as it is written."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real, pytest.mark.e2e]

ROOT = Path(__file__).parents[2]
LIMIT = 120.0  # seconds for one command


@pytest.fixture
def person() -> Iterator[Path]:
    """The home folder of somebody new, which other users may pass through: apps run as users of their own."""
    folder = Path(tempfile.mkdtemp(prefix="pullet-tutorial-"))
    folder.chmod(0o711)
    home = folder / ".local/state/pullet"
    home.mkdir(parents=True)
    (home / "settings.toml").write_text(f"port = {free_port()}\n")
    try:
        yield folder
    finally:
        type_in("scripts/pullet stop", folder)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def type_in(line: str, person: Path) -> subprocess.CompletedProcess[str]:
    somebody = {f"GIT_{role}_{what}": "me@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **somebody, "HOME": str(person), "PULLET_HOME": str(person / ".local/state/pullet")}
    return subprocess.run(
        ["bash", "-c", line], cwd=ROOT, env=environment, text=True, capture_output=True, timeout=LIMIT, check=False
    )


def test_every_command_of_the_tutorial_does_what_it_says(person: Path) -> None:
    page = (ROOT / "docs/tutorial.md").read_text()
    lines = [line for block in re.findall(r"```console\n(.*?)```", page, re.S) for line in block.splitlines()]
    assert len(lines) > 15
    for line in lines:
        done = type_in(line.removeprefix("$ "), person)
        assert (done.returncode != 0) is line.endswith("# fails"), f"{line}\n{done.stdout}\n{done.stderr}"
        if "log --format" in line:
            assert [said.split("  ")[1].split()[0] for said in done.stdout.splitlines()][:2] == ["rollback", "up"]
