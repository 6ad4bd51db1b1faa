"""Which variables code reads, and which secrets it is given."""

from __future__ import annotations

import pytest

from pullet.analysis.detection import explain
from pullet.analysis.detection.reads import Read
from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.variables import variables_read
from tests.unit.services_corpus import django, flask
from tests.unit.test_detection import understood


def reads(code: str, **files: str) -> tuple[Read, ...]:
    contents = {"app.py": code.encode()} | {path: text.encode() for path, text in files.items()}
    return variables_read(Repository(list(contents), contents))


def told(code: str) -> list[tuple[str, str | None, bool]]:
    """(name, default, demanded)"""
    return [(read.name, read.default, read.demanded) for read in reads(code)]


ENVIRON = "import environ\nenv = environ.Env()\n"
ENVIRONS = "from environs import Env\nenv = Env()\n"
SETTINGS = "from pydantic_settings import BaseSettings, SettingsConfigDict\nfrom pydantic import Field\n"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import os\nos.environ['X']", [("X", None, True)]),
        ("import os as o\no.environ['X']", [("X", None, True)]),
        ("from os import environ as e, getenv as g\ne.get('X'), g('Y', 'z')", [("X", None, False), ("Y", "z", False)]),
        ("import os\nos.getenv('X', default=5)", [("X", "5", False)]),
        ("import os\nos.getenv('X') or 'y'", [("X", "y", False)]),
        ("import os\nD = f'sqlite:///{1}'\nos.getenv('X', D)", [("X", "sqlite:///", False)]),
        ("import os\nos.getenv('A', os.getenv('B', 'c'))", [("A", None, False), ("B", "c", False)]),
        ("import os\ndef f():\n    return os.environ['X']", [("X", None, False)]),
        ("import os\nif __name__ == '__main__':\n    os.environ['X']", [("X", None, False)]),
        ("import os\ntry:\n    os.environ['X']\nexcept KeyError:\n    pass", [("X", None, False)]),
        ("import os\nif 'X' in os.environ:\n    os.environ['X']", [("X", None, False)] * 2),
        ("import os\nx = dict(os.environ)\nx['X']", [("X", None, True)]),
        ("import os, dotenv\nc = {**dotenv.dotenv_values(), **os.environ}\nc['X']", [("X", None, True)]),
        ("from decouple import config\nconfig('X'), config('Y', default='z')", [("X", None, True), ("Y", "z", False)]),
        ("from decouple import config as c\nc('X', cast=bool)", [("X", None, True)]),
        ("from starlette.config import Config\nc = Config('.env')\nc('X', str), c('Y', bool, False)",
         [("X", None, True), ("Y", "False", False)]),
        (ENVIRON + "env('X'), env('Y', default=None)", [("X", None, True), ("Y", None, False)]),
        (ENVIRON + "env.db(), env.db('Y'), env.cache(default='z')",
         [("DATABASE_URL", None, True), ("Y", None, True), ("CACHE_URL", "z", False)]),
        (ENVIRON + "env.read_env('FILE')", []),
        (ENVIRONS + "env.str('X'), env('Y', 'z')", [("X", None, True), ("Y", "z", False)]),
        (ENVIRONS + "with env.prefixed('SHOP_'):\n    env.str('X')", [("SHOP_X", None, True)]),
        ("import dj_database_url\ndj_database_url.config(), dj_database_url.config(env='X')",
         [("DATABASE_URL", None, False), ("X", None, False)]),
        ("from .base import env\nenv('X')", [("X", None, True)]),
        ("import os\ndef need(name, default=None):\n    return os.environ.get(name, default)\nneed('X')",
         [("X", None, False)]),
        (SETTINGS + "class S(BaseSettings):\n    x: str\n    y: int = 5\n    z: str = Field(...)\n",
         [("X", None, True), ("Y", "5", False), ("Z", None, True)]),
        (SETTINGS + "class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='a_')\n    x: str\n",
         [("A_X", None, True)]),
        (SETTINGS + "class S(BaseSettings):\n    model_config = {'env_prefix': 'a_'}\n    x: str = ''\n",
         [("A_X", "", False)]),
        (SETTINGS + "class S(BaseSettings):\n    x: str = Field(validation_alias=AliasChoices('P', 'Q'))\n",
         [("P", None, True), ("Q", None, True)]),
        (SETTINGS + "class S(BaseSettings):\n    class Config:\n        env_prefix = compute()\n    x: str\n", []),
        ("from flask import Flask\napp.config.from_prefixed_env('SHOP')",
         [(f"SHOP_{name}", None, False) for name in ("SECRET_KEY", "SQLALCHEMY_DATABASE_URI", "REDIS_URL")]),
        # traps
        ("# os.environ['X']\n'''os.environ['Y']'''\nimport os", []),
        ("import os\nos.environ['X'] = 'y'\nos.environ.setdefault('Y', 'z')", []),
        ("import os\nos.environ[name], os.getenv(f'{name}_URL')", []),
        ("app.config['DATABASE_URL'], app.config.get('REDIS_URL'), request.environ.get('X')", []),
        ("config = {}\nconfig['DATABASE_URL']  # environ", []),
        ("import os\nos.environ['no name']", []),
        ("os.environ[", []),
    ],
)  # fmt: skip
def test_what_code_reads(code: str, found: list[tuple[str, str | None, bool]]) -> None:
    assert told(code) == found


