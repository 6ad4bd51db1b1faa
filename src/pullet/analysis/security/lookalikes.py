"""Names of packages that look like a well-known one: what somebody registers who waits for a slip of the finger."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.utils import canonicalize_name

_SHORTEST = 5  # letters; of four every second word is a neighbour
_NAMES = """
    aiofiles aiohttp aiosqlite alembic altair amqp annotated-types anyio apscheduler argon2-cffi arrow asgiref
    asyncpg attrs authlib babel backoff bcrypt beautifulsoup4 billiard black bleach blinker boto boto3 botocore
    bottle build cachetools celery certifi cffi channels charset-normalizer cherrypy click cloudpickle colorama
    configparser coverage cryptography cython daphne dash dask databases decorator deprecated discord-py distlib
    dj-database-url django django-allauth django-cors-headers django-debug-toolbar django-environ django-extensions
    django-filter django-redis django-storages djangorestframework docker docutils email-validator factory-boy faker
    falcon fastapi filelock flake8 flask flask-admin flask-bcrypt flask-caching flask-cors flask-jwt-extended
    flask-limiter flask-login flask-mail flask-migrate flask-restful flask-session flask-socketio flask-sqlalchemy
    flask-wtf fonttools frozenlist fsspec gevent gitpython google-auth graphene granian greenlet grpcio gunicorn
    httpcore httptools httpx hypercorn hypothesis idna importlib-metadata iniconfig invoke ipython isort
    itsdangerous jinja jinja2 jmespath joblib jsonschema kombu litestar loguru lxml mako markdown markdown-it-py
    markupsafe marshmallow matplotlib mccabe mypy mypyc mypy-extensions mysqlclient networkx nltk nose nose2 numba
    numpy oauthlib openai opencv-python openpyxl orjson packaging pandas paramiko passlib pathspec peewee pendulum
    pillow pipenv platformdirs playwright plotly pluggy poetry prometheus-client prompt-toolkit protobuf psutil
    psycopg psycopg2 psycopg2-binary pyarrow pyasn1 pycparser pycryptodome pycryptodomex pydantic pydantic-core
    pydantic-settings pygments pyjwt pylint pymongo pymysql pynacl pyodbc pyopenssl pyparsing pyramid pyright
    pyserial pytest pytest-asyncio pytest-cov pytest-django pytest-mock python-dateutil python-decouple
    python-dotenv python-jose python-multipart pytz pyyaml pyzmq quart redis regex reportlab requests
    requests-oauthlib requests-toolbelt rich ruamel-yaml s3transfer sanic scapy scikit-learn scipy selenium
    sentry-sdk setuptools shapely simplejson slack-sdk sniffio sortedcontainers soupsieve sphinx sqlalchemy sqlmodel
    sqlparse starlette streamlit stripe structlog sympy tabulate tenacity tensorflow termcolor tiktoken toml tomlkit
    toolz tornado tqdm traitlets transformers twilio twisted typer typing-extensions tzdata tzlocal ujson
    uri-template uritemplate urllib3 uvicorn uvloop virtualenv waitress watchdog watchfiles wcwidth websocket-client
    websockets werkzeug wheel whitenoise wrapt wtforms xlrd xlsxwriter yarl zipp zope-interface
    """
_KNOWN = frozenset(_NAMES.split())
_PREFIXES = ("python-", "python3-", "py-")
_SUFFIXES = ("-python", "-python3", "-py")


def lookalike(name: str) -> str:
    """The well-known package that this name is a slip away from: a letter more, fewer, other or in its neighbour's
    place, another separator, a `python-` before or after it. Empty for a name that is well known itself."""
    name = canonicalize_name(name)
    if name in _KNOWN or len(name) < _SHORTEST:
        return ""
    joined = _BY_JOINED.get(name.replace("-", ""))
    return joined or _adorned(name) or next((other for other in _neighbours(name) if _one_slip(name, other)), "")


def _adorned(name: str) -> str:
    bare = [name.removeprefix(each) for each in _PREFIXES] + [name.removesuffix(each) for each in _SUFFIXES]
    return next((each for each in bare if each != name and each in _KNOWN and len(each) >= _SHORTEST), "")


def _neighbours(name: str) -> Iterator[str]:
    """Those that share the name less one letter, in the order of the alphabet."""
    yield from sorted({other for form in _less_one(name) for other in _BY_FORM.get(form, ())})


def _less_one(name: str) -> Iterator[str]:
    yield name
    for place in range(len(name)):
        yield name[:place] + name[place + 1 :]


def _one_slip(one: str, other: str) -> bool:
    if len(one) > len(other):
        one, other = other, one
    start = next((place for place, letter in enumerate(one) if letter != other[place]), len(one))
    rest, longer = one[start:], other[start:]
    if len(one) < len(other):
        return rest == longer[1:]
    swapped = len(rest) > 1 and rest[0] == longer[1] and rest[1] == longer[0] and rest[2:] == longer[2:]
    return rest[1:] == longer[1:] or swapped


def _by_form() -> dict[str, list[str]]:
    forms: dict[str, list[str]] = {}
    for name in sorted(_KNOWN):
        if len(name) >= _SHORTEST:
            for form in _less_one(name):
                forms.setdefault(form, []).append(name)
    return forms


_BY_FORM = _by_form()
_BY_JOINED = {name.replace("-", ""): name for name in sorted(_KNOWN) if "-" in name}
