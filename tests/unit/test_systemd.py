"""The transient unit, as a value: a box without systemd cannot run it."""

from pathlib import Path

from pullet.domain.command import Command
from pullet.drivers.runtime.systemd import plain, transient_unit, unit_name
from pullet.drivers.supervision import Supervised

SUPERVISED = Supervised(Path("/home/p/run/web.0"), Command(("app",)), memory=64 << 20)


def test_the_unit_limits_memory_and_tells_only_the_shim_to_stop() -> None:
    argv = transient_unit(SUPERVISED).argv
    assert argv[0] == "systemd-run"
    assert {"--property=MemoryMax=67108864", "--property=KillMode=mixed", "--property=Delegate=yes"} <= set(argv)
    assert argv[-2:] == ("--foreground", "/home/p/run/web.0")


def test_equal_folders_of_two_homes_get_two_units() -> None:
    assert unit_name(Path("/a/web.0")) != unit_name(Path("/b/web.0"))


def test_without_systemd_the_shim_sees_no_variables_and_no_site() -> None:
    command = plain(SUPERVISED)
    assert command.argv[1:3] == ("-I", "-S") and set(command.environment) == {"PATH"}
