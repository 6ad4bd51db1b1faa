"""What detection makes of every trap: nothing is run here. tests/e2e/test_corpus.py deploys them."""

from __future__ import annotations

import pytest

from pullet.analysis.detection import files_to_read, understand
from pullet.config.app_file import find_app_file
from pullet.domain.app import AppSpec
from pullet.domain.errors import PulletError
from tests.corpus import TRAPS
from tests.corpus.listing import PAGE, written
from tests.corpus.trap import Link, Stops, Submodule, Trap

_COMMAND = "processes.web.command"


def understood(trap: Trap) -> AppSpec:
    """As the platform does it: links and submodules are no files."""
    files = {
        path: entry if isinstance(entry, bytes) else entry.encode()
        for path, entry in trap.files.items()
        if not isinstance(entry, Link | Submodule)
    }
    app_file = find_app_file(files)
    declared = app_file.declared() if app_file else None
    wanted = files_to_read([(path, len(data)) for path, data in files.items()], declared.root if declared else ".")
    return understand(list(files), {path: files[path] for path in wanted}, declared, trap.name)


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_what_is_decided(trap: Trap) -> None:
    if not trap.command:
        assert isinstance(trap.expects, Stops)
        with pytest.raises(PulletError) as caught:
            understood(trap)
        assert caught.value.code == trap.expects.code
        return
    decided = {decision.subject: decision.value for decision in understood(trap).decisions}
    expected = {_COMMAND: trap.command, **trap.decides}
    assert {subject: decided.get(subject, "") for subject in expected} == expected


def test_the_corpus_is_in_order() -> None:
    names = [trap.name for trap in TRAPS]
    assert len(names) == len(set(names))
    assert all(name.replace("-", "").isalnum() and name == name.lower() for name in names)
    assert all(trap.lesson.endswith(".") and "\n" not in trap.lesson for trap in TRAPS)


def test_the_docs_count_it_as_it_is() -> None:
    page = PAGE.read_text()
    assert page == written(page), "python -m tests.corpus.listing"
