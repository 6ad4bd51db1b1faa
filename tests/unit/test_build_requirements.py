"""requirements.txt and its relatives: what is followed, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.errors import BuildFailed
from pullet.drivers.build.inputs import Indexes, TreeFiles, Wanted, is_public_index
from pullet.drivers.build.locks import from_pipfile_lock
from pullet.drivers.build.paths import python_path
from pullet.drivers.build.projects import pipfile, static_dependencies
from pullet.drivers.build.requirements import read_requirements

_PUBLIC = ".".join(("pypi", "org"))


def read(text: str, **more: str) -> Wanted:
    texts = {"requirements.txt": text, **{name.replace("__", "/").replace("_", "."): t for name, t in more.items()}}
    return read_requirements(TreeFiles(Path("/nonexistent"), texts), "requirements.txt")


@pytest.mark.parametrize(
    "line",
    [
        "flask",
        "Flask==3.0.0",
        "flask[async] >=2,<4 ; python_version < '3.13'",
        "uvicorn[standard]",
        "zope.interface~=5.0",
        "name (>=1.0)",
        "flask @ https://example.org/flask-3.0-py3-none-any.whl",
        "flask @ git+https://example.org/flask.git@abc123",
        "flask==3.0 --hash=sha256:" + "a" * 64 + " --hash=sha256:" + "b" * 64,
    ],
)
def test_requirements_pass_as_they_are(line: str) -> None:
    assert read(f"{line}\n").requirements == (line,)


def test_comments_continuations_and_blank_lines() -> None:
    wanted = read("# top\n\nflask==1 \\\n    --hash=sha256:aa\ndjango  # the web\n   # alone\nurllib3\\\n")
    lines = [" ".join(line.split()) for line in wanted.requirements]
    assert lines == [
        "flask==1 --hash=sha256:aa",
        "django",
        "urllib3",
    ]


def test_pips_older_spelling_of_a_url() -> None:
    text = "-e git+https://e.example/r@v1#egg=lib&subdirectory=py\nhttps://e.example/a-1-py3-none-any.whl\n"
    assert read(text).requirements == (
        "lib @ git+https://e.example/r@v1#subdirectory=py",
        "https://e.example/a-1-py3-none-any.whl",
    )


def test_includes_and_constraints_are_read_where_they_are_written() -> None:
    more = {"requirements/base.txt": "flask\n-c pins.txt\n", "requirements/pins.txt": "flask<4\n"}
    texts = {"requirements.txt": "-r requirements/base.txt\ndjango\n", **more}
    wanted = read_requirements(TreeFiles(Path("/nonexistent"), texts), "requirements.txt")
    assert (wanted.requirements, wanted.constraints) == (("flask", "django"), ("flask<4",))


def test_files_that_include_each_other_end() -> None:
    assert read("flask\n-r requirements.txt\n").requirements == ("flask",)


def test_indexes_are_honoured_and_shown() -> None:
    wanted = read("--index-url https://a.example/simple\n--extra-index-url=https://b.example\n-f https://c.example\n")
    assert wanted.indexes == Indexes("https://a.example/simple", ("https://b.example",), ("https://c.example",))
    assert len(wanted.notices) == 3


def test_options_that_matter_are_kept_and_others_are_told() -> None:
    wanted = read("--pre\n--no-binary :all:\n--prefer-binary\n--global-option=x\n")
    assert wanted.options == ("--pre", "--no-binary :all:")
    assert "--global-option=x" in wanted.notices[0]


@pytest.mark.parametrize(
    "line",
    [
        "-e ../../x", "-e /srv/x", "../x", "/srv/x", "~/x", "file:///etc/passwd", "-e file:///x", "-e git+file:///x",
        "x @ file:///etc/x.whl", "x @ /etc/x.whl", "x @ ../x.whl", "git+ext::sh -c id", "svn+https://example.org/x",
        "-r /etc/passwd", "-r ../x.txt", "-r https://example.org/r.txt", "-c ../../x", "--requirement=../x",
        "--index-url file:///x", "-f /srv/wheels", "-i ${TOKEN}", "flask==${VERSION}", "flask --config-settings=a=b",
        "wheels/x-1.0-py3-none-any.whl", "./x.tar.gz", "--index-url https://${A}@example.org",
        "flask==1 --hash=sha256:aa -r x", "two words", "'quoted'", "a\x00b",
    ],
)  # fmt: skip
def test_hostile_lines_are_refused_with_their_place(line: str) -> None:
    with pytest.raises(BuildFailed, match=r"requirements\.txt:1"):
        read(f"{line}\n")


@given(st.text(alphabet="ab-r./~@:\\ \n[]e=;#'$", max_size=40))
def test_no_text_gets_a_path_of_the_box_through(text: str) -> None:
    try:
        wanted = read(text)
    except BuildFailed:
        return
    for line in (*wanted.requirements, *wanted.constraints):
        assert not line.startswith(("-", ".", "/", "~"))
        assert "/" not in line or "://" in line


def test_a_project_of_the_tree_gives_its_dependencies_and_is_not_installed() -> None:
    document = (
        '[project]\nname = "shop"\ndependencies = ["flask"]\n[project.optional-dependencies]\nweb = ["gunicorn"]\n'
    )
    wanted = read("-e .[web]\n", pyproject_toml=document)
    assert (wanted.requirements, wanted.local, wanted.projects) == (("flask", "gunicorn"), (".",), ())


def test_a_project_that_only_its_backend_knows_is_left_to_it() -> None:
    wanted = read("-e .\n", setup_py="from setuptools import setup; setup()")
    assert wanted.projects == ((".", ""),)
    assert static_dependencies({"project": {"name": "x", "dynamic": ["dependencies"]}}, (), "p") is None


def test_a_folder_without_a_project_is_told() -> None:
    with pytest.raises(BuildFailed, match="no Python project"):
        read("-e ./lib\n")


def test_extras_that_name_each_other_and_sources_from_git() -> None:
    document = {
        "project": {
            "name": "Shop",
            "dependencies": ["lib>=1"],
            "optional-dependencies": {"all": ["shop[web]"], "web": ["gunicorn", "shop[all]"]},
        },
        "tool": {"uv": {"sources": {"lib": {"git": "https://example.org/lib", "tag": "v1"}}}},
    }
    wanted = static_dependencies(document, ("all",), "pyproject.toml")
    assert wanted is not None
    assert set(wanted.requirements) == {"lib @ git+https://example.org/lib@v1", "gunicorn"}


def test_a_pipfile() -> None:
    packages = {"flask": "*", "django": ">=4", "x": {"version": "==1.0", "extras": ["a"], "markers": "os_name == 'nt'"}}
    sources = [{"name": "pypi", "url": "https://default.example"}, {"name": "own", "url": "https://own.example"}]
    wanted = pipfile({"packages": packages, "source": sources}, "Pipfile")
    assert wanted.requirements == ("flask", "django>=4", "x[a]==1.0 ; os_name == 'nt'")
    assert wanted.indexes.extra == ("https://own.example",)
    for entry in ({"path": "../x"}, {"file": "/x"}, {"git": "/srv/repo"}, {"git": "ext::sh"}):
        with pytest.raises(BuildFailed):
            pipfile({"packages": {"x": entry}}, "Pipfile")


@pytest.mark.parametrize(
    "packages",
    [
        {"x": "==1\n-r /etc/passwd"},
        {"x": {"git": "https://e.example/r", "ref": "a -r /etc/passwd"}},
        {"x": {"git": "https://e.example/${UV_INDEX_OWN_PASSWORD}"}},
        {"x": {"version": "*", "markers": "os_name == 'a'\n/etc"}},
        {"-r /etc/passwd": "*"},
        {"/etc/x": "*"},
    ],
)
def test_no_file_smuggles_in_a_line_or_a_variable(packages: dict[str, object]) -> None:
    with pytest.raises(BuildFailed):
        pipfile({"packages": packages}, "Pipfile").checked()
    with pytest.raises(BuildFailed):
        from_pipfile_lock({"default": packages}, "Pipfile.lock")


def test_files_are_read_inside_the_tree_only(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tree / "out.txt").symlink_to("../secret.txt")
    (tree / "loop.txt").symlink_to("loop.txt")
    (tree / "in.txt").symlink_to("real.txt")
    (tree / "real.txt").write_text("flask")
    (tree / "binary.txt").write_bytes(b"\xff\xfe\x00")
    files = TreeFiles(tree)
    assert files.read("in.txt") == "flask"
    for path in ("out.txt", "loop.txt", "absent.txt", "binary.txt", "."):
        with pytest.raises(BuildFailed):
            files.read(path)


def _spec(kind: DependencyKind, path: str, root: str = ".") -> AppSpec:
    return AppSpec(root, None, Dependencies(kind, path), ())


def test_the_python_path_is_the_root_its_src_and_neighbours(tmp_path: Path) -> None:
    for folder in ("src", "packages/lib/src", "pkg/src"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "pkg/src/__init__.py").touch()
    (tmp_path / "uv.lock").write_text('[[package]]\nname = "lib"\nsource = { editable = "packages/lib" }\n')
    found = python_path(_spec(DependencyKind.UV_LOCK, "uv.lock"), tmp_path)
    assert found == tuple(str(tmp_path / name) for name in (".", "src", "packages/lib", "packages/lib/src"))
    assert python_path(_spec(DependencyKind.NONE, "", "pkg"), tmp_path) == (str(tmp_path / "pkg"),)


def test_a_link_out_of_the_tree_is_not_on_the_python_path(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/src").symlink_to("/etc")
    assert python_path(_spec(DependencyKind.NONE, ""), tmp_path / "tree") == (str(tmp_path / "tree"),)


@pytest.mark.parametrize(
    ("url", "public"),
    [
        (f"https://{_PUBLIC}/simple", True),
        ("https://pypi.python.org/simple/", True),
        ("https://pypi.example.org/simple", False),
        (f"https://{_PUBLIC}.example.org/simple", False),
        ("https://[", False),
    ],
)
def test_which_index_is_everybodys(url: str, public: bool) -> None:
    assert is_public_index(url) is public
