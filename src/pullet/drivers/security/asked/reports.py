"""Question: {tree, paths} of reports. Answer: for each why it was not read (empty: it was), its tool, its findings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pullet.analysis.security.imports import UnknownReport, read_report
from pullet.domain.codec import to_json
from pullet.drivers.security.asked.files import Unread, read

_LIMIT = 20 << 20  # bytes


def main() -> None:
    question = json.load(sys.stdin)
    json.dump([_told(Path(question["tree"]), path) for path in question["paths"]], sys.stdout)


def _told(tree: Path, path: str) -> tuple[str, str, list[Any]]:
    try:
        imported = read_report(json.loads(read(tree, path, _LIMIT)))
    except (Unread, UnknownReport) as err:
        return str(err), "", []
    except (ValueError, RecursionError, MemoryError) as err:
        return f"it is no JSON: {err}"[:200], "", []
    return "", imported.tool, [to_json(finding) for finding in imported.findings]


if __name__ == "__main__":
    main()
