"""Real-looking outputs of failed steps, and what is made of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pullet.analysis.diagnosis import Facts, diagnose
from pullet.analysis.diagnosis.permanent import line_for, patch
from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.healing import Change, ChangeKind

PYTHONS = ("3.8.18", "3.9.18", "3.10.13", "3.11.7", "3.12.1", "3.13.0")
COMMITTED = 1_700_000_000.0  # 2023-11-14
FACTS = Facts(python="3.13.0", pythons=PYTHONS, committed=COMMITTED, installed=frozenset({"flask", "jinja2"}))
SITE = "/home/pythons/ab/lib/python3.13/site-packages"


def trace(last: str, file: str = "/home/releases/shop/tree/app.py", code: str = "import x") -> str:
    return f'Traceback (most recent call last):\n  File "{file}", line 3, in <module>\n    {code}\n{last}\n'


def failed_build(package: str, *lines: str) -> str:
    return f"error: Failed to build `{package}`\n  cause: The build backend returned an error\n" + "\n".join(lines)


def missing(module: str) -> str:
    return trace(f"ModuleNotFoundError: No module named '{module}'")


AS_OF = "exclude-newer 2023-11-14T22:13:20Z"
CASES: list[tuple[str, str, str, str]] = [
    # step, output, change ("kind value", or empty), a part of the cause
    ("start", missing("pkg_resources"), "requirement setuptools<81", "pkg_resources"),
    ("start", missing("yaml"), "requirement PyYAML", "imports yaml"),
    ("prepare", missing("PIL.Image"), "requirement pillow", "imports PIL"),
    ("start", missing("cv2"), "requirement opencv-python-headless", "imports cv2"),
    ("start", missing("dotenv"), "requirement python-dotenv", "imports dotenv"),
    ("start", missing("psycopg2"), "requirement psycopg2-binary", "imports psycopg2"),
    ("start", missing("MySQLdb"), "requirement mysqlclient", "imports MySQLdb"),
    ("start", missing("requests"), "requirement requests", "imports requests"),
    ("start", missing("rest_framework"), "requirement djangorestframework", "imports rest_framework"),
    ("start", missing("reqeusts"), "", "imports reqeusts, which neither"),
    ("start", missing("shop.secret_settings"), "", "imports shop.secret_settings"),
    ("start", missing("imp"), "python 3.11", "imp is gone from Python since 3.12"),
    ("start", missing("distutils"), "python 3.11", "distutils is gone"),
    ("start", missing("asyncore"), "python 3.11", "asyncore is gone"),
    ("start", missing("cgi"), "python 3.12", "cgi is gone from Python since 3.13"),
    ("start", trace("ImportError: cannot import name 'Mapping' from 'collections' (/usr/lib/collections.py)"),
     "python 3.9", "changed with Python 3.10"),
    ("start", trace("AttributeError: module 'ast' has no attribute 'Str'", f"{SITE}/werkzeug/routing.py"),
     "python 3.11", "ast"),
    ("start", trace("AttributeError: module 'inspect' has no attribute 'getargspec'"), "python 3.10", "getargspec"),
    ("start", trace("ImportError: cannot import name 'escape' from 'jinja2' "
                    f"({SITE}/jinja2/__init__.py)", f"{SITE}/flask/__init__.py"), AS_OF, "in flask"),
    ("start", trace("ImportError: cannot import name 'url_quote' from 'werkzeug.urls' "
                    f"({SITE}/werkzeug/urls.py)"), AS_OF, "werkzeug"),
    ("probe", trace("TypeError: unhashable type: 'dict'", f"{SITE}/jinja2/utils.py"), AS_OF, "in jinja2"),
    ("start", trace("AttributeError: module 'flask' has no attribute 'Markup'"), AS_OF, "flask"),
    ("start", trace("ImportError: cannot import name 'timegm' from 'calendar' (/home/releases/shop/tree/calendar.py)"),
     "", "calendar.py has the name of a module that others import"),
    ("start", trace("ImportError: cannot import name 'Flask' from partially initialized module 'flask' (most likely "
                    "due to a circular import) (/home/releases/shop/tree/flask.py)"), "", "flask.py has the name"),
    ("start", trace("AttributeError: module 'jinja2' has no attribute 'x' (consider renaming "
                    "'/r/tree/jinja2/__init__.py' if it has the same name as a library)"),
     "", "jinja2/__init__.py has the"),
    ("start", trace("TypeError: __init__() got an unexpected keyword argument 'as_tuple'"), AS_OF, "as_tuple"),
    ("start", trace("sqlalchemy.exc.NoSuchModuleError: Can't load plugin: sqlalchemy.dialects:postgres",
                    f"{SITE}/sqlalchemy/util/langhelpers.py"), AS_OF, "sqlalchemy"),
    ("start", trace("pydantic.errors.PydanticImportError: `BaseSettings` has been moved", f"{SITE}/pydantic/_m.py"),
     AS_OF, "BaseSettings"),
    ("start", trace("TypeError: unsupported operand type(s) for +: 'int' and 'str'"), "", ""),
    ("build", failed_build("greenlet==3.0.1", "error: ‘_PyCFrame’ was not declared in this scope"), "python 3.11",
     "_PyCFrame"),
    ("build", failed_build("aiohttp==3.7.4", "fatal error: longintrepr.h: No such file or directory"), "python 3.10",
     "longintrepr.h"),
    ("build", failed_build("pillow==9.4.0", "    return locals()[\"__version__\"]", "KeyError: '__version__'"),
     "python 3.12", "__version__"),
    ("build", failed_build("odd==1.0", "something nobody has ever seen"), "python 3.12", "odd==1.0 has no wheel"),
    ("build", failed_build("PyYAML==5.4.1", "AttributeError: cython_sources"), "build-constraint cython<3", "PyYAML"),
    ("build", failed_build("markupsafe==1.0", "ImportError: cannot import name 'Feature' from 'setuptools'"),
     "build-constraint setuptools<46", "markupsafe"),
    ("build", failed_build("anyjson==0.3.3", "error in anyjson setup command: use_2to3 is invalid."),
     "build-constraint setuptools<58", "use_2to3"),
    ("build", failed_build("psycopg2==2.9.9", "Error: pg_config executable not found."),
     "replacement psycopg2 psycopg2-binary", "libpq-dev"),
    ("build", failed_build("mysqlclient==2.2.0", "Exception: Can not find valid pkg-config name."), "",
     "default-libmysqlclient-dev"),
    ("build", failed_build("lxml==4.6", "Error: Please make sure the libxml2 and libxslt development packages are"
                           " installed."), "", "libxml2-dev"),
    ("build", failed_build("cffi==1.14", "c/_cffi_backend.c:15:10: fatal error: ffi.h: No such file or directory"), "",
     "libffi-dev"),
    ("build", failed_build("uwsgi==2.0", "fatal error: Python.h: No such file or directory"), "", "python3-dev"),
    ("start", trace("ImportError: failed to find libmagic.  Check your installation"), "", "libmagic1"),
    ("start", trace('django.core.exceptions.ImproperlyConfigured: Could not find the GDAL library (tried "gdal")'), "",
     "libgdal-dev"),
    ("start", trace("ImportError: libGL.so.1: cannot open shared object file: No such file"), "", "libgl1"),
    ("start", trace("ImportError: no pq wrapper available."), "requirement psycopg[binary]", "libpq5"),
    ("start", 'RuntimeError: Form data requires "python-multipart" to be installed.', "requirement python-multipart",
     "python-multipart"),
    ("start", "exec: sh: 1: gunicorn: not found", "requirement gunicorn", "runs gunicorn"),
    ("prepare", "sqlite3.OperationalError: no such table: users", "", "the table users does not exist"),
    ("probe", 'psycopg.errors.UndefinedTable: relation "post" does not exist', "", "the table post"),
    ("prepare", "alembic.util.exc.CommandError: Path doesn't exist: '/app/migrations'.", "", "no migrations"),
    ("start", 'File "<frozen os>", line 679, in __getitem__\nKeyError: \'PGDATABASE\'', "", "variable PGDATABASE"),
    ("build", "error: Failed to fetch: https://host/x", "", ""),
    ("build", "git+ssh://git@example.org/acme/lib.git\nHost key verification failed.", "", "over ssh"),
    ("build", "Because the requested Python version (>=3.13.0) does not satisfy Python>=3.8,<3.12 and old==1 depends",
     "python 3.11", "works with Python <3.12,>=3.8 only"),
    ("start", "    print 'x'\nSyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?", "",
     "Python 2"),
    ("build", trace("whitenoise.storage.MissingFileError: The file 'a/b.eot' could not be found with <whitenoise>."),
     "static missing", "refers to a/b.eot"),
    ("start", trace("ModuleNotFoundError: No module named 'django.utils.six.moves'"), "python 3.11", "six.moves"),
    ("start", trace("RuntimeError: __class__ not set defining 'BaseUser' as <class 'x'>."), "", "__class__ not"),
    ("start", "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("step", "output", "change", "cause"), CASES)
def test_what_is_made_of_an_output(step: str, output: str, change: str, cause: str) -> None:
    diagnosis = diagnose(step, output, FACTS)
    if not cause:
        assert diagnosis is None
        return
    assert diagnosis is not None
    assert cause in diagnosis.cause
    assert (f"{diagnosis.change.kind} {diagnosis.change.value}" if diagnosis.change else "") == change
    assert "\n" not in diagnosis.cause


def test_assets_that_cannot_be_built_are_left_as_they_are_committed_on_the_first_deployment() -> None:
    said = "npm error code 1\nThe assets could not be built: `npm run build` failed"
    found = diagnose("build", said, facts(assets_needed=False))
    assert found is not None
    assert found.change == Change(ChangeKind.ASSETS, "as committed")
    assert found.cause == "The assets could not be built: `npm run build` failed; pages get what is committed"
    live = diagnose("build", said, facts(assets_needed=True))
    assert live is None or live.change is None


def facts(**more: object) -> Facts:
    return replace(FACTS, **more)  # type: ignore[arg-type]


def test_a_pin_is_named_where_the_change_would_override_it() -> None:
    output = missing("pkg_resources")
    found = diagnose("start", output, facts(requirements=("setuptools==82.0",)))
    assert found is not None
    assert found.pin == "setuptools==82.0"
    found = diagnose("start", missing("imp"), facts(request="3.13"))
    assert found is not None
    assert found.pin == "Python 3.13"
    found = diagnose("start", missing("imp"), facts(request="3.14"))  # it is not on the box: any other is as good
    assert found is not None
    assert found.pin == ""


def test_a_range_bounds_the_interpreter() -> None:
    found = diagnose("start", missing("asyncore"), facts(request=">=3.12"))
    assert found is not None
    assert found.change is None
    found = diagnose("start", missing("distutils"), facts(request=">=3.12"))
    assert found is not None
    assert found.change == Change(ChangeKind.REQUIREMENT, "setuptools<81")


def test_what_is_locked_does_not_drift() -> None:
    output = trace("TypeError: unhashable type: 'dict'", f"{SITE}/jinja2/utils.py")
    found = diagnose("probe", output, facts(locked=True, file="uv.lock"))
    assert found is not None
    assert found.change is None
    assert "uv.lock" in found.hint


def test_a_foreign_index_is_named_and_the_boxs_own_is_not() -> None:
    output = "  cause: Failed to fetch: https://user:pw@pypi.acme.example/simple/gunicorn/\n"
    assert diagnose("build", output, facts(indexes=())) is None
    found = diagnose("build", output, facts(indexes=("https://pypi.acme.example/simple",)))
    assert found is not None
    assert "pypi.acme.example, which requirements.txt names" in found.cause


def test_the_stamps_of_a_log_are_no_hindrance() -> None:
    stamped = "".join(f"2026-01-01T00:00:00.123456Z {line}\n" for line in missing("yaml").splitlines())
    found = diagnose("start", stamped, FACTS)
    assert found is not None
    assert found.change == Change(ChangeKind.REQUIREMENT, "PyYAML")


def test_a_hostile_output_costs_little() -> None:
    for piece in (
        "Failed to build `",
        'File "',
        " " * 1000,
        "module '",
        "a.",
        "\n\n",
        "'",
        "No module named '",
        "ssh://a ",
    ):
        diagnose("build", piece * 20_000, FACTS)
        diagnose("build", f"{piece * (1999 // len(piece))}\n" * 700, FACTS)


def spec(kind: DependencyKind = DependencyKind.REQUIREMENTS, root: str = ".") -> AppSpec:
    return AppSpec(root, None, Dependencies(kind, str(kind)), ())


def test_the_patch_that_makes_it_permanent() -> None:
    changes = (
        Change(ChangeKind.REQUIREMENT, "setuptools<81"),
        Change(ChangeKind.REPLACEMENT, "psycopg2 psycopg2-binary"),
        Change(ChangeKind.PYTHON, "3.11"),
        Change(ChangeKind.EXCLUDE_NEWER, "2023-05-01T00:00:00Z"),
        Change(ChangeKind.BUILD_CONSTRAINT, "cython<3"),
        Change(ChangeKind.STATIC, "missing"),
        Change(ChangeKind.ASSETS, "as committed"),
    )
    text = patch(changes, spec(), {"requirements.txt": "flask\npsycopg2==2.9.9", "pullet.toml": "[build]\n"})
    for line in (
        "+setuptools<81",
        "+psycopg2-binary==2.9.9",
        "+3.11",
        '+exclude_newer = "2023-05-01T00:00:00Z"',
        '+build_constraints = ["cython<3"]',
        "+ignore_missing_static = true",
        "+assets = []",
        "new file mode 100644",
    ):
        assert line in text.splitlines()
    assert line_for(changes[0], spec()) == "requirements.txt: setuptools<81"
    assert "backend/.python-version" in patch(changes[2:3], spec(root="backend"), {})


def test_what_else_stands_in_the_way_is_said_at_once() -> None:
    more = facts(request="3.7", python="3.8.18", requirements=("Flask-Migrate==2.1.1",), migrations=False)
    found = diagnose("build", failed_build("cffi==1.11.5", "error: command 'gcc' failed with exit status 1"), more)
    assert found is not None
    assert found.change is None
    for part in ("cffi==1.11.5 has no wheel", "no migrations are committed", "Python 3.7", "since 2023-06"):
        assert part in found.cause
