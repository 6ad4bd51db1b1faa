"""Small repositories with other platforms' files, and what each should become."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.unit.detection_corpus import DJANGO, FASTAPI, FLASK

FLASK_APP = {"requirements.txt": "flask\ngunicorn", "app.py": FLASK}
PSYCOPG = FLASK_APP | {"requirements.txt": "flask\ngunicorn\npsycopg"}
REDIS = FLASK_APP | {"requirements.txt": "flask\ngunicorn\nredis"}
BOTH = FLASK_APP | {"requirements.txt": "flask\ngunicorn\npsycopg\nredis"}


@dataclass(frozen=True)
class Case:
    name: str
    files: dict[str, str]
    processes: dict[str, str]
    release: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    generated: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    """Types."""
    schedules: dict[str, tuple[str, str]] = field(default_factory=dict)
    python: str | None = None


RENDER = """
databases: [{name: shop}]
envVarGroups:
  - name: common
    envVars: [{key: LOG_LEVEL, value: info}]
services:
  - type: web
    name: shop
    runtime: python
    buildCommand: pip install -r requirements.txt && npm ci && flask digest compile
    preDeployCommand: flask db upgrade
    startCommand: gunicorn app:app --bind 0.0.0.0:$PORT
    healthCheckPath: /up
    envVars:
      - key: SECRET_KEY
        generateValue: true
      - key: PYTHON_VERSION
        value: 3.12.4
      - key: FLASK_DEBUG
        value: "1"
      - key: GREETING
        value: 'hello: "you"'
      - fromGroup: common
      - key: DATABASE_URL
        fromDatabase: {name: shop, property: connectionString}
  - type: worker
    name: Send mail!
    runtime: python
    startCommand: celery -A app worker
  - type: cron
    name: nightly
    runtime: python
    schedule: "0 3 * * *"
    startCommand: python clean.py
  - {type: keyvalue, name: cache}
  - {type: web, name: site, runtime: static, buildCommand: npm run build}
"""

CASES = [
    Case(
        "render.yaml",
        BOTH | {"render.yaml": RENDER},
        {
            "web": "gunicorn app:app --bind 0.0.0.0:$PORT",
            "Send-mail": "celery -A app worker",
        },
        ("flask db upgrade",),
        (),
        ("flask digest compile",),
        {"GREETING": 'hello: "you"', "LOG_LEVEL": "info"},
        ("SECRET_KEY",),
        ("postgresql", "valkey"),
        {"nightly": ("0 3 * * *", "python clean.py")},
        "3.12",
    ),
    Case(
        "render.yaml whose build script migrates",
        DJANGO
        | {
            "render.yaml": "services: [{type: web, runtime: python, buildCommand: ./build.sh, "
            "startCommand: python -m gunicorn shop.wsgi}]",
            "build.sh": "#!/usr/bin/env bash\nset -o errexit\npip install -r requirements.txt\n"
            "python manage.py collectstatic --no-input\npython manage.py migrate\n",
        },
        {"web": "python -m gunicorn shop.wsgi"},
        ("python manage.py migrate --noinput",),
        (),
        ("python manage.py collectstatic --no-input",),
        services=("sqlite",),
    ),
    Case(
        ".do/app.yaml",
        PSYCOPG
        | {
            ".do/app.yaml": """
services:
- name: web
  source_dir: /
  run_command: gunicorn --worker-tmp-dir /dev/shm app:app
  envs:
  - {key: HOSTS, value: '${APP_DOMAIN}'}
  - {key: MODE, value: fast}
  - {key: DATABASE_URL, value: '${db.DATABASE_URL}'}
