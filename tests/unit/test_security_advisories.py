"""Which version has which vulnerability, how bad it is, and where it is gone."""

from __future__ import annotations

import json
import time

import pytest

from pullet.analysis.security.advisories import Advisory, Range, findings, fixed_in, matches, parse_advisory
from pullet.analysis.security.cvss import base_score, severity_of
from pullet.analysis.security.weaknesses import WEAKNESSES
from pullet.domain.security import Basis, Finding, Severity, Spot

_HERE = Spot("requirements.txt", 1)


def record(name: str = "PYSEC-2024-1", **more: object) -> str:
    """OSV as JSON."""
    affected = more.pop("affected", None) or [
        {
            "package": {"ecosystem": "PyPI", "name": more.pop("package", "Flask_Thing")},
            "versions": more.pop("versions", []),
            "ranges": [{"type": "ECOSYSTEM", "events": more.pop("events", [{"introduced": "0"}, {"fixed": "3.2"}])}],
        }
    ]
    return json.dumps({"id": name, "affected": affected, "details": "A long story.", **more})


def one(name: str = "PYSEC-2024-1", **more: object) -> Advisory:
    (advisory,) = parse_advisory(f"{name}.json", record(name, **more))
    return advisory


def found(version: str, *advisories: Advisory, imported: bool | None = None) -> list[Finding]:
    return findings("flask-thing", version, _HERE, advisories, imported)


@pytest.mark.parametrize(
    ("version", "hit"),
    [
        ("3.1", True),
        ("3.1.99", True),
        ("3.2", False),
        ("3.2.0", False),  # 3.2.0 is 3.2
        ("3.2.0.0", False),
        ("v3.1", True),
        ("3.2rc1", True),  # comes before 3.2
        ("3.2.post1", False),
        ("3.1+cpu", True),
        ("3.2+cpu", False),
        ("1!0.1", False),  # an epoch is above all
        ("0.0.1.dev3", True),
        ("not a version", False),
    ],
)
def test_versions_are_compared_as_versions(version: str, hit: bool) -> None:
    assert matches(one(), version) is hit


def test_a_build_of_somebodys_own_has_what_the_listed_version_has() -> None:
    advisory = one(versions=["2.8.0"], events=[{"introduced": "9"}])
    assert matches(advisory, "2.8+cu121")
    assert matches(advisory, "2.8")
    assert not matches(advisory, "2.8.1")


def test_events_count_in_the_order_of_versions_however_they_are_written() -> None:
    events = [{"fixed": "2.2.28"}, {"introduced": "3.2"}, {"introduced": "2.2"}, {"fixed": "3.2.13"}]
    advisory = one(events=events)
    assert [v for v in ("2.1", "2.2", "2.2.28", "3.1", "3.2", "3.2.12", "3.2.13") if matches(advisory, v)] == [
        "2.2",
        "3.2",
        "3.2.12",
    ]


def test_the_last_affected_version_is_affected_and_the_next_is_not() -> None:
    advisory = one(events=[{"introduced": "1.0"}, {"last_affected": "1.5"}])
    assert [v for v in ("0.9", "1.0", "1.5", "1.5.0", "1.5.post1") if matches(advisory, v)] == ["1.0", "1.5", "1.5.0"]


def test_a_range_that_nobody_can_read_reaches_what_it_might_unless_versions_are_listed() -> None:
    odd = [{"introduced": "0"}, {"fixed": "2019-09-12 beta"}]
    assert matches(one(events=odd), "7.0")
    assert not matches(one(events=odd, versions=["1.0"]), "7.0")
    assert matches(one(events=odd, versions=["1.0"]), "1.0")


def test_a_version_that_is_none_is_compared_with_those_listed() -> None:
    assert matches(one(versions=["2004d-final"]), "2004d-final")


def test_the_lowest_fix_above_the_version_in_use_that_no_range_reaches() -> None:
    events = [{"introduced": "0"}, {"fixed": "2.2.28"}, {"introduced": "3.0"}, {"fixed": "3.2.13"}]
    other = one("PYSEC-2024-2", events=[{"introduced": "0"}, {"fixed": "3.2.14"}])
    assert fixed_in([one(events=events)], "2.2.1") == "2.2.28"
    assert fixed_in([one(events=events)], "3.1") == "3.2.13"
    assert fixed_in([one(events=events), other], "2.2.1") == "3.2.14"
    assert fixed_in([one(events=[{"introduced": "0"}])], "1.0") == ""
    assert fixed_in([one(events=[{"introduced": "0"}, {"fixed": "2.0rc1"}])], "1.0") == ""
    assert fixed_in([one()], "nonsense") == ""


