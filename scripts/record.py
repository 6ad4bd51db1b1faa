"""Runs `scripts/demo --check` in a pseudo-terminal and draws what it showed as an SVG.

Arguments go to the demo: `scripts/record --port 8123`.
"""

from __future__ import annotations

import os
import pty
import re
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

CHECKOUT = Path(__file__).resolve().parent.parent
_MOVES = re.compile(r"\x1b\[(?:\?25[lh]|\d*[ABCDGJK])")  # the spinner's cursor movements; colours stay


def main() -> None:
    shown = bytearray()
    arguments = ["--check", *sys.argv[1:]]

    def keep(descriptor: int) -> bytes:
        chunk = os.read(descriptor, 1 << 16)
        shown.extend(chunk)
        return chunk

    os.environ.update(TERM="xterm-256color", COLUMNS="110")
    code = os.waitstatus_to_exitcode(pty.spawn([str(CHECKOUT / "scripts" / "demo"), *arguments], keep))
    if code != 0:
        raise SystemExit(f"the demo failed with exit code {code}")
    console = Console(record=True, width=110, file=StringIO(), force_terminal=True)
    console.print(Text(f"$ scripts/demo {' '.join(arguments)}", style="bold"))
    console.print(Text.from_ansi("\n".join(_lines(shown.decode("utf-8", "replace")))))
    target = CHECKOUT / "docs" / "images" / "demo.svg"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_without_remote_fonts(console.export_svg(title="Pullet")))
    print(f"\nDrew {target.relative_to(CHECKOUT)}")


def _without_remote_fonts(svg: str) -> str:
    """A picture in a README must not make its readers ask another server for anything."""
    return re.sub(r"@font-face\s*{.*?}\s*", "", re.sub(r"<!--.*?-->\s*", "", svg, flags=re.S), flags=re.S)


def _lines(text: str) -> list[str]:
    """What stayed on the screen: a line that the spinner drew over and over is none."""
    lines = [_MOVES.sub("", line).rsplit("\r", 1)[-1].rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    return [line for line in lines if line and not re.search(r"[⠁-⣿]", line)]


if __name__ == "__main__":
    main()
