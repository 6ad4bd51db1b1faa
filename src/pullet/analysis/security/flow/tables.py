"""What is known of names: where input comes from, what carries it on, what cleans it, where it does harm."""

from __future__ import annotations

import re
from collections.abc import Mapping

EVERY = frozenset({"sql", "shell", "code", "template", "xss", "path", "redirect", "ssrf", "deserialisation", "ldap"})
_NOT_BY_LINK = frozenset({"xss", "redirect"})  # nobody can make somebody else's browser send them
_WHOLE: Mapping[str, frozenset[str]] = {
    "flask": frozenset({"data", "query_string"}),
    "django": frozenset({"body"}),
    "starlette": frozenset(),
}
_MAPPINGS: Mapping[str, frozenset[str]] = {
    "flask": frozenset({"args", "form", "values", "json", "cookies", "headers"}),
    "django": frozenset({"GET", "POST", "COOKIES", "META", "headers", "data", "query_params"}),
    "starlette": frozenset({"query_params", "cookies", "headers"}),
}
_CALLED: Mapping[str, frozenset[str]] = {
    "flask": frozenset({"get_json", "get_data"}),
    "django": frozenset(),
    "starlette": frozenset({"json", "body", "form"}),
}
_TEXTS = frozenset({"args", "form", "values", "cookies", "headers", "GET", "POST", "COOKIES", "META", "query_params"})


def request_part(framework: str, name: str) -> tuple[bool, bool, frozenset[str]] | None:
    """Of an attribute of the request: (is a mapping, of texts, kinds it is harmless for); None: no input."""
    clean = _NOT_BY_LINK if name.lower() in ("cookies", "headers", "meta") else frozenset()
    if name in _MAPPINGS[framework]:
        return True, name in _TEXTS, clean
    return (False, False, clean) if name in _WHOLE[framework] else None


def request_call(framework: str, name: str) -> bool:
    return name in _CALLED[framework]


# What a text stays one through. `replace` and `translate` may clean, so they carry nothing on.
TEXT_METHODS = frozenset(
    [
        "strip",
        "lstrip",
        "rstrip",
        "lower",
        "upper",
        "title",
        "capitalize",
        "casefold",
        "encode",
        "decode",
        "removeprefix",
        "removesuffix",
    ]
)
PIECES = frozenset({"split", "rsplit", "splitlines", "partition", "rpartition"})
LOOKUPS = frozenset({"get", "getlist", "getone", "pop"})
CARRIES = frozenset(
    [
        "str",
        "bytes",
        "bytearray",
        "base64.b64decode",
        "base64.urlsafe_b64decode",
        "base64.decodebytes",
        "json.loads",
        "io.BytesIO",
        "io.StringIO",
        "urllib.parse.unquote",
        "urllib.parse.unquote_plus",
        "os.path.join",
        "os.path.expanduser",
        "os.path.abspath",
        "os.path.normpath",
        "os.path.realpath",
        "pathlib.Path",
        "pathlib.PurePosixPath",
        "sqlalchemy.text",
        "sqlalchemy.sql.text",
        "sqlalchemy.literal_column",
        "django.utils.encoding.force_str",
        "textwrap.dedent",
    ]
)
KINDS: Mapping[str, str] = {
    **dict.fromkeys(("pathlib.Path", "pathlib.PurePosixPath"), "path"),
    **dict.fromkeys(("sqlalchemy.text", "sqlalchemy.sql.text", "sqlalchemy.literal_column"), "sql"),
}
"""What some of them make of it."""
PATH_METHODS = frozenset({"resolve", "absolute", "expanduser", "joinpath", "with_suffix"})

CLEANS: Mapping[str, frozenset[str]] = {
    "html.escape": frozenset({"xss"}),
    "markupsafe.escape": frozenset({"xss"}),
    "flask.escape": frozenset({"xss"}),
    "django.utils.html.escape": frozenset({"xss"}),
    "django.utils.html.conditional_escape": frozenset({"xss"}),
    "shlex.quote": frozenset({"shell"}),
    "urllib.parse.quote": frozenset({"xss", "redirect", "ssrf", "ldap"}),
    "urllib.parse.quote_plus": frozenset({"xss", "redirect", "ssrf", "path", "ldap"}),
    "werkzeug.utils.secure_filename": EVERY - {"code"},
    "os.path.basename": frozenset({"path", "redirect", "ssrf"}),
    "ldap.filter.escape_filter_chars": frozenset({"ldap"}),
}
"""Calls whose result is the input still, but harmless for these kinds. A call in no table gives nothing on."""

