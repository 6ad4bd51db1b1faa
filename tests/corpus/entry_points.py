"""What is started: Procfiles with more than a server in them, applications in odd places."""

from __future__ import annotations

from tests.corpus.parts import FLASK_PIN, GRANIAN_WSGI, GUNICORN_PIN, django, flask
from tests.corpus.trap import Serves, Trap

TRAPS = (
    Trap(
        "procfile-cd",
        "The Procfile changes the folder first: `cd src && gunicorn`.",
        {
            "requirements.txt": GUNICORN_PIN,
            "Procfile": "web: cd src && gunicorn main:app --bind 0.0.0.0:$PORT\n",
            "src/main.py": flask("from src"),
        },
        Serves("from src"),
        command="gunicorn --chdir src main:app --bind 0.0.0.0:$PORT",
    ),
    Trap(
        "procfile-honcho",
        "The web process is a process manager that starts the Procfile's others.",
        {
            "requirements.txt": FLASK_PIN + "honcho==2.0.0\ngunicorn==27.0.1\n",
            "Procfile": "web: honcho start -f Procfile.all\n",
            "Procfile.all": "site: gunicorn app:app --bind 0.0.0.0:$PORT\n",
            "app.py": flask("by honcho"),
        },
        Serves("by honcho"),
        command="honcho start -f Procfile.all",
    ),
    Trap(
        "procfile-runserver",
        "Django's server for development is what the Procfile starts.",
        {**django("by runserver"), "Procfile": "web: python manage.py runserver 0.0.0.0:$PORT\n"},
        Serves("by runserver"),
        command="python manage.py runserver 0.0.0.0:$PORT",
    ),
    Trap(
        "tuple-assignment",
        "The app is made beside something else in one assignment.",
        {
            "requirements.txt": FLASK_PIN,
            "main.py": flask("half of a tuple").replace(
                "app = Flask(__name__)", "app, VERSION = Flask(__name__), '1.0'"
            ),
        },
        Serves("half of a tuple"),
        command=GRANIAN_WSGI + "main:app",
    ),
    Trap(
        "procfile-pipeline",
        "The Procfile starts a shell pipeline.",
        {
            "requirements.txt": GUNICORN_PIN,
            "Procfile": "web: gunicorn app:app 2>&1 | tee server.log\n",
            "app.py": flask("through a pipe"),
        },
        Serves("through a pipe"),
        command="gunicorn app:app",
    ),
    Trap(
        "procfile-and-procfile-dev",
        "There are two Procfiles, and the one for development starts what is not there.",
        {
            "requirements.txt": GUNICORN_PIN,
            "Procfile": "web: gunicorn shop:app\n",
            "Procfile.dev": "web: flask run --debug\ncss: npx tailwindcss --watch\n",
            "shop.py": flask("the plain Procfile"),
        },
        Serves("the plain Procfile"),
        command="gunicorn shop:app",
        decides={"processes.css.command": ""},
    ),
    Trap(
        "procfile-from-windows",
        "The Procfile begins with a byte order mark and its lines end as on Windows.",
        {
            "requirements.txt": GUNICORN_PIN,
            "Procfile": "\ufeffweb: gunicorn app:app\r\nrelease: python -c \"open('made', 'w')\"\r\n",
            "app.py": flask("from Windows"),
        },
        Serves("from Windows"),
        command="gunicorn app:app",
        decides={"release.commands": "python -c \"open('made', 'w')\""},
    ),
    Trap(
        "script-from-windows",
        "What the Procfile calls is a script whose lines end as on Windows.",
        {
            "requirements.txt": GUNICORN_PIN,
            "Procfile": "web: bash start.sh\r\n",
            "start.sh": "#!/bin/bash\r\nset -e\r\nexec gunicorn app:app --bind 0.0.0.0:$PORT\r\n",
            "app.py": flask("by a script"),
        },
        Serves("by a script"),
        command="gunicorn app:app --bind 0.0.0.0:$PORT",
    ),
    Trap(
        "gunicorn-daemon",
        "gunicorn is told to go to the background.",
        {
            "requirements.txt": GUNICORN_PIN,
            "Procfile": "web: gunicorn --daemon app:app -D\n",
            "app.py": flask("in the foreground"),
        },
        Serves("in the foreground"),
        command="gunicorn --daemon app:app -D",
    ),
    Trap(
        "factory-with-defaults",
        "The factory takes arguments, and all have defaults.",
        {
            "requirements.txt": FLASK_PIN,
            "shop/__init__.py": "def create_app(config='production', *, testing=False):\n"
            + "".join(f"    {line}\n" for line in flask("by default").splitlines())
            + "    return app\n",
        },
        Serves("by default"),
        command=GRANIAN_WSGI + "--factory shop:create_app",
    ),
    Trap(
        "factory-called-elsewhere",
        "The factory needs an argument; run.py knows it.",
        {
            "requirements.txt": FLASK_PIN,
            "shop/__init__.py": "def create_app(config):\n"
            + "".join(f"    {line}\n" for line in flask("made by run.py").splitlines())
            + "    app.config.from_object(config)\n    return app\n",
            "config.py": "class Production:\n    DEBUG = False\n",
            "run.py": "from config import Production\nfrom shop import create_app\n\napp = create_app(Production)\n\n"
            "if __name__ == '__main__':\n    app.run(debug=True)\n",
        },
        Serves("made by run.py"),
        command=GRANIAN_WSGI + "run:app",
    ),
    Trap(
        "run-under-a-guard",
        "The script ends with `app.run(port=5000)` under a guard.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": flask(
                "no server for development",
                after="if __name__ == '__main__':\n    app.run(host='127.0.0.1', port=5000, debug=True)\n",
            ),
        },
        Serves("no server for development"),
        command=GRANIAN_WSGI + "app:app",
    ),
)
