"""Where an app listens, how long that takes, and what it answers first."""

from __future__ import annotations

from tests.corpus.parts import FASTAPI_PIN, FLASK_PIN, GRANIAN_WSGI, GUNICORN_PIN, fastapi, flask, wsgi
from tests.corpus.trap import Serves, Trap


def server(text: str, where: str, before: str = "", imports: str = "") -> str:
    """A program of the standard library that listens at `where`."""
    return f"""import http.server
import os
import sys
{imports}

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{text}")

    def log_message(self, *_):
        pass

{before}
if __name__ == "__main__":
    http.server.ThreadingHTTPServer({where}, Handler).serve_forever()
"""


_SERVE = "python serve.py"
_WRONG_PORT = 'app.run(host="127.0.0.1", port=5000)\n'

TRAPS = (
    Trap(
        "port-in-the-code",
        "A port that is written in the code, on 127.0.0.1 only.",
        {"serve.py": server("at 8123", '("127.0.0.1", 8123)')},
        Serves("at 8123"),
        command=_SERVE,
    ),
    Trap(
        "port-below-1024",
        "Port 80, which is only root's elsewhere.",
        {"serve.py": server("at 80", '("0.0.0.0", 80)')},
        Serves("at 80"),
        command=_SERVE,
    ),
    Trap(
        "port-on-ipv6",
        "It listens on ::1 only.",
        {
            "serve.py": server(
                "at ::1",
                '("::1", 8199)',
                before="import socket\n\nhttp.server.ThreadingHTTPServer.address_family = socket.AF_INET6\n",
            )
        },
        Serves("at ::1"),
        command=_SERVE,
    ),
    Trap(
        "port-of-another-name",
        "The port is in a variable that nobody else calls so.",
        {"serve.py": server("by MY_HTTP_PORT", '("", int(os.environ.get("MY_HTTP_PORT", "3456")))')},
        Serves("by MY_HTTP_PORT"),
        command=_SERVE,
    ),
    Trap(
        "port-demanded",
        "It does not start without PORT.",
        {"serve.py": server("by PORT", '("", int(os.environ["PORT"]))')},
        Serves("by PORT"),
        command=_SERVE,
    ),
    Trap(
        "port-as-an-argument",
        "The Procfile hands $PORT over as an argument.",
        {
            "serve.py": server("by an argument", '("0.0.0.0", int(sys.argv[1]))'),
            "Procfile": "web: python serve.py $PORT\n",
        },
        Serves("by an argument"),
        command="python serve.py $PORT",
    ),
    Trap(
        "port-beside-another",
        "A second port for metrics is open long before the one for pages.",
        {
            "serve.py": server(
                "the pages",
                '("", int(os.environ.get("PORT", "8000")))',
                before="import threading, time\n\n"
                'metrics = http.server.ThreadingHTTPServer(("127.0.0.1", 9187), http.server.SimpleHTTPRequestHandler)\n'
                "threading.Thread(target=metrics.serve_forever, daemon=True).start()\n"
                "time.sleep(1)\n",
            )
        },
        Serves("the pages"),
        command=_SERVE,
    ),
    Trap(
        "port-of-app-run",
        "The Procfile runs the script, whose `app.run` has a port of its own.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": flask("by app.run", after=f"if __name__ == '__main__':\n    {_WRONG_PORT}"),
            "Procfile": "web: python app.py\n",
        },
        Serves("by app.run"),
        command="python app.py",
    ),
    Trap(
        "reloader",
        "The reloader is on: the process that listens is a child.",
        {
            "requirements.txt": FASTAPI_PIN,
            "main.py": fastapi(
                "below a reloader",
                after="if __name__ == '__main__':\n    import uvicorn\n\n"
                "    uvicorn.run('main:app', host='127.0.0.1', port=8000, reload=True)\n",
            ),
            "Procfile": "web: python main.py\n",
        },
        Serves("below a reloader"),
        command="python main.py",
    ),
    Trap(
        "gunicorn-conf",
        "gunicorn.conf.py binds to a port and asks for workers by the number of cores.",
        {
            "requirements.txt": GUNICORN_PIN,
            "gunicorn.conf.py": "bind = '0.0.0.0:8000'\nworkers = 2\naccesslog = '-'\ntimeout = 5\n",
            "app.py": flask("two workers"),
            "Procfile": "web: gunicorn app:app\n",
        },
        Serves("two workers"),
        command="gunicorn app:app",
    ),
    Trap(
        "slow-start",
        "It takes three seconds before it listens.",
        {"app.py": wsgi("at last", before="import time\n\ntime.sleep(3)\n")},
        Serves("at last"),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "talkative",
        "It prints ten megabytes before it listens, a line of one megabyte among them.",
        {
            "app.py": wsgi(
                "after many words",
                before="import sys\n\nfor _ in range(90_000):\n    print('x' * 99)\n"
                "print('y' * 1_000_000)\nsys.stdout.flush()\n",
            )
        },
        Serves("after many words"),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "nothing-at-the-top",
        "There is no page at /: a 404.",
        {"requirements.txt": FASTAPI_PIN, "main.py": fastapi("the API").replace('get("/"', 'get("/api/v1/items"')},
        Serves("the API", path="/api/v1/items"),
        command="uvicorn main:app",
    ),
    Trap(
        "asks-for-a-password",
        "Everything answers 401.",
        {"app.py": wsgi("who are you").replace("200 OK", "401 Unauthorized")},
        Serves("who are you", status=401),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "leads-to-a-login",
        "Everything redirects to /login.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": flask("never seen").replace(
                "@app.route(",
                "@app.before_request\ndef guard():\n    from flask import redirect, request\n\n"
                "    if request.path != '/login':\n        return redirect('/login')\n\n\n"
                "@app.route('/login')\ndef login():\n    return 'log in here'\n\n\n@app.route(",
                1,
            ),
        },
        Serves("log in here", path="/login"),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "redirects-in-a-circle",
        "/ redirects to itself for ever.",
        {"app.py": wsgi("round and round").replace('"200 OK", [', '"302 Found", [("Location", "/"), ')},
        Serves("round and round", status=302),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "raw-asgi",
        "An ASGI callable that knows no lifespan and says so by an exception.",
        {
            "main.py": """async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("only HTTP")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"only HTTP"})
"""
        },
        Serves("only HTTP"),
        command="uvicorn main:app",
    ),
)
