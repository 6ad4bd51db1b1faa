"""Which of an app's package.json files are built, and how: what is declared first, then all that have a script.

Where the app's own build commands install and build with Node, they are left to it, and find Node there.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pullet.analysis.detection.detectors.assets import SUBJECT as FACT
from pullet.domain.app import Decision, Evidence
from pullet.domain.assets import Assets, Manager
from pullet.domain.codec import loads

COMMANDS, FOLDER, NODE = "build.assets", "build.assets_folder", "build.node"
_BUILT = 4  # folders of one app
_NODE = re.compile(r"(?:^|[\s;&|/(])(npm|npx|pnpm|yarn|node|corepack)(?=\s|$)")


@dataclass(frozen=True)
class _Found:
    assets: Assets
    evidence: Evidence


def decide_assets(evidence: Sequence[Evidence], decisions: Mapping[str, Decision]) -> dict[str, Decision]:
    """Decisions on `build.assets`, `build.assets_folder` and `build.node` that nobody declared.

    An empty `build.assets` says that none are built; its evidence says why.
    """
    found = [_Found(loads(Assets, each.value), each) for each in evidence if each.subject == FACT]
    if COMMANDS in decisions or not found:
        return {}
    chosen, left = _chosen(found, decisions)
    if not chosen:
        return {COMMANDS: _decision(COMMANDS, "", left, ())}
    made = {
        COMMANDS: _decision(COMMANDS, "\n".join(line for each in chosen for line in each.assets.commands), chosen, left)
    }
    if FOLDER not in decisions and any(each.assets.folder != "." for each in chosen):
        made[FOLDER] = _decision(FOLDER, "\n".join(each.assets.folder for each in chosen), chosen, ())
    if NODE not in decisions and (asked := [each for each in chosen if each.assets.node]):
        made[NODE] = _decision(NODE, asked[0].assets.node, asked[:1], ())
    return made


def assets_of(evidence: Sequence[Evidence], decisions: Mapping[str, Decision]) -> tuple[Assets, ...]:
    """What a build has to do, by the decisions."""
    found = [_Found(loads(Assets, each.value), each) for each in evidence if each.subject == FACT]
    declared = _declared(decisions, COMMANDS)
    node = _declared(decisions, NODE)
    if declared is not None:
        chosen = _told(declared, found, decisions)
    else:
        chosen = [each.assets for each in _chosen(found, decisions)[0]]
        if not chosen:
            chosen = _at_hand(found, decisions)
    return tuple(replace(each, node=node, strict=True) if node else each for each in chosen)


def _told(commands: str, found: Sequence[_Found], decisions: Mapping[str, Decision]) -> list[Assets]:
    lines = tuple(line for line in commands.split("\n") if line)
    if not lines:
        return _at_hand(found, decisions)
    folder = _declared(decisions, FOLDER)
    named = next((each.assets for each in found if each.assets.folder == folder), None)
    return [replace(named or (Assets(folder) if folder else _best(found)), commands=lines)]


def _at_hand(found: Sequence[_Found], decisions: Mapping[str, Decision]) -> list[Assets]:
    """Node for build commands that do all by themselves, with the manager that they name."""
    command = decisions.get("build.commands")
    named = _NODE.findall(command.value) if command is not None else []
    if not found or not named:
        return []
    manager = next((Manager(name) for name in ("pnpm", "yarn") if name in named), Manager.NPM)
    best = _best(found)
    return [replace(best, manager=manager, lock=best.lock if best.manager is manager else "", commands=())]


def _best(found: Sequence[_Found]) -> Assets:
    first = found[0].assets if found else Assets(".")
    return next((each.assets for each in found if each.assets.commands), first)


def _chosen(
    found: Sequence[_Found], decisions: Mapping[str, Decision]
) -> tuple[tuple[_Found, ...], tuple[_Found, ...]]:
    """(what is built, the rest)"""
    folder = _declared(decisions, FOLDER)
    asked = [each for each in found if folder is None or each.assets.folder == folder]
    build = [] if _runs_node(decisions) else [each for each in asked if each.assets.commands]
    kept = tuple(each for each in build if not any(_covers(other, each) for other in build))[:_BUILT]
    return kept, tuple(each for each in found if each not in kept)


def _covers(outer: _Found, inner: _Found) -> bool:
    """One whose script is at the top of the other's folder, and most likely builds it too: a workspace."""
    return outer is not inner and (
        outer.assets.folder == "." or inner.assets.folder.startswith(f"{outer.assets.folder}/")
    )


def _runs_node(decisions: Mapping[str, Decision]) -> bool:
    commands = decisions.get("build.commands")
    return commands is not None and _NODE.search(commands.value) is not None


def _declared(decisions: Mapping[str, Decision], subject: str) -> str | None:
    decision = decisions.get(subject)
    if decision is None or decision.evidence[0].detector == "assets":
        return None
    return posixpath.normpath(decision.value) if subject == FOLDER else decision.value


def _decision(subject: str, value: str, chosen: Sequence[_Found], left: Sequence[_Found]) -> Decision:
    def told(each: _Found) -> Iterator[Evidence]:
        yield replace(each.evidence, subject=subject, value=_value(subject, each.assets))

    return Decision(
        subject,
        value,
        tuple(one for each in chosen for one in told(each)),
        tuple(one for each in left if each.assets.commands for one in told(each)),
    )


def _value(subject: str, assets: Assets) -> str:
    return {COMMANDS: "\n".join(assets.commands), FOLDER: assets.folder, NODE: assets.node}[subject]
