"""What a framework's settings mean for security, one table a framework.

What Pullet itself provides is taken into account: its router ends TLS, and a value that only comes from a variable
which nothing sets counts as its default, as it does for the app.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pullet.analysis.security.settings.modules import Setting, Settings
from pullet.analysis.security.settings.values import UNKNOWN
from pullet.domain.security import Basis, Finding, Severity, Spot

_CSRF = "django.middleware.csrf.CsrfViewMiddleware"
_SECURITY = "django.middleware.security.SecurityMiddleware"
_FRAMES = "django.middleware.clickjacking.XFrameOptionsMiddleware"
_WEAK_HASHERS = ("MD5PasswordHasher", "SHA1PasswordHasher", "UnsaltedMD5", "UnsaltedSHA1")


@dataclass(frozen=True)
class Check:
    """One setting, or what a call passes, that can be unsafe."""

    rule: str
    cwe: int
    severity: Severity
    sink: str
    """The setting."""
    title: str
    reason: str
    exploit: str
    fix: str

    def finding(self, setting: Setting | None, path: str, basis: Basis = Basis.CONFIGURATION) -> Finding:
        """Where it is set, or, where it is not set at all, the file in which it is missing."""
        spot = Spot(setting.path, setting.line, setting.end_line) if setting is not None else Spot(path)
        certain = setting is None or setting.certain
        return Finding(
            rule=self.rule,
            cwe=self.cwe,
            severity=self.severity,
            basis=basis if certain else Basis.PATTERN,
            title=self.title if certain else f"{self.title}, below a condition that cannot be told",
            spot=spot,
            reason=self.reason,
            exploit=self.exploit,
            fix=self.fix,
            code="" if setting is not None else f"{self.sink} is not set",
            sink=self.sink,
        )


_H, _M, _L, _N = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.NOTE
Test = Callable[[object], bool]


def _check(rule: str, cwe: int, severity: Severity, sink: str, *texts: str) -> Check:
    title, reason, exploit, fix = texts
    return Check(rule, cwe, severity, sink, title, reason, exploit, fix)


DEBUG = _check(
    "django/debug", 489, _H, "DEBUG",
    "Debug mode is on in the settings that are served",
    "Every error shows settings, variables and code to whoever causes it.",
    "Ask for a page that fails: the traceback names paths, settings and the values of local variables.",
    'Write DEBUG = os.environ.get("DEBUG") == "1", and set the variable on your own machine only.',
)  # fmt: skip
SECRET_KEY = _check(
    "django/secret-key", 321, _H, "SECRET_KEY",
    "The secret key is written in the code",
    "It signs sessions and password resets; whoever reads the repository signs his own.",
    "Sign a session cookie of an administrator with the key, and be one.",
    'Write SECRET_KEY = os.environ["SECRET_KEY"]; Pullet makes one where pullet.toml says '
    '[secrets] generated = ["SECRET_KEY"]. Change the one that is out.',
)  # fmt: skip
_DJANGO: Sequence[tuple[Check, object, Test]] = (
    (_check("django/allowed-hosts", 644, _L, "ALLOWED_HOSTS", "Every Host header is taken",
            "Pullet's router passes on known hosts only; elsewhere links in mails follow the header.",
            "Ask for a password reset with another Host, and the mail leads there.",
            "Name the hosts; Pullet adds its own."),
     [], lambda value: isinstance(value, list) and "*" in value),
    (_check("django/session-cookie-secure", 614, _L, "SESSION_COOKIE_SECURE", "The session cookie is sent without TLS",
            "Matters once the app has a domain with a certificate.",
            "Listen on the way to an http:// link, and use the cookie.",
            "Set SESSION_COOKIE_SECURE = True where the app is served by TLS."),
     False, lambda value: value is False),
    (_check("django/csrf-cookie-secure", 614, _L, "CSRF_COOKIE_SECURE", "The CSRF cookie is sent without TLS",
            "Matters once the app has a domain with a certificate.",
            "Listen on the way to an http:// link, and forge forms.",
            "Set CSRF_COOKIE_SECURE = True where the app is served by TLS."),
     False, lambda value: value is False),
    (_check("django/session-cookie-httponly", 1004, _M, "SESSION_COOKIE_HTTPONLY", "Scripts read the session cookie",
            "Any script that gets into a page takes sessions along.",
            "Inject a script into a page, and send document.cookie away.",
            "Remove the setting; True is the default."),
     True, lambda value: value is False),
    (_check("django/session-cookie-samesite", 1275, _L, "SESSION_COOKIE_SAMESITE",
            "The session cookie is sent along from other sites",
            "Only CSRF tokens stand between another site and a visitor's account.",
            "Have a visitor open a page that posts to the app.",
            'Remove the setting; "Lax" is the default.'),
     "Lax", lambda value: value is False or value == "None"),
    (_check("django/x-frame", 1021, _L, "X_FRAME_OPTIONS", "Other sites may show the app in a frame",
            "Clicks can be led to the app's buttons.",
            "Lay the app, invisible, over a page with a tempting button.",
            'Remove the setting; "DENY" is the default.'),
     "DENY", lambda value: isinstance(value, str) and value.upper() not in ("DENY", "SAMEORIGIN")),
    (_check("django/cors-all", 942, _M, "CORS_ALLOW_ALL_ORIGINS", "Every site may read answers",
            "What the app tells a visitor, any page that the visitor has open can read.",
            "Fetch the app's data from a page of your own in a visitor's browser.",
            "Name the origins in CORS_ALLOWED_ORIGINS."),
     False, lambda value: value is True),
    (_check("django/pickle-sessions", 502, _H, "SESSION_SERIALIZER", "Sessions are kept as pickle",
            "Whoever can write a session runs code.",
            "With the secret key, or the cache, write a session that runs code when it is read.",
            "Remove the setting; JSON is the default."),
     "", lambda value: isinstance(value, str) and "Pickle" in value),
    (_check("django/weak-hashers", 916, _H, "PASSWORD_HASHERS", "New passwords are hashed by a fast hash",
            "A stolen table of users is a table of passwords some hours later.",
            "Try a list of usual passwords against stolen hashes, a thousand million a second.",
            "Remove the setting, or put Argon2 or PBKDF2 first."),
     [], lambda value: isinstance(value, list) and bool(value) and str(value[0]).endswith(_WEAK_HASHERS)),
)  # fmt: skip
_CORS_CREDENTIALS = _check(
    "django/cors-credentials", 942, _H, "CORS_ALLOW_CREDENTIALS", "Every site may act and read as the visitor",
    "With cookies along, any page reads and does what the visitor may.",
    "Fetch the app's pages with credentials from a page of your own in a visitor's browser.",
    "Name the origins in CORS_ALLOWED_ORIGINS.",
)  # fmt: skip
_MIDDLEWARE: Sequence[tuple[str, Check]] = (
    (_CSRF, _check("django/no-csrf", 352, _H, "CsrfViewMiddleware", "Nothing stops forms that other sites send",
                   "Any page that a visitor has open acts in the visitor's name.",
                   "Have a visitor open a page that posts a form to the app.",
                   f'Put "{_CSRF}" back into MIDDLEWARE.')),
    (_SECURITY, _check("django/no-security-middleware", 693, _L, "SecurityMiddleware", "SecurityMiddleware is not used",
                       "Headers that keep browsers from guessing types and leaking addresses are not sent.",
                       "Upload a file that a browser takes for HTML.",
                       f'Put "{_SECURITY}" first into MIDDLEWARE.')),
    (_FRAMES, _check("django/no-frame-options", 1021, _L, "X_FRAME_OPTIONS", "Other sites may show the app in a frame",
                     "Clicks can be led to the app's buttons.",
                     "Lay the app, invisible, over a page with a tempting button.",
                     f'Put "{_FRAMES}" into MIDDLEWARE.')),
)  # fmt: skip
_VALIDATORS = _check(
    "django/password-validators", 521, _L, "AUTH_PASSWORD_VALIDATORS", "Any password is taken, `1` too",
    "Accounts with the commonest passwords are taken over first.",
    "Try the ten commonest passwords with each known name.",
    "Use the four validators that `startproject` writes.",
)  # fmt: skip


def django_findings(settings: Settings, path: str) -> list[Finding]:
    """`path`: the module that is served."""
    found = [*_debug(settings, path), *_secret_key(settings, path), *_middleware(settings, path)]
    for check, default, unsafe in _DJANGO:
        value = settings.data(check.sink, default)
        if value is not UNKNOWN and unsafe(value):
            found.append(check.finding(settings.get(check.sink), path))
    if settings.data("CORS_ALLOW_ALL_ORIGINS") is True and settings.data("CORS_ALLOW_CREDENTIALS") is True:
        found.append(_CORS_CREDENTIALS.finding(settings.get("CORS_ALLOW_CREDENTIALS"), path))
    auth = settings.data("INSTALLED_APPS", [])
    if isinstance(auth, list) and "django.contrib.auth" in auth and settings.data("AUTH_PASSWORD_VALIDATORS", []) == []:
        found.append(_VALIDATORS.finding(settings.get("AUTH_PASSWORD_VALIDATORS"), path))
    return found


def unsure(settings: Settings) -> Mapping[str, str]:
    """What decides whether a release is held back, and is computed in a way that nobody can tell: place -> why."""
    setting = settings.get("DEBUG")
    if setting is None or setting.value.data is not UNKNOWN or setting.value.variables:
        return {}
    return {f"DEBUG at {setting.path}:{setting.line}": "its value is computed in a way that cannot be told"}


def _debug(settings: Settings, path: str) -> list[Finding]:
    setting = settings.get("DEBUG")
    if setting is None or setting.value.data is UNKNOWN or not setting.value.data:
        return []
    return [DEBUG.finding(setting, path)]


def _secret_key(settings: Settings, path: str) -> list[Finding]:
    """A default for where no variable is set is as public as a constant, but serves nobody where the variable is set:
    Pullet generates SECRET_KEY where code reads it."""
    setting = settings.get("SECRET_KEY")
    if setting is None or not isinstance(setting.value.data, str) or setting.value.variables:
        return []
    return [SECRET_KEY.finding(setting, path)]


def _middleware(settings: Settings, path: str) -> list[Finding]:
    setting = settings.get("MIDDLEWARE")
    names = settings.data("MIDDLEWARE")
    if setting is None or not isinstance(names, list) or UNKNOWN in names:
        return []
    return [check.finding(setting, path) for name, check in _MIDDLEWARE if name not in names]