def test_a_name_of_an_example_file_counts_where_the_code_hands_it_over() -> None:
    example = "# A=1\nDB_HOST=localhost\nOTHER=5\nexport DB_NAME=x\n"
    code = "from tools import env_value\nhost = env_value('DB_HOST')\n# 'DB_NAME'\nOTHER = ['OTHER']\n"
    assert [(read.name, read.line, read.default) for read in reads(code, **{".env.example": example})] == [
        ("DB_HOST", 2, None)
    ]


def test_hostile_code_costs_what_the_budget_allows() -> None:
    code = "import os\n" + "os.environ['X']\n" * 12_000
    assert len(reads(code)) == 2_000
    nested = "import os\nx = " + "os.getenv('A') or (" * 60 + "1" + ")" * 60
    assert len(reads(nested)) == 60
    assert len(reads("import os\nx = " + "os.getenv('A') or (" * 2_000 + "1" + ")" * 2_000)) <= 2_000


@pytest.mark.parametrize(
    ("code", "generated"),
    [
        ("os.environ['SECRET_KEY']", ["SECRET_KEY"]),
        ("os.environ.get('SECRET_KEY') or 'known-to-all'", ["SECRET_KEY"]),
        ("os.environ['DJANGO_SECRET_KEY'], os.environ['JWT_SECRET_KEY']", ["DJANGO_SECRET_KEY", "JWT_SECRET_KEY"]),
        ("os.getenv('JWT_SECRET')", ["JWT_SECRET"]),
        ("os.getenv('JWT_SECRET', 'x'), os.getenv('SECURITY_PASSWORD_SALT', 'y')", []),
        ("os.environ['SECURITY_PASSWORD_SALT'], os.environ['APP_SECRET']", ["SECURITY_PASSWORD_SALT", "APP_SECRET"]),
        ("os.environ['SESSION_SECRET'], os.getenv('SHOP_SECRET')", ["SESSION_SECRET"]),
        ("os.environ['SHOP_SECRET_KEY'], os.environ['SHOP_SECRET']", ["SHOP_SECRET_KEY", "SHOP_SECRET"]),
        ("os.environ['STRIPE_SECRET_KEY'], os.environ['GITHUB_CLIENT_SECRET'], os.environ['FACEBOOK_APP_SECRET']", []),
        ("os.environ['AWS_SECRET_ACCESS_KEY'], os.environ['OAUTH_SECRET'], os.environ['S3_SECRET_KEY']", []),
        ("os.environ['GOOGLE_OAUTH2_SECRET'], os.environ['API_SECRET'], os.environ['STRIPE_WEBHOOK_SECRET']", []),
        ("os.environ['FERNET_KEY'], os.environ['ENCRYPTION_KEY']", []),
    ],
)
def test_secrets_that_are_made(code: str, generated: list[str]) -> None:
    spec = understood(flask(f"import os\n{code}\n"))
    assert list(spec.secrets_generated) == generated
    assert spec.secrets_required == ()


def test_secrets_of_the_code_and_of_another_platforms_file_are_all_made() -> None:
    files = flask("import os\nos.environ['SECRET_KEY']") | {
        "app.json": '{"env": {"JWT_SECRET": {"generator": "secret"}, "SECRET_KEY": {"generator": "secret"}}}'
    }
    assert set(understood(files).secrets_generated) == {"SECRET_KEY", "JWT_SECRET"}
    declared = files | {"pullet.toml": "[secrets]\ngenerated = ['OTHER']"}
    assert understood(declared).secrets_generated == ("OTHER",)


def test_what_nobody_sets_is_said_and_stops_nothing() -> None:
    code = "import os\nos.environ['STRIPE_SECRET_KEY'], os.environ['DB_HOST'], os.environ['PORT'], os.environ['MODE']\n"
    files = flask(code, "flask\npsycopg2") | {"pullet.toml": "[variables]\nMODE = 'x'"}
    spec = understood(files)
    rows = {row.setting: row for row in explain(spec) if row.setting.startswith("demanded.")}
    assert list(rows) == ["demanded.STRIPE_SECRET_KEY"]
    row = rows["demanded.STRIPE_SECRET_KEY"]
    assert (row.value, row.where) == ("(none)", "app.py:4")
    assert row.why == "app.py does not start without $STRIPE_SECRET_KEY, and nothing here sets it"
    assert spec.secrets_required == ()


def test_django_gets_its_key_and_hosts_are_not_missed() -> None:
    spec = understood(django("ALLOWED_HOSTS = os.environ['HOSTS'].split(',')\nSECRET_KEY = os.environ['SECRET_KEY']\n"))
    assert spec.secrets_generated == ("SECRET_KEY",)
    assert not [each for each in spec.decisions if each.subject.startswith("demanded")]
