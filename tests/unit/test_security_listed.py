"""What files say of dependencies, and what of that is worth a second look."""

from __future__ import annotations

import time

import pytest

from pullet.analysis.security.listed import Kind, Listed, listed_in, lists_dependencies
from pullet.analysis.security.lookalikes import lookalike
from pullet.analysis.security.packages import package_findings
from pullet.domain.security import Finding

_SHA = "0123456789abcdef0123456789abcdef01234567"


def told(path: str, text: str | bytes) -> list[tuple[Kind, str, str, int]]:
    data = text.encode() if isinstance(text, str) else text
    return [(each.kind, each.name, each.version, each.line) for each in listed_in(path, data)]


def line(text: str) -> Listed:
    (only,) = listed_in("requirements.txt", text.encode())
    return only


def looked(text: str, path: str = "requirements.txt") -> list[Finding]:
    return list(package_findings(listed_in(path, text.encode()), ()))


@pytest.mark.parametrize(
    ("text", "kind", "name", "version"),
    [
        ("Django==4.2.1", Kind.PINNED, "django", "4.2.1"),
        ("Foo_Bar.baz[extra, other] == 1.0 ; python_version < '4'  # why", Kind.PINNED, "foo-bar-baz", "1.0"),
        ("a===1.0-odd", Kind.PINNED, "a", "1.0-odd"),
        ("a==1.0 --hash=sha256:abc --hash=sha256:def", Kind.PINNED, "a", "1.0"),
        ("a==1.0 \\\n    --hash=sha256:abc", Kind.PINNED, "a", "1.0"),
        ("a==1.*", Kind.LOOSE, "a", ""),
        ("a>=1,<2", Kind.LOOSE, "a", ""),
        ("a", Kind.LOOSE, "a", ""),
        ("a @ https://example.org/a-1.0.zip", Kind.FETCHED, "a", ""),
        ("git+https://example.org/a.git@main#egg=Some_Name", Kind.FETCHED, "some-name", ""),
        ("-e git+https://example.org/a.git#egg=a", Kind.FETCHED, "a", ""),
        ("./wheels/shop_lib-1.2-py3-none-any.whl", Kind.PINNED, "shop-lib", "1.2"),
        ("wheels/shop-1.2.tar.gz", Kind.UNREAD, "", ""),
        ("./vendored", Kind.OPTION, "", ""),
        ("-r more/base.txt", Kind.INCLUDED, "", ""),
        ("--constraint=pins.txt", Kind.INCLUDED, "", ""),
        ("--extra-index-url https://example.org/", Kind.OPTION, "", ""),
        ("what is this?", Kind.UNREAD, "", ""),
        ("x" * 5000, Kind.UNREAD, "", ""),
    ],
)
def test_lines_of_requirements(text: str, kind: Kind, name: str, version: str) -> None:
    only = line(text)
    assert (only.kind, only.name, only.version, only.line) == (kind, name, version, 1)


def test_comments_blanks_and_the_app_itself_are_no_dependencies() -> None:
    assert told("requirements.txt", "\ufeff# one\n\n-e .\n   # two\n") == []


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        (f"git+https://example.org/a.git@{_SHA}", True),
        ("git+https://example.org/a.git@v1", False),
        ("https://example.org/a-1.zip#sha256=abc", True),
        ("a @ https://example.org/a.zip --hash=sha256:abc", True),
        ("a @ https://example.org/a.zip", False),
    ],
)
def test_what_is_fetched_is_fixed_by_a_commit_or_a_hash(text: str, fixed: bool) -> None:
    assert line(text).fixed is fixed
    assert bool(looked(text)) is not fixed


def test_uv_lock_without_the_project_itself() -> None:
    text = f"""version = 1
[[package]]
name = "django"
version = "4.2.1"
source = {{ registry = "https://example.org/simple" }}
[[package]]
name = "shop"
version = "0.1"
source = {{ virtual = "." }}
[[package]]
name = "forked"
version = "2.0"
source = {{ git = "https://example.org/f.git?rev={_SHA}#{_SHA}" }}
"""
    assert told("uv.lock", text) == [(Kind.PINNED, "django", "4.2.1", 3), (Kind.FETCHED, "forked", "2.0", 11)]
    assert package_findings(listed_in("uv.lock", text.encode()), ()) == ()


def test_poetry_pylock_and_pipfile_locks() -> None:
    poetry = '[[package]]\nname = "A"\nversion = "1"\n[[package]]\nname = "b"\nversion = "2"\n'
    poetry += '[package.source]\ntype = "git"\nurl = "https://example.org/b"\nresolved_reference = "main"\n'
    assert told("poetry.lock", poetry) == [(Kind.PINNED, "a", "1", 2), (Kind.FETCHED, "b", "2", 5)]
    standard = 'lock-version = "1.0"\n[[packages]]\nname = "a"\nversion = "1"\n[[packages]]\nname = "mine"\n'
    standard += 'directory = { path = "." }\n[[packages]]\nname = "odd"\n'
    assert told("pylock.toml", standard) == [(Kind.PINNED, "a", "1", 3), (Kind.UNREAD, "odd", "", 9)]
    assert told("sub/pylock.prod.toml", standard)[0][0] is Kind.PINNED
    pipfile = '{"default": {\n"a": {"version": "==1"},\n"b": {"git": "https://example.org/b", "ref": "main"}}}'
    assert told("Pipfile.lock", pipfile) == [(Kind.PINNED, "a", "1", 2), (Kind.FETCHED, "b", "", 3)]


