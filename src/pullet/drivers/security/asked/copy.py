"""Question: {tree, files, to, most}. Answer: {whole}: whether the files are in the folder `to` now, where they take no
more than `most` bytes. Links are not followed, and not copied."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pullet.drivers.security.asked.files import Unread, read

_LIMIT = 20 << 20  # bytes of a file


def copy(tree: Path, files: list[str], to: Path, most: int) -> bool:
    """What cannot be read is left behind: the app could not read it either."""
    for path in files:
        try:
            data = read(tree, path, _LIMIT)
        except Unread:
            continue
        most -= len(data)
        if most < 0:
            return False
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        (to / path).write_bytes(data)
    return True


def main() -> None:
    question = json.load(sys.stdin)
    whole = copy(Path(question["tree"]), question["files"], Path(question["to"]), question["most"])
    json.dump({"whole": whole}, sys.stdout)


if __name__ == "__main__":
    main()
