"""Every example is understood without configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from pullet.analysis.detection import explain, files_to_read, understand

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMANDS = {
    "flask-hello": "gunicorn --threads 4 app:app",
    "fastapi-hello": "uvicorn main:app",
    "starlette-hello": "uvicorn main:app",
    "litestar-hello": "uvicorn app:create_app --factory",
    "wsgi-plain": "granian --interface wsgi wsgi:application",
    "asgi-plain": "uvicorn asgi:app",
    "django-notes": "gunicorn --threads 4 notesite.wsgi:application",
}


def read(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_every_example_has_its_expectation() -> None:
    assert {folder.name for folder in EXAMPLES.iterdir()} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_example_is_understood(name: str) -> None:
    files = read(EXAMPLES / name)
    wanted = files_to_read([(path, len(content)) for path, content in files.items()])
    spec = understand(list(files), {path: files[path] for path in wanted}, None, name)
    web = spec.process("web")
    assert web is not None
    assert web.command == COMMANDS[name]
    assert any("from " in line for line in explain(spec))


def test_django_migrates_and_serves_its_static_files_through_the_router() -> None:
    files = read(EXAMPLES / "django-notes")
    spec = understand(list(files), files, None, "django-notes")
    assert spec.release_commands == ("python manage.py migrate --noinput",)
    assert spec.build_commands == ("python manage.py collectstatic --noinput",)
    assert [(mount.url, mount.path) for mount in spec.static] == [("/static", "staticfiles")]
