"""Values to JSON and back: nothing is lost, nothing unknown gets in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.codec import dumps, from_json, loads, to_json
from pullet.domain.conditions import Condition
from pullet.domain.errors import MalformedData
from pullet.domain.fleet import FleetState
from pullet.domain.identity import EnvironmentKey, Revision
from pullet.domain.release import Artifact, Candidate, Deployment, Event, Release

_labels = st.from_regex(r"[a-z0-9](-?[a-z0-9]){0,10}", fullmatch=True)
st.register_type_strategy(EnvironmentKey, st.builds(EnvironmentKey, _labels, _labels))
st.register_type_strategy(Revision, st.builds(Revision, st.text(), st.from_regex("[0-9a-f]{40}", fullmatch=True)))
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


@pytest.mark.parametrize("kind", [AppSpec, Artifact, Candidate, Release, Deployment, Event, Condition, FleetState])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_value_survives_the_way_to_text_and_back(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(st.from_type(kind))
    assert loads(kind, dumps(value)) == value


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    size: int


@dataclass(frozen=True)
class Sample:
    name: str
    ratio: float = 0.5
    on: bool = True
    colour: Colour | None = None
    inner: tuple[Inner, ...] = ()
    pair: tuple[str, int] = ("", 0)
    tags: frozenset[str] = frozenset()


@given(st.from_type(Sample))
def test_every_kind_of_field_survives(sample: Sample) -> None:
    assert from_json(Sample, json.loads(json.dumps(to_json(sample)))) == sample


def test_what_an_older_pullet_wrote_takes_the_defaults() -> None:
    assert from_json(Sample, {"name": "x"}) == Sample("x")
    assert from_json(Sample, {"name": "x", "ratio": 1}) == Sample("x", ratio=1.0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Sample: 'name' is missing"),
        ([], "Sample: an object was expected, not []"),
        ({"name": 1}, "Sample.name: a string was expected, not 1"),
        ({"name": "x", "size": 1}, "Sample: 'size' is not known"),
        ({"name": "x", "on": 1}, "Sample.on: true or false was expected, not 1"),
        ({"name": "x", "ratio": True}, "Sample.ratio: a number was expected, not true"),
        ({"name": "x", "colour": "blue"}, "Sample.colour: \"blue\" is none of 'red'"),
        ({"name": "x", "inner": [{"size": True}]}, "Sample.inner[0].size: a whole number was expected, not true"),
        ({"name": "x", "pair": ["a"]}, "Sample.pair: 2 items were expected, 1 found"),
        ({"name": "x", "tags": "a" * 99}, 'Sample.tags: a list was expected, not "' + "a" * 56 + "..."),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(data: object, message: str) -> None:
    with pytest.raises(MalformedData) as caught:
        from_json(Sample, data)
    assert caught.value.message == message


def test_checks_of_the_value_itself_hold() -> None:
    with pytest.raises(MalformedData, match="cannot be a name"):
        from_json(EnvironmentKey, {"app": "../x", "name": "production"})


@pytest.mark.parametrize("text", ["", "{", "nul", "[" * 100_000])
def test_text_that_is_no_json(text: str) -> None:
    with pytest.raises(MalformedData):
        loads(Sample, text)


def test_types_without_a_json_form_are_bugs() -> None:
    with pytest.raises(TypeError):
        to_json(object())
    with pytest.raises(TypeError):
        from_json(bytes, "x")


def test_equal_sets_give_equal_texts() -> None:
    many = [str(number) for number in range(50)]
    assert dumps(Sample("x", tags=frozenset(many))) == dumps(Sample("x", tags=frozenset(reversed(many))))


def test_hostile_names_stay_as_they_are() -> None:
    spec = AppSpec("\udcff\x00", None, Dependencies(DependencyKind.NONE), ())
    assert loads(AppSpec, dumps(spec)) == spec