def test_what_was_withdrawn_or_is_about_other_ecosystems_is_none() -> None:
    assert parse_advisory("a.json", record(withdrawn="2024-01-01T00:00:00Z")) == ()
    npm = [{"package": {"ecosystem": "npm", "name": "x"}, "versions": ["1"]}]
    assert parse_advisory("a.json", record(affected=npm)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"id": ',
        record(affected=[{"package": {"ecosystem": "PyPI", "name": "x"}}]),  # of which versions?
        record(package=""),
        record(versions=["1"] * 5001),
        record(details="x" * 600_000),
        json.dumps({"id": "PYSEC-1", "deep": []}).replace("[]", "[" * 5000 + "]" * 5000),
    ],
)
def test_text_that_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no advisory|cannot be told"):
        parse_advisory("PYSEC-1.json", text)


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["id: PYSEC-1", "a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    begun = time.monotonic()
    with pytest.raises(ValueError, match="no advisory"):
        parse_advisory("PYSEC-1.yaml", "\n".join(lines))
    assert time.monotonic() - begun < 2


def test_yaml_and_json_say_the_same() -> None:
    told = """\
id: PYSEC-2024-1
details: A long story.
affected:
- package: {ecosystem: PyPI, name: flask.thing}
  ranges:
  - type: GIT
    repo: https://git.example.org/x
    events: [{introduced: "0"}, {fixed: 0123abcd}]
  - type: ECOSYSTEM
    events:
    - introduced: "0"
    - fixed: "3.2"
"""
    assert parse_advisory("a.yaml", told) == parse_advisory("a.json", record())
    assert one().ranges == (Range("0", fixed="3.2"),)
    assert one().package == "flask-thing"


def test_records_of_one_vulnerability_are_one_finding() -> None:
    pysec = one("PYSEC-2024-1", aliases=["CVE-2024-1"])
    ghsa = one("GHSA-aaaa", aliases=["CVE-2024-1"], events=[{"introduced": "0"}, {"fixed": "3.1.9"}])
    other = one("PYSEC-2024-9")
    told = found("3.0", pysec, ghsa, other, imported=True)
    assert {finding.identity for finding in told} == {"flask-thing CVE-2024-1", "flask-thing PYSEC-2024-9"}
    first = next(finding for finding in told if "CVE" in finding.identity)
    assert first.rule == "advisory/PYSEC-2024-1"
    assert (first.basis, first.sink, first.fixed_in, first.imported) == (Basis.ADVISORY, "flask-thing", "3.2", True)
    assert first.blocks
    assert first.references[0].endswith("PYSEC-2024-1")


def test_what_links_two_records_may_be_a_third() -> None:
    records = [one("PYSEC-1", aliases=["A"]), one("GHSA-1", aliases=["B"]), one("OSV-1", aliases=["A", "B"])]
    assert len(found("1.0", *records)) == 1


def test_two_packages_with_one_vulnerability_are_two_findings() -> None:
    (one_,) = found("1.0", one(aliases=["CVE-1"]))
    (other,) = findings("other", "1.0", _HERE, [one(aliases=["CVE-1"])], None)
    assert one_.identity != other.identity


def test_severity_is_what_the_record_says_in_words_or_by_a_vector() -> None:
    worded = one(database_specific={"severity": "MODERATE", "cwe_ids": ["CWE-89"]})
    vector = one(severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}])
    (finding,) = found("1.0", worded)
    assert finding.severity is Severity.MEDIUM
    assert "CWE-89" in finding.reason
    (finding,) = found("1.0", vector)
    assert finding.severity is Severity.CRITICAL
    assert "CVSS base score 9.8" in finding.reason
    (finding,) = found("1.0", one(severity=[{"type": "CVSS_V3", "score": "nonsense"}]))
    assert finding.severity is Severity.HIGH
    assert "no severity" in finding.reason


def test_the_worst_of_two_records_counts() -> None:
    low = one("PYSEC-1", aliases=["CVE-1"], database_specific={"severity": "LOW"})
    high = one("GHSA-1", aliases=["CVE-1"], database_specific={"severity": "HIGH"})
    (finding,) = found("1.0", low, high)
    assert finding.severity is Severity.HIGH


def test_a_malicious_package_holds_back_though_no_version_is_without_it() -> None:
    (finding,) = found("1.0", one("MAL-2024-1", events=[{"introduced": "0"}]))
    assert (finding.severity, finding.cwe, finding.fixed_in) == (Severity.CRITICAL, 506, "")
    assert finding.blocks
    assert "Remove" in finding.fix
    (finding,) = found("1.0", one("PYSEC-2024-1", events=[{"introduced": "0"}]))
    assert not finding.blocks


def test_what_a_record_says_is_shown_without_what_a_terminal_obeys() -> None:
    (finding,) = found("1.0", one(details="evil \x1b[2J\n text", references=[{"url": "javascript:alert(1)"}]))
    assert finding.exploit == "evil [2J text"
    assert finding.references == ("https://osv.dev/vulnerability/PYSEC-2024-1",)


# scores as FIRST's own calculator gives them
@pytest.mark.parametrize(
    ("vector", "score"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8),
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:N/A:N", 3.7),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 7.5),
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:R/S:C/C:L/I:L/A:N/E:P", 5.4),
        ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H", None),
        ("CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", None),
        ("", None),
    ],
)
def test_base_scores(vector: str, score: float | None) -> None:
    assert base_score(vector) == score


def test_a_vector_of_version_4_is_rated_by_the_same_formula() -> None:
    worst = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
    assert base_score(worst) == 9.8
    assert base_score(worst.replace("SC:N", "SC:H")) == 10.0
    assert base_score(worst.replace("AT:N", "AT:P")) == 8.1
    assert base_score(worst.replace("/VA:H", "")) is None


def test_classes_of_scores() -> None:
    classes = [severity_of(score) for score in (0.0, 0.1, 3.9, 4.0, 6.9, 7.0, 8.9, 9.0, 10.0)]
    note, low, medium, high, critical = list(Severity)[::-1]
    assert classes == [note, low, low, medium, medium, high, high, critical, critical]


def test_every_weakness_that_is_named_is_in_the_table() -> None:
    from pullet.analysis.security import advisories, licences, packages

    assert {*advisories.CWES, *licences.CWES, *packages.CWES} <= set(WEAKNESSES)
