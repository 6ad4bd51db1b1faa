"""Repositories that lie, hang, hide and flood: they stop with their cause, or serve all the same."""

from __future__ import annotations

from tests.corpus.parts import FLASK_PIN, GRANIAN_WSGI, SETTINGS, SHORT_GRACE, django, flask, wsgi
from tests.corpus.ports import server
from tests.corpus.trap import Link, Serves, Stops, Submodule, Trap

_APP = GRANIAN_WSGI + "app:app"
_SERVE = "python serve.py"
_FORK = """import os, signal

signal.signal(signal.SIGHUP, signal.SIG_IGN)
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
"""

TRAPS = (
    Trap(
        "exits-at-once",
        "The program does its work and exits with 0.",
        {"app.py": wsgi("never"), "Procfile": "web: python -c \"print('nothing to do today')\"\n"},
        Stops("start-failed", ("not stay up: exited with 0", "nothing to do today")),
        command="python -c \"print('nothing to do today')\"",
    ),
    Trap(
        "goes-to-the-background",
        "It forks twice, as daemons do, and the parent exits; the child listens.",
        {"serve.py": server("never", '("", int(os.environ["PORT"]))', before=_FORK)},
        Stops("start-failed", ("not stay up: exited with 0",)),
        command=_SERVE,
    ),
    Trap(
        "never-answers",
        "It takes connections and never says a word.",
        {
            "serve.py": "import http.server, os, socket, time\n\n"
            "listener = socket.create_server(('', int(os.environ['PORT'])))\n"
            "while True:\n    kept = listener.accept()\n    time.sleep(99)\n",
            "Procfile": f"web: {_SERVE}\n",
            "pullet.toml": SHORT_GRACE,
        },
        Stops("probe-failed", ("no healthy answer within 3 s",)),
        command=_SERVE,
    ),
    Trap(
        "never-listens",
        "It runs, and listens nowhere.",
        {
            "worker.py": "import time\n\nprint('waiting for work', flush=True)\ntime.sleep(999)\n",
            "Procfile": "web: python worker.py\n",
            "pullet.toml": SHORT_GRACE,
        },
        Stops("probe-failed", ("no healthy answer within 3 s", "waiting for work")),
        command="python worker.py",
    ),
    Trap(
        "speaks-no-http",
        "It answers with something that is not HTTP.",
        {
            "serve.py": "import os\nimport socketserver\n\n\nclass Echo(socketserver.StreamRequestHandler):\n"
            "    def handle(self):\n        self.wfile.write(b'220 mail.example.org ESMTP\\r\\n')\n\n\n"
            "socketserver.ThreadingTCPServer(('', int(os.environ['PORT'])), Echo).serve_forever()\n",
            "pullet.toml": SHORT_GRACE,
        },
        Stops("probe-failed", ("no healthy answer within 3 s",)),
        command=_SERVE,
    ),
    Trap(
        "always-500",
        "Every answer is a 500.",
        {"app.py": wsgi("never").replace("200 OK", "500 Sorry"), "pullet.toml": SHORT_GRACE},
        Stops("probe-failed", ("GET / answered 500",)),
        command=_APP,
    ),
    Trap(
        "asks-at-import",
        "It asks a question at its start: there is no terminal.",
        {"app.py": wsgi("never", before="NAME = input('Which shop is this? ')\n")},
        Stops("start-failed", ("EOFError",)),
        command=_APP,
    ),
    Trap(
        "asks-for-a-passphrase",
        "It asks for a passphrase at its start, on the terminal itself.",
        {"app.py": wsgi("never", before="import getpass\n\nSECRET = getpass.getpass()\n")},
        Stops("start-failed", ("EOFError",)),
        command=_APP,
    ),
    Trap(
        "reads-standard-input",
        "It reads standard input to its end before it serves.",
        {"app.py": wsgi("nothing came", before="import sys\n\nREAD = sys.stdin.read()\n")},
        Serves("nothing came"),
        command=_APP,
    ),
    Trap(
        "calls-the-network-at-import",
        "The app calls another service when it is imported, and nobody is there.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": flask(
                "never", before="import urllib.request\n\nRATES = urllib.request.urlopen('http://127.0.0.1:9/rates')\n"
            ),
        },
        Stops("start-failed", ("Connection refused",)),
        command=_APP,
    ),
    Trap(
        "settings-call-the-network",
        "Django's settings do: every command of manage.py fails, the migration first.",
        django("never", SETTINGS + "import urllib.request\n\nurllib.request.urlopen('http://127.0.0.1:9/flags')\n"),
        Stops("release-command-failed", ("Connection refused", "shop/settings.py")),
        command=GRANIAN_WSGI + "shop.wsgi:application",
    ),
    Trap(
        "kills-its-parent",
        "It ends its whole process group, and who started it.",
        {"app.py": wsgi("never", before="import os, signal\n\nos.kill(os.getppid(), 9)\nos.kill(0, 9)\n")},
        Stops("start-failed", ("not stay up: ended by SIGKILL",)),
        command=_APP,
    ),
    Trap(
        "ignores-sigterm",
        "It takes no notice when it is asked to end; removing it must still end it.",
        {
            "serve.py": server(
                "deaf",
                '("", int(os.environ["PORT"]))',
                before="import signal\n\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n",
            ),
            "pullet.toml": "[processes.web]\ndrain = '2s'\n",
        },
        Serves("deaf"),
        command=_SERVE,
    ),
    Trap(
        "five-thousand-files",
        "5,000 Python files, each of which could be the app by its name.",
        {
            "requirements.txt": FLASK_PIN,
            "wsgi.py": flask("among 5,000").replace("app = Flask", "application = app = Flask"),
            **{f"package{number % 50}/part{number}/views.py": f"NUMBER = {number}\n" for number in range(5000)},
        },
        Serves("among 5,000"),
        command=GRANIAN_WSGI + "wsgi:app",
    ),
    Trap(
        "syntax-tree-bomb",
        "A module that no parser gets through lies beside the app.",
        {
            "app.py": wsgi("unharmed"),
            "main.py": "x = " + "(" * 5000 + ")" * 5000 + "\n",
            "settings.py": "x = " + "-" * 150_000 + "1\n",
        },
        Serves("unharmed"),
        command=_APP,
    ),
    Trap(
        "half-finished",
        "A file with a syntax error and one of Python 2 lie beside the app.",
        {"app.py": wsgi("the rest works"), "main.py": "def (:\n", "server.py": "print 'hello'\n"},
        Serves("the rest works"),
        command=_APP,
    ),
    Trap(
        "link-to-its-own-folder",
        "A link leads to the folder that it lies in: whoever follows it walks for ever.",
        {
            **django("not dizzy", SETTINGS + "STATIC_ROOT = BASE_DIR / 'collected'\nSTATICFILES_DIRS = ['assets']\n"),
            "assets/all": Link("../assets"),
            "assets/site.css": "a {}\n",
        },
        Serves("a {}", path="/static/site.css"),
        command=GRANIAN_WSGI + "shop.wsgi:application",
    ),
    Trap(
        "links-in-a-circle",
        "Links lead to each other.",
        {"app.py": wsgi("never"), "one": Link("two"), "two": Link("one")},
        Stops("source-refused", ("'one'", "leads to itself")),
        command=_APP,
    ),
    Trap(
        "link-out-of-the-repository",
        "A link leads to a file of the box.",
        {"app.py": wsgi("never"), "config.yml": Link("/etc/passwd")},
        Stops("source-refused", ("config.yml",)),
        command=_APP,
    ),
    Trap(
        "submodule-for-looks",
        "A submodule that cannot be fetched holds what the server does not need.",
        {
            "app.py": wsgi("without the theme"),
            "theme": Submodule(),
            ".gitmodules": '[submodule "theme"]\n\tpath = theme\n\turl = git@git.example.org:shop/theme.git\n',
        },
        Serves("without the theme"),
        command=_APP,
    ),
    Trap(
        "app-that-is-none",
        "The name `app` is there, and is no application.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": flask("never", after="app = {'name': 'shop'}\n"),
            "pullet.toml": SHORT_GRACE,
        },
        Stops("probe-failed", ("GET / answered 500",)),
        command=_APP,
    ),
)
