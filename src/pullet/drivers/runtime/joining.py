"""Joins control groups and becomes a program, so that the limits hold from its first instruction on. Standard library
only; it runs before the sandbox, with the daemon's interpreter and rights.

    python -I -S joining.py GROUP… -- COMMAND…
"""

from __future__ import annotations

import os
import sys

_REFUSED = 125  # as docker and env say that the command could not be run at all


def main(arguments: list[str]) -> int:
    border = arguments.index("--")
    groups, command = arguments[:border], arguments[border + 1 :]
    try:
        for group in groups:
            with open(f"{group}/cgroup.procs", "wb", buffering=0) as file:  # noqa: PTH123 - pathlib is half the start
                file.write(b"0")
        os.execvp(command[0], command)  # noqa: S606 - this program's purpose
    except OSError as err:
        os.write(2, f"pullet: cannot run it within its limits: {err}\n".encode("utf-8", "replace"))
    return _REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
