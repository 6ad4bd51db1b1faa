"""The Router port: what reconcile relies on, asked of the fake and of Caddy alike; and its promise, on Caddy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bench.load import Load, run
from pullet.domain.errors import RouterError
from pullet.domain.identity import ReleaseId
from pullet.ports import Page, Router, RouteTarget
from tests.contract.routing import SHOP, Bench, bench
from tests.fakes.router import FakeRouter

HOST = "shop.localhost"


@pytest.fixture(params=["fake", pytest.param("caddy", marks=pytest.mark.real)])
async def router(request: pytest.FixtureRequest) -> AsyncIterator[Router]:
    if request.param == "fake":
        yield FakeRouter()
        return
    with bench() as real:
        yield real.router


def target(number: int, *sockets: str) -> RouteTarget:
    return RouteTarget(ReleaseId(SHOP, number), sockets or ("/run/a.sock",))


async def test_nothing_is_routed_at_first(router: Router) -> None:
    assert await router.routes() == {}
    assert router.access_counts(HOST, 0) == (0, 0)


async def test_a_switch_is_seen_whole_and_may_be_repeated(router: Router) -> None:
    await router.switch(HOST, target(1))
    await router.switch(HOST, target(1))
    assert await router.routes() == {HOST: target(1)}
    await router.switch(HOST, target(2, "/run/b.sock", "/run/c.sock", "/run/d.sock"))
    assert await router.routes() == {HOST: target(2, "/run/b.sock", "/run/c.sock", "/run/d.sock")}


async def test_a_page_is_a_route_without_a_release(router: Router) -> None:
    await router.switch(HOST, target(1))
    await router.show_page(HOST, Page("shop is suspended", "by its owner", 503))
    assert await router.routes() == {HOST: RouteTarget(None)}
    await router.switch(HOST, target(2))
    assert await router.routes() == {HOST: target(2)}


async def test_removal_leaves_other_hosts_and_may_be_repeated(router: Router) -> None:
    await router.switch(HOST, target(1))
    await router.switch("b." + HOST, target(2))
    await router.remove(HOST)
    await router.remove(HOST)
    assert await router.routes() == {"b." + HOST: target(2)}
    await router.switch(HOST, target(3))
    assert (await router.routes())[HOST] == target(3)


async def test_one_spelling_a_host(router: Router) -> None:
    await router.switch("SHOP.localhost.", target(1))
    assert await router.routes() == {HOST: target(1)}


@pytest.mark.parametrize(
    "host",
    ["", ".", "..", "../x", "a/b", "*.localhost", "a[b", "{a}", "a\0b", "-", "bücher.de", "a..b", "x" * 101,
     "127.0.0.1", "::1", "a b", "a\n", "$(x)"],
)  # fmt: skip
async def test_names_that_no_file_may_have_are_refused(router: Router, host: str) -> None:
    with pytest.raises(RouterError):
        await router.switch(host, target(1))
    with pytest.raises(RouterError):
        await router.show_page(host, Page("x", "y"))
    assert await router.routes() == {}


@pytest.mark.parametrize("sockets", [(), ("relative.sock",), tuple(f"/{i}" for i in range(17))])
async def test_sockets_that_cannot_be_are_refused(router: Router, sockets: tuple[str, ...]) -> None:
    with pytest.raises(RouterError):
        await router.switch(HOST, RouteTarget(ReleaseId(SHOP, 1), sockets))


async def test_pages_are_502_or_503(router: Router) -> None:
    with pytest.raises(RouterError):
        await router.show_page(HOST, Page("x", "y", 200))


async def test_ensure_and_stop_may_be_repeated(router: Router) -> None:
    await router.ensure()
    await router.ensure()
    assert {c.name: c.available for c in await router.capabilities()}["router"]
    await router.stop()
    await router.stop()
    assert not {c.name: c.available for c in await router.capabilities()}["router"]


# --- the promise


async def under_load(real: Bench, load: Load, changes: list[RouteTarget]) -> None:
    loading = asyncio.create_task(asyncio.to_thread(run, load), name="load")
    for change in changes:
        await asyncio.sleep(load.seconds / (len(changes) + 1))
        await real.router.switch(HOST, change)
    report = await loading
    assert not report.failures, report.summary()
    assert report.sent == report.succeeded == round(load.rate * load.seconds)
    assert len(report.answers) > 1, "the switches were not seen"


@pytest.mark.real
@pytest.mark.parametrize("keep_alive", [True, False])
async def test_switch_under_load_fails_no_request(keep_alive: bool) -> None:
    with bench() as real:
        await real.router.ensure()
        sockets = [real.upstream("a"), real.upstream("b")]
        await real.router.switch(HOST, real.target(1, sockets[0]))
        load = Load(("127.0.0.1", real.port), HOST, rate=300, seconds=4, post_share=0.25, keep_alive=keep_alive)
        await under_load(real, load, [real.target(n + 2, sockets[(n + 1) % 2]) for n in range(10)])


@pytest.mark.real
async def test_scaling_up_and_down_under_load_fails_no_request() -> None:
    with bench() as real:
        await real.router.ensure()
        sockets = [real.upstream(name) for name in "abc"]
        await real.router.switch(HOST, real.target(1, *sockets))
        load = Load(("127.0.0.1", real.port), HOST, rate=300, seconds=4, post_share=0.25)
        counts = [1, 3, 2, 1, 2, 3, 1, 3]
        await under_load(real, load, [real.target(1, *sockets[:count]) for count in counts])


@pytest.mark.real
async def test_with_one_of_two_instances_dead_every_request_finds_the_other() -> None:
    with bench() as real:
        await real.router.ensure()
        sockets = [real.upstream(name) for name in "ab"]
        await real.router.switch(HOST, real.target(1, *sockets))
        until_both = {real.ask(HOST).text.split()[0] for _ in range(40)}
        assert until_both == {"a", "b"}
        real.end_upstream(0)
        report = await asyncio.to_thread(run, Load(("127.0.0.1", real.port), HOST, rate=200, seconds=1, post_share=0.5))
        assert (report.failed, set(report.answers)) == (0, {"b"})
