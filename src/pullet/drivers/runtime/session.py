"""Becomes a program in a session of its own, with its input as the controlling terminal where that is one. Standard
library only; any Python from 3.8 on.

    python -I -S session.py COMMAND…

It runs inside the sandbox: Ctrl-C and signals of a terminal reach COMMAND, and not what confines it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import termios

NOT_EXECUTABLE, NOT_FOUND = 126, 127  # as a shell says it


def main(argv: list[str]) -> int:
    with contextlib.suppress(PermissionError):  # it leads a session already where nothing confines it
        os.setsid()
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):  # ignored by all that nohup or a shell's `&` started
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - this program's purpose
    except OSError as err:
        os.write(2, f"pullet: {argv[0]}: {err.strerror}\n".encode("utf-8", "replace"))
        return NOT_FOUND if isinstance(err, FileNotFoundError) else NOT_EXECUTABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
