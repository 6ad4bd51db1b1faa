"""A dump is a folder of files with a seal: a list of all files with their sizes and digests, written last. A dump that
was cut short has no seal; one that lost or changed anything since does not match it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from pullet.domain.errors import ServiceFailed

SEAL = "pullet-dump.json"


def seal(folder: Path, **facts: str) -> None:
    """Finish a dump: everything below `folder` is on the disk, and listed. `facts` are kept with it, for `check`."""
    content = json.dumps({"facts": facts, "files": _listed(folder)}, indent=1, sort_keys=True)
    new = folder / f"{SEAL}.new"
    with new.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"digest": _digest(content.encode()), "content": content}))
        file.flush()
        os.fsync(file.fileno())
    new.rename(folder / SEAL)


def check(folder: Path) -> dict[str, str]:
    """The facts of a whole dump. Raises ServiceFailed where anything is missing, changed or added."""
    try:
        outer = json.loads((folder / SEAL).read_bytes())
        if _digest(outer["content"].encode()) != outer["digest"]:
            raise _damaged(folder, f"{SEAL} was changed")
        inner = json.loads(outer["content"])
        wanted, facts = inner["files"], dict(inner["facts"])
        found = _listed(folder)
    except FileNotFoundError as err:
        raise _damaged(folder, "it was cut short: it has no seal") from err
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise _damaged(folder, str(err)) from err
    if wrong := sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name)):
        raise _damaged(folder, "missing, changed or added: " + ", ".join(wrong[:5]))
    return facts


def _listed(folder: Path) -> dict[str, list[object]]:
    """{relative path: [bytes, sha256]} of every file but the seal; anything that is no file or folder is an error."""
    listed: dict[str, list[object]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path.name} is neither a file nor a folder")
        if path.is_file() and path.name not in (SEAL, f"{SEAL}.new"):
            listed[str(path.relative_to(folder))] = [path.stat().st_size, _file_digest(path)]
    return listed


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
        return digest


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _damaged(folder: Path, why: str) -> ServiceFailed:
    return ServiceFailed(
        f"The dump in {folder} is not whole",
        context=why,
        hint="Nothing was changed. Use another dump or backup.",
    )
