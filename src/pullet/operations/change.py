"""Requests: each is a commit in the fleet repository, then progress until the box is as desired."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from pullet.config import fleet_edit
from pullet.domain.errors import NotFound, SourceError, UsageError
from pullet.domain.fleet import Hold, SourceSpec, Track, TrackKind
from pullet.domain.identity import PRODUCTION, EnvironmentKey, slug
from pullet.domain.release import Release, Stage, Verdict
from pullet.domain.report import Progress
from pullet.operations.control import Control
from pullet.operations.following import follow
from pullet.operations.look import redacted_url
from pullet.planner.desired import configuration_digest
from pullet.planner.tracking import resolve as track_tip


@dataclass(frozen=True)
class UpRequest:
    url: str
    """A git URL or an absolute path."""
    branch: str | None = None
    name: str | None = None
    author: str = "pullet"


async def up(control: Control, request: UpRequest) -> AsyncIterator[Progress]:
    """Have the repository's branch live as `production`; nothing is changed when the repository is of no use."""
    source = SourceSpec(request.url)
    shown = redacted_url(request.url)
    yield Progress(f"Looking at {shown}")
    refs = await control.neighbours.source.poll(source)
    branch = request.branch or refs.default_branch or ""
    tip = track_tip(Track(TrackKind.BRANCH, branch), refs)
    name = request.name or app_name(request.url)
    key = EnvironmentKey(name, PRODUCTION)
    yield Progress(f"{key}: {tip.short}" if tip else f"{key}")
    before = await control.neighbours.fleet.text(name)
    text = _up_text(name, before, request.url, branch)
    if text != before:
        await control.commit(name, text, author=request.author, reason=f"up {name}: {shown} {branch}")
    async for progress in follow(control, key, retry=True):
        yield progress


def _up_text(name: str, before: str | None, url: str, branch: str) -> str:
    if before is None:
        return fleet_edit.new_app_file(name, url, branch)
    text = fleet_edit.set_source(name, before, url)
    text = fleet_edit.set_source_branch(name, text, PRODUCTION, branch)
    return fleet_edit.set_suspended(name, text, PRODUCTION, False)


def app_name(url: str) -> str:
    """The repository's name as a label: `https://git.example.org/acme/My_Shop.git` -> `my-shop…`."""
    last = url.rstrip("/").removesuffix("/.git").rsplit("/", 1)[-1].rsplit(":", 1)[-1].removesuffix(".git")
    return slug(last.lower().replace("_", "-").replace(".", "-").strip("-") or "app")


async def sync(control: Control, app: str, environment: str) -> AsyncIterator[Progress]:
    """Poll now, and give a revision that failed another try."""
    async for progress in follow(control, control.loop(app, environment).key, retry=True):
        yield progress


async def set_suspended(
    control: Control, app: str, environment: str, suspended: bool, author: str
) -> AsyncIterator[Progress]:
    key = control.loop(app, environment).key
    await control.edit(
        app,
        lambda text: fleet_edit.set_suspended(app, text, environment, suspended),
        author=author,
        reason=f"{'suspend' if suspended else 'resume'} {key}",
    )
    async for progress in follow(control, key):
        yield progress


async def rollback(
    control: Control, app: str, environment: str, release: int | None, author: str
) -> AsyncIterator[Progress]:
    """Go back to an earlier release and stay there until a newer commit comes."""
    loop = control.loop(app, environment)
    goal = _rollback_goal(control, loop.key, release)
    tip = loop.tip
    if tip is None:
        raise SourceError(f"The tip of {loop.key} is not known", hint="`pullet status` says what the last poll met.")
    former = loop.assignment.spec.hold
    skipped = {*(former.skip if former else ()), tip.sha} - {goal.candidate.revision.sha}
    hold = Hold(
        revision=goal.candidate.revision.sha,
        skip=tuple(sorted(skipped)),
        release=goal.id.number,
        configuration=configuration_digest(loop.assignment.spec),
    )
    await control.edit(
        app,
        lambda text: fleet_edit.set_rollback(app, text, environment, hold),
        author=author,
        reason=f"rollback {loop.key} to release {goal.id.number} ({goal.candidate.revision.short})",
    )
    async for progress in follow(control, loop.key):
        yield progress


def _rollback_goal(control: Control, key: EnvironmentKey, number: int | None) -> Release:
    releases = control.neighbours.store.releases
    live = releases.live(key)
    usable = [r for r in releases.of(key) if r.stage is Stage.PREPARED and r.verdict is not Verdict.BAD]
    earlier = [release for release in usable if live is None or release.id.number < live]
    if number is None and earlier:
        return earlier[-1]
    chosen = next((release for release in usable if release.id.number == number), None)
    if chosen is None:
        there = ", ".join(str(release.id.number) for release in usable) or "none"
        what = f"release {number}" if number is not None else "earlier release"
        raise NotFound(f"There is no {what} of {key} to go back to", hint=f"Releases that can be live again: {there}.")
    if chosen.id.number == live:
        raise UsageError(f"Release {number} of {key} is live already")
    return chosen


async def down(control: Control, app: str, author: str) -> AsyncIterator[Progress]:
    """Take the app out of the fleet: its processes, routes and releases go; its history stays."""
    await control.file_of(app)
    keys = [key for key in control.target.environments if key.app == app]
    await control.commit(app, None, author=author, reason=f"down {app}")
    for key in keys:
        async for progress in follow(control, key):
            yield progress
    await control.target.refresh()  # from here on nobody finds it any more
