"""Bad input for `up`: a clear error, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.pullet import Pullet, Result, until
from tests.e2e.repositories import Repository, wsgi

pytestmark = pytest.mark.e2e

New = Callable[[Pullet], Repository]


@pytest.fixture
def refused(pullet: Pullet, new_repository: New) -> Callable[..., Result]:
    """Runs `up`, which must fail before anything is written to the fleet or run."""
    if not pullet.answers():
        pullet.up(new_repository(pullet))

    def run(*arguments: str) -> Result:
        commits, apps = pullet.fleet_commits(), _apps(pullet)
        result = pullet.run("up", *arguments)
        print(result.text)
        assert result.code in (1, 2)
        assert "Traceback" not in result.text
        assert (pullet.fleet_commits(), _apps(pullet)) == (commits, apps)
        return result

    return run


def _apps(pullet: Pullet) -> set[str]:
    return {row["app"] for row in pullet.status()["environments"]}


def test_a_path_that_is_not_there(refused: Callable[..., Result]) -> None:
    assert "neither a folder nor a URL" in refused("/nowhere/at/all").err


def test_a_folder_without_git(pullet: Pullet, refused: Callable[..., Result]) -> None:
    folder = pullet.root / "plain"
    folder.mkdir()
    (folder / "app.py").write_text(wsgi("v1"))
    assert "git repository" in refused(str(folder)).err


def test_an_empty_repository(pullet: Pullet, refused: Callable[..., Result]) -> None:
    assert "no commit" in refused(str(Repository(pullet.root / "empty").path)).err


def test_a_branch_that_is_missing(pullet: Pullet, refused: Callable[..., Result], new_repository: New) -> None:
    result = refused(str(new_repository(pullet).path), "--branch", "develop")
    assert "develop" in result.err
    assert "main" in result.err  # what there is


def test_a_branch_named_like_an_option(pullet: Pullet, refused: Callable[..., Result], new_repository: New) -> None:
    path = str(new_repository(pullet).path)
    refused(path, "--branch=--upload-pack=touch /tmp/x")
    refused(path, "--branch=-oProxyCommand=touch /tmp/x")


@pytest.mark.parametrize("url", ["--upload-pack=touch", "ext::sh -c touch% /tmp/x", "ssh://-oProxyCommand=x/y"])
def test_a_url_that_would_run_something(refused: Callable[..., Result], url: str) -> None:
    assert refused("--", url).code in (1, 2)


def test_another_port_than_the_daemon_has(pullet: Pullet, refused: Callable[..., Result], new_repository: New) -> None:
    path = str(new_repository(pullet).path)
    assert f"--port {pullet.port}, not 1234" in refused(path, "--port", "1234").err
    assert "--fleet" in refused(path, "--fleet", "https://git.example.org/fleet.git").err


def test_no_app(pullet: Pullet, new_repository: New) -> None:
    repository = new_repository(pullet)
    repository.commit({"README.md": "nothing to run"}, "app.py")
    result = pullet.run("up", str(repository.path))
    assert (result.code, "[no-app-found]" in result.err) == (1, True)
    assert "Procfile" in result.err  # what was looked for
    pullet.do("down", repository.name)


def test_two_apps(pullet: Pullet, new_repository: New) -> None:
    repository = new_repository(pullet)
    flask = "from flask import Flask\napp = Flask(__name__)\n"
    files = {"one/app.py": flask, "two/app.py": flask, "requirements.txt": "flask\n"}
    repository.commit(files, "app.py")
    result = pullet.run("up", str(repository.path))
    assert result.code == 1
    assert "one/app.py" in result.err
    assert "two/app.py" in result.err
    pullet.do("down", repository.name)


def test_a_file_named_like_an_option_deploys(pullet: Pullet, new_repository: New) -> None:
    repository = new_repository(pullet)
    repository.commit({"-oProxyCommand": "x", "--help": "x", "a\nb": "x"})
    pullet.up(repository)
    assert pullet.get(repository.name) == (200, "v1")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../../../etc/passwd", "loop"])
def test_links_lead_nowhere_outside(pullet: Pullet, new_repository: New, target: str) -> None:
    repository = new_repository(pullet)
    (repository.path / "loop").symlink_to(target)
    repository.push(pullet_toml='[static]\n"/static" = "."\n')
    result = pullet.run("up", str(repository.path))
    print(result.text)
    if result.code == 0:
        assert pullet.get(repository.name)[0] == 200
        assert pullet.get(repository.name, "/static/loop")[0] in (403, 404)
    else:
        assert "loop" in result.err
    pullet.do("down", repository.name)


def test_a_hostile_tree_is_refused(pullet: Pullet, new_repository: New) -> None:
    """`../` in a path: git itself makes no such tree, plumbing does."""
    repository = new_repository(pullet)
    blob = repository.git("hash-object", "-w", "--stdin", stdin="evil")
    tree = repository.git("mktree", stdin=f"100644 blob {blob}\t..\n")
    top = repository.git("mktree", stdin=f"040000 tree {tree}\tinner\n")
    sha = repository.git("commit-tree", "-m", "evil", top)
    repository.git("update-ref", "refs/heads/main", sha)
    result = pullet.run("up", str(repository.path))
    print(result.text)
    assert result.code == 1
    assert "Traceback" not in result.text
    assert not list(Path(pullet.home / "releases" / repository.name).rglob("evil"))
    until(lambda: pullet.shims(repository.name) == {}, 10)
    pullet.do("down", repository.name)
