"""What other platforms' files become, what must never come of them, and pullet.toml written from it all."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from pullet.analysis.detection import files_to_read
from pullet.analysis.detection.importing import Import, is_vendors, read_import
from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.vendors import VENDORS
from pullet.analysis.detection.vendors.documents import Node, read_json, read_toml, read_yaml
from pullet.analysis.detection.vendors.mining import mine
from pullet.analysis.detection.vendors.reference import with_conventions
from pullet.analysis.detection.vendors.values import is_for_development
from pullet.cli.main import main
from pullet.config.app_file import APP_FILE, read_app_file
from pullet.config.app_writing import write_app_file
from pullet.domain.app import AppSpec
from pullet.domain.errors import NoAppFound
from pullet.domain.identity import EnvironmentKey
from pullet.domain.personality import ENTROPY, VARIABLES, Personality, Surroundings, variables_of
from pullet.reconcile.understanding import understand_app
from tests.fakes.source import FakeTree
from tests.unit.detection_corpus import CASES as APPS
from tests.unit.detection_corpus import DJANGO, FLASK
from tests.unit.services_corpus import CASES as SERVICES
from tests.unit.vendors_corpus import CASES, FLASK_APP, RENDER, Case


def encoded(files: dict[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in files.items()}


def understood(files: dict[str, str]) -> AppSpec:
    return asyncio.run(understand_app(FakeTree(encoded(files)), "shop"))


def imported(files: dict[str, str]) -> Import:
    data = encoded(files)
    wanted = files_to_read([(path, len(text)) for path, text in data.items()])
    return read_import(list(data), {path: data[path] for path in wanted}, understood(files))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_vendors_file_becomes(case: Case) -> None:
    spec = understood(case.files)
    assert {process.name: process.command for process in spec.processes} == case.processes
    assert spec.release_commands == case.release
    assert spec.first_commands == case.first
    assert spec.build_commands == case.build
    assert dict(spec.variables) == case.variables
    assert spec.secrets_generated == case.generated
    assert tuple(service.type.value for service in spec.services) == case.services
    assert {one.name: (one.cron, one.command) for one in spec.schedules} == case.schedules
    assert spec.python == case.python


def test_a_vendors_database_takes_the_place_of_sqlite() -> None:
    files = DJANGO | {"requirements.txt": "django\npsycopg"}
    wish = {"render.yaml": "databases: [{name: shop}]"}
    assert [service.type.value for service in understood(files).services] == ["sqlite"]
    assert [service.type.value for service in understood(files | wish).services] == ["postgresql"]
    assert [service.type.value for service in understood(DJANGO | wish).services] == ["sqlite"]  # no driver


ALL = [(case.name, case.files) for case in APPS]
ALL += [(case.name, case.files) for case in SERVICES]
ALL += [(case.name, case.files) for case in CASES]


@pytest.mark.parametrize("files", [files for _, files in ALL], ids=[name for name, _ in ALL])
def test_the_written_file_says_what_was_inferred(files: dict[str, str]) -> None:
    files = {path: text for path, text in files.items() if path != APP_FILE}
    try:
        spec = understood(files)
    except NoAppFound:
        return  # without its own pullet.toml, that is
    text = write_app_file(spec)
    assert read_app_file(text)
    again = understood({**files, APP_FILE: text})
    assert replace(again, decisions=()) == replace(spec, decisions=())
    assert understood({**files, APP_FILE: write_app_file(spec, is_vendors)})


HARD = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)


@given(HARD, HARD)
def test_any_value_survives_being_written(value: str, because: str) -> None:
    spec = understood(FLASK_APP | {"app.json": json.dumps({"env": {"A": value, "B": because}})})
    read = read_app_file(write_app_file(spec))
    assert read.variables == dict(spec.variables)


def test_an_import_tells_what_was_kept_changed_and_lost() -> None:
    report = imported(FLASK_APP | {"render.yaml": RENDER})
    assert report.files == ("render.yaml",)
    assert "processes.web.command = gunicorn app:app --bind 0.0.0.0:$PORT" in [item.what for item in report.kept]
    lost = {item.what: item for item in report.lost}
    assert lost["FLASK_DEBUG=1"].where.startswith("render.yaml:")
    assert "npm ci" in lost
    assert "site" in lost
    assert "/up" in [item.what for item in report.changed]


def test_every_line_of_a_report_is_where_it_says() -> None:
    lines = RENDER.splitlines()
    report = imported(FLASK_APP | {"render.yaml": RENDER})
    where = next(item.where for item in report.lost if item.what == "npm ci")
    assert "npm ci" in lines[int(where.partition(":")[2]) - 1]


SHAPES = ["[]", "{}", "1", "null", "[1, [2, {}]]", '"x"', '{"a": {"b": [null]}}', "[{}, [], 1, null]"]
KEYS = (
    "services web deploy env envVars addons formation scripts processes mounts databases jobs applications hooks crons"
)
KEYS += " startCommand envVarGroups spec workers build statics start phases variables relationships routes type"


@pytest.mark.parametrize("path", [file for vendor in VENDORS for file in vendor.files])
@pytest.mark.parametrize("shape", SHAPES)
def test_any_shape_under_any_key(path: str, shape: str) -> None:
    tables = [shape, *(json.dumps({key: json.loads(shape) for key in KEYS.split()}),)]
    nested = json.dumps({key: {inner: json.loads(shape) for inner in KEYS.split()} for key in KEYS.split()})
    listed = json.dumps({key: [{inner: json.loads(shape) for inner in KEYS.split()}] for key in KEYS.split()})
    for text in (*tables, nested, listed):
        assert understood({"app.py": FLASK, path: text}).process("web")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(20)
)
HOSTILE = [
    BOMB,
    "a: &a\n  <<: *a\n",
    "a: &x [*x]",
    "services:\n\t- type: web\n",
    "[" * 50_000,
    "{" * 50_000,
    "- " * 30_000,
    "a: !!python/object/apply:os.system [x]",
    "a: b\n" * 12_000,
    "\x00\x01",
    "? [a, b]\n: c",
    "x: 'unfinished",
    "%YAML 9.9\n---\na: b",
    '{"a": 1' + "0" * 60_000 + "}",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_documents(text: str) -> None:
    assert read_yaml(text).get("services", "web").text == ""
    for path in ("render.yaml", "railway.json", "fly.toml", "Dockerfile", "compose.yaml", ".platform.app.yaml"):
        assert understood({"app.py": FLASK, path: text}).process("web")


def test_ten_megabytes_are_not_read() -> None:
    assert understood({"app.py": FLASK, "render.yaml": "a: b\n" * 2_000_000}).process("web")


def test_aliases_and_merges_are_followed() -> None:
    document = read_yaml("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: *x\n")
    assert [document.get("y", key).text for key in "ab"] == ["1", "3"]
    assert document.get("z", "b").line == 1


@pytest.mark.parametrize("read", [read_yaml, read_json, read_toml])
@given(text=st.text(max_size=200))
def test_no_text_is_an_error(read: Callable[[str], Node], text: str) -> None:
    assert isinstance(read(text), Node)


SCRIPTS = ["${" * 30_000, "$(" * 30_000, "'" * 60_001, "`" * 60_001, "a\n" * 30_000, "bash -c " * 7_000, "sh x.sh"]


@pytest.mark.parametrize("script", SCRIPTS, ids=range(len(SCRIPTS)))
def test_hostile_scripts_end(script: str) -> None:
    files = {"x.sh": script.encode()}
    mine(Repository(files, files), script, "x.sh", 1)


@given(st.text(alphabet="ab \n;&|'\"\\$(){}`<>#=-./", max_size=80))
def test_no_script_is_an_error(script: str) -> None:
    mine(Repository([], {}), script, "x", 1)


def test_commands_outside_of_the_apps_folder_are_not_carried() -> None:
    files = {**{f"api/{path}": text for path, text in FLASK_APP.items()}, "web/x.py": ""}
    files["render.yaml"] = "services: [{type: web, startCommand: cd web && gunicorn x:app}]"
    spec = understood(files)
    assert spec.root == "api"
    assert spec.process("web") is not None
    assert "x:app" not in str(spec.process("web"))


@pytest.mark.parametrize(
    ("name", "value", "unsafe"),
    [
        ("DEBUG", "True", True),
        ("DJANGO_DEBUG", "1", True),
        ("DEBUG", "False", False),
        ("FLASK_ENV", "development", True),
        ("FLASK_ENV", "production", False),
        ("DJANGO_SETTINGS_MODULE", "shop.settings.local", True),
        ("DJANGO_SETTINGS_MODULE", "shop.settings.production", False),
        ("APP_CONFIG", "config.DevelopmentConfig", True),
    ],
)
def test_nothing_turns_on_debugging(name: str, value: str, unsafe: bool) -> None:
    assert is_for_development(name, value) is unsafe
    files = DJANGO | {"app.json": json.dumps({"env": {name: value}})}
    assert (dict(understood(files).variables).get(name) == value) is not unsafe


def test_what_a_repository_calls_a_secret_is_made_anew() -> None:
    spec = understood(
        FLASK_APP | {"app.json": '{"env": {"SECRET_KEY": "hunter2", "API_KEY": "abc", "LD_PRELOAD": "x"}}'}
    )
    assert spec.secrets_generated == ("SECRET_KEY",)
    assert spec.variables == ()


def test_a_personality_knows_what_the_code_reads() -> None:
    reads = FLASK + "import os\nif 'RENDER' in os.environ: h = os.environ['RENDER_EXTERNAL_HOSTNAME']\n"
    spec = understood(FLASK_APP | {"app.py": reads, "render.yaml": "services: []"})
    assert spec.personality == Personality(
        "Render", (("RENDER", "RENDER"), ("RENDER_EXTERNAL_HOSTNAME", "RENDER_EXTERNAL_HOSTNAME"))
    )
    off = understood(FLASK_APP | {"app.py": reads, "render.yaml": "a: b", APP_FILE: '[app]\npersonality = "none"\n'})
    assert off.personality is None


def test_without_a_file_only_a_hostname_is_set() -> None:
    reads = FLASK + "import os\nx = os.getenv('KOYEB_PUBLIC_DOMAIN'), os.getenv('RENDER')\n"
    spec = understood(FLASK_APP | {"app.py": reads})
    assert spec.personality == Personality("Koyeb", (("KOYEB_PUBLIC_DOMAIN", "KOYEB_PUBLIC_DOMAIN"),))


def test_a_vendors_name_in_a_value_becomes_what_it_means() -> None:
    text = "services: [{name: web, envs: [{key: HOSTS, value: '${APP_DOMAIN}'}]}]"
    spec = understood(FLASK_APP | {".do/app.yaml": text})
    assert spec.personality is not None
    assert variables_of(spec.personality, AROUND) == {"HOSTS": "shop.example.org"}


AROUND = Surroundings(
    EnvironmentKey("shop", "staging"),
    ("staging--shop.localhost", "shop.example.org"),
    "c0ffee",
    "main",
    7,
    "/srv/tree",
    {"DATABASE_URL": "postgresql://u:p%40@h:5/d", "PGHOST": "h", "PGPORT": "5", "PGUSER": "u", "PGPASSWORD": "p@",
     "PGDATABASE": "d", "REDIS_URL": "redis://:s@r:6379/0"},
    "entropy",
    (("database", "postgresql"), ("cache", "valkey")),
)  # fmt: skip


def every(vendor: str, around: Surroundings = AROUND) -> dict[str, str]:
    return variables_of(Personality(vendor, tuple((name, name) for name in VARIABLES[vendor])), around)


def test_relationships_are_built_from_what_services_gave() -> None:
    related = json.loads(base64.b64decode(every("Upsun")["PLATFORM_RELATIONSHIPS"]))
    assert {key: related["database"][0][key] for key in ("host", "port", "username", "password", "path")} == {
        "host": "h", "port": 5, "username": "u", "password": "p@", "path": "d",
    }  # fmt: skip
    assert related["cache"][0]["host"] == "r"
    assert every("Upsun")[ENTROPY] == "entropy"
    assert every("Azure")["AZURE_POSTGRESQL_CONNECTIONSTRING"] == "dbname=d host=h port=5 user=u password=p@"


@pytest.mark.parametrize("vendor", VARIABLES)
def test_every_stage_is_production_and_nothing_is_made_up(vendor: str) -> None:
    stages = {value for name, value in every(vendor).items() if name.endswith(("ENVIRONMENT_TYPE", "ENVIRONMENT_NAME"))}
    assert stages <= {"production"}
    bare = replace(AROUND, granted={}, secret="", relationships=())
    assert not any("POSTGRES" in name or name == ENTROPY for name in every(vendor, bare))
    assert "" not in every(vendor, bare).values()


def test_a_hostname_is_the_owners_before_the_boxs() -> None:
    assert every("Render")["RENDER_EXTERNAL_URL"] == "https://shop.example.org"
    alone = replace(AROUND, hosts=("staging--shop.localhost",))
    assert every("Render", alone)["RENDER_EXTERNAL_HOSTNAME"] == "staging--shop.localhost"


def test_the_committed_table_is_not_stale() -> None:
    page = (Path(__file__).parents[2] / "docs/compatibility.md").read_text("utf-8")
    assert with_conventions(page) == page, "run scripts/reference and commit what it writes"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for path, text in (FLASK_APP | {"render.yaml": RENDER}).items():
        (tmp_path / path).write_text(text)
    return tmp_path


def test_init_writes_once(repository: Path) -> None:
    printed = run("init", str(repository), "--print")
    assert not (repository / APP_FILE).exists()
    assert run("init", str(repository)).exit_code == 0
    assert (repository / APP_FILE).read_text() == printed.output
    assert run("init", str(repository)).exit_code == 2
    (repository / APP_FILE).write_text("nonsense")
    assert run("init", str(repository), "--force").exit_code == 0
    assert (repository / APP_FILE).read_text() == printed.output
    assert sorted(path.name for path in repository.iterdir()) == ["app.py", APP_FILE, "render.yaml", "requirements.txt"]


def test_import_prints_then_writes(repository: Path) -> None:
    shown = run("import", str(repository))
    assert "could not be carried:" in shown.output
    assert not (repository / APP_FILE).exists()
    answer = json.loads(run("import", str(repository), "--json").output)
    assert answer["kept"]
    assert answer["lost"][0]["where"]
    assert run("import", str(repository), "--write").exit_code == 0
    assert (repository / APP_FILE).read_text() == answer["file"]


def test_explain_takes_a_folder(repository: Path) -> None:
    shown = run("explain", str(repository))
    assert "processes.web.command = gunicorn app:app --bind 0.0.0.0:$PORT" in shown.output
    assert isinstance(json.loads(run("explain", str(repository), "--json").output), list)


def test_a_folder_without_an_app(tmp_path: Path) -> None:
    assert run("init", str(tmp_path)).exit_code == 1
    assert run("import", str(tmp_path / "absent")).exit_code == 2
    with pytest.raises(NoAppFound):
        understood({"readme": "x"})


def test_links_lead_nowhere(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "Procfile"
    outside.write_text("web: gunicorn evil:app")
    (repository / "Procfile").symlink_to(outside)
    assert "evil" not in run("explain", str(repository)).output


def test_a_vendor_is_not_played_where_its_database_would_be_missed() -> None:
    settings = "import os\nif 'DYNO' in os.environ:\n    DATABASES = {'default': config(ssl_require=True)}\n"
    files = FLASK_APP | {"app.json": "{}", "settings.py": settings}
    assert understood(files).personality is None
    played = understood(files | {"settings.py": settings.replace("ssl_require=True", "")}).personality
    assert played is not None and played.vendor == "Heroku"
