"""Small repositories, and the services and Celery processes that each should get."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pullet.domain.services import ServiceSpec, ServiceType
from tests.unit.detection_corpus import DJANGO, FASTAPI, FLASK, SETTINGS

DB = ServiceSpec("db", ServiceType.POSTGRESQL)
REDIS = ServiceSpec("redis", ServiceType.VALKEY)
SQLITE = "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': %s}}\n"
BASE = "from pathlib import Path\nimport os\nBASE_DIR = Path(__file__).resolve().parent.parent\n"
ALCHEMY = FLASK + "from flask_sqlalchemy import SQLAlchemy\n"
READ = "import os\nurl = os.environ['DATABASE_URL']\n"


def sqlite(path: str, name: str = "sqlite") -> ServiceSpec:
    return ServiceSpec(name, ServiceType.SQLITE, path=path)


def media(path: str) -> ServiceSpec:
    return ServiceSpec("media", ServiceType.VOLUME, path=path)


@dataclass(frozen=True)
class Case:
    name: str
    files: dict[str, str]
    services: tuple[ServiceSpec, ...] = ()
    processes: dict[str, str] = field(default_factory=dict)
    """Beside `web`."""


def flask(code: str, requirements: str = "flask") -> dict[str, str]:
    return {"requirements.txt": requirements, "app.py": FLASK + code}


def fastapi(code: str, requirements: str = "fastapi") -> dict[str, str]:
    return {"requirements.txt": requirements, "main.py": FASTAPI + code}


def django(settings: str, requirements: str = "django") -> dict[str, str]:
    return DJANGO | {"requirements.txt": requirements, "shop/settings.py": BASE + settings}


def celery(file: str, code: str, requirements: str = "flask\ncelery[redis]") -> dict[str, str]:
    return {"requirements.txt": requirements, "web.py": FLASK, "shop/__init__.py": "", file: code}


READS = [
    "import os\nx = os.environ['DATABASE_URL']",
    "from os import environ\nx = environ.get('PGHOST')",
    "import os\nx = os.getenv('PGDATABASE', 'x')",
    "import environ\nenv = environ.Env()\nx = env('DATABASE_URL')",
    "import environ\nenv = environ.Env()\nx = env.db()",
    "import environ\nenv = environ.Env()\nx = env.db('DATABASE_URL', default='sqlite:///db.sqlite3')",
    "import dj_database_url\nx = dj_database_url.config(conn_max_age=600)",
    "from decouple import config\nx = config('DATABASE_URL', default='sqlite:///db.sqlite3')",
    "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n    database_url: str = 'sqlite:///x.db'",
    "from starlette.config import Config\nconfig = Config('.env')\nx = config('DATABASE_URL', cast=str)",
]
DRIVERS = ["psycopg[binary]>=3.2", "psycopg2-binary", "psycopg2==2.9", "asyncpg", "pg8000", "sqlalchemy[postgresql]"]
CACHES = ["redis>=5", "valkey", "celery[redis]", "rq", "django-redis", "channels_redis", "flask-limiter[redis]"]

CASES = [
    *(Case(f"reads: {code[-60:]}", flask(code, "psycopg"), (DB,)) for code in READS),
    *(Case(f"driver {driver}", flask("", driver), (DB,)) for driver in DRIVERS),
    *(Case(f"cache {driver}", flask("", driver), (REDIS,)) for driver in CACHES),
    Case("read without a driver", flask(READ), (ServiceSpec("sqlite", ServiceType.SQLITE, path="db.sqlite3"),)),
    Case(
        "a setting with a prefix",
        fastapi(
            "from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n    database_url: str = 'x'\n"
            "    class Config:\n        env_prefix = 'shop_'\nimport sqlite3\nsqlite3.connect('a.db')",
            "fastapi\nasyncpg",
        ),
        (replace(DB, names=(("SHOP_DATABASE_URL", "url"),)), sqlite("a.db")),
    ),
    Case("written, not read", flask("import os\nos.environ['REDIS_URL'] = 'x'", "celery")),
    Case(
        "celery and a broker that is read",
        flask("import os\nos.getenv('CELERY_BROKER_URL')", "celery"),
        (replace(REDIS, names=(("CELERY_BROKER_URL", "url"),)),),
    ),
    Case(
        "a broker that Celery's module reads",
        {
            "requirements.txt": "flask\ncelery[redis]",
            "app.py": FLASK,
            "tasks.py": "from celery import Celery\nimport os\n"
            "app = Celery('tasks', broker=os.getenv('CELERY_BROKER_URL'))\n",
        },
        (replace(REDIS, names=(("CELERY_BROKER_URL", "url"),)),),
        {"worker": "celery -A tasks:app worker --loglevel=info --concurrency=1"},
    ),
    Case("both", flask(READ, "asyncpg\nredis"), (DB, REDIS)),
    Case(
        "poetry",
        {
            "pyproject.toml": "[tool.poetry.dependencies]\npsycopg = {extras=['binary'], version='*'}",
            "app.py": FLASK + READ,
        },
        (DB,),
    ),
    Case(
        "setup.cfg",
        {"setup.cfg": "[options]\ninstall_requires =\n    psycopg2-binary>=2\n    redis\n", "app.py": FLASK},
        (DB, REDIS),
    ),
    Case("setup.py", {"setup.py": "setup(install_requires=['asyncpg', \"rq[x]>=1\"])", "app.py": FLASK}, (DB, REDIS)),
    # SQLite
    Case("django as it begins", django(SQLITE % "BASE_DIR / 'db.sqlite3'"), (sqlite("db.sqlite3"),)),
    Case(
        "a driver beside SQLite", django(SQLITE % "BASE_DIR / 'db.sqlite3'", "django\npsycopg"), (sqlite("db.sqlite3"),)
    ),
    Case(
        "django with both, by variable",
        django(
            "DATABASES = {'default': dj_database_url.config(default=f'sqlite:///{BASE_DIR}/db.sqlite3')}",
            "django\npsycopg\ndj-database-url",
        ),
        (DB,),
    ),
    Case(
        "the same without a driver",
        django("DATABASES = {'default': dj_database_url.config(default=f'sqlite:///{BASE_DIR}/db.sqlite3')}"),
        (sqlite("db.sqlite3"),),
    ),
    Case(
        "django-environ",
        django("DATABASES = {'default': env.db(default='sqlite:///' + str(BASE_DIR / 'data' / 'x.db'))}"),
        (sqlite("data/x.db"),),
    ),
    Case("os.path", django(SQLITE % "os.path.join(BASE_DIR, 'db.sqlite3')"), (sqlite("db.sqlite3"),)),
    Case(
        "a default of a variable",
        django(SQLITE % "os.environ.get('DB', BASE_DIR / 'db.sqlite3')"),
        (sqlite("db.sqlite3"),),
    ),
    Case(
        "an engine by variable",
        django("DATABASES = {'default': {'ENGINE': os.getenv('E', 'django.db.backends.sqlite3'), 'NAME': 'x.db'}}"),
        (sqlite("x.db"),),
    ),
    Case(
        "under a condition",
        django("if DEBUG:\n    " + SQLITE % "BASE_DIR / 'x.db'"),
        (sqlite("x.db"),),
    ),
    Case("outside", django(SQLITE % "'/var/lib/x.db'")),
    Case("above", django(SQLITE % "BASE_DIR.parent / 'x.db'")),
    Case("in memory", django(SQLITE % "':memory:'")),
    Case("computed", django(SQLITE % "find()")),
    Case(
        "a package of settings",
        {
            **{path: text for path, text in DJANGO.items() if path != "shop/settings.py"},
            "shop/settings/__init__.py": "from .base import *\n",
            "shop/settings/base.py": SETTINGS.replace(".parent.parent", ".parent.parent.parent"),
        },
        (sqlite("db.sqlite3"),),
    ),
    Case(
        "production has its own database",
        {
            **{path: text for path, text in DJANGO.items() if path != "shop/settings.py"},
            "shop/settings/__init__.py": "from .base import *\nDATABASES = {'default': {'ENGINE': 'x.mysql'}}\n",
            "shop/settings/base.py": SETTINGS,
        },
    ),
    Case(
        "django in a folder",
        {"requirements.txt": "django"}
        | {f"backend/{path}": text for path, text in DJANGO.items() if path != "requirements.txt"},
        (sqlite("backend/db.sqlite3"),),
    ),
    Case(
        "flask-sqlalchemy starts from the instance folder",
        {
            "requirements.txt": "flask-sqlalchemy",
            "app.py": ALCHEMY + "app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite:///shop.db'",
        },
        (sqlite("instance/shop.db"),),
    ),
    Case(
        "a name in the URL",
        {
            "requirements.txt": "flask-sqlalchemy",
            "website/__init__.py": ALCHEMY
            + "NAME = 'x.db'\napp.config['SQLALCHEMY_DATABASE_URI'] = f'sqlite:///{NAME}'",
        },
        (sqlite("instance/x.db"),),
    ),
    Case(
        "a package in src",
        {
            "pyproject.toml": "[project]\nname='x'\ndependencies=['flask-sqlalchemy']",
            "src/shop/__init__.py": ALCHEMY,
            "src/shop/config.py": "class Config:\n    SQLALCHEMY_DATABASE_URI = os.environ.get('D') or 'sqlite:///x.db'",
        },
        (sqlite("src/instance/x.db"),),
    ),
    Case(
        "an absolute path for flask",
        {
            "requirements.txt": "flask-sqlalchemy",
            "app.py": ALCHEMY,
            "config.py": "import os\nbasedir = os.path.abspath(os.path.dirname(__file__))\nclass Config:\n"
            "    SQLALCHEMY_DATABASE_URI = os.getenv('U') or 'sqlite:///' + os.path.join(basedir, 'app.db')\n"
            "class TestConfig(Config):\n    SQLALCHEMY_DATABASE_URI = 'sqlite:///test.db'\n",
        },
        (sqlite("app.db"),),
    ),
    Case(
        "an instance folder set by hand",
        {
            "requirements.txt": "flask-sqlalchemy",
            "app.py": "from flask import Flask\nimport flask_sqlalchemy\napp = Flask('x', instance_path='/data')\n"
            "app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite:///shop.db'",
        },
    ),
    Case(
        "flask's tutorial",
        flask(
            "import os, sqlite3\napp.config.from_mapping(DATABASE=os.path.join(app.instance_path, 'flaskr.sqlite'))\n"
            "def db():\n    return sqlite3.connect(current_app.config['DATABASE'])"
        ),
        (sqlite("instance/flaskr.sqlite"),),
    ),
    Case("sqlalchemy", fastapi("URL = 'sqlite:///./sql_app.db'\nengine = create_engine(URL)"), (sqlite("sql_app.db"),)),
    Case("with options", fastapi("e = create_async_engine('sqlite+aiosqlite:///x.db?timeout=5')"), (sqlite("x.db"),)),
    Case("an absolute URL", fastapi("e = create_engine('sqlite:////var/lib/x.db')")),
    Case("memory URLs", fastapi("a = 'sqlite://'\nb = 'sqlite:///:memory:'\nc = 'sqlite:///file:x?mode=memory'")),
    Case("the word in prose", fastapi("'''Set DATABASE_URL to sqlite:///x.db for tests.'''")),
    Case("sqlite3.connect", fastapi("import sqlite3\nc = sqlite3.connect('data/app.db')"), (sqlite("data/app.db"),)),
    Case(
        "a constant path",
        fastapi(
            "import sqlite3, pathlib\nDB = pathlib.Path(__file__).parent / 'x.db'\nc = sqlite3.connect(database=DB)"
        ),
        (sqlite("x.db"),),
    ),
    Case(
        "its own file beside PostgreSQL",
        fastapi(READ + "import sqlite3\nc = sqlite3.connect('cache.db')", "fastapi\nasyncpg"),
        (DB, sqlite("cache.db")),
    ),
    Case(
        "two files",
        fastapi("import sqlite3\na = sqlite3.connect('a.db')\nb = sqlite3.connect('b.db')"),
        (sqlite("a.db"), sqlite("b.db", "sqlite-2")),
    ),
    Case("a URI for sqlite3", fastapi("import sqlite3\na = sqlite3.connect('file:a.db', uri=True)")),
    Case("a path into git", fastapi("import sqlite3\na = sqlite3.connect('.git/config')")),
    # uploads
    Case("media", django("MEDIA_ROOT = BASE_DIR / 'media'\nMEDIA_URL = 'media/'"), (media("media"),)),
    Case("media in the old way", django("MEDIA_ROOT = os.path.join(BASE_DIR, 'up', 'loads')"), (media("up/loads"),)),
    Case("media outside", django("MEDIA_ROOT = '/srv/media'")),
    Case("media over code", django("MEDIA_ROOT = BASE_DIR / 'shop'")),
    Case("no media", django("MEDIA_ROOT = ''")),
    # Celery
    Case(
        "a worker",
        celery("shop/celery.py", "from celery import Celery\napp = Celery('shop')"),
        (REDIS,),
        {"worker": "celery -A shop worker --loglevel=info --concurrency=1"},
    ),
    Case(
        "another module",
        celery("jobs.py", "import celery as c\nq = c.Celery('x')"),
        (REDIS,),
        {"worker": "celery -A jobs:q worker --loglevel=info --concurrency=1"},
    ),
    Case(
        "beat",
        celery("shop/celery.py", "from celery import Celery\napp = Celery('shop')\napp.conf.beat_schedule = {'a': {}}"),
        (REDIS,),
        {
            "worker": "celery -A shop worker --loglevel=info --concurrency=1",
            "beat": "celery -A shop beat --loglevel=info --schedule /tmp/celerybeat-schedule",
        },
    ),
    Case(
        "django with celery",
        django("CELERY_BEAT_SCHEDULE = {'a': 1}", "django\ncelery\nredis")
        | {"shop/celery.py": "from celery import Celery\napp = Celery('shop')"},
        (REDIS,),
        {
            "worker": "celery -A shop worker --loglevel=info --concurrency=1",
            "beat": "celery -A shop beat --loglevel=info --schedule /tmp/celerybeat-schedule",
        },
    ),
    Case(
        "an empty timetable",
        celery("shop/celery.py", "from celery import Celery\napp = Celery('shop')\napp.conf.beat_schedule = {}"),
        (REDIS,),
        {"worker": "celery -A shop worker --loglevel=info --concurrency=1"},
    ),
    Case(
        "a Procfile knows better",
        celery("shop/celery.py", "from celery import Celery\napp = Celery('x')")
        | {"Procfile": "queue: celery -A shop worker -B -c 4"},
        (REDIS,),
        {"queue": "celery -A shop worker -B -c 4"},
    ),
    Case(
        "a worker in a folder",
        celery("back end/jobs.py", "from celery import Celery\napp: Celery = Celery('x')"),
        (REDIS,),
        {"worker": "celery --workdir 'back end' -A jobs:app worker --loglevel=info --concurrency=1"},
    ),
    Case(
        "celery that is no dependency", celery("shop/celery.py", "from celery import Celery\napp = Celery()", "flask")
    ),
    Case("a Celery of somebody else", celery("shop/c.py", "from soup import Celery\napp = Celery()"), (REDIS,)),
    # pullet.toml
    Case(
        "a declared type is not detected",
        flask(READ, "asyncpg\nredis") | {"pullet.toml": "[services.main]\ntype = 'postgresql'"},
        (REDIS,),
    ),
    Case("redis is valkey", flask("", "redis") | {"pullet.toml": "[services.cache]\ntype = 'redis'"}),
    Case(
        "a name that is taken",
        flask("", "asyncpg") | {"pullet.toml": "[services.db]\ntype = 'valkey'"},
        (ServiceSpec("db-2", ServiceType.POSTGRESQL),),
    ),
    Case(
        "declared PostgreSQL takes SQLite's place",
        django(SQLITE % "'x.db'", "django\npsycopg") | {"pullet.toml": "[services.db]\ntype = 'postgresql'"},
    ),
    Case(
        "a database that is insisted on, and no driver",
        flask("import os\nDB = os.environ['DATABASE_URL']", ""),
        (ServiceSpec("sqlite", ServiceType.SQLITE, path="db.sqlite3"),),
    ),
    Case("a database of somebody else", flask("import os\nDB = os.environ['DATABASE_URL']", "pymysql")),
    Case("a database that may be missing", flask("import os\nDB = os.environ.get('DATABASE_URL')", "")),
    Case("turned off", flask(READ, "asyncpg\nredis") | {"pullet.toml": "[app]\ndetect_services = false"}),
    Case(
        "turned off, worker stays",
        celery("jobs.py", "from celery import Celery\napp = Celery()")
        | {"pullet.toml": "[app]\ndetect_services = false\n[processes.worker]\ninstances = 2"},
        (),
        {"worker": "celery -A jobs:app worker --loglevel=info --concurrency=1"},
    ),
]
