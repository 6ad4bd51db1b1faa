"""The pure parts of the git driver: addresses, links, packet lines, advertisements."""

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullet.domain.errors import CommandFailed, SourceError, SourceRefused
from pullet.drivers.git.advertised import is_ref_name, parse_ls_refs, parse_ls_remote
from pullet.drivers.git.failures import failure_of, remote_failure
from pullet.drivers.git.limits import readable
from pullet.drivers.git.links import is_safe_path, refuse_reason
from pullet.drivers.git.locations import HttpLocation, PathLocation, SshLocation, locate
from pullet.drivers.git.packets import FLUSH, BadPackets, messages, packet

SHA, OTHER, TAG = "a" * 40, "b" * 40, "c" * 40
NAMES = st.sampled_from(["a", "b", "c"])
TARGETS = st.lists(st.sampled_from(["a", "b", "c", "..", ".", ""]), max_size=6).map("/".join)


@given(st.dictionaries(NAMES, TARGETS.filter(bool), min_size=1))
def test_a_link_that_is_accepted_never_leaves_the_tree(targets: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "tree"
        root.mkdir()
        for path, target in targets.items():
            (root / path).symlink_to(target)
        for path in targets:
            if refuse_reason(path, targets) is None:
                assert (root / path).resolve().is_relative_to(root)  # RuntimeError where it loops


@pytest.mark.parametrize("path", ["", "/x", "a//b", "../x", "a/..", ".", "./a", ".git/config", "a/.GIT", "a/"])
def test_unsafe_paths(path: str) -> None:
    assert not is_safe_path(path)


@pytest.mark.parametrize("path", ["a", "-rf", ".gitignore", "a/.github/b", "...", "a b/\n"])
def test_safe_paths(path: str) -> None:
    assert is_safe_path(path)


@given(st.lists(st.text(max_size=50), max_size=5))
def test_packets_come_back(texts: list[str]) -> None:
    data = b"".join(map(packet, texts)) + FLUSH
    assert list(messages(data)) == [[text.encode() for text in texts]]


@given(st.binary(max_size=60))
def test_any_bytes_are_packets_or_bad_packets(data: bytes) -> None:
    with contextlib.suppress(BadPackets):
        list(messages(data))


@given(st.binary(max_size=80))
def test_any_advertisement_can_be_parsed(data: bytes) -> None:
    parse_ls_refs(data.split(b"\n"))
    parse_ls_remote(data)


def test_advertisements_of_both_kinds_say_the_same() -> None:
    lines = [
        f"{SHA} HEAD symref-target:refs/heads/main",
        f"{SHA} refs/heads/main",
        f"{TAG} refs/tags/v1 peeled:{OTHER}",
        f"{OTHER} refs/tags/light",
        f"{OTHER} refs/pull/1/head",
        f"{OTHER} refs/heads/bad..name",
    ]
    listing = (
        f"ref: refs/heads/main\tHEAD\n{SHA}\tHEAD\n{SHA}\trefs/heads/main\n{TAG}\trefs/tags/v1\n"
        f"{OTHER}\trefs/tags/v1^{{}}\n{OTHER}\trefs/tags/light\n"
    )
    refs, peeled = parse_ls_remote(listing.encode())
    assert parse_ls_refs(line.encode() for line in lines) == refs
    assert (refs.heads, refs.tags, refs.default_branch) == ({"main": SHA}, {"v1": OTHER, "light": OTHER}, "main")
    assert peeled == {TAG: OTHER, OTHER: OTHER}


@pytest.mark.parametrize("name", ["a b", "a..b", "a.lock", ".a", "a/.b", "a\x00", "a~1", "a:b", "a\\b", "a/", ""])
def test_malformed_ref_names(name: str) -> None:
    assert not is_ref_name(name)


def test_locations() -> None:
    assert isinstance(locate("/srv/a:b c"), PathLocation)
    assert locate("file:///srv/a%20b").remote == "/srv/a b"
    assert isinstance(locate("git@example.org:acme/shop.git"), SshLocation)
    assert isinstance(locate("ssh://git@example.org:2222/x"), SshLocation)
    private = locate("https://ada:p%40ss@example.org:8443/x.git")
    assert isinstance(private, HttpLocation)
    assert private.shown == "https://example.org:8443/x.git"
    assert set(private.secrets) == {"p%40ss", "p@ss"}
    assert private.authorization == "Basic YWRhOnBAc3M="
    with pytest.raises(SourceRefused) as caught:
        locate("ftp://ada:secret@example.org/x")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", "wants a user"),
        ("git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.", "refused the ssh key"),
        ("Host key verification failed.", "host key"),
        ("ssh: Could not resolve hostname x: Name or service not known", "does not resolve"),
        ("ssh: connect to host x port 22: Connection refused", "cannot be reached"),
        ("fatal: remote error: upload-pack: not our ref " + SHA, "no longer has the commit"),
        ("fatal: '/x' does not appear to be a git repository", "is not a git repository"),
        ("error: object " + SHA + ": hasDotdot: contains '..'\nfatal: fsck error in packed object", "malformed"),
        ("SSL certificate problem: self-signed certificate", "not trusted"),
        ("fatal: something new", "git failed on"),
    ],
)
def test_what_git_says_becomes_an_error_with_a_hint(output: str, message: str) -> None:
    error = failure_of(CommandFailed(("git",), 128, output), locate("https://example.org/x"))
    assert isinstance(error, SourceError)
    assert message in error.message
    assert error.hint


def test_what_git_does_not_say_is_not_blamed_on_the_remote() -> None:
    unknown = CommandFailed(("git",), 128, "fatal: unable to read tree")
    assert remote_failure(unknown, locate("/srv/x")) is None


def test_sizes_for_people() -> None:
    assert [readable(size) for size in (5, 1536, 256 << 20, 2 << 30)] == ["5 bytes", "1.5 KB", "256 MB", "2 GB"]
