"""Written for another platform: its files say what to start, its variables are read at the start."""

from __future__ import annotations

from tests.corpus.parts import FASTAPI_PIN, GUNICORN_PIN, SETTINGS, django, fastapi, flask
from tests.corpus.trap import Entry, Serves, Trap

_GUNICORN = "django==5.2.19\ngunicorn==27.0.1\n"
_SHOP = "gunicorn shop.wsgi:application"


def hosted(text: str, settings: str) -> dict[str, Entry]:
    """A Django project whose settings allow only what a platform's variable says."""
    none = SETTINGS.replace('ALLOWED_HOSTS = ["*"]', "ALLOWED_HOSTS = []")
    return {**django(text, none + settings), "requirements.txt": _GUNICORN}


TRAPS = (
    Trap(
        "render",
        "Only RENDER_EXTERNAL_HOSTNAME is among the allowed hosts.",
        hosted(
            "on Render",
            "if name := os.environ.get('RENDER_EXTERNAL_HOSTNAME'):\n    ALLOWED_HOSTS.append(name)\n",
        )
        | {
            "build.sh": "#!/bin/bash\nset -e\npip install -r requirements.txt\npython manage.py migrate\n",
            "render.yaml": "services:\n  - type: web\n    name: shop\n    env: python\n    buildCommand: ./build.sh\n"
            f"    startCommand: {_SHOP}\n",
        },
        Serves("on Render"),
        command=_SHOP,
    ),
    Trap(
        "azure",
        "WEBSITE_HOSTNAME chooses the settings for production and is their only host.",
        hosted("on Azure", "if 'WEBSITE_HOSTNAME' in os.environ:\n    from shop.production import *\n")
        | {
            "shop/production.py": "import os\n\nDEBUG = False\nALLOWED_HOSTS = [os.environ['WEBSITE_HOSTNAME']]\n",
            "azure.yaml": "name: shop\nservices:\n  web:\n    project: .\n    language: py\n    host: appservice\n",
        },
        Serves("on Azure"),
        command="gunicorn --threads 4 shop.wsgi:application",
    ),
    Trap(
        "heroku",
        "Without DYNO it takes itself for somebody's laptop.",
        hosted("on Heroku", "if 'DYNO' in os.environ:\n    ALLOWED_HOSTS = ['*']\n")
        | {
            "Procfile": f"web: {_SHOP} --log-file -\nrelease: python manage.py migrate\n",
            "app.json": '{"name": "shop", "env": {"SECRET_KEY": {"generator": "secret"}}}\n',
        },
        Serves("on Heroku"),
        command=f"{_SHOP} --log-file -",
    ),
    Trap(
        "railway",
        "The start command migrates first, and binds to a port with a default.",
        hosted("on Railway", "ALLOWED_HOSTS = [os.environ.get('RAILWAY_PUBLIC_DOMAIN', 'localhost')]\n")
        | {
            "railway.json": '{"deploy": {"startCommand": "python manage.py migrate && '
            f'{_SHOP} --bind 0.0.0.0:${{PORT:-8000}}"}}}}\n'
        },
        Serves("on Railway"),
        command=f"{_SHOP} --bind 0.0.0.0:${{PORT:-8000}}",
    ),
    Trap(
        "digitalocean",
        "gunicorn's heartbeat is told to use /dev/shm.",
        {
            "requirements.txt": GUNICORN_PIN,
            "app.py": flask("on App Platform"),
            ".do/app.yaml": "name: shop\nservices:\n- name: web\n  environment_slug: python\n"
            "  run_command: gunicorn --worker-tmp-dir /dev/shm app:app\n",
        },
        Serves("on App Platform"),
        command="gunicorn --worker-tmp-dir /dev/shm app:app",
    ),
    Trap(
        "upsun",
        "It writes to a mount, and reads its port and project from the platform's variables.",
        {
            "requirements.txt": GUNICORN_PIN,
            "app.py": flask(
                "on Upsun",
                before="import os, pathlib\n\nPROJECT = os.environ['PLATFORM_PROJECT']\n"
                "pathlib.Path('var/started').write_text(PROJECT)\n",
            ),
            ".platform.app.yaml": "name: shop\ntype: 'python:3.11'\nweb:\n  commands:\n"
            "    start: gunicorn -b unix:$SOCKET app:app\nmounts:\n  var:\n    source: local\n    source_path: var\n",
        },
        Serves("on Upsun"),
        command="gunicorn -b unix:$SOCKET app:app",
        decides={"app.python": "3.11"},
    ),
    Trap(
        "dockerfile-only",
        "Only the Dockerfile says that the app lies in a folder and listens on port 80.",
        {
            "Dockerfile": "FROM python:3.11-slim\nWORKDIR /code\nCOPY ./requirements.txt /code/requirements.txt\n"
            "RUN pip install --no-cache-dir -r /code/requirements.txt\nCOPY ./app /code/app\n"
            'CMD ["uvicorn", "app.main:api", "--host", "0.0.0.0", "--port", "80"]\n',
            "requirements.txt": FASTAPI_PIN,
            "app/__init__.py": "",
            "app/main.py": fastapi("without Docker")
            .replace("app = FastAPI", "api = FastAPI")
            .replace("@app.", "@api."),
        },
        Serves("without Docker"),
        command="uvicorn app.main:api",
    ),
    Trap(
        "entry-script-that-waits",
        "The image's entry script waits for a database that is not there, migrates, and starts.",
        {
            **{path: text for path, text in django("did not wait").items() if path != "requirements.txt"},
            "requirements.txt": _GUNICORN,
            "Dockerfile": 'FROM python:3.12\nCOPY . /app\nWORKDIR /app\nENTRYPOINT ["./docker-entrypoint.sh"]\n',
            "docker-entrypoint.sh": "#!/bin/sh\nset -e\nwhile ! nc -z db 5432; do sleep 1; done\n"
            'python manage.py migrate\nexec gunicorn shop.wsgi:application --bind 0.0.0.0:8000 "$@"\n',
        },
        Serves("did not wait"),
        command="gunicorn --threads 4 shop.wsgi:application",
        decides={"release.commands": "python manage.py migrate --noinput"},
    ),
    Trap(
        "compose-command",
        "Only the compose file's command says which of two is served.",
        {
            "requirements.txt": GUNICORN_PIN,
            "compose.yaml": "services:\n  web:\n    build: .\n"
            "    command: gunicorn public:app --bind 0.0.0.0:8000 --reload\n"
            "    volumes: ['.:/code']\n    ports: ['8000:8000']\n",
            "public.py": flask("the public one"),
            "intern.py": flask("the other one"),
        },
        Serves("the public one"),
        command="gunicorn public:app --bind 0.0.0.0:8000 --reload",
    ),
    Trap(
        "fly",
        "fly.toml has the processes and a port for its own router.",
        {
            "requirements.txt": GUNICORN_PIN,
            "other.py": flask("never"),
            "fly.toml": 'app = "shop"\n\n[env]\n  PORT = "8080"\n  GREETING = "on Fly"\n\n'
            '[processes]\n  app = "gunicorn shop:app"\n\n[http_service]\n  internal_port = 8080\n',
            "shop.py": flask("' + os.environ['GREETING'] + '", before="import os\n")
            .replace("\"' +", "'' +")
            .replace("+ '\"", "+ ''"),
        },
        Serves("on Fly"),
        command="gunicorn shop:app",
        decides={"variables.GREETING": "on Fly"},
    ),
)
