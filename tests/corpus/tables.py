"""Tables, migrations, seeds, static files: what is done before and beside serving."""

from __future__ import annotations

from tests.corpus.parts import DJANGO_PIN, GRANIAN_WSGI, GUNICORN_PIN, SETTINGS, SHORT_GRACE, django, flask
from tests.corpus.trap import Entry, Serves, Stops, Trap

_SHOP = GRANIAN_WSGI + "shop.wsgi:application"
_MIGRATE = "python manage.py migrate --noinput"
_COLLECT = "python manage.py collectstatic --noinput"
_WITH_GOODS = SETTINGS.replace('staticfiles"]', 'staticfiles", "goods"]')
_MODELS = "from django.db import models\n\n\nclass Item(models.Model):\n    name = models.CharField(max_length=9)\n"
_MIGRATION = """from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            "Item",
            [("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=9))],
        ),
    ]
"""
_COUNT = """from django.http import HttpResponse
from django.urls import path
from goods.models import Item

urlpatterns = [path("", lambda request: HttpResponse(f"{Item.objects.count()} items"))]
"""
_PAGE = """from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import path

urlpatterns = [path("", lambda request: HttpResponse(static("site.css")))]
"""
_STATIC_ROOT = 'STATIC_ROOT = BASE_DIR / "staticfiles"\n'
_MANIFEST = _STATIC_ROOT + (
    'STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}\n'
)


def goods(settings: str = _WITH_GOODS, migration: str = _MIGRATION) -> dict[str, Entry]:
    """A project with a table."""
    return {
        **django("", settings),
        "shop/urls.py": _COUNT,
        "goods/__init__.py": "",
        "goods/models.py": _MODELS,
        "goods/migrations/__init__.py": "",
        "goods/migrations/0001_initial.py": migration,
    }


TRAPS = (
    Trap(
        "tables-by-migrations",
        "The first page reads a table that only a migration makes.",
        goods(),
        Serves("0 items"),
        command=_SHOP,
        decides={"release.commands": _MIGRATE},
    ),
    Trap(
        "migration-that-fails",
        "A migration raises: nothing of the release may serve.",
        goods(migration=_MIGRATION + "\n\nraise RuntimeError('forgot to squash')\n"),
        Stops("release-command-failed", ("forgot to squash", "0001_initial.py")),
        command=_SHOP,
        decides={"release.commands": _MIGRATE},
    ),
    Trap(
        "migrations-not-committed",
        "Migrations are in .gitignore: no command makes the table.",
        {path: text for path, text in goods().items() if "migrations" not in path}
        | {".gitignore": "migrations/\n", "pullet.toml": SHORT_GRACE},
        Stops("probe-failed", ("answered 500", "goods_item does not exist")),
        command=_SHOP,
        wrong="Django logs no exception where DEBUG is off, so that the missing table is not named",
    ),
    Trap(
        "migrates-in-the-procfile",
        "The Procfile migrates before each start.",
        {
            **goods(),
            "requirements.txt": DJANGO_PIN + "gunicorn==27.0.1\n",
            "Procfile": "web: python manage.py migrate && python manage.py check; gunicorn shop.wsgi --log-file -\n",
        },
        Serves("0 items"),
        command="gunicorn shop.wsgi --log-file -",
        decides={"release.commands": _MIGRATE},
    ),
    Trap(
        "tables-by-init-db",
        "`flask init-db` makes the tables, once; without them the first page fails.",
        {
            "requirements.txt": GUNICORN_PIN,
            "app.py": flask(
                "' + str(database().execute('select count(*) from items').fetchone()[0]) + ' items",
                before="import sqlite3\n\n\ndef database():\n    return sqlite3.connect('items.db')\n",
                after="@app.cli.command('init-db')\ndef init_db():\n"
                "    database().execute('drop table if exists items')\n"
                "    database().execute('create table items (name text)')\n",
            )
            .replace("\"' +", "'' +")
            .replace(' items"', " items'"),
        },
        Serves("0 items"),
        command="gunicorn --threads 4 app:app",
        decides={"release.first": "FLASK_APP=app:app flask init-db"},
    ),
    Trap(
        "static-manifest-committed",
        "What collectstatic made is committed, its sources are not: another run would ruin the manifest.",
        {
            **django("", SETTINGS + _MANIFEST),
            "shop/urls.py": _PAGE,
            "staticfiles/site.0123456789ab.css": "a {}\n",
            "staticfiles/staticfiles.json": '{"paths": {"site.css": "site.0123456789ab.css"}, "version": "1.1", '
            '"hash": ""}\n',
        },
        Serves("/static/site.0123456789ab.css"),
        command=_SHOP,
        decides={"build.commands": ""},
    ),
    Trap(
        "static-manifest-missing",
        "Manifest storage: pages fail until collectstatic has run.",
        {
            **django(
                "", SETTINGS.replace('"django.contrib.staticfiles"', '"django.contrib.staticfiles", "shop"') + _MANIFEST
            ),
            "shop/urls.py": _PAGE,
            "shop/static/site.css": "a {}\n",
        },
        Serves("a {}", path="/static/site.css"),
        command=_SHOP,
        decides={"build.commands": _COLLECT},
    ),
    Trap(
        "static-folder-missing",
        "STATICFILES_DIRS names a folder that git does not keep, as it is empty.",
        django("a warning only", SETTINGS + _STATIC_ROOT + 'STATICFILES_DIRS = [BASE_DIR / "assets"]\n'),
        Serves("a warning only"),
        command=_SHOP,
        decides={"build.commands": f"{_COLLECT} || true"},
    ),
    Trap(
        "static-needs-the-database",
        "Whatever manage.py does asks the database for rows, before a migration could make the table.",
        goods(_WITH_GOODS + _STATIC_ROOT)
        | {
            "goods/apps.py": "from django.apps import AppConfig\n\n\nclass Goods(AppConfig):\n    name = 'goods'\n\n"
            "    def ready(self):\n        from goods.models import Item\n\n        print(Item.objects.count())\n"
        },
        Stops("release-command-failed", ("the table goods_item does not exist",)),
        command=_SHOP,
        decides={"build.commands": f"{_COLLECT} || true"},
    ),
    Trap(
        "static-root-among-its-sources",
        "STATIC_ROOT is one of STATICFILES_DIRS: every command of manage.py refuses.",
        django(
            "never",
            SETTINGS + 'STATIC_ROOT = BASE_DIR / "static"\nSTATICFILES_DIRS = [BASE_DIR / "static"]\n',
        )
        | {"static/site.css": "a {}\n"},
        Stops("release-command-failed", ("should not contain the STATIC_ROOT",)),
        command=_SHOP,
    ),
)
