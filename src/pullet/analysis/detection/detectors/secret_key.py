"""Secrets that the code asks for: those for which any random text does are made once an environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pullet.analysis.detection.names import field_of
from pullet.analysis.detection.reads import Read
from pullet.analysis.detection.repository import Repository
from pullet.domain.app import Confidence, Evidence
from pullet.domain.secrets import name_trouble

GENERATED, DEMANDED = "secrets.generated", "fact.demanded"
"""Subjects. The value of the second is a variable without which the app does not start."""

_DETECTOR = "secrets"
_SIGNING = re.compile(r"((DJANGO|FLASK|APP|QUART|SANIC|FASTAPI|LITESTAR|STARLETTE)_)?SECRET_KEY")
_OWN = re.compile(
    # whose value only the app itself compares with
    r"(\w+_)?(SECURITY_PASSWORD_SALT|JWT_SECRET(_KEY)?|SESSION_SECRET(_KEY)?|COOKIE_SECRET|APP_SECRET|CSRF_SECRET(_KEY)?"
    r"|AUTH_SECRET(_KEY)?|(ACCESS|REFRESH|JWT|RESET|VERIFICATION)_TOKEN_SECRET(_KEY)?|SIGNING_SECRET_KEY)|SECRET"
)
_LIKE_ONE = re.compile(r"[A-Z0-9_]{1,60}_(SECRET|SECRET_KEY)")
_SOMEBODYS = re.compile(
    # told by a service of somebody else, which knows the same value
    r"(^|_)(AWS|S3|SES|MINIO|R2|B2|SPACES|STORAGE|BUCKET|STRIPE|PAYPAL|RAZORPAY|PADDLE|PLAID|SQUARE|BRAINTREE"
    r"|PAYSTACK|KLARNA|GITHUB|GITLAB|BITBUCKET|GOOGLE|GOOGLE_OAUTH2|GCP|FACEBOOK|TWITTER|X|LINKEDIN|DISCORD|SLACK|REDDIT"
    r"|SPOTIFY|APPLE|MICROSOFT|AZURE|AAD|ENTRA|OKTA|AUTH0|KEYCLOAK|COGNITO|OIDC|OAUTH2?|SSO|SAML|LDAP|SOCIAL|CLIENT"
    r"|CONSUMER|API|BOT|WEBHOOK|WEBHOOKS|TWILIO|MAILGUN|MAILJET|SENDGRID|POSTMARK|MAILCHIMP|CLOUDINARY|RECAPTCHA|HCAPTCHA"
    r"|TURNSTILE|CAPTCHA|PUSHER|ALGOLIA|SHOPIFY|ZOOM|DROPBOX|TELEGRAM|WHATSAPP|INSTAGRAM|TIKTOK|TWITCH|STEAM|STRAVA"
    r"|WECHAT|WEIXIN|ALIPAY|ALIYUN|QINIU|TENCENT|BINANCE|COINBASE|VAPID|SENTRY|DATADOG|HEROKU|NETLIFY|SUPABASE|FIREBASE"
    r"|CLERK|WORKOS|MSAL|TENANT|PARTNER|VENDOR|MERCHANT|INTEGRATION)\d?(?=_)"
)
_GIVEN = re.compile(
    # by the system, by Pullet, by a server
    r"PORT|HOST|HOSTNAME|HOME|PATH|PWD|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TERM|TMPDIR|PYTHON\w*|VIRTUAL_ENV|WEB_CONCURRENCY"
)


def asked_by(repository: Repository, reads: Sequence[Read]) -> Iterator[Evidence]:
    generated: dict[str, Read] = {}
    for read in reads:
        if wants_any_text(read) and read.name not in generated and not name_trouble(read.name):
            generated[read.name] = read
    for name, read in generated.items():
        yield _say(repository, GENERATED, name, read, f"{read.path} reads ${name}")
    yield from _demands(repository, (read for read in reads if read.name not in generated))


def wants_any_text(read: Read) -> bool:
    """A signing key does in any case, as a default in the code is known to everybody; others only without a default."""
    name = read.name.removeprefix(read.prefix)
    if _SIGNING.fullmatch(name):
        return True
    if read.has_default or _SOMEBODYS.search(f"{read.name}_"):
        return False
    return bool(_OWN.fullmatch(name)) or (not read.optional and bool(_LIKE_ONE.fullmatch(name)))


def _demands(repository: Repository, reads: Iterable[Read]) -> Iterator[Evidence]:
    for name, read in {read.name: read for read in reads if read.demanded}.items():
        if not _GIVEN.fullmatch(name) and field_of(name) is None:
            because = f"{read.path} does not start without ${name}, and nothing here sets it"
            yield _say(repository, DEMANDED, name, read, because)


def _say(repository: Repository, subject: str, value: str, read: Read, because: str) -> Evidence:
    return Evidence(subject, value, repository.place(read.path, read.line), Confidence.POSSIBLE, _DETECTOR, because)
