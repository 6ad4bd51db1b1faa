"""The contract of `Sandbox`, on the fake and on bubblewrap; then what a hostile command meets."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from pathlib import Path

import pytest

from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed, ConfigError, RuntimeFailed
from pullet.domain.home import Home
from pullet.drivers.confinement import Confinement, Sandbox
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.interpreters import interpreter_roots
from pullet.drivers.runtime.sandbox import BubblewrapSandbox, detect_sandbox
from tests.fakes.confinement import Unconfined

RUNNER = ProcessRunner()
PYTHON = Path(sys.executable)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    (made.root / "tree").mkdir(parents=True)
    (made.root / "secret").write_text("key")
    return made


@pytest.fixture
async def bubblewrap(home: Home) -> BubblewrapSandbox:
    made = await detect_sandbox(home, RUNNER)
    if not made.capabilities()[0].available:
        pytest.skip("this box allows no bubblewrap")
    made.hand_over(home.root / "tree", "shop")
    return made


@pytest.fixture(params=["fake", pytest.param("bubblewrap", marks=pytest.mark.real)])
async def sandbox(request: pytest.FixtureRequest, home: Home) -> Sandbox:
    made: Sandbox = Unconfined() if request.param == "fake" else await detect_sandbox(home, RUNNER)
    made.hand_over(home.root / "tree", "shop")
    return made


async def run(sandbox: Sandbox, home: Home, code: str, **environment: str) -> str:
    """What a Python program prints that runs in the tree."""
    command = Command(
        (str(PYTHON), "-I", "-S", "-c", code), home.root / "tree", {"PATH": os.defpath, **environment}, timeout=20
    )
    tree = str(home.root / "tree")
    confined = sandbox.confine(command, Confinement("shop", (tree,), interpreter_roots(PYTHON), network=False))
    return (await RUNNER.run(confined)).text.strip()


async def test_a_command_runs_in_its_folder_and_can_write_there(sandbox: Sandbox, home: Home) -> None:
    assert await run(sandbox, home, "import os; open('made', 'w'); print(os.getcwd())") == str(home.root / "tree")
    assert (home.root / "tree" / "made").exists()


async def test_variables_arrive_whatever_their_name(sandbox: Sandbox, home: Home) -> None:
    code = "import os; print(os.environ['COLOUR'], os.environ['LD_BIND_NOW'], os.environ['TMPDIR'])"
    assert await run(sandbox, home, code, COLOUR="red", LD_BIND_NOW="1", TMPDIR="/x") == "red 1 /x"


async def test_the_exit_code_is_the_commands(sandbox: Sandbox, home: Home) -> None:
    with pytest.raises(CommandFailed) as caught:
        await run(sandbox, home, "raise SystemExit(7)")
    assert caught.value.exit_code == 7


@pytest.mark.real
@pytest.mark.parametrize(
    "code",
    [
        "open({home!r} + '/secret')",
        "open('/made', 'w')",
        "open('/usr/made', 'w')",
        "open('/etc/made', 'w')",
        "import os; os.kill({pid}, 0)",
        "import os; os.setuid(0); open('/etc/made', 'w')",
        "import socket; socket.create_connection(('127.0.0.1', 1), 1)",
    ],
)
async def test_a_hostile_command_gets_nowhere(bubblewrap: BubblewrapSandbox, home: Home, code: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        await run(bubblewrap, home, code.format(home=str(home.root), pid=os.getpid()))
    assert "Error" in caught.value.output
    assert (home.root / "secret").read_text() == "key"


@pytest.mark.real
async def test_what_is_written_beside_the_named_folders_is_lost(bubblewrap: BubblewrapSandbox, home: Home) -> None:
    with contextlib.suppress(CommandFailed):
        await run(bubblewrap, home, f"open({str(home.root / 'other')!r}, 'w')")
    assert not (home.root / "other").exists()


@pytest.mark.real
async def test_a_loader_variable_reaches_nothing_that_runs_before_the_drop(bubblewrap: BubblewrapSandbox) -> None:
    command = Command(("app",), environment={"LD_PRELOAD": "/x.so", "PATH": "/bin"})
    confined = bubblewrap.confine(command, Confinement("shop"))
    assert dict(confined.environment) == {"PATH": "/bin"}
    assert confined.argv[-2:] == ("LD_PRELOAD=/x.so", "app")


@pytest.mark.real
async def test_a_link_in_place_of_a_folder_is_refused(bubblewrap: BubblewrapSandbox, home: Home) -> None:
    (home.root / "tree" / "sub").symlink_to("/")
    with pytest.raises(RuntimeFailed, match="leads through"):
        bubblewrap.confine(Command(("app",)), Confinement("shop", (str(home.root / "tree" / "sub" / "etc"),)))


@pytest.mark.real
async def test_every_app_has_a_user_of_its_own_for_good(home: Home) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can change users")
    sandbox = await detect_sandbox(home, RUNNER)
    users = [sandbox.user(app) for app in ("one", "two", "one")]
    assert users[0] == users[2] != users[1] and users[0] == (await detect_sandbox(home, RUNNER)).user("one")
    (home.root / "tree" / "link").symlink_to(home.root / "secret")
    os.link(home.root / "secret", home.root / "tree" / "second-name")
    sandbox.hand_over(home.root / "tree", "one")
    assert (home.root / "tree").stat().st_uid == users[0]
    assert (home.root / "secret").stat().st_uid == 0
    shown = await run(
        sandbox, home, "print(*[l.split()[1] for l in open('/proc/self/status') if 'Cap' in l or 'Uid' in l])"
    )
    assert set(shown.split()) == {str(sandbox.user("shop")), "0" * 16}


def test_a_secret_is_never_put_where_everybody_reads_it(bubblewrap: BubblewrapSandbox, home: Home) -> None:
    """Variables that the C library obeys are set on the command line, after the drop."""
    confinement = Confinement("shop", (str(home.root / "tree"),))
    command = Command((str(PYTHON),), environment={"KEY": "cherry", "LD_KEY": "cherry"}, secrets=("cherry",))
    with pytest.raises(ConfigError, match="LD_KEY holds a secret") as caught:
        bubblewrap.confine(command, confinement)
    assert "cherry" not in str(caught.value)
    confined = bubblewrap.confine(dataclasses.replace(command, environment={"KEY": "cherry"}), confinement)
    assert "cherry" not in " ".join(confined.argv)


@pytest.mark.real
async def test_a_folder_below_a_private_one_can_be_shown(bubblewrap: BubblewrapSandbox, home: Home) -> None:
    """Interpreters of a version manager lie in root's own home."""
    shown = home.root / "private/inside"
    shown.mkdir(parents=True)
    shown.parent.chmod(0o700)
    (shown / "text").write_text("seen")
    code = f"print(open({str(shown / 'text')!r}).read())"
    command = Command((str(PYTHON), "-I", "-S", "-c", code), home.root / "tree", {"PATH": os.defpath}, timeout=20)
    readable = (*interpreter_roots(PYTHON), str(shown))
    assert bubblewrap.can_show(shown)
    assert (
        await RUNNER.run(bubblewrap.confine(command, Confinement("shop", (str(home.root / "tree"),), readable)))
    ).text.strip() == "seen"
    alone = BubblewrapSandbox(home, dataclasses.replace(bubblewrap.tools, bwrap=None))
    assert alone.can_show(shown) == (os.geteuid() != 0)


@pytest.mark.real
async def test_a_folder_is_seen_where_an_image_has_it_too(bubblewrap: BubblewrapSandbox, home: Home) -> None:
    tree = str(home.root / "tree")
    command = Command(("/bin/sh", "-c", "echo made > /app/made && pwd"), Path(tree), {"PATH": os.defpath}, timeout=20)
    shown = Confinement("shop", (tree,), network=False, shown_as=((tree, "/app"),))
    assert (await RUNNER.run(bubblewrap.confine(command, shown))).text.strip() == tree
    assert (home.root / "tree/made").read_text() == "made\n"


@pytest.mark.real
async def test_a_link_is_not_shown_elsewhere(bubblewrap: BubblewrapSandbox, home: Home) -> None:
    (home.root / "tree/out").symlink_to("/etc")
    shown = Confinement("shop", (), shown_as=((str(home.root / "tree/out"), "/app"),))
    with pytest.raises(RuntimeFailed, match="is a link"):
        bubblewrap.confine(Command(("/bin/true",), Path("/")), shown)
