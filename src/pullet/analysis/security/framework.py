"""What Django's own checks mean: pure.

Its identifiers are those of Django's documentation, "System check framework". A setting that the platform answers for,
such as the redirect to TLS, is left out with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pullet.domain.security import Basis, Coverage, Finding, Severity, Spot

_SHOWN = 100
_H, _M, _L, _N = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.NOTE

_HSTS = "Visitors' first requests may go without TLS: matters once the app has a domain with a certificate."
_TLS = "Matters once the app has a domain with a certificate."
_OPEN = "Pages of other sites that a visitor has open share more with the app's than they need to."

_EVERYBODY = "Code that asks for the attribute takes every visitor for one who is that."

# check -> (CWE, severity, setting, why it matters, what to do)
_MEANINGS: Mapping[str, tuple[int, Severity, str, str, str]] = {
    "security.W001": (693, _L, "SecurityMiddleware", "Headers that keep browsers from guessing types are not sent.",
             'Put "django.middleware.security.SecurityMiddleware" first into MIDDLEWARE.'),
    "security.W002": (1021, _L, "X_FRAME_OPTIONS", "Clicks can be led to the app's buttons.",
             'Put "django.middleware.clickjacking.XFrameOptionsMiddleware" into MIDDLEWARE.'),
    "security.W003": (352, _H, "CsrfViewMiddleware", "Any page that a visitor has open acts in the visitor's name.",
             'Put "django.middleware.csrf.CsrfViewMiddleware" back into MIDDLEWARE.'),
    "security.W004": (319, _N, "SECURE_HSTS_SECONDS", _HSTS, "Set SECURE_HSTS_SECONDS once all is served by TLS."),
    "security.W005": (319, _N, "SECURE_HSTS_INCLUDE_SUBDOMAINS", _HSTS, "Set SECURE_HSTS_INCLUDE_SUBDOMAINS = True."),
    "security.W006": (693, _L, "SECURE_CONTENT_TYPE_NOSNIFF", "Browsers may take an upload for a script.",
             "Remove the setting; True is the default."),
    "security.W009": (326, _M, "SECRET_KEY", "A short key is guessed, and signs sessions and password resets.",
             'Let Pullet make one: [secrets] generated = ["SECRET_KEY"] in pullet.toml.'),
    "security.W010": (614, _L, "SESSION_COOKIE_SECURE", _TLS, "Set SESSION_COOKIE_SECURE = True."),
    "security.W011": (614, _L, "SESSION_COOKIE_SECURE", _TLS, "Set SESSION_COOKIE_SECURE = True."),
    "security.W012": (614, _L, "SESSION_COOKIE_SECURE", _TLS, "Set SESSION_COOKIE_SECURE = True."),
    "security.W013": (1004, _M, "SESSION_COOKIE_HTTPONLY", "Any script that gets into a page takes sessions along.",
             "Remove the setting; True is the default."),
    "security.W014": (1004, _M, "SESSION_COOKIE_HTTPONLY", "Any script that gets into a page takes sessions along.",
             "Remove the setting; True is the default."),
    "security.W015": (1004, _M, "SESSION_COOKIE_HTTPONLY", "Any script that gets into a page takes sessions along.",
             "Remove the setting; True is the default."),
    "security.W016": (614, _L, "CSRF_COOKIE_SECURE", _TLS, "Set CSRF_COOKIE_SECURE = True."),
    "security.W018": (489, _H, "DEBUG", "Every error shows settings, variables and code to whoever causes it.",
             'Write DEBUG = os.environ.get("DEBUG") == "1", and set the variable on your own machine only.'),
    "security.W019": (1021, _N, "X_FRAME_OPTIONS", "The app's own pages may be shown in frames.",
             'Set X_FRAME_OPTIONS = "DENY" where no page is to be framed.'),
    "security.W021": (319, _N, "SECURE_HSTS_PRELOAD", _HSTS, "Set SECURE_HSTS_PRELOAD = True once you are sure of it."),
    "security.W022": (200, _L, "SECURE_REFERRER_POLICY", "Other sites see from which page a visitor comes.",
             "Remove the setting; \"same-origin\" is the default."),
    "security.E023": (200, _L, "SECURE_REFERRER_POLICY", "Browsers ignore the value.",
             "Use a value that browsers know."),
    "security.E024": (693, _L, "SECURE_CROSS_ORIGIN_OPENER_POLICY", _OPEN, "Use a value that browsers know."),
    "security.W025": (326, _M, "SECRET_KEY_FALLBACKS", "A short key is guessed, and what it signed is still taken.",
             "Remove it once what it signed has run out."),
    "auth.C009": (287, _H, "is_anonymous", _EVERYBODY, "Make it a property, or inherit it from AbstractBaseUser."),
    "auth.C010": (287, _H, "is_authenticated", _EVERYBODY, "Make it a property, or inherit it from AbstractBaseUser."),
    "auth.E003": (287, _M, "USERNAME_FIELD", "Two accounts may share a name: who logs in as whom is left to chance.",
                  "Set unique=True on the field."),
    "caches.W002": (552, _M, "CACHES", "What is cached may be fetched as a file; an upload may become a cached pickle.",
                    "Let LOCATION of the cache lead out of MEDIA_ROOT, STATIC_ROOT and STATICFILES_DIRS."),
}  # fmt: skip
_ANSWERED = {
    "security.W007": "no browser heeds the header any more",
    "security.W008": "Pullet's router leads visitors to TLS",
    "security.W020": "Pullet adds the app's hosts",
}
_KEY, _IN_CODE = "security.W009", 321
CWES = tuple(sorted({*(meaning[0] for meaning in _MEANINGS.values()), _IN_CODE}))
_OWN = "django.core.checks.security."
_REGISTERED = (
    *(f"{_OWN}base.check_{name}" for name in ("security_middleware", "xframe_options_middleware", "sts",
      "sts_include_subdomains", "sts_preload", "content_type_nosniff", "ssl_redirect", "secret_key", "debug",
      "xframe_deny", "allowed_hosts")),
    *(f"{_OWN}csrf.check_csrf_{name}" for name in ("middleware", "cookie_secure")),
    *(f"{_OWN}sessions.check_session_cookie_{name}" for name in ("secure", "httponly")),
)  # fmt: skip
"""What every Django from 2.2 on runs."""


def coverage(ran: Sequence[str], failed: Sequence[tuple[str, str]], more: int) -> Sequence[Coverage]:
    """`ran`, `failed`: names of checks, and why one failed. `more`: messages that were not told.

    An app can take checks out of Django's register: those that every Django has are missed then.
    """
    known = {*ran, *(name for name, _ in failed)}
    removed = [(name, "the app has taken it out of Django's register") for name in _REGISTERED if name not in known]
    missed = (*failed, *removed)
    told = (Coverage("messages", 0, more, (("messages", f"{more} more than can be told"),)),) if more else ()
    return (Coverage("checks", len(ran), len(ran) + len(missed), missed[:_SHOWN]), *told)


def framework_findings(messages: Iterable[Mapping[str, str]], *, key_given: bool = False) -> Sequence[Finding]:
    """Of the messages of Django's checks those about security; each has `id`, `message`, `hint` and `object`.

    `key_given`: the secret key is the value of a variable, as it should be; else a weak one is one in the code.
    """
    return [
        _finding(message, key_given=key_given)
        for message in messages
        if message["id"] not in _ANSWERED and (message["id"] in _MEANINGS or message["id"].startswith("security."))
    ]


def _finding(message: Mapping[str, str], *, key_given: bool) -> Finding:
    """A check that is not in the table is told all the same."""
    name = message["id"]
    unknown = (16, _L, name, "Django warns of it.", message["hint"] or "Follow what Django says.")
    cwe, severity, setting, reason, fix = _MEANINGS.get(name, unknown)
    first = " ".join(message["message"].split()).split(". ", maxsplit=1)[0].rstrip(".")
    return Finding(
        rule=f"django/{name}",
        cwe=_IN_CODE if name == _KEY and not key_given else cwe,
        severity=severity,
        basis=Basis.CONFIGURATION,
        title=first[:200] or f"Django's check {name}",
        spot=Spot(""),
        reason=reason,
        exploit="",
        fix=fix,
        code=name,
        sink=".".join(filter(None, (message["object"], setting))),
    )
