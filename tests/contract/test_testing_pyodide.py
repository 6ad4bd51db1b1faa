"""The columns of Pyodide: real browsers, a real Node, real packages, confined."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pullet.domain.home import Home
from pullet.domain.testing import Column, Status
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.testing.conductor import run_column
from pullet.drivers.testing.pyodide.browsers import CHROMIUM, FIREFOX, Browser
from pullet.drivers.testing.pyodide.columns import BrowserColumn, pyodide_columns
from pullet.ports import ColumnKind, Suite
from tests.testing import FAIR, FAIR_ENDS, TRAP_ENDS, TRAPS, ends, folder_of

pytestmark = [pytest.mark.real, pytest.mark.browser]

LOCK = ("pytest==9.2.0", "iniconfig==2.3.1", "packaging==26.3", "pluggy==1.7.0", "pygments==2.21.0")
BROWSERS: Mapping[str, Browser] = {"chromium": CHROMIUM, "firefox": FIREFOX}

ASYNC = {
    "pyproject.toml": """
[project]
name = "till"
version = "1.2"
dependencies = ["orjson; sys_platform != 'emscripten'"]
[tool.pytest.ini_options]
addopts = "-n auto --cov=till --strict-markers"
asyncio_mode = "auto"
required_plugins = ["pytest-cov"]
""",
    "src/till/__init__.py": "from importlib.metadata import version\nVERSION = version('till')\n",
    "tests/conftest.py": """
import asyncio
import pytest_asyncio

@pytest_asyncio.fixture
async def slow():
    await asyncio.sleep(0.01)
    yield 5
    await asyncio.sleep(0.01)
""",
    "tests/test_till.py": """
import asyncio, time
import pytest, till

def test_version():
    assert till.VERSION == "1.2"

async def test_slow(slow):
    assert slow == 5

def test_slow_too(slow):
    assert slow == 5

async def test_waits_for_ever():
    await asyncio.Event().wait()

async def test_fails():
    await asyncio.sleep(0)
    assert 1 == 2

async def test_skips():
    pytest.skip("so")

def test_sleeps():
    time.sleep(60)

@pytest.mark.timeout(5)
def test_after():
    pass
""",
}
ASYNC_ENDS = {
    "test_version": Status.PASS,
    "test_slow": Status.PASS,
    "test_slow_too": Status.PASS,
    "test_waits_for_ever": Status.TIMEOUT,
    "test_fails": Status.FAIL,
    "test_skips": Status.SKIP,
    "test_sleeps": Status.TIMEOUT,
    "test_after": Status.PASS,
}
PAGE = {
    "test_page.py": """
import asyncio, time
from js import document, window
from pyodide.ffi import create_proxy

def test_dom():
    paragraph = document.createElement("p")
    paragraph.textContent = "hello"
    document.body.append(paragraph)
    assert document.querySelector("p").textContent == "hello"

async def test_click():
    clicks = []
    button = document.createElement("button")
    button.addEventListener("click", create_proxy(clicks.append))
    document.body.append(button)
    button.click()
    await asyncio.sleep(0.02)
    assert len(clicks) == 1

def test_wrong():
    assert document.title == "nothing"

def test_hangs():
    while True:
        pass

def test_hangs_in_c():
    sum(range(10**13))

def test_leaves():
    window.location.href = "about:blank"
    time.sleep(0.8)

def test_reloads_all():
    window.parent.location.reload()
    time.sleep(0.8)

def test_last():
    pass
""",
    "test_worker.py": "import js\ndef test_no_page():\n    assert not hasattr(js, 'document')\n",
}
PAGE_ENDS = {
    "test_page.py::test_dom": {Status.PASS},
    "test_page.py::test_click": {Status.PASS},
    "test_page.py::test_wrong": {Status.FAIL},
    "test_page.py::test_hangs": {Status.TIMEOUT},
    "test_page.py::test_hangs_in_c": {Status.TIMEOUT},
    "test_page.py::test_leaves": {Status.CRASH},
    "test_page.py::test_reloads_all": {Status.CRASH},
    "test_page.py::test_last": {Status.PASS},
    "test_worker.py::test_no_page": {Status.PASS},
}
LIMITS = {
    "test_limits.py": """
import socket
import pytest

def test_memory():
    with pytest.raises(MemoryError):
        [bytearray(1 << 26) for _ in range(20)]

