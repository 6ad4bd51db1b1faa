"""Variables, secrets, services, files: what an app needs around it."""

from __future__ import annotations

import sqlite3

from tests.corpus.parts import DJANGO_PIN, FLASK_PIN, GRANIAN_WSGI, SETTINGS, django, flask, wsgi
from tests.corpus.trap import Serves, Stops, Trap

_APP = GRANIAN_WSGI + "app:app"
_SHOP = GRANIAN_WSGI + "shop.wsgi:application"
_HOSTS = 'ALLOWED_HOSTS = ["*"]'


def _table() -> bytes:
    """A database with one word in it."""
    connection = sqlite3.connect(":memory:")
    connection.executescript("create table words (word); insert into words values ('committed with the code');")
    return connection.serialize()


TRAPS = (
    Trap(
        "secret-key-demanded",
        "It does not start without SECRET_KEY, not even to collect files.",
        django("a key was made", SETTINGS.replace('"for development"', 'os.environ["SECRET_KEY"]')),
        Serves("a key was made"),
        command=_SHOP,
        decides={"secrets.generated": "SECRET_KEY"},
    ),
    Trap(
        "variable-demanded",
        "python-decouple demands a variable that only its owner can know.",
        {
            "requirements.txt": FLASK_PIN + "python-decouple==3.8\n",
            "app.py": flask("never", before="from decouple import config\n\nSENDER = config('MAIL_SENDER')\n"),
            ".env.example": "MAIL_SENDER=shop@example.org\n",
        },
        Stops("start-failed", ("MAIL_SENDER", "nothing sets it")),
        command=_APP,
        decides={"variables.MAIL_SENDER": ""},
    ),
    Trap(
        "env-file-committed",
        "A .env with values for development is committed, and load_dotenv() reads it.",
        {
            "requirements.txt": FLASK_PIN + "python-dotenv==1.1.1\n",
            "app.py": flask(
                "' + ('known to all' if os.environ['SECRET_KEY'] == 'dev' else 'a key of its own') + '",
                before="import os\n\nfrom dotenv import load_dotenv\n\nload_dotenv()\n",
            )
            .replace("\"' +", "'' +")
            .replace("+ '\"", "+ ''"),
            ".env": "SECRET_KEY=dev\nPORT=1\n",
        },
        Serves("a key of its own"),
        command=_APP,
        decides={"secrets.generated": "SECRET_KEY"},
    ),
    Trap(
        "env-file-missing",
        "The code opens a .env that is not committed.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": flask("never", before="VALUES = dict(line.split('=') for line in open('.env'))\n"),
        },
        Stops("start-failed", ("No such file or directory: '.env'",)),
        command=_APP,
    ),
    Trap(
        "debug-as-text",
        "DEBUG is a text: `bool('False')` is true, and 'False' is not a number.",
        django("debugging", SETTINGS.replace("False", 'bool(os.environ.get("DEBUG", "False"))')),
        Serves("debugging"),
        command=_SHOP,
    ),
    Trap(
        "hosts-in-a-variable",
        "ALLOWED_HOSTS is split from a variable with an empty default: every request would be a 400.",
        django("the right host", SETTINGS.replace(_HOSTS, "ALLOWED_HOSTS = os.getenv('HOSTS', '').split(',')")),
        Serves("the right host"),
        command=_SHOP,
    ),
    Trap(
        "hosts-of-decouple",
        "ALLOWED_HOSTS comes from decouple's Csv(), which has no default.",
        {
            **django(
                "as CSV",
                SETTINGS.replace(
                    _HOSTS, "from decouple import Csv, config\n\nALLOWED_HOSTS = config('DJANGO_HOSTS', cast=Csv())"
                ),
            ),
            "requirements.txt": DJANGO_PIN + "python-decouple==3.8\n",
        },
        Serves("as CSV"),
        command=_SHOP,
    ),
    Trap(
        "hosts-of-its-own",
        "The settings allow their owner's hostname and no other: the environment's own are added to it.",
        django("known here too", SETTINGS.replace('"*"', '"shop.example.org"')),
        Serves("known here too"),
        command=_SHOP,
    ),
    Trap(
        "https-by-a-variable",
        "The settings redirect to HTTPS unless a variable says otherwise.",
        django(
            "without TLS",
            SETTINGS.replace("django.middleware.common.Common", "django.middleware.security.Security")
            + "SECURE_SSL_REDIRECT = os.environ.get('SSL_REDIRECT', 'True') == 'True'\n",
        ),
        Serves("without TLS"),
        command=_SHOP,
    ),
    Trap(
        "https-always",
        "The settings redirect everything to HTTPS, whatever the router speaks: that is left to the router.",
        django(
            "by any road",
            SETTINGS.replace("django.middleware.common.Common", "django.middleware.security.Security")
            + "SECURE_SSL_REDIRECT = True\n",
        ),
        Serves("by any road"),
        command=_SHOP,
    ),
    Trap(
        "settings-local-missing",
        "The settings import local.py, which is not committed.",
        {
            **{path: text for path, text in django("never").items() if path != "shop/settings.py"},
            "shop/settings/__init__.py": "from .base import *\nfrom .local import *\n",
            "shop/settings/base.py": SETTINGS.replace(".parent.parent", ".parent.parent.parent"),
            ".gitignore": "shop/settings/local.py\n",
        },
        Stops("release-command-failed", ("shop.settings.local", "Commit the module")),
        command=_SHOP,
    ),
    Trap(
        "instance-folder-missing",
        "The configuration lies in Flask's instance folder, which nobody commits.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": flask("never", after="app.config.from_pyfile(app.instance_path + '/config.py')\n"),
        },
        Stops("start-failed", ("instance/config.py", "Unable to load configuration file")),
        command=_APP,
    ),
    Trap(
        "makes-its-folder",
        "It makes Flask's instance folder and writes there, and beside its own code.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": flask(
                "written",
                after="import os, pathlib\n\nos.makedirs(app.instance_path, exist_ok=True)\n"
                "pathlib.Path(app.instance_path, 'visits.txt').write_text('0')\n"
                "pathlib.Path(__file__).with_name('cache.txt').write_text('0')\n",
            ),
        },
        Serves("written"),
        command=_APP,
    ),
    Trap(
        "log-folder-missing",
        "It logs to a file in a folder that is not there.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": flask("never", before="import logging\n\nlogging.basicConfig(filename='logs/app.log')\n"),
        },
        Stops("start-failed", ("No such file or directory", "logs/app.log")),
        command=_APP,
    ),
    Trap(
        "log-of-the-box",
        "It logs to /var/log, which is not its own.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": flask(
                "never", before="import logging\n\nlogging.basicConfig(filename='/var/log/shop/app.log')\n"
            ),
        },
        Stops("start-failed", ("/var/log/shop/app.log",)),
        command=_APP,
    ),
    Trap(
        "sqlite-committed",
        "The database is committed with its rows, and the app reads them.",
        {
            "app.py": wsgi("%s").replace('b"%s"', "WORD.encode()") + "\n\nimport sqlite3\n\n"
            "WORD = sqlite3.connect('words.db').execute('select word from words').fetchone()[0]\n",
            "words.db": _table(),
        },
        Serves("committed with the code"),
        command=_APP,
    ),
    Trap(
        "redis-demanded",
        "It does not start without REDIS_URL.",
        {
            "requirements.txt": FLASK_PIN + "redis==6.4.0\n",
            "app.py": flask(
                "' + str(store.incr('visits')) + '. visit",
                before="import os\n\nimport redis\n\nstore = redis.from_url(os.environ['REDIS_URL'])\n",
            )
            .replace("\"' +", "'' +")
            .replace('. visit"', ". visit'"),
        },
        Serves(". visit"),
        command=_APP,
    ),
)
