"""What time has broken, and what healing may and may not do about it."""

from __future__ import annotations

from tests.corpus.parts import FLASK_PIN, GRANIAN_WSGI, flask
from tests.corpus.trap import Serves, Stops, Submodule, Trap

_APP = GRANIAN_WSGI + "app:app"
_PKG = "import pkg_resources\n"
_PINNED = FLASK_PIN + "setuptools==82.0.0\n"

TRAPS = (
    Trap(
        "pkg-resources",
        "The code imports pkg_resources, which setuptools has no more.",
        {"requirements.txt": FLASK_PIN, "app.py": flask("with old setuptools", before=_PKG)},
        Serves("with old setuptools", heals=("setuptools<81",)),
        command=_APP,
    ),
    Trap(
        "pkg-resources-pinned",
        "The same, and the repository pins a setuptools without it: a pin is never changed unasked.",
        {"requirements.txt": _PINNED, "app.py": flask("never", before=_PKG)},
        Stops("start-failed", ("pkg_resources", "setuptools==82.0.0", "heal = ")),
        command=_APP,
    ),
    Trap(
        "pkg-resources-pin-allowed",
        "The same, and pullet.toml allows to change pins.",
        {
            "requirements.txt": _PINNED,
            "app.py": flask("the pin gave way", before=_PKG),
            "pullet.toml": '[build]\nheal = "pins"\n',
        },
        Serves("the pin gave way", heals=("setuptools<81",)),
        command=_APP,
    ),
    Trap(
        "healing-switched-off",
        "The same without a pin, and pullet.toml switches healing off.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": flask("never", before=_PKG),
            "pullet.toml": "[build]\nheal = false\n",
        },
        Stops("start-failed", ("pkg_resources",)),
        command=_APP,
    ),
    Trap(
        "broken-by-time",
        "Nothing is pinned, and Flask has dropped what the code imports since the commit was made.",
        {
            "requirements.txt": "flask\ngunicorn\n",
            "app.py": flask("as of its day", before="from flask import Markup\n"),
        },
        Serves("as of its day", heals=("2022-03-01",)),
        command="gunicorn --threads 4 app:app",
        committed="2022-03-01",
    ),
    Trap(
        "import-not-listed",
        "An import whose package is known, and which nothing lists.",
        {"requirements.txt": FLASK_PIN, "app.py": flask("with YAML", before="import yaml\n")},
        Serves("with YAML", heals=("PyYAML",)),
        command=_APP,
    ),
    Trap(
        "import-of-nobody",
        "An import that nobody knows: anybody could register such a name.",
        {"requirements.txt": FLASK_PIN, "app.py": flask("never", before="import acme_internal_helpers\n")},
        Stops("start-failed", ("acme_internal_helpers", "neither the repository nor a dependency has")),
        command=_APP,
    ),
    Trap(
        "import-of-a-submodule",
        "The code imports from a git submodule that cannot be fetched.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": flask("never", before="from helpers_of_ours import theme\n"),
            "helpers_of_ours": Submodule(),
            ".gitmodules": '[submodule "helpers_of_ours"]\n\tpath = helpers_of_ours\n\turl = ../helpers\n',
        },
        Stops("start-failed", ("helpers_of_ours",)),
        command=_APP,
    ),
    Trap(
        "python-2",
        "It was written for Python 2.",
        {
            "requirements.txt": FLASK_PIN,
            "app.py": flask("never", after="print 'started'\n"),
            "Procfile": "web: python app.py\n",
        },
        Stops("start-failed", ("Python 2",)),
        command="python app.py",
    ),
    Trap(
        "python-2-without-a-procfile",
        "The same, and nothing but the code says what to start.",
        {"requirements.txt": FLASK_PIN, "app.py": flask("never", after="print 'started'\n")},
        Stops("no-app-found", ("Could not parse app.py",)),
    ),
    Trap(
        "needs-a-display",
        "It opens a window.",
        {"requirements.txt": FLASK_PIN, "app.py": flask("never", before="import tkinter\n\nroot = tkinter.Tk()\n")},
        Stops("start-failed", ("tkinter",)),
        command=_APP,
    ),
)