def test_network():
    from pyodide.http import open_url
    with pytest.raises(Exception, match="NetworkError"):
        open_url("http://192.0.2.1/")

def test_packages():
    import pydantic, yaml
    class Price(pydantic.BaseModel):
        amount: int
    assert Price(amount="3").amount == yaml.safe_load("3")
""",
}
PACKAGES = (
    "pydantic==2.14.3", "pydantic-core==2.50.4", "annotated-types==0.8.0", "typing-extensions==4.16.0",
    "typing-inspection==0.4.5", "pyyaml==6.0.2", "ruff==0.6.0",
)  # fmt: skip


@pytest.fixture(scope="module")
def box() -> Iterator[Path]:
    """A home that keeps its artefacts for all tests of this file."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="pullet-pyodide-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def present(name: str) -> str:
    """The column, or a skip that says what the box lacks."""
    browser = BROWSERS.get(name)
    if browser and not any(shutil.which(program) for program in browser.programs):
        pytest.skip(f"there is no {browser.title} on this box")
    return name


async def kinds(box: Path) -> Mapping[str, ColumnKind]:
    runner, home = ProcessRunner(), Home(box)
    return {kind.name: kind for kind in pyodide_columns(home, runner, await detect_sandbox(home, runner))}


async def run_suite(box: Path, name: str, files: Mapping[str, str], log: list[str], **more: object) -> Column:
    kind = (await kinds(box))[present(name)]
    with folder_of(files) as folder:
        given: dict[str, object] = {"lock": LOCK, "limit": 30.0, **more}
        top = folder / "top"
        if (top / "src").is_dir():
            given["python_path"] = (str(top / "src"),)
        suite = Suite("shop", top, **given)  # type: ignore[arg-type]
        return await run_column(kind, suite, log.append, expects=lambda _: True)  # a second look would only take time


def by_name(column: Column) -> dict[str, Status]:
    return {result.case.id.rpartition("::")[2]: result.status for result in column.results}


@pytest.mark.parametrize("name", ["node", "chromium", "firefox"])
async def test_every_test_ends_as_pytest_says(box: Path, name: str) -> None:
    column = await run_suite(box, name, FAIR, [])
    assert (column.trouble, ends(column)) == ("", dict(FAIR_ENDS))
    wrong = next(result for result in column.results if result.case.id.endswith("test_wrong"))
    assert "assert 1 == 2" in wrong.message
    assert "the till says so" in wrong.message
    assert column.version.startswith(name.title())
    assert "Pyodide 314." in column.version
    assert "(CPython 3.14" in column.version


@pytest.mark.parametrize("name", ["node", "chromium", "firefox"])
async def test_no_trap_is_green_and_every_test_has_one_end(box: Path, name: str) -> None:
    column = await run_suite(box, name, TRAPS, [], limit=2.0)
    assert column.trouble == ""
    assert ends(column).keys() == TRAP_ENDS.keys()
    assert {test: status for test, status in ends(column).items() if status not in TRAP_ENDS[test]} == {}


@pytest.mark.parametrize("name", ["chromium", "firefox"])
async def test_async_tests_and_options_of_plugins_that_are_not_there(box: Path, name: str) -> None:
    column = await run_suite(box, name, ASYNC, [], limit=2.0, lock=(*LOCK, "till==1.2", "orjson==3.11.0"))
    assert (column.trouble, by_name(column)) == ("", ASYNC_ENDS)


async def test_async_tests_are_skipped_where_stacks_cannot_be_switched_or_run(box: Path) -> None:
    files = {"test_a.py": "async def test_a():\n    raise ValueError\n"}
    (result,) = (await run_suite(box, "node", files, [])).results
    assert result.status is Status.FAIL or "cannot switch stacks" in result.message


@pytest.mark.parametrize("name", ["chromium", "firefox"])
async def test_what_needs_a_document_runs_on_the_page_itself(box: Path, name: str) -> None:
    column = await run_suite(box, name, PAGE, [], limit=2.0)
    assert column.trouble == ""
    assert {test: {status} for test, status in ends(column).items()} == PAGE_ENDS


async def test_memory_and_network_are_limited_and_c_packages_are_there(box: Path) -> None:
    log: list[str] = []
    column = await run_suite(box, "chromium", LIMITS, log, lock=(*LOCK, *PACKAGES), memory=600 << 20)
    assert (column.trouble, set(by_name(column).values())) == ("", {Status.PASS})
    assert any(line.startswith("ruff 0.6.0 has no build for Pyodide, and is left out") for line in log)
    assert any("pyyaml 6.0.2 was built from source" in line for line in log)