def test_projects_own_files() -> None:
    project = """[project]
dependencies = [
  "flask>=3",
  "idna==3.7",
]
[project.optional-dependencies]
mail = ["aiosmtplib"]
[tool.poetry.dependencies]
python = "^3.11"
django = "4.2.1"
rich = "^13"
mine = { path = "../mine" }
[tool.uv]
index-strategy = "unsafe-best-match"
"""
    assert told("pyproject.toml", project) == [
        (Kind.LOOSE, "flask", "", 3),
        (Kind.PINNED, "idna", "3.7", 4),
        (Kind.LOOSE, "aiosmtplib", "", 0),
        (Kind.PINNED, "django", "4.2.1", 10),
        (Kind.LOOSE, "rich", "", 11),
        (Kind.OPTION, "", "", 14),
    ]
    assert told("Pipfile", '[packages]\nflask = "*"\n') == [(Kind.LOOSE, "flask", "", 2)]
    assert told("setup.cfg", "[options]\ninstall_requires =\n  flask\n  idna==3.7\n") == [
        (Kind.LOOSE, "flask", "", 3),
        (Kind.PINNED, "idna", "3.7", 4),
    ]
    assert told("setup.py", "setup(install_requires=read())") == [(Kind.UNREAD, "", "", 0)]
    assert told("setup.py", "setup()") == []
    assert told("environment.yml", "channels: [x]\ndependencies: [y]\n") == [(Kind.UNREAD, "", "", 0)]
    assert told("environment.yml", "name: production\n") == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("uv.lock", b"\xff\xfe"),
        ("uv.lock", b"[[package]]\nversion = '1'"),
        ("uv.lock", b"package = 3"),
        ("uv.lock", b"a = " + b"[" * 100_000),
        ("uv.lock", b"." * 100_000),
        ("Pipfile.lock", b"[]"),
        ("Pipfile.lock", b'{"default": []}'),
        ("Pipfile.lock", b"[" * 100_000),
        ("pyproject.toml", b"[project]\ndependencies = 3"),
        ("setup.cfg", b"no section"),
        ("requirements.txt", b"\xff\xfea\x00"),
    ],
)
def test_a_file_that_cannot_be_read_says_so(path: str, text: bytes) -> None:
    assert [each[0] for each in told(path, text)] == [Kind.UNREAD]


def test_which_files_list_dependencies() -> None:
    for path in (
        "requirements.txt",
        "requirements-dev.txt",
        "requirements.in",
        "a/requirements/base.txt",
        "x/uv.lock",
        "pylock.toml",
    ):
        assert lists_dependencies(path)
    for path in ("readme.txt", "requirements.md", "lock", "notes/requirements.txt.bak", "a\nuv.lock.py"):
        assert not lists_dependencies(path)


def test_ten_thousand_requirements_are_read_in_seconds() -> None:
    lock = "".join(f'[[package]]\nname = "n{number}"\nversion = "1.{number}"\n' for number in range(10_000))
    loose = "".join(f"reqeust{number}>=1\n" for number in range(10_000))
    begun = time.monotonic()
    assert len(listed_in("uv.lock", lock.encode())) == 10_000
    lines = listed_in("requirements.txt", loose.encode())
    assert len(lines) == 10_000
    assert [finding.rule for finding in package_findings(lines, ())] == ["packages/unpinned"]
    assert time.monotonic() - begun < 10


def test_credentials_of_an_index_are_shown_to_nobody() -> None:
    (finding, *_) = looked("--extra-index-url https://ada:s3cret@example.org/simple")
    assert "s3cret" not in repr(finding)
    assert finding.rule == "packages/extra-index"
    assert "s3cret" not in repr(line("git+https://ada:s3cret@example.org/a.git"))


def test_what_weakens_the_way_from_the_index() -> None:
    rules = {finding.rule for finding in looked("-i http://example.org/simple\n--trusted-host example.org\n")}
    assert rules == {"packages/cleartext-index", "packages/trusted-host"}
    assert not looked("-i https://example.org/simple")
    assert not looked("-i http://127.0.0.1:8080/simple")


def test_what_has_no_version_is_one_finding_a_file_unless_another_file_gives_one() -> None:
    (finding,) = looked("a\nb>=1\nc==1\n")
    assert (finding.rule, finding.title, finding.spot.line) == (
        "packages/unpinned",
        "2 of the dependencies have no fixed version",
        1,
    )
    lines = (*listed_in("requirements.txt", b"a\n"), *listed_in("uv.lock", b'[[package]]\nname="a"\nversion="1"'))
    assert package_findings(lines, ()) == ()


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("reqests", "requests"),
        ("requestss", "requests"),
        ("reqeusts", "requests"),
        ("djanga", "django"),
        ("python-requests", "requests"),
        ("fast-api", "fastapi"),
        ("pythondateutil", "python-dateutil"),
        ("python3-flask", "flask"),
        ("requests", ""),
        ("Requests", ""),
        ("boto", ""),
        ("shop-lib", ""),
        ("six", ""),
        ("", ""),
    ],
)
def test_names_that_are_a_slip_away_from_a_well_known_one(name: str, known: str) -> None:
    assert lookalike(name) == known


def test_an_installed_package_that_no_file_names_is_looked_at_too() -> None:
    (finding,) = package_findings((), ("reqests",))
    assert (finding.rule, finding.sink, finding.blocks) == ("packages/lookalike", "reqests", False)
