"""The example apps need no configuration: what they are is told from their files."""

from pathlib import Path

import pytest

from pullet.analysis.detection import files_to_read, understand
from pullet.domain.app import AppSpec, StaticMount
from pullet.domain.services import ServiceType

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMANDS = {
    "asgi-plain": "uvicorn app:app",
    "django-notes": "gunicorn --threads 4 config.wsgi:application",
    "django-photos": "gunicorn --threads 4 config.wsgi:application",
    "fastapi-hello": "uvicorn main:app",
    "flask-hello": "gunicorn --threads 4 app:app",
    "flask-pyscript": "granian --interface wsgi app:app",
    "litestar-hello": "granian --interface asgi app:app",
    "starlette-hello": "uvicorn app:app",
    "wsgi-plain": "granian --interface wsgi wsgi:application",
}


def understood(name: str) -> AppSpec:
    folder = EXAMPLES / name
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    wanted = files_to_read([(path, len(content)) for path, content in files.items()])
    return understand(list(files), {path: files[path] for path in wanted}, None, name)


def test_every_example_is_listed() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(COMMANDS)


@pytest.mark.parametrize(("name", "command"), COMMANDS.items())
def test_what_an_example_is(name: str, command: str) -> None:
    process = understood(name).process("web")
    assert process is not None and process.command == command


def test_the_django_example_collects_migrates_and_serves_static_files() -> None:
    spec = understood("django-notes")
    assert spec.build_commands == ("python manage.py collectstatic --noinput",)
    assert spec.release_commands == ("python manage.py migrate --noinput",)
    assert spec.static == (StaticMount("/static", "staticfiles"),)
    assert spec.secrets_generated == ("SECRET_KEY",)


def test_the_whole_app_gets_its_services_and_its_worker() -> None:
    spec = understood("django-photos")
    assert {(each.name, each.type) for each in spec.services} == {
        ("db", ServiceType.POSTGRESQL),
        ("redis", ServiceType.VALKEY),
        ("media", ServiceType.VOLUME),
    }
    worker = spec.process("worker")
    assert worker is not None and worker.command.startswith("celery -A config worker")
    assert spec.secrets_generated == ("SECRET_KEY",)
