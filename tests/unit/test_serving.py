"""Command lines that owners write, and how they come to listen on Pullet's socket."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullet.analysis.serving import plain, serve
from pullet.domain.app import Server

GUNICORN = "gunicorn --bind unix:/s --umask 0"


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("gunicorn app:app", f"{GUNICORN} app:app"),
        ("gunicorn app:app -b 0.0.0.0:8000 -w 2", f"{GUNICORN} app:app -w 2"),
        ("gunicorn -b0.0.0.0:8000 --bind=[::]:1 app:app", f"{GUNICORN} app:app"),
        ("gunicorn --daemon --bind :80 'app:make(1)'", f"{GUNICORN} 'app:make(1)'"),
        ("bin/gunicorn app:app", "bin/gunicorn --bind unix:/s --umask 0 app:app"),
        ("exec gunicorn app:app", f"{GUNICORN} app:app"),
        ("uvicorn app:app --host 0.0.0.0 --port 80 --reload", "uvicorn --uds /s app:app"),
        ("python -m uvicorn app:app --port=1", "python -m uvicorn --uds /s app:app"),
        ("granian --interface asgi a:b --port 1", "granian --uds /s --uds-permissions 666 --interface asgi a:b"),
        ("hypercorn a:b -b :1", "hypercorn --bind unix:/s --umask 0 a:b"),
        ("daphne -b 0.0.0.0 -p 80 a:b", "daphne -u /s a:b"),
        ("waitress-serve --listen=*:80 a:b", "waitress-serve --unix-socket=/s --unix-socket-perms=666 a:b"),
        ("DEBUG=0 gunicorn app:app", f"/usr/bin/env DEBUG=0 {GUNICORN} app:app"),
    ],
)
def test_a_known_server_listens_on_the_socket(command: str, argv: str) -> None:
    serving = serve(command, "/s")
    assert serving.listens_on_socket
    assert list(serving.argv) == shlex.split(argv)


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("python manage.py migrate && gunicorn a:b -b :$PORT", f"python manage.py migrate && exec {GUNICORN} a:b"),
        ("gunicorn a:b -w $WORKERS", f'exec {GUNICORN} a:b -w "$WORKERS"'),
        ("cd src && A=1 B=$X gunicorn a:b", f'cd src && A=1 B="$X" exec {GUNICORN} a:b'),
    ],
)
def test_a_shell_line_ends_in_the_server_itself(command: str, script: str) -> None:
    serving = serve(command, "/s")
    assert serving.listens_on_socket and serving.argv[:2] == ("/bin/sh", "-c")
    assert shlex.split(serving.argv[2]) == shlex.split(script)
    assert not serving.python


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("python app.py", ("python", "app.py")),
        ("python app.py --port $PORT", ("/bin/sh", "-c", "exec python app.py --port $PORT")),
        ("gunicorn a:b & celery worker", ("/bin/sh", "-c", "gunicorn a:b & celery worker")),
        ("gunicorn a:b | tee log", ("/bin/sh", "-c", "gunicorn a:b | tee log")),
        ("A=b python app.py", ("/bin/sh", "-c", "A=b python app.py")),
        ("", ()),
    ],
)
def test_anything_else_gets_a_port(command: str, argv: tuple[str, ...]) -> None:
    serving = serve(command, "/s")
    assert not serving.listens_on_socket and serving.server is Server.UNKNOWN
    assert serving.argv == argv == plain(command).argv


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("flask run -p 80 --host=0.0.0.0 --debug", "flask run --port $PORT"),
        ("python -m flask run", "python -m flask run --port $PORT"),
        ("A=b flask run", "/usr/bin/env A=b flask run --port $PORT"),
        ("streamlit run app.py --server.port=80 -- --own 1", "streamlit run app.py --server.port $PORT -- --own 1"),
        ("python manage.py runserver 0.0.0.0:8000", "python manage.py runserver --noreload 127.0.0.1:$PORT"),
        ("./manage.py runserver --settings a.b", "./manage.py runserver --noreload --settings a.b 127.0.0.1:$PORT"),
        ("sanic app:app --host 0.0.0.0 -p 1 --fast", "sanic app:app --fast --port $PORT"),
    ],
)
def test_a_program_that_takes_a_port_gets_it_whatever_was_written(command: str, argv: str) -> None:
    serving = serve(command, "/s")
    assert (list(serving.argv), serving.listens_on_socket) == (shlex.split(argv), False)


def test_a_server_may_have_to_listen_on_a_port() -> None:
    serving = serve("gunicorn -c a.py --bind :80 a:b", "/s", on_port=True)
    assert serving.argv == ("gunicorn", "-c", "a.py", "a:b", "--bind", "127.0.0.1:$PORT")
    assert not serving.listens_on_socket and not serving.python


def test_green_workers_are_never_warm() -> None:
    assert serve("gunicorn a:b", "/s").python
    assert not serve("gunicorn -k gevent a:b", "/s").python


@given(st.text())
def test_any_text_is_understood_or_left_to_the_shell(command: str) -> None:
    serve(command, "/s")


@given(st.text(alphabet="abc-=:$ '\"0", max_size=20))
def test_a_server_never_listens_elsewhere(options: str) -> None:
    serving = serve(f"gunicorn {options} a:b", "/s")
    if serving.listens_on_socket:
        assert "unix:/s" in " ".join(serving.argv)
