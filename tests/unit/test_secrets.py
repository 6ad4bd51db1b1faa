"""Secrets on their way: from the fleet to an app's processes, through operations and the API, and nowhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from pullet.api.application import create_api
from pullet.config import fleet_edit
from pullet.domain.codec import dumps
from pullet.domain.errors import NotFound, UsageError
from pullet.domain.identity import ReleaseId
from pullet.domain.release import Outcome, Trigger
from pullet.domain.report import Progress, SecretState
from pullet.domain.runtime import RunRequest, StartRequest
from pullet.domain.secrets import SecretPlace
from pullet.operations import secrets
from pullet.operations.control import Control, Settings
from pullet.ports import LogSink, RunResult
from tests.fakes.fleet import FakeFleet
from tests.fakes.runtime import FakeRuntime
from tests.fakes.world import SHOP, World, app
from tests.polling import until
from tests.unit.test_reconcile import serves

KEY = SecretPlace("shop", "production", "KEY")
FILE = """
[secrets]
required = ["KEY"]
generated = ["SESSION"]
[variables]
MODE = "x"
[release]
commands = ["migrate"]
"""
FILES = app("one") | {"pullet.toml": FILE}


class Watched(FakeRuntime):
    """Remembers what processes are given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[str, dict[str, str]] = {}
        self.hidden: tuple[str, ...] = ()

    async def start(self, request: StartRequest) -> Any:
        self.given[f"start {request.id.release.number}"] = dict(request.workplace.variables)
        self.hidden = request.workplace.secrets
        return await super().start(request)

    async def run(self, request: RunRequest, log: LogSink) -> RunResult:
        self.given[request.command] = dict(request.workplace.variables)
        return await super().run(request, log)


@pytest.fixture
def watched(world: World) -> Iterator[Watched]:
    world.runtime = Watched()
    world.repository.commit(FILES)
    yield world.runtime


@asynccontextmanager
async def controlled(world: World) -> AsyncIterator[Control]:
    async with world.daemon() as target:
        await until(lambda: SHOP in target.environments and target.environments[SHOP].settled)
        yield Control(world.neighbours(), target, Settings("local", 8080, "fleet"))


async def last(progress: AsyncIterator[Progress]) -> Progress:
    async with asyncio.timeout(20):
        *_, end = [each async for each in progress]
    assert end.done
    return end


async def put(control: Control, value: str, place: SecretPlace = KEY, any_environment: bool = False) -> Progress:
    return await last(secrets.set_secret(control, place, value, any_environment=any_environment, author="Ada"))


def states(control: Control) -> dict[str, SecretState]:
    return {row.name: row.state for row in secrets.listing(control, "shop", "production")}


async def test_a_missing_one_stops_before_anything_starts_and_one_that_is_set_deploys(
    world: World, watched: Watched
) -> None:
    async with controlled(world) as control:
        deployment = world.store.deployments.of(SHOP)[0]
        assert (deployment.outcome, deployment.error_code) == (Outcome.FAILED, "config-invalid")
        assert "shop/production needs KEY" in deployment.error
        assert "`pullet secrets set shop KEY`" in deployment.hint
        assert [step.name for step in deployment.steps] == ["resolve"]
        assert (watched.started, watched.commands, world.builder.installed) == ([], [], [])
        assert states(control) == {"KEY": SecretState.MISSING, "SESSION": SecretState.GENERATED}

        assert (await put(control, "cherry")).ok
        assert "one" in world.live_text
        assert states(control)["KEY"] is SecretState.SEALED
    assert watched.given["start 2"] == {"PYTHON_VERSION": "3.12.0", "MODE": "x", "KEY": "cherry", "SESSION": "made-2"}
    assert watched.given["migrate"] == watched.given["start 2"]
    assert {"cherry", "made-2"} <= set(watched.hidden)
    commit = world.fleet.commits[-1]
    assert (commit.author, commit.reason) == ("Ada", "set secret KEY of shop/production")
    assert "cherry" not in str(commit)


async def test_nothing_that_is_kept_or_answered_has_the_value(world: World, watched: Watched) -> None:
    async with controlled(world) as control:
        end = await put(control, "cherry")
        kept = [dumps(release) for release in world.store.releases.of(SHOP)]
        files = [path.read_text() for path in world.home.root.rglob("release.json")]
        said = [dumps(end), dumps(secrets.listing(control, "shop", "production")), dumps(world.store.events.newest())]
    assert files
    for text in (*kept, *files, *said, repr(control), repr(watched.instances)):
        assert "cherry" not in text
        assert "made-" not in text


async def test_a_new_value_redeploys_and_going_back_goes_back_to_the_old_one(world: World, watched: Watched) -> None:
    async with controlled(world) as control:
        await put(control, "old")
        await put(control, "new")
        assert world.store.deployments.of(SHOP)[0].trigger is Trigger.CONFIGURATION
        assert [watched.given[f"start {n}"]["KEY"] for n in (2, 3)] == ["old", "new"]
        watched.set(next(iter(watched.instances)), restarts=3)
        control.target.environments[SHOP].wake()
        await until(lambda: world.store.releases.live(SHOP) == 2)
        assert watched.given["start 2"]["KEY"] == "old"


