"""Where the app lies: folders, paths, names that are taken."""

from __future__ import annotations

from tests.corpus.parts import FASTAPI_PIN, FLASK_PIN, GRANIAN_WSGI, fastapi, flask, wsgi
from tests.corpus.trap import Serves, Stops, Trap

TRAPS = (
    Trap(
        "src-without-a-package",
        "The code lies in src, and nothing installs it.",
        {
            "requirements.txt": FLASK_PIN,
            "src/shop/__init__.py": "",
            "src/shop/words.py": "HELLO = 'from src/shop'\n",
            "src/shop/main.py": flask("{HELLO}", before="from shop.words import HELLO").replace(
                'return "', 'return f"'
            ),
        },
        Serves("from src/shop"),
        command=GRANIAN_WSGI + "shop.main:app",
        decides={"variables.PYTHONPATH": "src"},
    ),
    Trap(
        "wsgi-changes-the-path",
        "wsgi.py puts a folder on sys.path before it imports the app from there.",
        {
            "requirements.txt": FLASK_PIN,
            "wsgi.py": "import os, sys\n\n"
            "sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'backend'))\n"
            "from site_app import app as application\n",
            "backend/site_app.py": flask('" + words.HELLO + "', before="import words"),
            "backend/words.py": "HELLO = 'from backend'\n",
        },
        Serves("from backend"),
        command=GRANIAN_WSGI + "wsgi:application",
    ),
    Trap(
        "folder-with-a-space",
        "The folder's name has a space.",
        {"requirements.txt": FLASK_PIN, "my app/app.py": flask("in my app")},
        Serves("in my app"),
        command=GRANIAN_WSGI + "app:app",
        decides={"variables.PYTHONPATH": "my app"},
    ),
    Trap(
        "folder-that-is-no-module",
        "The folder's name is no name of a module: `web-app`.",
        {
            "requirements.txt": FASTAPI_PIN,
            "web-app/main.py": fastapi('" + words.HELLO + "', before="import words"),
            "web-app/words.py": "HELLO = 'in web-app'\n",
        },
        Serves("in web-app"),
        command="uvicorn main:app",
        decides={"variables.PYTHONPATH": "web-app"},
    ),
    Trap(
        "backend-and-frontend",
        "Nothing is at the top: the server is in backend, its pages in frontend.",
        {
            "README.md": "# Shop\n",
            "backend/requirements.txt": FASTAPI_PIN,
            "backend/main.py": fastapi("the backend"),
            "frontend/package.json": '{"name": "front", "scripts": {"build": "vite build"}}\n',
            "frontend/src/main.js": "console.log('hello')\n",
        },
        Serves("the backend"),
        command="uvicorn main:app",
        decides={"app.root": "backend"},
    ),
    Trap(
        "module-and-package",
        "app.py and the package app/ are both there: Python takes the package.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": "from app import create_app\n\napp = create_app()\n\nif __name__ == '__main__':\n    app.run()\n",
            "app/__init__.py": "def create_app():\n"
            + "".join(f"    {line}\n" for line in flask("the package").splitlines())
            + "    return app\n",
        },
        Serves("the package"),
        command=GRANIAN_WSGI + "--factory app:create_app",
    ),
    Trap(
        "shadows-its-framework",
        "The app's file is called flask.py: it imports itself.",
        {"requirements.txt": FLASK_PIN, "flask.py": flask("never")},
        Stops("start-failed", ("flask.py has the name of a module", "Rename flask.py")),
        command=GRANIAN_WSGI + "flask:app",
    ),
    Trap(
        "shadows-the-standard-library",
        "A file at the top is called as a module that others need: calendar.py.",
        {
            "requirements.txt": FLASK_PIN,
            "calendar.py": "EVENTS = []\n",
            "app.py": flask("never", before="import http.cookiejar\nimport email.utils"),
        },
        Stops("start-failed", ("calendar.py has the name of a module", "Rename calendar.py")),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "manage-py-of-its-own",
        "manage.py is not Django's.",
        {
            "requirements.txt": FLASK_PIN,
            "manage.py": "import sys\n\nfrom app import app\n\n\ndef main(what):\n    print('backup', what)\n\n\n"
            "if __name__ == '__main__':\n    main(sys.argv)\n",
            "app.py": flask("not Django"),
        },
        Serves("not Django"),
        command=GRANIAN_WSGI + "app:app",
        decides={"release.commands": ""},
    ),
    Trap(
        "two-apps-in-a-file",
        "Two applications are in one file; one has the usual name.",
        {
            "requirements.txt": FLASK_PIN,
            "main.py": flask("the public one", after="admin = Flask('admin')\n"),
        },
        Serves("the public one"),
        command=GRANIAN_WSGI + "main:app",
    ),
    Trap(
        "two-apps",
        "Two files are equally likely to be what is served.",
        {"requirements.txt": FLASK_PIN, "app.py": flask("the one"), "main.py": flask("the other")},
        Stops("app-ambiguous", ("app.py", "main.py", "[processes.web]")),
    ),
    Trap(
        "nothing-to-run",
        "A library: nothing in it serves.",
        {"requirements.txt": FLASK_PIN, "library/__init__.py": "def add(a, b):\n    return a + b\n"},
        Stops("no-app-found", ("Looked for", "[processes.web]")),
    ),
    Trap(
        "names-of-all-kinds",
        "File names with quotes, letters of other alphabets, dashes at the front, line ends.",
        {
            "app.py": wsgi("all kinds"),
            "-rf": "x",
            "a\nb.py": "x = 1\n",
            'quo"te.py': "x = 1\n",
            "Übung/Größe.py": "x = 1\n",
            "static/$(touch owned).css": "a {}\n",
        },
        Serves("all kinds"),
        command=GRANIAN_WSGI + "app:app",
    ),
)
