"""Which wheels of a lock Pyodide takes."""

from __future__ import annotations

import tomllib
from typing import Any

from pullet.analysis.testing.wheels import Offer, as_pure, chain, fitting_tags, needed_by, offers

TAGS = fitting_tags("3.14.2", "2026_0")


def entry(name: str) -> dict[str, Any]:
    return {"url": f"https://files.example.org/{name}", "hashes": {"sha256": "ab"}}


def offer(*wheels: str, source: bool = True) -> Offer:
    package: dict[str, Any] = {"name": "Some_Thing", "version": "1.0", "wheels": [entry(name) for name in wheels]}
    if source:
        package["sdist"] = entry("some_thing-1.0.tar.gz")
    (found,) = offers({"packages": [package]}, TAGS)
    return found


def chosen(*wheels: str) -> str:
    wheel = offer(*wheels).wheel
    return str(wheel["url"]).rpartition("/")[2] if wheel else ""


def test_machine_code_for_this_very_runtime_is_best_then_pure_python() -> None:
    own = "some_thing-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl"
    pure = "some_thing-1.0-py3-none-any.whl"
    linux = "some_thing-1.0-cp314-cp314-manylinux_2_28_x86_64.whl"
    assert chosen(linux, pure, own) == own
    assert chosen(linux, pure) == pure
    assert chosen(linux) == ""


def test_wheels_for_other_versions_do_not_fit() -> None:
    assert chosen("some_thing-1.0-cp313-cp313-pyodide_2025_0_wasm32.whl") == ""
    assert chosen("some_thing-1.0-cp315-cp315-pyemscripten_2026_0_wasm32.whl") == ""
    assert chosen("some_thing-1.0-cp39-abi3-pyemscripten_2026_0_wasm32.whl") != ""
    assert chosen("some_thing-1.0-py2.py3-none-any.whl") != ""


def test_names_that_are_no_wheels_are_passed_over() -> None:
    assert chosen("nonsense", "some_thing-1.0-py3-none-any.whl.exe") == ""


def test_a_program_is_told_from_a_package() -> None:
    assert offer("ruff-1.0-py3-none-manylinux_2_17_x86_64.whl", "ruff-1.0-py3-none-win32.whl").program
    assert not offer("some_thing-1.0-cp39-abi3-manylinux_2_17_x86_64.whl").program
    assert not offer().program


def test_what_has_no_wheel_can_be_built_only_from_a_source() -> None:
    assert offer("some_thing-1.0-cp314-cp314-win32.whl", source=True).source
    assert not offer("some_thing-1.0-cp314-cp314-win32.whl", source=False).source


def test_the_lock_of_what_was_chosen_says_where_and_what_it_is() -> None:
    found = offer("some_thing-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl")
    lock = tomllib.loads(as_pure([found]))
    (package,) = lock["packages"]
    assert (package["name"], package["version"]) == ("some-thing", "1.0")
    (wheel,) = package["wheels"]
    assert wheel["name"] == "some_thing-1.0-py3-none-any.whl"
    assert wheel["url"].endswith("pyemscripten_2026_0_wasm32.whl")
    assert wheel["hashes"] == {"sha256": "ab"}


def test_texts_of_an_index_do_not_leave_their_quotes() -> None:
    evil = 'https://files.example.org/a"]\n[[packages]]\nname = "b'
    wheel = {"url": evil, "hashes": {"sha256": 'x" }'}}
    lock = tomllib.loads(as_pure([Offer("a", "1", wheel, source=False, program=False)]))
    assert [package["name"] for package in lock["packages"]] == ["a"]
    assert lock["packages"][0]["wheels"][0]["url"] == evil


def test_what_needs_a_package_is_read_from_annotated_lines() -> None:
    needs = needed_by(
        "idna==3.1      # via yarl, httpx\nyarl==1.2  # via -r lock.in, aiohttp\naiohttp==3.1 # via -r lock.in\n"
    )
    assert needs["idna"] == ("yarl", "httpx")
    assert chain("idna", needs) == ("idna", "yarl", "aiohttp")
    assert needs["aiohttp"] == ()


def test_a_chain_that_goes_round_ends() -> None:
    assert chain("a", {"a": ("b",), "b": ("a",)}) == ("a", "b")
