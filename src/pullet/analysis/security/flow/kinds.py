"""Kinds of injection: what each is, how bad, and how it is mended in each framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pullet.domain.security import Severity


@dataclass(frozen=True)
class Kind:
    cwe: int
    severity: Severity
    title: str
    reason: str
    exploit: str
    fix: str
    by_framework: Mapping[str, str]

    def fix_for(self, frameworks: frozenset[str]) -> str:
        return next((fix for name, fix in self.by_framework.items() if name in frameworks), self.fix)


_BOUND = 'Write execute(text("… WHERE id = :id"), {"id": value}), or build the query with SQLAlchemy\'s expressions.'
KINDS: Mapping[str, Kind] = {
    "sql": Kind(
        89,
        Severity.CRITICAL,
        "A visitor's input becomes part of an SQL statement",
        "Whoever sends the request reads and changes what the app's database user may.",
        "A quote in the value ends the string, and the rest of it is SQL: ' OR 1=1 --",
        "Pass the value as a parameter: execute(sql, [value]); choose column names from a dict.",
        {
            "django": "Use the ORM, or execute(sql, [value]) with %s in the SQL; choose column names from a dict.",
            "flask": _BOUND,
            "fastapi": _BOUND,
        },
    ),
    "shell": Kind(
        78,
        Severity.CRITICAL,
        "A visitor's input becomes part of a shell's command",
        "Whoever sends the request runs commands with the app's rights.",
        "A semicolon in the value ends the command, and what follows is the next one.",
        "Pass a list of arguments to subprocess.run, without shell=True, after `--`.",
        {},
    ),
    "code": Kind(
        95,
        Severity.CRITICAL,
        "A visitor's input is run as Python code",
        "Whoever sends the request runs code with the app's rights.",
        "The value __import__('os').system('…') runs a command.",
        "Look the wish up in a dict of what is allowed; read data with json.loads or ast.literal_eval.",
        {},
    ),
    "template": Kind(
        1336,
        Severity.CRITICAL,
        "A visitor's input becomes part of a template's source",
        "Expressions of the template language reach the app's configuration, and in Jinja2 any Python code.",
        "The value {{ config }} is answered with the app's settings, its secret key among them.",
        "Keep the template constant, and pass the value as one of its variables.",
        {"django": "Keep the template constant, and pass the value in its Context."},
    ),
    "xss": Kind(
        79,
        Severity.HIGH,
        "A visitor's input is sent as HTML without being escaped",
        "A script in it runs in the browser of whoever follows a prepared link, with that person's session.",
        "A link with <script>…</script> in the value is sent to somebody who is logged in.",
        "Escape the value, or let a template do it.",
        {
            "django": "Render a template, or use format_html with placeholders.",
            "flask": "Render a template, or put markupsafe.escape around the value.",
            "fastapi": "Render a template of Jinja2Templates, or put html.escape around the value.",
        },
    ),
    "path": Kind(
        22,
        Severity.HIGH,
        "A visitor's input decides which file is opened",
        "Files outside of the folder are read or written: settings, keys, the code itself.",
        "The value ../../.env leaves the folder.",
        "Resolve the path and check it with is_relative_to(folder), or look the name up.",
        {
            "django": "Use django.utils._os.safe_join, or a FileField, whose storage makes the name.",
            "flask": "Use send_from_directory; for uploads werkzeug.utils.secure_filename.",
        },
    ),
    "redirect": Kind(
        601,
        Severity.MEDIUM,
        "A visitor's input decides where the browser is sent",
        "A link that begins with the app's own address leads to somebody else's page.",
        "A mail links to /login?next=https://example.org/ and that page asks for the password again.",
        "Redirect to paths of the app's own only: no scheme and no host in the value.",
        {"django": "Check it with url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()})."},
    ),
    "ssrf": Kind(
        918,
        Severity.HIGH,
        "A visitor's input decides which address the app asks",
        "The app asks inner services and the cloud's metadata in its own name, and shows the answer.",
        "The value http://127.0.0.1:… reaches what only the box itself may.",
        "Choose the address from a list; let the visitor give a part of the path or a parameter only.",
        {},
    ),
    "deserialisation": Kind(
        502,
        Severity.CRITICAL,
        "A visitor's input is unpacked into objects",
        "Whoever sends the request runs code with the app's rights.",
        "A pickle or a YAML tag that names os.system runs a command while it is read.",
        "Use json.loads; for YAML yaml.safe_load.",
        {},
    ),
    "ldap": Kind(
        90,
        Severity.HIGH,
        "A visitor's input becomes part of an LDAP filter",
        "Whoever sends the request reads entries that the filter should have kept back.",
        "The value *)(uid=* matches everybody.",
        "Put ldap.filter.escape_filter_chars around the value.",
        {},
    ),
}
CWES = tuple(sorted({kind.cwe for kind in KINDS.values()}))
