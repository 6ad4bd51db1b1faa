"""What waiting costs: the daemon's memory and CPU while 1, 10 and 50 apps run and nothing happens.

python -m bench.idle --seconds 30
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from bench.apps import Repository
from bench.box import Box, box

APP = """def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds = parser.parse_args().seconds
    print("| apps | daemon RSS, MB | daemon CPU, % of a core |")
    print("|---|---|---|")
    with box() as place:
        there = 0
        for apps in (1, 10, 50):
            for number in range(there, apps):
                deploy(place, number)
            there = apps
            time.sleep(35)  # past the watch window of the last one, in which the daemon looks every second
            measure(place, apps, seconds)


def deploy(place: Box, number: int) -> None:
    files = {"wsgi.py": APP, "pullet.toml": "[processes.web]\nspares = 0\n"}
    place.up(Repository(place.home.root.parent / f"app-{number}", files).folder, f"app-{number}")


def measure(place: Box, apps: int, seconds: float) -> None:
    pid = place.daemon()
    before = cpu(pid)
    time.sleep(seconds)
    share = (cpu(pid) - before) / seconds
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    print(f"| {apps} | {resident / 1e6:.0f} | {100 * share:.1f} |", flush=True)


def cpu(pid: int) -> float:
    """Seconds of a core that the process used, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
