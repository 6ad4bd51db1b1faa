"""What the rules of ruff's `S` group mean here: their CWE, how bad it would be, how to mend it.

A pattern in code is never more than a reason to look: nobody has followed the data. So none of these holds a release
back, whatever its severity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pullet.domain.security import Severity

# rule | CWE | severity | sink | title | exploit | fix
_TABLE = """\
S102|95|high|exec|exec() runs text as code|Whoever decides the text runs code with the app's rights.|Call a function, or look one up in a dict of those that are allowed.
S103|732|medium|chmod|A file is made writable for everybody|Another user of the box changes it.|Give 0o600 or 0o640.
S104|605|low|bind|A server listens on all addresses|It is reached around the router.|Bind to 127.0.0.1, or to the socket that Pullet gives.
S105|259|medium|password|A password seems to be written in the code|Whoever reads the repository has it.|Read it from the environment; `pullet secrets set` keeps it.
S106|259|medium|password|A password seems to be passed as a constant|Whoever reads the repository has it.|Read it from the environment; `pullet secrets set` keeps it.
S107|259|medium|password|A parameter has a password as its default|Whoever reads the repository has it.|Have no default, and read it from the environment.
S108|377|low|/tmp|A fixed name in a temporary folder|Another user of the box puts a file or a link there first.|Use tempfile.NamedTemporaryFile or mkdtemp.
S110|391|low|except|An exception is dropped in silence|An attack that fails leaves no trace.|Log it, and catch the exception that you expect.
S112|391|low|except|An exception is passed over in a loop|An attack that fails leaves no trace.|Log it, and catch the exception that you expect.
S113|400|low|requests|A request without a time-out|A slow server holds workers for ever.|Pass timeout=10.
S201|489|high|debug|Flask's debugger is switched on|Its console runs code for whoever reaches a traceback.|Remove debug=True; switch it on by FLASK_DEBUG on your own machine.
S202|22|high|extractall|An archive is unpacked without a check|Names with .. write outside the folder.|Pass filter="data".
S301|502|high|pickle|pickle reads data|Whoever makes the data runs code.|Use json, or sign the data and check that first.
S302|502|medium|marshal|marshal reads data|Crafted data crash or run code.|Use json.
S303|328|medium|md5|A hash that is broken|Two inputs with one digest can be made.|Use hashlib.sha256; for passwords the framework's hasher.
S304|327|medium|cipher|A cipher that is broken|What was encrypted can be read.|Use AES-GCM or ChaCha20-Poly1305 of `cryptography`.
S305|327|medium|ecb|A cipher mode that shows patterns|Equal blocks stay equal.|Use GCM.
S306|377|medium|mktemp|mktemp names a file that somebody else can make|Another user of the box puts a link there.|Use tempfile.mkstemp.
S307|95|high|eval|eval() runs text as code|Whoever decides the text runs code with the app's rights.|Use ast.literal_eval or json.loads.
S308|79|high|mark_safe|Text is marked as safe HTML|Text of a visitor in it runs as a script in other people's browsers.|Use format_html with placeholders, or let the template escape.
S310|918|medium|urlopen|A URL is opened whose scheme is not checked|file:/ reads the box's files; an inner address is asked in the app's name.|Check scheme and host against a list first.
S311|338|medium|random|random is not for secrets|Its next numbers can be told from those before.|Use the secrets module for tokens; for the rest this is fine.
S312|319|medium|telnetlib|Telnet speaks in clear|Whoever listens reads passwords.|Use SSH.
S313|611|medium|xml|XML is read by a parser that can be made to grow|A few kilobytes of entities take all the memory.|Use defusedxml.
S314|611|medium|xml|XML is read by a parser that can be made to grow|A few kilobytes of entities take all the memory.|Use defusedxml.
S315|611|medium|xml|XML is read by a parser that can be made to grow|A few kilobytes of entities take all the memory.|Use defusedxml.
S316|611|medium|xml|XML is read by a parser that can be made to grow|A few kilobytes of entities take all the memory.|Use defusedxml.
S317|611|medium|xml|XML is read by a parser that can be made to grow|A few kilobytes of entities take all the memory.|Use defusedxml.
S318|611|medium|xml|XML is read by a parser that can be made to grow|A few kilobytes of entities take all the memory.|Use defusedxml.
S319|611|medium|xml|XML is read by a parser that can be made to grow|A few kilobytes of entities take all the memory.|Use defusedxml.
S321|319|medium|ftplib|FTP speaks in clear|Whoever listens reads passwords.|Use SFTP or HTTPS.
S323|295|high|ssl|Certificates are not checked|Whoever is on the way reads and changes everything.|Use ssl.create_default_context().
S324|328|medium|hashlib|A hash that is broken|Two inputs with one digest can be made.|Use sha256; usedforsecurity=False where it only names things.
S501|295|high|verify|Certificates are not checked|Whoever is on the way reads and changes everything.|Remove verify=False; give your authority's file instead.
S502|327|medium|ssl|An old version of TLS|It can be broken by who is on the way.|Use ssl.create_default_context().
S503|327|medium|ssl|An old version of TLS as a default|It can be broken by who is on the way.|Use ssl.create_default_context().
S504|327|medium|ssl|A TLS context without a version|An old one may be agreed on.|Use ssl.create_default_context().
S505|326|medium|key|A key that is too short|It can be computed.|RSA of 3072 bits, or a curve such as P-256.
S506|502|high|yaml|yaml.load makes objects|Crafted YAML runs code.|Use yaml.safe_load.
S507|295|high|ssh|The server's key is not checked|Whoever is on the way reads the session.|Load the known hosts, and reject others.
S508|319|medium|snmp|SNMP without encryption|Whoever listens reads it.|Use version 3.
S509|319|medium|snmp|SNMP without authentication or privacy|Whoever listens reads it.|Use authPriv.
S601|78|medium|exec_command|A shell runs on another machine|Text of a visitor in the command runs there.|Quote each argument with shlex.quote.
S602|78|high|subprocess|A shell runs a command|Text of a visitor in the command runs too.|Pass a list of arguments, without shell=True.
S604|78|medium|shell|A function is called with shell=True|Text of a visitor in the command runs too.|Pass a list of arguments.
S605|78|high|os.system|A shell runs a command|Text of a visitor in the command runs too.|Use subprocess.run with a list of arguments.
S608|89|high|execute|SQL is put together from text|A quote in a visitor's text ends the string, and the rest is SQL.|Pass values as parameters: execute("… WHERE id = %s", [value]).
S609|78|medium|wildcard|A wildcard in a command of a shell|A file named like an option becomes one.|Pass a list of arguments, after --.
S610|89|medium|extra|QuerySet.extra() takes raw SQL|A quote in a visitor's text ends the string, and the rest is SQL.|Use annotate, filter and expressions.
S611|89|medium|RawSQL|RawSQL takes raw SQL|A quote in a visitor's text ends the string, and the rest is SQL.|Pass params, or use expressions.
S612|94|high|listen|Logging takes its configuration from a port|Whoever reaches the port runs code.|Pass verify, or do without.
S701|79|high|autoescape|Jinja2 does not escape|Text of a visitor runs as a script in other people's browsers.|Pass autoescape=True, or use the framework's own templates.
S702|79|medium|mako|Mako does not escape by itself|Text of a visitor runs as a script in other people's browsers.|Add default_filters=["h"].
S704|79|high|Markup|Text is marked as safe HTML|Text of a visitor in it runs as a script in other people's browsers.|Markup("<b>{}</b>").format(text) escapes what is put in.
"""  # noqa: E501

LEFT_OUT: Mapping[str, str] = {
    "S101": "an assert is no check of input where nobody takes it for one",
    "S320": "ruff has removed it",
    "S410": "ruff has removed it",
    "S603": "a list of arguments is what is recommended",
    "S606": "a list of arguments is what is recommended",
    "S607": "which program a name means is decided by the sandbox's PATH",
    **{
        f"S{number}": "an import alone does nothing; its use is found"
        for number in (*range(401, 410), *(411, 412, 413, 415))
    },
}
"""Rules that say too little to be shown."""


@dataclass(frozen=True)
class Rule:
    """What one rule of ruff's stands for."""

    code: str
    cwe: int
    severity: Severity
    sink: str
    title: str
    exploit: str
    fix: str