workers: [{name: queue, run_command: rq worker}]
jobs: [{name: m, kind: PRE_DEPLOY, run_command: flask db upgrade}]
databases: [{engine: PG, name: db}]
"""
        },
        {"web": "gunicorn --worker-tmp-dir /dev/shm app:app", "queue": "rq worker"},
        ("flask db upgrade",),
        variables={"MODE": "fast"},
        services=("postgresql",),
    ),
    Case(
        "railway.json",
        FLASK_APP | {"railway.json": '{"deploy": {"startCommand": "flask db upgrade && exec gunicorn app:app"}}'},
        {"web": "gunicorn app:app"},
        ("flask db upgrade",),
    ),
    Case(
        "railway.toml and nixpacks.toml",
        FLASK_APP
        | {
            "railway.toml": '[deploy]\npreDeployCommand = ["alembic upgrade head"]\n',
            "nixpacks.toml": '[start]\ncmd = "uvicorn app:app --port 8000"\n[variables]\nA = "b"\n',
        },
        {"web": "uvicorn app:app --port 8000"},
        ("alembic upgrade head",),
        variables={"A": "b"},
    ),
    Case(
        "scalingo.json",
        PSYCOPG | {"scalingo.json": '{"addons": [{"plan": "postgresql:small"}], "env": {"A": {"value": "1"}}}'},
        {"web": "gunicorn --threads 4 app:app"},
        variables={"A": "1"},
        services=("postgresql",),
    ),
    Case(
        "app.json whose postdeploy seeds once and migrates",
        REDIS
        | {"app.json": '{"scripts": {"postdeploy": "flask db upgrade && python seed.py"}, "addons": ["heroku-redis"]}'},
        {"web": "gunicorn --threads 4 app:app"},
        ("flask db upgrade",),
        first=("python seed.py",),
        services=("valkey",),
    ),
    Case(
        ".platform.app.yaml",
        PSYCOPG
        | {
            ".platform.app.yaml": """
name: app
type: python:3.11
relationships: {database: "db:postgresql"}
web: {commands: {start: "gunicorn -b unix:$SOCKET app:app"}}
workers: {queue: {commands: {start: celery -A app worker}}}
hooks: {build: "pip install -r requirements.txt\\nflask digest compile", deploy: flask db upgrade}
crons: {clean: {spec: '*/5 * * * *', commands: {start: python clean.py}}}
mounts: {uploads: {source: local}, /logs: {source: local}}
variables: {env: {A: "1"}}
""",
            ".platform/services.yaml": "db: {type: 'postgresql:16', disk: 512}\nsearch: {type: 'solr:9'}\n",
        },
        {"web": "gunicorn -b unix:$SOCKET app:app", "queue": "celery -A app worker"},
        ("flask db upgrade",),
        (),
        ("flask digest compile",),
        {"A": "1"},
        services=("postgresql", "volume"),
        schedules={"clean": ("*/5 * * * *", "python clean.py")},
        python="3.11",
    ),
    Case(
        ".upsun/config.yaml",
        REDIS
        | {
            ".upsun/config.yaml": """
applications:
  api: {type: "python:3.12", web: {commands: {start: uvicorn app:app}}, hooks: {deploy: alembic upgrade head}}