async def test_rotation_seals_a_new_value_of_a_generated_one(world: World, watched: Watched) -> None:
    async with controlled(world) as control:
        await put(control, "cherry")
        first = watched.given["start 2"]["SESSION"]
        session = replace(KEY, name="SESSION")
        assert (await last(secrets.rotate(control, session, "Ada"))).ok
        assert watched.given["start 3"]["SESSION"] != first
        assert states(control)["SESSION"] is SecretState.SEALED
        assert world.fleet.commits[-1].reason == "rotate secret SESSION of shop/production"
        with pytest.raises(UsageError, match="is not generated"):
            await last(secrets.rotate(control, KEY, "Ada"))
        told = [each.message async for each in secrets.unset(control, session, "Ada")]
        assert "made first holds again" in told[0]
        assert world.store.releases.live(SHOP) == 2, "the configuration of the second release holds again"
        assert watched.given["start 2"]["SESSION"] == first
        with pytest.raises(NotFound):
            await last(secrets.unset(control, session, "Ada"))


async def test_a_value_that_was_moved_is_refused_and_what_serves_goes_on(world: World, watched: Watched) -> None:
    async with controlled(world) as control:
        await put(control, "cherry")
        sealed = dict(control.loop("shop").assignment.spec.secrets)["KEY"]
        moved = fleet_edit.set_secret("shop", world.fleet_text(), "production", "PRINTED", sealed)
        world.fleet.edit_by_hand("shop", moved)
        await until(lambda: world.store.deployments.of(SHOP)[0].error_code == "secret-unreadable")
        deployment = world.store.deployments.of(SHOP)[0]
        assert "PRINTED of shop/production" in deployment.error
        assert [step.name for step in deployment.steps] == ["resolve"]
        assert serves(world, "one")()
        assert states(control)["PRINTED"] is SecretState.UNREADABLE
        assert (await last(secrets.unset(control, replace(KEY, name="PRINTED"), "Ada"))).ok


async def test_one_for_any_environment_is_sealed_so(world: World, watched: Watched) -> None:
    async with controlled(world) as control:
        await put(control, "cherry", any_environment=True)
        sealed = control.loop("shop").assignment.spec.secrets
        other = replace(SHOP, name="feature-x")
        assert world.secrets.open(other, sealed) == {"KEY": "cherry"}


async def test_a_fleet_that_is_only_read_gets_the_line_to_paste(
    world: World, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(self: FakeFleet, app: str, text: str | None, *, author: str, reason: str) -> str:
        raise UsageError("The fleet is read from elsewhere", hint="Commit there.")

    monkeypatch.setattr(FakeFleet, "write", write)
    async with controlled(world) as control:
        with pytest.raises(UsageError) as caught:
            await put(control, "cherry")
    assert caught.value.context.startswith('[environments.production.secrets]\nKEY = "age:')
    assert "cherry" not in str(caught.value)


async def test_of_two_that_are_set_at_once_both_are_kept(world: World, watched: Watched) -> None:
    async with controlled(world) as control:
        names = ["KEY", "A", "B", "C"]
        await asyncio.gather(*(put(control, name, replace(KEY, name=name)) for name in names))
        assert {name for name, state in states(control).items() if state is SecretState.SEALED} == set(names)


async def test_a_build_has_no_secret(world: World, watched: Watched) -> None:
    async with controlled(world) as control:
        await put(control, "cherry")
    spec = world.store.releases.get(ReleaseId(SHOP, 2)).spec
    assert spec is not None
    assert "cherry" not in repr(spec)
    assert spec.secrets_sealed


async def call(api: Any, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """One request, without a server."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    path, _, query = path.partition("?")
    headers = [(b"content-type", b"application/json")]
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": method,
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "headers": headers, "scheme": "http",
    }  # fmt: skip
    await api(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize(
    "body",
    [
        b'{"value": {"cherry": 1}}',
        b'{"valu": "cherry"}',
        b'["cherry"]',
        b'"cherry"',
        b'{"value": "cherry"',
        b'{"value": "cherry", "any_environment": "cherry"}',
    ],
)
async def test_a_malformed_request_is_not_repeated(world: World, watched: Watched, body: bytes) -> None:
    async with controlled(world) as control:
        api = create_api(control, lambda: None)
        status, answer = await call(api, "POST", "/v1/apps/shop/secrets/KEY", body)
    assert status == 422
    assert b"cherry" not in answer
    assert b'"loc"' in answer


async def test_the_api_takes_values_and_gives_names(world: World, watched: Watched) -> None:
    async with controlled(world) as control:
        api = create_api(control, lambda: None)
        status, answer = await call(api, "POST", "/v1/apps/shop/secrets/KEY", b'{"value": "cherry"}')
        assert (status, json.loads(answer.splitlines()[-1])["ok"]) == (200, True)
        assert b"cherry" not in answer
        status, answer = await call(api, "GET", "/v1/apps/shop/secrets")
        assert [row["name"] for row in json.loads(answer)] == ["KEY", "SESSION"]
        assert await call(api, "GET", "/v1/key") == (200, b'"age1fake"')
        for name, body in (("LD_PRELOAD", b'{"value": "cherry"}'), ("KEY", b'{"value": "cherry\\u0000"}')):
            status, answer = await call(api, "POST", f"/v1/apps/shop/secrets/{name}", body)
            assert b'"usage"' in answer
            assert b"cherry" not in answer
