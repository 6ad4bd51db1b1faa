"""What to install for an import: only names from these tables are ever installed, as anybody can register another."""

from __future__ import annotations

import re

_DISTRIBUTIONS = {
    "Crypto": "pycryptodome", "Cryptodome": "pycryptodomex", "MySQLdb": "mysqlclient", "OpenSSL": "pyOpenSSL",
    "PIL": "pillow", "allauth": "django-allauth", "argon2": "argon2-cffi", "attr": "attrs", "bs4": "beautifulsoup4",
    "channels_redis": "channels-redis", "cms": "django-cms", "compressor": "django-compressor",
    "corsheaders": "django-cors-headers", "crispy_bootstrap4": "crispy-bootstrap4",
    "crispy_bootstrap5": "crispy-bootstrap5", "crispy_forms": "django-crispy-forms", "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil", "debug_toolbar": "django-debug-toolbar", "decouple": "python-decouple",
    "dj_database_url": "dj-database-url", "django_extensions": "django-extensions", "django_filters": "django-filter",
    "django_redis": "django-redis", "docx": "python-docx", "dotenv": "python-dotenv", "environ": "django-environ",
    "fasthtml": "python-fasthtml",
    "fitz": "PyMuPDF", "flask_admin": "Flask-Admin", "flask_appbuilder": "Flask-AppBuilder", "flask_babel":
    "Flask-Babel", "flask_bootstrap": "Flask-Bootstrap", "flask_ckeditor": "Flask-CKEditor", "flask_debugtoolbar":
    "Flask-DebugToolbar", "flask_gravatar": "Flask-Gravatar", "flask_httpauth": "Flask-HTTPAuth", "flask_moment":
    "Flask-Moment", "flask_pymongo": "Flask-PyMongo", "flask_script": "Flask-Script", "flask_talisman":
    "flask-talisman", "flask_uploads": "Flask-Uploads", "flask_smorest": "flask-smorest", "flask_security":
    "Flask-Security-Too", "flask_simplelogin": "flask_simplelogin", "flask_assets": "Flask-Assets", "flask_compress":
    "Flask-Compress", "flask_dance": "Flask-Dance", "flask_htmx": "flask-htmx",
    "knox": "django-rest-knox", "djoser": "djoser", "drf_yasg": "drf-yasg", "drf_spectacular": "drf-spectacular",
    "widget_tweaks": "django-widget-tweaks", "ckeditor": "django-ckeditor", "mptt": "django-mptt", "tinymce":
    "django-tinymce", "django_htmx": "django-htmx", "ninja": "django-ninja", "phonenumber_field":
    "django-phonenumber-field", "rosetta": "django-rosetta", "social_django": "social-auth-app-django",
    "cloudinary_storage": "django-cloudinary-storage", "django_celery_beat": "django-celery-beat",
    "django_celery_results": "django-celery-results", "bootstrap4": "django-bootstrap4", "bootstrap5":
    "django-bootstrap5", "bootstrap3": "django-bootstrap3", "colorfield": "django-colorfield", "constance":
    "django-constance", "guardian": "django-guardian", "haystack": "django-haystack", "jazzmin": "django-jazzmin",
    "simple_history": "django-simple-history", "sorl": "sorl-thumbnail", "easy_thumbnails": "easy-thumbnails",
    "unfold": "django-unfold", "pgvector": "pgvector", "strawberry": "strawberry-graphql", "dash_bootstrap_components":
    "dash-bootstrap-components", "googleapiclient": "google-api-python-client", "ldap3": "ldap3",
    "flask_bcrypt": "Flask-Bcrypt", "flask_caching": "Flask-Caching",
    "flask_cors": "Flask-Cors", "flask_jwt_extended": "Flask-JWT-Extended", "flask_limiter": "Flask-Limiter",
    "flask_login": "Flask-Login", "flask_mail": "Flask-Mail", "flask_marshmallow": "flask-marshmallow",
    "flask_migrate": "Flask-Migrate", "flask_restful": "Flask-RESTful", "flask_restx": "flask-restx",
    "flask_session": "Flask-Session", "flask_socketio": "Flask-SocketIO", "flask_sqlalchemy": "Flask-SQLAlchemy",
    "flask_wtf": "Flask-WTF", "git": "GitPython", "graphene_django": "graphene-django", "import_export":
    "django-import-export", "jose": "python-jose", "jwt": "PyJWT", "magic": "python-magic", "multipart":
    "python-multipart", "mysql": "mysql-connector-python", "oauth2_provider": "django-oauth-toolkit", "pkg_resources":
    "setuptools<81", "prometheus_client": "prometheus-client", "psycopg": "psycopg[binary]", "psycopg2":
    "psycopg2-binary", "pydantic_settings": "pydantic-settings", "pymysql": "PyMySQL", "rest_framework":
    "djangorestframework", "rest_framework_simplejwt": "djangorestframework-simplejwt", "sentry_sdk": "sentry-sdk",
    "serial": "pyserial", "skimage": "scikit-image", "sklearn": "scikit-learn", "slugify": "python-slugify",
    "socketio": "python-socketio", "storages": "django-storages", "telegram":
    "python-telegram-bot", "tortoise": "tortoise-orm", "websocket": "websocket-client",
    "taggit": "django-taggit", "whitenoise": "whitenoise", "wtforms": "WTForms", "yaml":
    "PyYAML", "zmq": "pyzmq",
}  # fmt: skip
_SAME_NAME = frozenset(
    """aiofiles aiohttp aiosqlite alembic altair anthropic anyio apscheduler arrow asgiref asyncpg authlib babel bcrypt
    bleach bokeh boto3 botocore bottle cachetools celery certifi channels chardet cherrypy click cloudinary connexion
    cryptography daphne dash databases django elasticsearch email_validator environs eventlet falcon fastapi feedparser
    filelock flask flower folium fsspec gevent gradio granian greenlet gunicorn hiredis html5lib httptools httpx
    huggingface_hub humanize hypercorn idna itsdangerous jinja2 joblib jsonschema kombu langchain litestar loguru lxml
    mangum mako markdown markupsafe marshmallow matplotlib mistune more_itertools motor msgpack networkx nltk numpy
    oauthlib openai openpyxl orjson packaging pandas paramiko passlib peewee pendulum phonenumbers pika plotly
    prometheus_client psutil pyarrow pydantic pygments pymongo pymemcache pyparsing pypdf pytz qrcode quart redis
    regex requests requests_oauthlib rich rq rsa sanic scipy seaborn simplejson six slack_sdk sqlalchemy sqlmodel
    sqlparse starlette streamlit stripe structlog sympy tabulate tenacity tiktoken toml tomli tornado tqdm
    transformers twilio typer typing_extensions tzdata tzlocal ujson unidecode urllib3 uvicorn uvloop validators
    waitress watchfiles websockets werkzeug whitenoise whoosh xlrd xlsxwriter xmltodict
    yarl zeep apiflask ariadne blacksheep chainlit cohere duckdb dynaconf fastmcp graphene groq itsdangerous keras
    langchain_community langchain_core langchain_openai langgraph lightgbm mcp mistralai nicegui ollama panel peewee
    piccolo pika polars pony pyramid pyramid_jinja2 pyramid_tm zope_sqlalchemy reflex robyn sentence_transformers shiny
    solara sse_starlette statsmodels tensorflow textblob torch torchvision vizro wagtail wikipedia xgboost
    yfinance marimo""".split()  # noqa: SIM905 - a word a line would be a page of them
)


_KNOWN = frozenset(re.split(r"[\[<]", each)[0].lower() for each in _DISTRIBUTIONS.values())


def is_known_distribution(name: str) -> bool:
    """Whether a distribution of this name is in the tables: the same name elsewhere means the same."""
    return name.lower() in _KNOWN or name.lower().replace("-", "_") in _SAME_NAME


def distribution_of(module: str) -> str:
    """The requirement that brings an import; empty where the name is not one that is known well."""
    top = module.partition(".")[0]
    if top in _DISTRIBUTIONS:
        return _DISTRIBUTIONS[top]
    return top.replace("_", "-") if top in _SAME_NAME else ""


SERVERS = frozenset({"gunicorn", "uvicorn", "hypercorn", "daphne", "granian", "waitress-serve", "celery", "flower"})
"""Programs that a command line may name without a dependency that brings them."""