def _rule(line: str) -> Rule:
    code, cwe, severity, *texts = line.split("|")
    return Rule(code, int(cwe), Severity(severity), *texts)


RULES: Mapping[str, Rule] = {rule.code: rule for rule in map(_rule, _TABLE.splitlines())}

_SQL = {
    "django": "Use the ORM, or cursor.execute(sql, [value]) with %s in the SQL and the values apart.",
    "flask": 'Use SQLAlchemy\'s expressions, or execute(text("… WHERE id = :id"), {"id": value}).',
    "fastapi": 'Use SQLAlchemy\'s expressions, or execute(text("… WHERE id = :id"), {"id": value}).',
}
_HTML = {
    "django": "Let the template escape, or build it with format_html and placeholders.",
    "flask": "Let render_template escape, or use Markup.format with placeholders.",
    "fastapi": "Return data, or a template of Jinja2Templates, which escapes.",
}
_BY_FRAMEWORK: Mapping[int, Mapping[str, str]] = {89: _SQL, 79: _HTML}


def fix_for(rule: Rule, frameworks: frozenset[str]) -> str:
    """In the framework that the app uses, where that makes a difference."""
    fixes = _BY_FRAMEWORK.get(rule.cwe, {})
    return next(
        (fixes[name] for name in ("django", "flask", "fastapi") if name in frameworks and name in fixes), rule.fix
    )