async def test_a_package_without_a_build_is_named_with_what_needs_it(box: Path) -> None:
    files = {"test_a.py": "def test_a():\n    pass\n", "test_b.py": "import orjson\n\ndef test_b():\n    pass\n"}
    lock = (
        *LOCK,
        "httpx==0.28.1",
        "anyio==4.12.0",
        "certifi==2025.4.26",
        "httpcore==1.0.9",
        "idna==3.10",
        "h11==0.16.0",
    )
    log: list[str] = []
    column = await run_suite(box, "node", files, log, lock=(*lock, "orjson==3.11.0"))
    assert column.trouble == ""
    assert ends(column) == {"test_a.py::test_a": Status.PASS, "test_b.py": Status.ERROR}
    assert "orjson 3.11.0 has no build for Pyodide" in column.results[-1].message + column.results[0].message
    assert any(line.startswith("orjson 3.11.0 has no build for Pyodide, and is left out") for line in log)
    files = {"test_c.py": "import pydantic\n\ndef test_c():\n    pass\n"}
    column = await run_suite(box, "node", files, [], lock=(*LOCK, "pydantic==2.12.0", "pydantic-core==2.41.1"))
    assert "pydantic-core 2.41.1 has no build for Pyodide: pydantic needs it" in column.results[0].message
    assert not column.green


async def test_a_box_without_the_browser_says_what_to_install(box: Path) -> None:
    column_of = (await kinds(box))["chromium"]
    assert isinstance(column_of, BrowserColumn)
    column_of._browser = dataclasses.replace(CHROMIUM, programs=("no-such-browser",))
    with folder_of(FAIR) as folder:
        assert column_of.identity(Suite("shop", folder / "top")) == ""
        column = await run_column(column_of, Suite("shop", folder / "top", lock=LOCK), lambda _: None)
    assert (column.trouble, column.hint) == (
        "There is no Chromium on this box", "Install it: apt install chromium",
    )  # fmt: skip
    assert not column.green


@pytest.mark.parametrize("name", ["node", "chromium"])
async def test_sessions_end_alone_and_a_dead_host_is_started_anew(box: Path, name: str) -> None:
    kind = (await kinds(box))[present(name)]
    files = {"test_a.py": "def test_a():\n    pass\n"}
    with folder_of(files) as folder:
        async with kind.prepare(Suite("shop", folder / "top", lock=LOCK, limit=30.0), lambda _: None) as venue:
            one, two = await venue.open(), await venue.open()
            assert await said(one) == await said(two) == "collected"
            assert await one.end() == "ended"
            assert set(await last_words(one)) <= {"want"}
            assert await said(two) == "want"
            await venue._host.end()  # type: ignore[attr-defined]
            assert await last_words(two) == []
            three = await venue.open()
            assert await said(three) == "collected"


async def last_words(session: object) -> list[str]:
    """What it had said already, until it is gone."""
    words = []
    async with asyncio.timeout(10):
        while word := await session.hear():  # type: ignore[attr-defined]
            words.append(str(word["say"]))
    return words


async def said(session: object) -> str:
    async with asyncio.timeout(60):
        word = await session.hear()  # type: ignore[attr-defined]
    return str(word and word["say"])


async def test_bytecode_of_a_suite_is_kept_and_a_changed_test_is_seen(box: Path) -> None:
    green = await run_suite(box, "node", {"test_a.py": "def test_a():\n    assert 1\n"}, [])
    again = await run_suite(box, "node", {"test_a.py": "def test_a():\n    assert 1\n"}, [])
    red = await run_suite(box, "node", {"test_a.py": "def test_a():\n    assert 0\n"}, [])
    assert [column.results[0].status for column in (green, again, red)] == [Status.PASS, Status.PASS, Status.FAIL]
    assert list(box.glob("cache/pyodide/apps/shop/bytecode-*/*"))


async def test_nothing_is_left_running_or_lying_about(box: Path) -> None:
    await run_suite(box, "chromium", FAIR, [])
    assert list((box / "scratch").iterdir()) == []
    commands = (path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
    assert not [line for line in commands if str(box).encode() in line]
