"""The labelled pairs are what they claim to be."""

from __future__ import annotations

import ast

import pytest

from tests.assessing.pairs import FRAMEWORKS, Pair, pairs, read

PAIRS = pairs()


def test_there_are_enough_of_each_framework_under_names_of_their_own() -> None:
    assert len(PAIRS) >= 60
    assert all(sum(pair.framework == name for pair in PAIRS) >= 20 for name in FRAMEWORKS)
    assert len({pair.title for pair in PAIRS}) == len(PAIRS)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.title)
def test_both_sides_are_whole_files_that_differ(pair: Pair) -> None:
    assert set(pair.vulnerable) == set(pair.fixed)
    assert pair.vulnerable != pair.fixed
    for side in (pair.vulnerable, pair.fixed):
        for path, text in side.items():
            assert "<<" not in text
            if path.endswith(".py"):
                ast.parse(text)


@pytest.mark.parametrize("text", ["## no cwe\n", "## a CWE-1 b.py\nno sign\n"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"pair|side"):
        list(read("flask", text))
