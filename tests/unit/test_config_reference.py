"""The committed reference is what the models say."""

import re
from pathlib import Path

import pytest

from pullet.config.app_file import read_app_file
from pullet.config.fleet_file import parse_fleet_file
from pullet.config.reference import render

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", render())
def test_the_committed_reference_is_not_stale(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == render()[name], "run scripts/reference and commit what it writes"


def test_every_example_on_the_page_is_accepted() -> None:
    examples = examples_of("pullet.toml")
    assert len(examples) > 10
    for example in examples:
        read_app_file(example)


def test_the_examples_of_fleet_files_are_one_that_is_accepted() -> None:
    whole = "".join(examples_of("Fleet files"))
    assert parse_fleet_file("shop", whole).environments[0].key.name == "production"


def examples_of(title: str) -> list[str]:
    page = render()["configuration.md"].partition(f"## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"```toml\n(.*?)```", page, re.DOTALL)


def test_every_key_has_a_description() -> None:
    page = render()["configuration.md"]
    assert "None" not in page
    assert not re.search(r"\| *\|$", page, re.MULTILINE)
