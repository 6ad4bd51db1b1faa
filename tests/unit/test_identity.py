"""Names that reach a path, a hostname or a process list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullet.domain.errors import UsageError
from pullet.domain.identity import EnvironmentKey, Revision, slug


@given(st.text(min_size=1))
def test_any_text_becomes_a_label_that_environment_keys_accept(text: str) -> None:
    assert EnvironmentKey("shop", slug(text)).name == slug(text)


@given(st.text(), st.text())
def test_distinct_texts_get_distinct_labels(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) == (one == other)


@pytest.mark.parametrize("name", ["", "-rf", "../x", "Shop", "a" * 41, "shop.", "a b"])
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        EnvironmentKey(name, "production")


def test_hostnames() -> None:
    assert EnvironmentKey("shop", "production").localhost == "shop.localhost"
    assert EnvironmentKey("shop", "staging").localhost == "staging--shop.localhost"


def test_a_revision_is_a_commit_id() -> None:
    assert str(Revision("main", "a" * 40)) == "main@sha1:" + "a" * 40
    with pytest.raises(UsageError):
        Revision("main", "HEAD")
