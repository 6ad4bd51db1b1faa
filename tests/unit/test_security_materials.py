"""Bills of materials: made of what files name, and read for a page."""

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from pullet.analysis.security.listed import Kind, Listed, listed_in
from pullet.analysis.security.materials import Materials, listed_bill, materials

LOCK = b"""
[[package]]
name = "Flask"
version = "3.1.0"
source = { registry = "https://index.example.org/simple" }

[[package]]
name = "own"
version = "1.0"
source = { git = "https://git.example.org/own.git?rev=1a2b" }

[[package]]
name = "shop"
version = "0.1"
source = { virtual = "." }
"""
HOSTILE = "1.0+<b>\\u2028\x1b/@?"


def bill(components: list[Any], **more: Any) -> str:
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components, **more})


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("uv.lock", LOCK, ["flask", "own"]),
        ("requirements.txt", b"flask==3.1.0\nidna==3.7  # twice\nidna==3.7\nloose>=1\n", ["flask", "idna"]),
    ],
)
def test_what_is_locked_makes_a_valid_bill(path: str, text: bytes, names: list[str]) -> None:
    lines = [each for each in listed_in(path, text) if each.kind in (Kind.PINNED, Kind.FETCHED)]
    document = listed_bill(lines, "0.1.0")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document) is None
    told = json.loads(document)["components"]
    assert [each["name"] for each in told] == names
    assert told[0]["purl"] == "pkg:pypi/flask@3.1.0"
    assert materials(document) == Materials("CycloneDX 1.6", 2, None, ())


def test_what_comes_from_an_address_is_no_package_of_the_index() -> None:
    [own] = [each for each in listed_in("uv.lock", LOCK) if each.name == "own"]
    assert "purl" not in json.loads(listed_bill([own], "0"))["components"][0]


def test_hostile_versions_make_a_valid_bill() -> None:
    document = listed_bill([Listed(Kind.PINNED, "a\nb.txt", 1, "x", HOSTILE), Listed(Kind.PINNED, "c", 1)], "0")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document) is None
    [component] = json.loads(document)["components"]
    assert component["purl"].isascii()
    assert component["purl"].isprintable()


def test_who_asks_for_whom_is_counted() -> None:
    named = [{"bom-ref": name, "name": name} for name in ("flask", "click", "alone", "self")]
    edges = [{"ref": "flask", "dependsOn": ["click"]}, {"ref": "click"}, {"ref": "self", "dependsOn": ["self"]}]
    found = materials(bill(named, dependencies=edges))
    assert found is not None
    assert (found.packages, found.direct) == (4, 3)


def test_licences_are_named_as_packages_name_them() -> None:
    named: list[Any] = [
        {"licenses": [{"expression": "MIT"}]},
        {"licenses": [{"license": {"id": "MIT"}}]},
        {"licenses": [{"license": {"name": "License :: OSI Approved :: BSD License"}}]},
        {"licenses": [{"license": {"name": "x" * 500}}]},
        {},
    ]
    found = materials(bill(named))
    assert found is not None
    assert dict(found.licences) == {"MIT": 2, "BSD License": 1, "a text of its own": 1, "not told": 1}


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "[" * 100_000, bill([3]), bill([], dependencies=[3]), '{"components": [], "bomFormat": "x"}'],
)  # fmt: skip
def test_a_bill_that_cannot_be_read_is_none(text: str) -> None:
    assert materials(text) is None
