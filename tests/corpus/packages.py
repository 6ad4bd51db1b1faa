"""What is to be installed: the files that say so, in all the shapes that people commit."""

from __future__ import annotations

from tests.corpus.parts import BOTTLE_PIN, FLASK_PIN, GRANIAN_WSGI, GUNICORN_PIN, flask, wsgi
from tests.corpus.ports import server
from tests.corpus.trap import Serves, Stops, Trap

_PUBLIC = ".".join(("pypi", "org"))

_BOTTLE_HASHED = """bottle==0.13.4 \\
    --hash=sha256:045684fbd2764eac9cdeb824861d1551d113e8b683d8d26e296898d3dd99a12e \\
    --hash=sha256:787e78327e12b227938de02248333d788cfe45987edca735f8f88e03472c3f47
"""
_PROJECT = """[project]
name = "shop"
version = "1.0"
dependencies = ["flask==3.1.3"]
"""


def bottle(text: str) -> str:
    return f"""from bottle import Bottle

app = Bottle()


@app.route("/")
def index():
    return "{text}"
"""


TRAPS = (
    Trap(
        "requirements-in-utf-16",
        "PowerShell's `pip freeze > requirements.txt` writes UTF-16.",
        {"requirements.txt": GUNICORN_PIN.encode("utf-16"), "app.py": flask("read from UTF-16")},
        Serves("read from UTF-16"),
        command="gunicorn --threads 4 app:app",
    ),
    Trap(
        "requirements-from-windows",
        "requirements.txt begins with a byte order mark and its lines end as on Windows.",
        {"requirements.txt": "\ufeff" + GUNICORN_PIN.replace("\n", "\r\n"), "app.py": flask("with line ends")},
        Serves("with line ends"),
        command="gunicorn --threads 4 app:app",
    ),
    Trap(
        "requirements-with-hashes",
        "Every line has its hashes, and the server that is missing has none.",
        {"requirements.txt": _BOTTLE_HASHED, "app.py": bottle("hashed")},
        Serves("hashed"),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "requirements-of-comments",
        "requirements.txt is there and says nothing.",
        {"requirements.txt": "# nothing yet\n\n", "app.py": wsgi("nothing needed")},
        Serves("nothing needed"),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "requirements-editable-self",
        "requirements.txt is `-e .`, and setup.py has the dependencies.",
        {
            "requirements.txt": "-e .\n",
            "setup.py": "from setuptools import setup\n\n"
            "setup(name='shop', version='1', packages=['shop'], install_requires=['flask==3.1.3'])\n",
            "shop/__init__.py": flask("installed in place"),
        },
        Serves("installed in place"),
        command=GRANIAN_WSGI + "shop:app",
    ),
    Trap(
        "setup-py-only",
        "The only list of dependencies is in setup.py.",
        {
            "setup.py": "from setuptools import setup\n\n"
            "REQUIRED = open('required.txt').read().split()\n"
            "setup(name='shop', version='1', py_modules=['shop'], install_requires=REQUIRED)\n",
            "required.txt": FLASK_PIN,
            "shop.py": flask("by setup.py"),
        },
        Serves("by setup.py"),
        command=GRANIAN_WSGI + "shop:app",
    ),
    Trap(
        "pipfile-only",
        "A Pipfile that nobody has locked.",
        {
            "Pipfile": f'[[source]]\nurl = "https://{_PUBLIC}/simple"\nverify_ssl = true\nname = "pypi"\n\n'
            '[packages]\nflask = "==3.1.3"\n\n[dev-packages]\nblack = "*"\n',
            "app.py": flask("by a Pipfile"),
        },
        Serves("by a Pipfile"),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "poetry-of-old",
        "Poetry's own table of dependencies, with Python in it and no lock.",
        {
            "pyproject.toml": '[tool.poetry]\nname = "shop"\nversion = "0.1.0"\ndescription = ""\nauthors = []\n\n'
            '[tool.poetry.dependencies]\npython = "^3.9"\nflask = "3.1.3"\n\n'
            '[tool.poetry.dev-dependencies]\npytest = "^7"\n\n'
            '[build-system]\nrequires = ["poetry-core>=1.0.0"]\nbuild-backend = "poetry.core.masonry.api"\n',
            "shop/__init__.py": "",
            "shop/app.py": flask("by Poetry"),
        },
        Serves("by Poetry"),
        command=GRANIAN_WSGI + "shop.app:app",
    ),
    Trap(
        "conda-only",
        "environment.yml is conda's; nothing else lists the dependencies.",
        {
            "environment.yml": "name: shop\nchannels: [defaults]\ndependencies:\n  - python=3.11\n  - flask\n",
            "app.py": flask("from its imports"),
        },
        Serves("from its imports"),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "no-dependency-file",
        "Nothing lists the dependencies.",
        {"app.py": bottle("nothing listed it")},
        Serves("nothing listed it"),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "flat-layout",
        "pyproject.toml beside several folders: setuptools would refuse to guess which are packages.",
        {
            "pyproject.toml": _PROJECT
            + '\n[build-system]\nrequires = ["setuptools>=61"]\nbuild-backend = "setuptools.build_meta"\n',
            "app.py": flask("never built"),
            "data/__init__.py": "",
            "templates/index.html": "<p>",
            "tools/__init__.py": "",
        },
        Serves("never built"),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "project-script",
        "The Procfile starts a command that pyproject.toml declares.",
        {
            "pyproject.toml": _PROJECT + 'scripts = { shop-serve = "shop.cli:main" }\n',
            "shop/__init__.py": "",
            "shop/cli.py": "import os\n"
            + flask("its own command")
            + "\n\ndef main():\n    app.run(port=int(os.environ['PORT']))\n",
            "Procfile": "web: shop-serve\n",
        },
        Serves("its own command"),
        command='python -c "import sys; from shop.cli import main; sys.exit(main())"',
    ),
    Trap(
        "project-script-alone",
        "A program for the command line that serves: only pyproject.toml says which.",
        {
            "pyproject.toml": '[project]\nname = "shop"\nversion = "1.0"\ndependencies = []\n\n'
            '[project.scripts]\nshop-check = "shop.check:main"\nshop-serve = "shop.cli:serve"\n',
            "src/shop/__init__.py": "",
            "src/shop/check.py": "def main():\n    print('all is well')\n",
            "src/shop/cli.py": server("found by its script", '("", int(os.environ["PORT"]))').replace(
                'if __name__ == "__main__":', "def serve():"
            ),
        },
        Serves("found by its script"),
        command='python -c "import sys; from shop.cli import serve; sys.exit(serve())"',
    ),
    Trap(
        "python-of-old",
        "runtime.txt asks for a Python that no box has any more.",
        {"requirements.txt": BOTTLE_PIN, "runtime.txt": "python-3.6.9\n", "app.py": bottle("the nearest")},
        Serves("the nearest", heals=None),
        command="gunicorn --threads 4 app:app",
        decides={"app.python": "3.6"},
    ),
    Trap(
        "another-systems-package",
        "requirements.txt was frozen on Windows and has a package for nothing else.",
        {"requirements.txt": FLASK_PIN + "pywin32==306\n", "app.py": flask("never")},
        Stops("build-failed", ("pywin32",)),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "ubuntus-phantom",
        "Ubuntu's `pip freeze` wrote `pkg-resources==0.0.0`, which never was a package.",
        {"requirements.txt": FLASK_PIN + "pkg-resources==0.0.0\n", "app.py": flask("without the phantom")},
        Serves("without the phantom"),
        command=GRANIAN_WSGI + "app:app",
    ),
    Trap(
        "procfile-server-not-listed",
        "The Procfile starts gunicorn, and nothing lists it.",
        {"requirements.txt": FLASK_PIN, "Procfile": "web: gunicorn app:app\n", "app.py": flask("gunicorn came along")},
        Serves("gunicorn came along"),
        command="gunicorn app:app",
    ),
)
