"""What is said of the page that a visitor sees first."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pullet.analysis.first_page import path_on, stylesheet_of
from pullet.domain.answer import Answer
from pullet.domain.errors import ProbeFailed
from pullet.domain.release import Outcome
from pullet.reconcile.visiting import visit
from tests.fakes.world import SHOP, World, app
from tests.polling import until

HOST = "shop.localhost"
HTML = "text/html; charset=utf-8"


@dataclass
class FakeVisitor:
    pages: dict[str, Answer | ProbeFailed] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def get(self, host: str, path: str, timeout: float) -> Answer:
        assert host == HOST
        assert timeout > 0
        self.asked.append(path)
        answer = self.pages.get(path, Answer(404))
        if isinstance(answer, ProbeFailed):
            raise answer
        return answer


def page(body: str) -> Answer:
    return Answer(200, HTML, body=body.encode())


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        ({"/": page("<h1>Fine</h1>")}, ""),
        ({"/": Answer(404)}, ""),
        ({"/": Answer(401)}, ""),
        ({"/": Answer(400)}, "answers 400: does the app know the name shop.localhost"),
        ({"/": Answer(503)}, "The first page answers 503"),
        ({"/": ProbeFailed("GET / of shop.localhost gave no whole answer in 3 s")}, "no whole answer"),
        ({"/": Answer(302, location="/login"), "/login": page("hello")}, ""),
        ({"/": Answer(302, location="/login"), "/login": Answer(500)}, "answers 500"),
        ({"/": Answer(302, location="/")}, "leads on and on"),
        ({"/": Answer(301, location=f"https://{HOST}/")}, f"leads to https://{HOST}"),
        ({"/": Answer(302, location="https://accounts.example.org/")}, ""),
        ({"/": page("<link rel=stylesheet href=/static/a.css>"), "/static/a.css": Answer(200, "text/css")}, ""),
        ({"/": page("<link rel=stylesheet href=/static/a.css>")}, "stylesheet /static/a.css answers 404"),
        ({"/": page("<link rel=stylesheet href=a.css>"), "/a.css": Answer(200, HTML)}, "is a page"),
        ({"/": page('<link rel="icon" href="/gone"><link rel="preload stylesheet" href="/b">')}, "stylesheet /b"),
        ({"/": page("<link rel=stylesheet href=https://cdn.example.org/a.css>")}, ""),
        ({"/": page("<link rel=stylesheet href='http://[broken'>")}, ""),
        ({"/": page("<link rel=stylesheet href='/a b\r\nX: y.css'>")}, ""),
        ({"/": page("<link rel=stylesheet><link rel=stylesheet href=''>")}, ""),
        ({"/": Answer(200, "application/json", body=b"<link rel=stylesheet href=/a.css>")}, ""),
    ],
)
async def test_what_is_broken_is_said(pages: dict[str, Answer | ProbeFailed], said: str) -> None:
    found = await visit(FakeVisitor(pages), HOST)
    assert said in found if said else found == ""


async def test_a_page_that_leads_in_circles_is_asked_for_a_few_times_only() -> None:
    visitor = FakeVisitor(
        {f"/{number}" if number else "/": Answer(302, location=f"/{number + 1}") for number in range(99)}
    )
    assert "leads on and on" in await visit(visitor, HOST)
    assert len(visitor.asked) == 6


def test_addresses_are_those_of_a_browser() -> None:
    assert path_on(HOST, "style.css", "/blog/post") == "/blog/style.css"
    assert path_on(HOST, f"http://{HOST}:8080/a?b=1", "/") == "/a?b=1"
    assert path_on(HOST, "//cdn.example.org/a.css", "/") is None
    assert path_on(HOST, "data:text/css,a{}", "/") is None
    assert stylesheet_of(page("<link rel='STYLESHEET' href='x'>")) == "x"
    assert stylesheet_of(Answer(200, HTML, body=b"\xff\xfe<link")) is None


@pytest.mark.parametrize(("status", "outcome"), [(200, Outcome.SUCCEEDED), (500, Outcome.WARNED)])
async def test_a_broken_first_page_is_a_warning_of_the_deployment(world: World, status: int, outcome: Outcome) -> None:
    world.visitor = FakeVisitor({"/": Answer(status)})
    world.repository.commit(app("one"))
    async with world.daemon():
        await until(lambda: any(d.outcome is Outcome.SUCCEEDED for d in world.store.deployments.of(SHOP)))
    [deployment] = world.store.deployments.of(SHOP)
    last = deployment.steps[-1]
    assert (last.name, last.outcome) == ("visit", outcome)
    warned = [event for event in world.store.events.after() if event.kind == "warning"]
    assert len(warned) == (outcome is Outcome.WARNED)
