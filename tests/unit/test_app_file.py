"""pullet.toml: the contract of docs/design.md is accepted, and everything else is refused with help."""

import re
from pathlib import Path

import pytest

from pullet.config.app_file import find_app_file, read_app_file
from pullet.domain.app import Confidence, Place
from pullet.domain.errors import ConfigError

DESIGN = Path(__file__).parents[2] / "docs" / "design.md"


def design_example() -> str:
    found = re.search(r"### pullet\.toml.*?```toml\n(.*?)```", DESIGN.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_the_example_of_the_design_is_accepted() -> None:
    app = read_app_file(design_example())
    web = app.processes["web"]
    assert (app.app.name, app.app.python, web.instances, web.memory) == ("shop", "3.12", 2, 512 << 20)
    assert (web.health.path, web.health.timeout, web.health.grace) == ("/healthz", 5.0, 30.0)
    assert app.gates.budget["GET /"].p95 == 0.15
    assert app.services["db"].extensions == ["pg_trgm"]
    assert app.static == {"/static": "staticfiles"}
    assert app.schedule["cleanup"].cron == "0 3 * * *"


def test_an_empty_file_declares_nothing() -> None:
    declared = read_app_file("").declared()
    assert (declared.root, declared.name, declared.evidence) == (".", None, ())


def test_what_is_written_becomes_evidence_with_its_line() -> None:
    text = (
        '[app]\npython = "3.12"\n\n[processes.web]\nmemory = "1G"\nhealth.timeout = "1500ms"\n[static]\n"/s" = "out"\n'
    )
    declared = read_app_file(text).declared()
    assert [(found.subject, found.value, found.place) for found in declared.evidence] == [
        ("app.python", "3.12", Place("pullet.toml", 2)),
        ("processes.web.memory", str(1 << 30), Place("pullet.toml", 5)),
        ("processes.web.health.timeout", "1.5", Place("pullet.toml", 6)),
        ('static."/s"', "out", Place("pullet.toml", 8)),
    ]
    assert {found.confidence for found in declared.evidence} == {Confidence.CERTAIN}


def test_an_empty_list_of_commands_is_a_decision_too() -> None:
    (found,) = read_app_file("[release]\ncommands = []").declared().evidence
    assert (found.subject, found.value) == ("release.commands", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[processes.web]\ninstnces = 2",
            "pullet.toml:2: processes.web.instnces: unknown key; did you mean instances?",
        ),
        ("[process.web]\n", "pullet.toml:1: process: unknown key; did you mean processes?"),
        ("[app]\nroot = '../other'", "pullet.toml:2: app.root: expected a folder inside the repository"),
        ("[static]\n'/static' = '/etc'", 'pullet.toml:2: static."/static": expected a folder inside the repository'),
        ("[static]\n'static' = 'x'", "pullet.toml:2: static.static: expected a URL prefix such as"),
        ("[app]\nname = 'My Shop'", "pullet.toml:2: app.name: expected up to 40 lower-case letters"),
        ("[app]\npython = 3.12", "pullet.toml:2: app.python: expected a text in quotes, not 3.12"),
        ("[app]\npython = 'latest'", "pullet.toml:2: app.python: expected a Python version such as"),
        ("[processes.'a/b']\n", 'pullet.toml:1: processes."a/b": expected a name of up to 39'),
        ("[processes.web]\ncommand = ''", "pullet.toml:2: processes.web.command: expected a command on one line"),
        (
            "[processes.web]\ncommand = 'a\\n'\n[build]\ncommands = 'x'",
            "pullet.toml:4: build.commands: expected a list",
        ),
        ("[processes.web.health]\npath = 'healthz'", "pullet.toml:2: processes.web.health.path: expected a path"),
        ("[schedule.a]\ncron = '* *'\ncommand='x'", "pullet.toml:2: schedule.a.cron: expected five cron fields"),
        (
            "[schedule.a]\ncommand='x'\ncron = '0 25 * * *'",
            'pullet.toml:3: schedule.a.cron: expected five cron fields with hours from 0 to 23, not "0 25 * * *"',
        ),
        (
            "[schedule.a]\ncommand='x'\ncron = '0 0 30 2 *'",
            "pullet.toml:3: schedule.a.cron: expected five cron fields with days of the month from 1 to 31, of a month",
        ),
        (
            "[schedule.a]\ncommand='x'\ncron = '@reboot'",
            "pullet.toml:3: schedule.a.cron: expected five cron fields such as",
        ),
        (
            "[schedule.a]\ncommand='x'\ncron = '@daily'\ntime_zone = 'Europe/Viena'",
            'pullet.toml:4: schedule.a.time_zone: expected the IANA name of a time zone, perhaps "Europe/Vienna", '
            'not "Europe/Viena"',
        ),
        (
            "[schedule.a]\ncommand='x'\ncron = '@daily'\ntime_zone = 'europe/london'",
            'pullet.toml:4: schedule.a.time_zone: expected the IANA name of a time zone, perhaps "Europe/London"',
        ),
        (
            "[schedule.a]\ncommand='x'\ncron = '@daily'\ntime_zone = 'tokyo'",
            'pullet.toml:4: schedule.a.time_zone: expected the IANA name of a time zone, perhaps "Asia/Tokyo"',
        ),
        (
            "[schedule.a]\ncommand='x'\ncron = '@daily'\ntime_zone = '../etc/passwd'",
            "pullet.toml:4: schedule.a.time_zone: expected the IANA name of a time zone such as",
        ),
        (
            "[schedule.a]\ncommand='x'\ncron = '@daily'\ntime_zone = 'Europe'",
            "pullet.toml:4: schedule.a.time_zone: expected the IANA name of a time zone",
        ),
        ("[schedule.a]\ncron = '@daily'", "pullet.toml:1: schedule.a.command: missing"),
        ("[services.db]\ntype = 'mysql'", "pullet.toml:2: services.db.type: expected 'postgresql', 'valkey', 'redis'"),
        (
            "[services.c]\ntype='valkey'\nextensions=['x']",
            "pullet.toml:1: services.c: expected extensions with postgresql",
        ),
        ("[gates.budget]\n'/' = {}", 'pullet.toml:2: gates.budget."/": expected a method and a path'),
        ("[secrets]\nrequired = ['a b']", "pullet.toml:2: secrets.required.0: expected a variable name"),
        ("[variables]\nX = 1", "pullet.toml:2: variables.X: expected a text in quotes"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_app_file(text)
    assert caught.value.message.startswith(message)


def test_pyproject_holds_the_same_keys() -> None:
    text = '[project]\nname = "x"\n[tool.pullet.app]\npython = "3.13"\n'
    app = find_app_file({"pyproject.toml": text.encode()})
    assert app is not None and app.app.python == "3.13"
    assert app.declared().evidence[0].place == Place("pyproject.toml", 4)
    with pytest.raises(ConfigError, match=r"pyproject.toml:4: app.pythn: unknown key; did you mean python\?"):
        find_app_file({"pyproject.toml": text.replace("python =", "pythn =").encode()})


def test_two_configurations_are_refused_by_name() -> None:
    files = {"pullet.toml": b"", "pyproject.toml": b"[tool.pullet]\n"}
    with pytest.raises(ConfigError) as caught:
        find_app_file(files)
    assert "pullet.toml" in str(caught.value) and "pyproject.toml:1" in str(caught.value)


def test_a_pyproject_that_is_not_for_pullet_is_left_alone() -> None:
    assert find_app_file({"pyproject.toml": b"= broken ="}) is None
    assert find_app_file({"pyproject.toml": b"\xff\xfe"}) is None
    assert find_app_file({}) is None


def test_a_file_that_is_not_text() -> None:
    with pytest.raises(ConfigError, match=r"pullet.toml:2: not UTF-8"):
        find_app_file({"pullet.toml": b"# ok\n\xff"})


def test_a_url_prefix_has_an_end() -> None:
    with pytest.raises(ConfigError, match="expected a URL prefix"):
        read_app_file(f"[static]\n'/{'a' * 500}' = 'x'")


@pytest.mark.parametrize(
    "pyproject",
    [
        b"[tool]\npullet = { gates = { tests = {} } }\n",
        b"[tool.'pullet'.gates.tests]\n",
        b"[ tool\t.\tpullet . gates . tests ]\n",
        b'tool.pullet.gates.tests.command = "pytest -q"\n',
    ],
)
def test_a_gate_is_never_overlooked_however_its_table_is_written(pyproject: bytes) -> None:
    app_file = find_app_file({"pyproject.toml": pyproject})
    assert app_file is not None
    assert app_file.gates.tests is not None


@pytest.mark.parametrize(
    "pyproject", [b"tool = 3 # tool.pullet", b'tool = "tool.pullet"', b"# pullet", b"\xff", b"= ="]
)
def test_a_pyproject_of_other_tools_is_left_alone(pyproject: bytes) -> None:
    assert find_app_file({"pyproject.toml": pyproject}) is None


@pytest.mark.parametrize("pyproject", [b"[tool.pullet]\n= =", b"# \xff\n[tool.pullet.gates.tests]\n"])
def test_what_speaks_of_pullet_and_cannot_be_read_is_an_error(pyproject: bytes) -> None:
    with pytest.raises(ConfigError, match=r"pyproject.toml:\d"):
        find_app_file({"pyproject.toml": pyproject})
