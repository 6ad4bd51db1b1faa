"""What an app is made of, as CycloneDX: a bill of what its files name, and what fits on a page of any bill."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pullet.analysis.security.listed import Kind, Listed

_LICENCES = 12
_LONGEST_LICENCE = 60  # characters; beyond that it is a licence itself and no name


@dataclass(frozen=True)
class Materials:
    """Of a bill of materials what fits on a page."""

    form: str
    """`CycloneDX 1.6`."""
    packages: int
    direct: int | None
    """How many of them no other one asks for; None: the bill does not tell who asks for what."""
    licences: tuple[tuple[str, int], ...]
    """(name, packages), the most used first; empty: the bill tells of none."""


def listed_bill(packages: Iterable[Listed], version: str) -> str:
    """CycloneDX 1.6 of what lock files name, where nothing is installed. `version`: Pullet's own.

    Lock files tell no licence. What comes from an address is no package of the index, and has no package URL.
    """
    components = {(each.name, each.version): _component(each) for each in packages if each.name and each.version}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "pre-build"}],
            "tools": {"components": [{"type": "application", "name": "pullet", "version": version}]},
        },
        "components": [components[key] for key in sorted(components)],
    }
    return json.dumps(document, indent=1)


def materials(document: str) -> Materials | None:
    """None where there is no bill, or it cannot be read."""
    try:
        told = json.loads(document)
        components = told["components"]
        licences = Counter(_licence(each) for each in components)
        form = f"{told['bomFormat']} {told['specVersion']}"
        direct = _direct(told, components)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    known = licences.most_common(_LICENCES) if any(each.get("licenses") for each in components) else ()
    return Materials(form, len(components), direct, tuple(known))


def _component(each: Listed) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"{each.name}=={each.version}",
        "name": each.name,
        "version": each.version,
        "properties": [{"name": "pullet:listed", "value": f"{each.path}:{each.line}"}],
    }
    if each.kind is Kind.PINNED:
        told["purl"] = f"pkg:pypi/{quote(each.name, safe='')}@{quote(each.version, safe='')}"
    return told


def _direct(told: Mapping[str, Any], components: Iterable[Mapping[str, Any]]) -> int | None:
    edges = [set(each.get("dependsOn", ())) - {each["ref"]} for each in told.get("dependencies", ())]
    asked_for = set().union(*edges)
    if not asked_for:
        return None
    return sum(each.get("bom-ref") not in asked_for for each in components)


def _licence(component: Mapping[str, Any]) -> str:
    """As the package calls it; of several the first."""
    told = (component.get("licenses") or [{}])[0]
    licence = told.get("license", {})
    named = str(told.get("expression") or licence.get("id") or licence.get("name") or "not told")
    named = named.rpartition(" :: ")[2]
    return named if len(named) < _LONGEST_LICENCE else "a text of its own"