# resolved name -> kind; the first argument counts
CALLS: Mapping[str, str] = {
    **dict.fromkeys(("eval", "exec"), "code"),
    **dict.fromkeys(
        (
            "os.system",
            "os.popen",
            "subprocess.getoutput",
            "subprocess.getstatusoutput",
            "asyncio.create_subprocess_shell",
        ),
        "shell",
    ),
    **dict.fromkeys(
        ("flask.render_template_string", "jinja2.Template", "django.template.Template", "quart.render_template_string"),
        "template",
    ),
    **dict.fromkeys(
        (
            "django.utils.safestring.mark_safe",
            "django.utils.safestring.SafeString",
            "markupsafe.Markup",
            "flask.Markup",
            "django.http.HttpResponse",
            "flask.Response",
            "flask.make_response",
            "quart.Response",
            "quart.make_response",
            "fastapi.responses.HTMLResponse",
            "starlette.responses.HTMLResponse",
        ),
        "xss",
    ),
    **dict.fromkeys(
        (
            "open",
            "io.open",
            "aiofiles.open",
            "os.remove",
            "os.unlink",
            "os.listdir",
            "os.rename",
            "os.replace",
            "shutil.copy",
            "shutil.copyfile",
            "shutil.move",
            "flask.send_file",
            "fastapi.responses.FileResponse",
            "starlette.responses.FileResponse",
            "shutil.rmtree",
        ),
        "path",
    ),
    **dict.fromkeys(
        (
            "flask.redirect",
            "werkzeug.utils.redirect",
            "django.shortcuts.redirect",
            "django.http.HttpResponseRedirect",
            "fastapi.responses.RedirectResponse",
            "starlette.responses.RedirectResponse",
        ),
        "redirect",
    ),
    **{
        f"{library}.{verb}": "ssrf"
        for library in ("requests", "httpx")
        for verb in ("get", "post", "put", "patch", "delete", "head", "options")
    },
    "urllib.request.urlopen": "ssrf",
    **dict.fromkeys(
        (
            "pickle.loads",
            "pickle.load",
            "dill.loads",
            "cloudpickle.loads",
            "marshal.loads",
            "jsonpickle.decode",
            "yaml.unsafe_load",
            "yaml.load",
        ),
        "deserialisation",
    ),
    "django.db.models.expressions.RawSQL": "sql",
}
SECOND: Mapping[str, str] = {
    **dict.fromkeys(("requests.request", "httpx.request", "httpx.stream"), "ssrf"),
    **dict.fromkeys(("os.rename", "os.replace", "shutil.copy", "shutil.copyfile", "shutil.move"), "path"),
}
"""The same, of the second argument."""
TEXT_IS_HTML = frozenset(f"{flask}.{name}" for flask in ("flask", "quart") for name in ("Response", "make_response"))
"""What they are given is sent as HTML where it is text; a dict becomes JSON."""
SQL_CLAUSES = frozenset({"order_by", "filter", "where", "having", "group_by", "select_from", "from_statement"})
"""Methods of a query that take such a text as it is."""
SHELL_PROGRAMS = re.compile(r"(/usr)?(/bin/)?(sh|bash|dash|zsh)")
SHELLS = frozenset(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen"))
MAKING_LOADERS = frozenset({"Loader", "CLoader", "UnsafeLoader", "CUnsafeLoader"})
"""Those that make any object that the text names."""
CLIENTS = frozenset(
    {"httpx.Client", "httpx.AsyncClient", "requests.Session", "requests.session", "aiohttp.ClientSession"}
)
CLIENT_METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
SQL_METHODS = frozenset(
    [
        "execute",
        "executemany",
        "executescript",
        "exec_driver_sql",
        "raw",
        "fetch",
        "fetchrow",
        "fetchval",
        "fetch_all",
        "fetch_one",
        "execute_async",
    ]
)
LDAP_METHODS = frozenset({"search_s", "search_st", "search_ext_s"})
PATH_SINKS = frozenset({"open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink"})
DATABASES = frozenset({"cursor", "cur", "conn", "connection", "db", "session", "engine", "database"})
TALK = frozenset({"print", "log", "logger", "logging", "messages", "flash", "app", "current_app"})
"""Names whose calls check nothing, whatever they are given."""

SQL = re.compile(
    r"\b(select\b.*\bfrom|insert\s+into|update\b.*\bset|delete\s+from|drop\s+table|order\s+by|where)\b",
    re.IGNORECASE | re.DOTALL,
)
ORIGIN = re.compile(r"https?://", re.IGNORECASE)
FLASK_ARGUMENT = re.compile(r"<(?:(?P<kind>\w+)(?:\([^>]*\))?:)?(?P<name>\w+)>")
FASTAPI_ARGUMENT = re.compile(r"\{(?P<name>\w+)(?::(?P<kind>\w+))?\}")
ROUTES = frozenset({"route", "get", "post", "put", "patch", "delete", "head", "options", "api_route", "websocket"})
IN_A_SEGMENT = frozenset({"path", "redirect"})
"""What the value of one segment of a URL's path cannot do, as it holds no slash."""
