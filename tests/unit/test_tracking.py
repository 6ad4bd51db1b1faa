"""Which commit a branch, a version range or a pin means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullet.domain.errors import BranchMissing, ConfigError
from pullet.domain.fleet import Track, TrackKind
from pullet.domain.refs import Refs
from pullet.planner.tracking import choose_default_branch, resolve

SHAS = [character * 40 for character in "abcdef"]


def refs(*, heads: tuple[str, ...] = (), tags: tuple[str, ...] = (), default: str | None = None) -> Refs:
    return Refs(dict(zip(heads, SHAS, strict=False)), dict(zip(tags, SHAS, strict=False)), default)


@pytest.mark.parametrize("name", ["main", "feature/x", "-rf", "../x", "ветка", "x" * 200, "--upload-pack=true"])
def test_a_branch_is_found_by_its_name_whatever_it_is(name: str) -> None:
    assert resolve(Track(TrackKind.BRANCH, name), refs(heads=(name,))).sha == SHAS[0]


def test_a_missing_branch_names_those_there_are() -> None:
    with pytest.raises(BranchMissing, match="no branch 'develop'") as caught:
        resolve(Track(TrackKind.BRANCH, "develop"), refs(heads=("main", "next")))
    assert caught.value.context == "Its branches: main, next"


def test_an_empty_repository_is_called_empty() -> None:
    with pytest.raises(BranchMissing, match="is empty"):
        resolve(Track(TrackKind.BRANCH, "main"), refs())


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (">=1.2,<2", "v1.10.0"),
        ("==1.2.*", "v1.2.9"),
        (">=2", "2.0"),
        ("~=1.2.0", "v1.2.9"),
        (">=3.0rc1", "v3.0.0-rc.1"),  # pre-releases only where the range names one
        ("nightly", "nightly"),
        ("v1.2.9", "v1.2.9"),
    ],
)
def test_the_highest_tag_in_the_range_wins(wanted: str, expected: str) -> None:
    tags = refs(tags=("v1.2.9", "v1.10.0", "2.0", "v3.0.0-rc.1", "nightly"))
    assert resolve(Track(TrackKind.TAG, wanted), tags).ref == expected


def test_no_tag_in_the_range() -> None:
    with pytest.raises(BranchMissing, match="no tag that fits") as caught:
        resolve(Track(TrackKind.TAG, ">=4"), refs(tags=("v1.0", "junk")))
    assert "junk, v1.0" in caught.value.context


@pytest.mark.parametrize("wanted", ["newest", ">=x", "1.2 or so"])
def test_a_range_that_is_none(wanted: str) -> None:
    with pytest.raises(ConfigError, match="version range"):
        resolve(Track(TrackKind.TAG, wanted), refs(tags=("v1.0",)))


def test_pins() -> None:
    assert resolve(Track(TrackKind.COMMIT, "9" * 40), refs()).sha == "9" * 40
    assert resolve(Track(TrackKind.COMMIT, "A" * 10), refs(heads=("main",))).sha == SHAS[0]
    with pytest.raises(BranchMissing, match="not the tip"):
        resolve(Track(TrackKind.COMMIT, "9" * 10), refs(heads=("main",)))
    with pytest.raises(ConfigError):
        resolve(Track(TrackKind.COMMIT, "HEAD"), refs(heads=("main",)))


def test_the_default_branch() -> None:
    assert choose_default_branch(refs(heads=("main", "next"), default="next")) == "next"
    assert choose_default_branch(refs(heads=("x", "master"), default=None)) == "master"
    assert choose_default_branch(refs(heads=("only",), default="gone")) == "only"
    with pytest.raises(BranchMissing, match="no default branch"):
        choose_default_branch(refs(heads=("a", "b")))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6, unique=True))
def test_versions_are_compared_as_numbers(minors: list[int]) -> None:
    tags = Refs({}, {f"v1.{minor}": f"{minor:040x}" for minor in minors}, None)
    assert resolve(Track(TrackKind.TAG, ">=1,<2"), tags).ref == f"v1.{max(minors)}"