services: {cache: {type: "redis:7"}}
"""
        },
        {"web": "uvicorn app:app"},
        ("alembic upgrade head",),
        services=("valkey",),
        python="3.12",
    ),
    Case(
        "azure.yaml and a script that installs in place",
        {
            "azure.yaml": "name: x\nservices: {web: {project: ., language: py, host: appservice}}",
            "requirements.txt": "fastapi\ngunicorn\nuvicorn",
            "src/entrypoint.sh": "#!/bin/bash\nset -e\npython3 -m pip install -e src\npython3 src/shop/seed_data.py\n"
            "python3 -m gunicorn shop:app -c src/gunicorn.conf.py\n",
            "src/shop/__init__.py": "from .web import app",
            "src/shop/web.py": FASTAPI,
            "src/__init__.py": "",
        },
        {"web": "python -m gunicorn shop:app -c src/gunicorn.conf.py"},
        first=("python src/shop/seed_data.py",),
        variables={"PYTHONPATH": "src"},
    ),
    Case(
        "fly.toml",
        FLASK_APP
        | {
            "fly.toml": 'app = "shop"\n[processes]\napp = "gunicorn app:app"\nworker = "celery -A app worker"\n'
            '[deploy]\nrelease_command = "flask db upgrade"\n[env]\nPORT = "8080"\nMODE = "fast"\n'
            '[mounts]\nsource = "x"\ndestination = "/app/uploads"\n'
        },
        {"web": "gunicorn app:app", "worker": "celery -A app worker"},
        ("flask db upgrade",),
        variables={"MODE": "fast"},
        services=("volume",),
    ),
    Case(
        "a Dockerfile settles what is ambiguous",
        {
            "requirements.txt": "flask\ngunicorn",
            "one.py": FLASK,
            "two.py": FLASK,
            "Dockerfile": "FROM node:20 AS assets\nFROM python:3.11-slim\nWORKDIR /code\nCOPY . /code\n"
            "RUN apt-get update && \\\n    pip install gunicorn\nENV MODE=fast DEBUG=1 \\\n  PIP_NO_CACHE_DIR=1\n"
            'CMD ["gunicorn", "--bind", "0.0.0.0:8000", "two:app"]\n',
        },
        {"web": "gunicorn --bind 0.0.0.0:8000 two:app"},
        variables={"MODE": "fast"},
        python="3.11",
    ),
    Case(
        "a Dockerfile with an entry script that starts CMD",
        {
            "requirements.txt": "flask\ngunicorn",
            "a.py": FLASK,
            "b.py": FLASK,
            "docker/entrypoint.sh": '#!/bin/sh\n./wait-for-it.sh db:5432\nflask db upgrade\nexec "$@"\n',
            "Dockerfile": "FROM python:3.12\nCOPY docker/entrypoint.sh /entrypoint.sh\n"
            'ENTRYPOINT ["/entrypoint.sh"]\nCMD gunicorn b:app\n',
        },
        {"web": "gunicorn b:app"},
        ("flask db upgrade",),
        python="3.12",
    ),
    Case(
        "a Dockerfile is weaker than the application that is there",
        {"requirements.txt": "flask", "app.py": FLASK, "Dockerfile": "FROM python:3.12\nCMD python app.py"},
        {"web": "granian --interface wsgi app:app"},
        python="3.12",
    ),
    Case(
        "compose.yaml",
        BOTH
        | {
            "compose.yaml": """
x-app: &app {build: ., environment: {FLASK_DEBUG: "1"}}
services:
  web: {<<: *app, command: flask run --debug}
  jobs: {<<: *app, command: ["celery", "-A", "app", "worker"]}
  db: {image: "postgres:16"}
  cache: {image: "docker.io/library/redis:7"}
"""
        },
        {"web": "gunicorn --threads 4 app:app", "jobs": "celery -A app worker"},
        services=("postgresql", "valkey"),
    ),
    Case(
        "a Procfile with a chain",
        FLASK_APP | {"Procfile": "web: flask db upgrade; flask translate compile; gunicorn app:app | tee log\n"},
        {"web": "gunicorn app:app"},
        ("flask db upgrade", "flask translate compile"),
    ),
    Case(
        "a Procfile with a script and its own release",
        FLASK_APP
        | {
            "Procfile": "release: python tell.py\nweb: bash bin/start.sh\n",
            "bin/start.sh": "APP=app:app\nflask db upgrade\npoetry run gunicorn $APP\n",
        },
        {"web": "gunicorn app:app"},
        ("python tell.py", "flask db upgrade"),
    ),
    Case(
        "a Procfile whose pipeline nobody knows stays whole",
        FLASK_APP | {"Procfile": "web: ./serve | logger\n"},
        {"web": "./serve | logger"},
    ),
    Case(
        "two Procfiles: the plain one",
        FLASK_APP | {"Procfile": "web: gunicorn app:app", "Procfile.prod": "web: gunicorn other:app"},
        {"web": "gunicorn app:app"},
    ),
    Case(
        "the Procfile wins over a vendor's file",
        FLASK_APP
        | {
            "Procfile": "web: gunicorn app:app",
            "render.yaml": "services: [{type: web, startCommand: uvicorn app:app}]",
        },
        {"web": "gunicorn app:app"},
    ),
    Case(
        "an app in a folder and the vendor's file at the top",
        {
            **{f"backend/{path}": text for path, text in FLASK_APP.items()},
            "render.yaml": "services: [{type: web, rootDir: backend, startCommand: gunicorn app:app -w 2}]",
        },
        {"web": "gunicorn app:app -w 2"},
    ),
]
