"""Programs of `drivers/inside` in an app's own environment: its interpreter, its variables, what it can import."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pullet.drivers.inside import FOLDER
from pullet.drivers.runtime.interpreters import interpreter_roots
from pullet.drivers.security.subjects import variables
from pullet.drivers.security.workbench import Errand
from pullet.ports.assessing import Subject

_PATH = "/usr/local/bin:/usr/bin:/bin"


def inside_app(
    subject: Subject,
    program: str,
    arguments: Sequence[str] = (),
    *,
    stdin: bytes = b"",
    given: Mapping[str, str] | None = None,
    folders: Sequence[str] = (),
) -> Errand:
    """The subject has an interpreter. `given`: variables that count before the app's own; `folders`: absolute ones that
    imports begin at too."""
    assert subject.python is not None
    root = subject.tree / (subject.spec.root if subject.spec else ".")
    known = variables(subject)
    own = (str(root / each) for each in known.pop("PYTHONPATH", "").split(os.pathsep) if each)
    paths = dict.fromkeys((*own, *(subject.python_path or _usual(subject, root)), *folders))
    environment = {
        "PORT": "8000",  # settings may insist on it; nobody listens
        **known,
        "PATH": f"{subject.python.parent}:{known.get('PATH', _PATH)}",
        "VIRTUAL_ENV": str(subject.python.parent.parent),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUTF8": "1",
        **(given or {}),
    }
    return Errand(
        (str(subject.python), "-B", str(Path(FOLDER, program)), *arguments),
        readable=(Path(FOLDER), *map(Path, interpreter_roots(subject.python))),
        environment=environment,
        stdin=stdin,
        cwd=root,
    )


def _usual(subject: Subject, root: Path) -> tuple[str, ...]:
    """Of what nobody has built: the app's root, and `src` where that is no package itself."""
    source = root.relative_to(subject.tree) / "src"
    is_folder = any(path.startswith(f"{source}/") for path in subject.files)
    return (
        (str(root), str(root / "src")) if is_folder and f"{source}/__init__.py" not in subject.files else (str(root),)
    )
