"""What gunicorn's configuration files ask for that a unix socket cannot give."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import PurePosixPath

from pullet.analysis.detection.repository import Repository
from pullet.domain.app import Confidence, Evidence

SUBJECT = "processes.web.on_port"


def detect(repository: Repository) -> Iterable[Evidence]:
    for path in repository.python_files:
        if "gunicorn" in PurePosixPath(path).name and (tree := repository.module(path)):
            for node in ast.walk(tree):
                match node:
                    case ast.Assign(targets=[ast.Name(id="reuse_port")], value=ast.Constant(value=True)):
                        because = "reuse_port needs a TCP port: the kernel refuses it for unix sockets"
                        place = repository.place(path, node.lineno)
                        yield Evidence(SUBJECT, "true", place, Confidence.LIKELY, "gunicorn", because)
