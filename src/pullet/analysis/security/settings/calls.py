"""Settings of frameworks that have no settings module: what is passed where an app is made, and set on its config."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from pullet.analysis.security.settings.checks import Check
from pullet.analysis.security.settings.modules import Setting
from pullet.analysis.security.settings.values import Scope, Value, argument, dotted, value_of
from pullet.domain.security import Finding, Severity

_H, _M, _L, _N = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.NOTE

_FLASK_DEBUG = Check(
    "flask/debug", 489, _H, "DEBUG", "Debug mode is on in the app that is served",
    "Werkzeug's debugger shows code and variables, and its console runs code.",
    "Ask for a page that fails, and use the console in the traceback.",
    "Remove it, and start with FLASK_DEBUG=1 on your own machine only.",
)  # fmt: skip
_KEY = Check(
    "flask/secret-key", 321, _H, "SECRET_KEY", "The secret key is written in the code",
    "It signs sessions; whoever reads the repository signs his own.",
    "Sign a session cookie of another user with the key.",
    'Write os.environ["SECRET_KEY"]; Pullet makes one where pullet.toml says [secrets] generated = ["SECRET_KEY"]. '
    "Change the one that is out.",
)  # fmt: skip
_COOKIE_SECURE = Check(
    "flask/session-cookie-secure", 614, _L, "SESSION_COOKIE_SECURE", "The session cookie is sent without TLS",
    "Matters once the app has a domain with a certificate.",
    "Listen on the way to an http:// link, and use the cookie.",
    "Set SESSION_COOKIE_SECURE = True where the app is served by TLS.",
)  # fmt: skip
_COOKIE_HTTPONLY = Check(
    "flask/session-cookie-httponly", 1004, _M, "SESSION_COOKIE_HTTPONLY", "Scripts can read the session cookie",
    "Any script that gets into a page takes sessions along.",
    "Inject a script into a page, and send document.cookie away.",
    "Remove the setting; True is the default.",
)  # fmt: skip
_COOKIE_SAMESITE = Check(
    "flask/session-cookie-samesite", 1275, _L, "SESSION_COOKIE_SAMESITE", "The session cookie is sent from other sites",
    "Another site can send requests that carry the visitor's session.",
    "Have a visitor open a page that posts to the app.",
    'Set SESSION_COOKIE_SAMESITE = "Lax".',
)  # fmt: skip
_WTF_CSRF = Check(
    "flask/no-csrf", 352, _H, "WTF_CSRF_ENABLED", "The protection of forms is switched off",
    "Any page that a visitor has open acts in the visitor's name.",
    "Have a visitor open a page that posts a form to the app.",
    "Remove the setting; True is the default.",
)  # fmt: skip
_ASGI_DEBUG = Check(
    "starlette/debug", 489, _H, "debug", "Debug mode is on in the app that is served",
    "Every error shows code and local variables to whoever causes it.",
    "Ask for a page that fails, and read the traceback.",
    "Remove debug=True.",
)  # fmt: skip
_CORS = Check(
    "starlette/cors-credentials", 942, _H, "CORSMiddleware", "Every site may act and read as the visitor",
    "With cookies along, any page reads and does what the visitor may.",
    "Fetch the app's pages with credentials from a page of your own in a visitor's browser.",
    "Name the origins in allow_origins.",
)  # fmt: skip
_CORS_ALL = Check(
    "starlette/cors-all", 942, _L, "CORSMiddleware", "Every site may read answers",
    "Fine for a public API without cookies; not for what only some may see.",
    "Fetch the app's data from a page of your own in a visitor's browser.",
    "Name the origins in allow_origins.",
)  # fmt: skip
_SESSION_KEY = Check(
    "starlette/secret-key", 321, _H, "SessionMiddleware", "The key of the sessions is written in the code",
    "It signs sessions; whoever reads the repository signs his own.",
    "Sign a session cookie of another user with the key.",
    'Pass secret_key=os.environ["SECRET_KEY"]; Pullet makes one where pullet.toml says '
    '[secrets] generated = ["SECRET_KEY"].',
)  # fmt: skip
_DOCS = Check(
    "fastapi/docs", 668, _N, "docs_url", "The pages of the API's documentation are open",
    "They list every route for whoever looks; often that is wanted.",
    "Read /docs, and try each route.",
    "Pass docs_url=None, redoc_url=None, openapi_url=None where the API is not for everybody.",
)  # fmt: skip
_FLASK_CORS = Check(
    "flask/cors-credentials", 942, _H, "CORS", "Every site may act and read as the visitor",
    "With cookies along, any page reads and does what the visitor may.",
    "Fetch the app's pages with credentials from a page of your own in a visitor's browser.",
    "Name the origins: CORS(app, origins=[…]).",
)  # fmt: skip
_JWT = Check(
    "jwt/no-verification", 347, _H, "jwt.decode", "A token is read and its signature is not checked",
    "Whoever writes a token is whom he says to be.",
    "Write a token with another user's name, and send it.",
    "Pass the key and algorithms=[…], and remove verify_signature.",
)  # fmt: skip

CHECKS = (
    _FLASK_DEBUG, _KEY, _COOKIE_SECURE, _COOKIE_HTTPONLY, _COOKIE_SAMESITE, _WTF_CSRF, _ASGI_DEBUG, _CORS, _CORS_ALL,
    _SESSION_KEY, _DOCS, _FLASK_CORS, _JWT,
)  # fmt: skip
_ASGI_APPS = frozenset({"FastAPI", "Starlette", "Litestar"})


def call_findings(text: str, path: str, variables: dict[str, str], frameworks: frozenset[str]) -> list[Finding]:
    """Raises SyntaxError, ValueError, RecursionError or MemoryError for what does not parse."""
    tree = ast.parse(text)
    scope = Scope(variables, _constants(tree, variables))
    found = [] if "flask" not in frameworks else [*_flask(tree, path, scope)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found += _call(node, path, scope)
    return found


def _constants(tree: ast.Module, variables: dict[str, str]) -> dict[str, Value]:
    names: dict[str, Value] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                names[name] = value_of(value, Scope(variables, names))
    return names


def _flask(tree: ast.Module, path: str, scope: Scope) -> Iterator[Finding]:
    """`app.config["X"] = …`, `app.X = …`, `app.config.update(X=…)`, and classes for from_object."""
    for name, value, node in _set_on_config(tree):
        data = value_of(value, scope)
        setting = Setting(data, path, node.lineno, node.end_lineno or node.lineno)
        if (check := _flask_check(name, data)) is not None:
            yield check.finding(setting, path)


def _flask_check(name: str, value: Value) -> Check | None:
    data = value.data
    if name in ("SECRET_KEY", "secret_key"):
        return _KEY if isinstance(data, (str, bytes)) and data and not value.variables else None
    table = {
        ("DEBUG", True): _FLASK_DEBUG,
        ("debug", True): _FLASK_DEBUG,
        ("SESSION_COOKIE_SECURE", False): _COOKIE_SECURE,
        ("SESSION_COOKIE_HTTPONLY", False): _COOKIE_HTTPONLY,
        ("SESSION_COOKIE_SAMESITE", "None"): _COOKIE_SAMESITE,
        ("WTF_CSRF_ENABLED", False): _WTF_CSRF,
    }
    return table.get((name, data)) if isinstance(data, (bool, str)) else None


def _set_on_config(tree: ast.Module) -> Iterator[tuple[str, ast.expr, ast.stmt | ast.expr]]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Subscript(value=owner, slice=ast.Constant(value=str(name)))], value=value):
                if dotted(owner).endswith("config"):
                    yield name, value, node
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(), attr=name)], value=value):
                yield name, value, node
            case ast.Call(func=ast.Attribute(value=owner, attr="update" | "from_mapping"), keywords=keywords):
                if dotted(owner).endswith("config"):
                    yield from ((each.arg, each.value, each.value) for each in keywords if each.arg)


def _call(node: ast.Call, path: str, scope: Scope) -> Iterator[Finding]:
    name = dotted(node.func)
    last = name.rpartition(".")[2]
    setting = Setting(Value(None), path, node.lineno, node.end_lineno or node.lineno)
    if last in _ASGI_APPS:
        if value_of(argument(node, "debug"), scope).data is True:
            yield _ASGI_DEBUG.finding(setting, path)
        if last == "FastAPI" and not any(value_of(argument(node, key), scope).data is None for key in _DOC_KEYS):
            yield _DOCS.finding(setting, path)
    for middleware, inner in _middlewares(node, last):
        yield from (check.finding(setting, path) for check in _middleware_checks(middleware, inner, scope))
    if last == "CORS" and value_of(argument(node, "supports_credentials"), scope).data is True:
        origins = value_of(argument(node, "origins"), scope).data
        if argument(node, "origins") is None or origins in ("*", ["*"]):
            yield _FLASK_CORS.finding(setting, path)
    if name.endswith("jwt.decode") and _unverified(node, scope):
        yield _JWT.finding(setting, path)


_DOC_KEYS = ("docs_url", "openapi_url")


def _middlewares(node: ast.Call, last: str) -> Iterator[tuple[str, ast.Call]]:
    """`app.add_middleware(X, …)`, and `Middleware(X, …)`."""
    if last in ("add_middleware", "Middleware") and node.args:
        yield dotted(node.args[0]).rpartition(".")[2], node


def _middleware_checks(name: str, node: ast.Call, scope: Scope) -> Iterator[Check]:
    if name == "CORSMiddleware" and value_of(argument(node, "allow_origins"), scope).data in (["*"], "*"):
        credentials = value_of(argument(node, "allow_credentials"), scope).data is True
        yield _CORS if credentials else _CORS_ALL
    if name == "SessionMiddleware":
        key = value_of(argument(node, "secret_key"), scope)
        if isinstance(key.data, str) and not key.variables:
            yield _SESSION_KEY


def _unverified(node: ast.Call, scope: Scope) -> bool:
    options = value_of(argument(node, "options"), scope).data
    if isinstance(options, dict) and options.get("verify_signature") is False:
        return True
    algorithms = value_of(argument(node, "algorithms"), scope).data
    return isinstance(algorithms, list) and "none" in [str(each).lower() for each in algorithms]
