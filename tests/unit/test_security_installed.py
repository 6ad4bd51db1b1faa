"""What installed packages say of themselves, their licences among it."""

from __future__ import annotations

import pytest

from pullet.analysis.security.licences import licence, licence_findings
from pullet.analysis.security.metadata import (
    Installed,
    Unclear,
    identified,
    licence_of,
    modules_of,
    read_headers,
)
from pullet.domain.security import Finding, Severity, Spot

_MIT = "License :: OSI Approved :: MIT License"
_GPL = "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"


def named(folder: str, text: str) -> tuple[str, str]:
    return identified(folder, read_headers(text))


def test_headers_end_with_the_first_empty_line_and_may_be_folded() -> None:
    text = "Name: a\nLicense: one\n  two\nbroken\n\nName: b\n"
    assert read_headers(text) == [("name", "a"), ("license", "one two")]


def test_a_package_is_what_its_metadata_say() -> None:
    assert named("Foo_Bar-1.0.dist-info", "Name: Foo.Bar\nVersion: 1.0.0\n") == ("foo-bar", "1.0.0")
    assert named("foo-1.0-py3.11.egg-info", "Name: foo\nVersion: 1.0\n") == ("foo", "1.0")
    assert named("foo.egg-info", "Name: foo\nVersion: 1.0\n") == ("foo", "1.0")


def test_without_metadata_its_folder_says_what_it_is() -> None:
    assert named("foo-1.0.dist-info", "") == ("foo", "1.0")


@pytest.mark.parametrize(
    ("folder", "text"),
    [
        ("foo-1.0.dist-info", "Name: bar\nVersion: 1.0\n"),
        ("foo-1.0.dist-info", "Name: foo\nVersion: 2.0\n"),
        ("foo-1.0.dist-info", "Name: foo\n"),
        ("foo-1.0.dist-info", "Name: <script>\nVersion: 1.0\n"),
        ("foo.dist-info", ""),
        ("fo\no-1.0.dist-info", ""),
        ("-1.0.dist-info", ""),
    ],
)
def test_what_does_not_agree_is_not_believed(folder: str, text: str) -> None:
    with pytest.raises(Unclear):
        named(folder, text)


def test_modules_are_those_of_top_level_else_of_the_record() -> None:
    record = 'yaml/__init__.py,sha256=x,1\n_yaml.cpython-311.so,,\n"odd,name.py",,\nPyYAML-6.dist-info/RECORD,,\n'
    assert modules_of("", record) == ("_yaml", "yaml")
    assert modules_of("attr\nattrs\n../evil\n", record) == ("attr", "attrs")
    assert modules_of("", "../../bin/tool.py,,\n") == ()


def test_the_expression_counts_before_the_free_text() -> None:
    headers = read_headers(f"License: see file\nLicense-Expression: MIT OR Apache-2.0\nClassifier: {_MIT}\n")
    assert licence_of(headers) == ("MIT OR Apache-2.0", (_MIT,))


@pytest.mark.parametrize(
    ("stated", "classifiers", "expression", "copyleft"),
    [
        ("MIT", (), "MIT", False),
        ("(MIT AND BSD-3-Clause) OR Apache-2.0", (), "(MIT AND BSD-3-Clause) OR Apache-2.0", False),
        ("GPL-3.0-or-later", (), "GPL-3.0-or-later", True),
        ("MIT OR GPL-2.0-only", (), "MIT OR GPL-2.0-only", False),
        ("MIT AND GPL-2.0-only", (), "MIT AND GPL-2.0-only", True),
        ("MIT AND (AGPL-3.0-only OR GPL-2.0-only)", (), "MIT AND (AGPL-3.0-only OR GPL-2.0-only)", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", (), "GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("", (_MIT,), "MIT", False),
        ("", (_GPL,), "GPL-3.0-or-later", True),
        ("", (_MIT, _GPL), "MIT OR GPL-3.0-or-later", False),
        ("Apache License, Version 2.0", (), "Apache-2.0", False),
        ("GNU Affero General Public License", (), "AGPL-3.0-or-later", True),
        ("LGPL-3.0-only", (), "LGPL-3.0-only", False),
        ("whatever you like", (), "", False),
        ("", (), "", False),
        ("(" * 250 + "MIT" + ")" * 250, (), "", False),
    ],
)
def test_licences(stated: str, classifiers: tuple[str, ...], expression: str, copyleft: bool) -> None:
    told = licence(Installed("a", "1", (), stated, classifiers))
    assert (told.expression, told.copyleft) == (expression, copyleft)


def test_copyleft_and_unknown_licences_are_notes_that_never_hold_back() -> None:
    packages = [Installed("free", "1", (), "MIT"), Installed("strong", "2", (), "AGPL-3.0-only")]
    packages += [Installed(f"odd{number}", "1") for number in range(30)]
    found: tuple[Finding, ...] = licence_findings(map(licence, packages), Spot("uv.lock"))
    assert [finding.rule for finding in found] == ["licences/copyleft", "licences/unknown"]
    assert {finding.severity for finding in found} == {Severity.NOTE}
    assert not any(finding.blocks for finding in found)
    assert "network" in found[0].reason
    assert found[1].title.startswith("30 ")
    assert found[1].code.endswith("and 10 more")
