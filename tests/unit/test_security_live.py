"""Judgements of recorded answers: each rule with an answer that breaks it and one that does not."""

from __future__ import annotations

import pytest

from pullet.analysis.security.live import exposure, guessing, injection, junit, routes, smuggling
from pullet.analysis.security.live.exchanges import (
    MARKER_HOST,
    Exchange,
    Request,
    answers,
    is_whole,
    read_body,
    read_head,
)
from pullet.analysis.security.live.login import read_login
from pullet.analysis.security.live.pages import inside, read_page
from pullet.analysis.security.live.passive import passive
from pullet.analysis.security.live.routes import Route
from pullet.analysis.security.live.rules import CWES, RULES, Hit, findings

_SAFE = (
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", "default-src 'self'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("strict-transport-security", "max-age=31536000"),
)


def page(text: str = "", status: int = 200, target: str = "/", **headers: str) -> Exchange:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = tuple((name, value) for name, value in _SAFE if name not in named)
    return Exchange(Request("GET", target), status, (*kept, *named.items()), text.encode())


def told(exchange: Exchange, secure: bool = True) -> list[str]:
    return [hit.rule for hit in passive(exchange, secure)]


@pytest.mark.parametrize(
    ("exchange", "rule"),
    [
        (page(content_security_policy="", x_frame_options="DENY"), "csp"),
        (page(content_security_policy="default-src 'self' 'unsafe-inline'; frame-ancestors 'none'"), "csp-unsafe"),
        (page(content_security_policy="img-src 'self'; frame-ancestors 'none'"), "csp-unsafe"),
        (page(content_security_policy="default-src 'self'"), "framing"),
        (page(x_content_type_options=""), "nosniff"),
        (page(referrer_policy=""), "referrer"),
        (page(cross_origin_opener_policy=""), "opener"),
        (page(strict_transport_security="max-age=0"), "hsts"),
        (page(set_cookie="a=b; HttpOnly"), "cookie-secure"),
        (page(set_cookie="sessionid=b; Secure; SameSite=Lax"), "cookie-httponly"),
        (page(set_cookie="sessionid=b; Secure; HttpOnly; SameSite=None"), "cookie-samesite"),
        (page("<title>Index of /a</title>"), "listing"),
        (page("you have <code>DEBUG = True</code>", 404), "django-debug"),
        (page("// CONSOLE_MODE = false,", 500), "werkzeug-debugger"),
        (page("<title>Starlette Debugger</title>", 500), "starlette-debug"),
        (page("Traceback (most recent call last):", 500), "traceback"),
        (page('psycopg.errors: syntax error at or near "x"', 500), "sql-error"),
    ],
)
def test_what_a_page_gives_away(exchange: Exchange, rule: str) -> None:
    assert told(exchange) == [rule]


@pytest.mark.parametrize(
    "exchange",
    [
        page(),
        page(content_security_policy="script-src 'nonce-a' 'unsafe-inline'; frame-ancestors 'self'"),
        page(content_security_policy="default-src 'self'", x_frame_options="DENY"),
        page(set_cookie="csrftoken=b; Secure; SameSite=Lax"),  # scripts are meant to read it
        page(set_cookie="sessionid=; Secure"),  # deleted
        page("about: Traceback (most recent call last):"),  # a page on debugging
        page(status=404, content_security_policy=""),
        Exchange(Request(), 0, cut="no answer"),
    ],
)
def test_what_is_as_it_should_be(exchange: Exchange) -> None:
    assert told(exchange) == []


def test_over_plain_http_neither_hsts_nor_secure_is_asked_for() -> None:
    assert told(page(strict_transport_security="", set_cookie="a=b"), secure=False) == []


@pytest.mark.parametrize(
    ("path", "body", "kind", "rule"),
    [
        ("/.git/HEAD", b"ref: refs/heads/main\n", "text/plain", "repository"),
        ("/.git/HEAD", b"ref: refs/heads/main\n", "text/html", ""),
        ("/.git/HEAD", b"hello", "text/plain", ""),
        ("/.env", b"# a comment\n\nSECRET=1\n", "text/plain", "environment-file"),
        ("/.env", b"{}", "application/json", ""),
        ("/settings.py", b"from os import environ\n", "text/plain", "source-file"),
        ("/settings.py", b"no such page", "text/plain", ""),
        ("/backup.zip", b"PK\x03\x04", "application/zip", "backup"),
        ("/dump.sql", b"CREATE TABLE a", "text/plain", "backup"),
        ("/docs", b"<div id='swagger-ui'>", "text/html", "docs"),
        ("/openapi.json", b'{"openapi": "3.1", "paths": {}}', "application/json", "docs"),
        ("/openapi.json", b'{"openapi": "3.1", "paths": [' + b"[" * 100_000, "application/json", ""),
        ("/admin/", b"<title>Log in</title><input type='password'>", "text/html", "admin"),
        ("/admin/", b"<title>Site administration</title>", "text/html", "admin-open"),
        ("/admin/", b"<p>nothing of that kind</p>", "text/html", ""),
        ("/__debug__/", b"<div class=djdt>", "text/html", "debug-toolbar"),
    ],
)
def test_files_and_pages_that_should_not_be_there(path: str, body: bytes, kind: str, rule: str) -> None:
    exchange = Exchange(Request("GET", path), 200, (("content-type", kind),), body)
    assert [hit.rule for hit in exposure.exposed(exchange)] == ([rule] if rule else [])
    assert list(exposure.exposed(Exchange(Request("GET", path), 404, (("content-type", kind),), body))) == []


@pytest.mark.parametrize(
    ("location", "leads_away"),
    [
        (f"https://{MARKER_HOST}/", True),
        (f"//{MARKER_HOST}", True),
        (f"/\\{MARKER_HOST}/", True),
        (f"HTTPS://{MARKER_HOST.upper()}", True),
        (f"/login?next=https://{MARKER_HOST}/", False),
        (f"https://{MARKER_HOST}.shop.example.org/", False),
        ("/", False),
    ],
)
def test_redirects(location: str, leads_away: bool) -> None:
    exchange = page(status=302, location=location)
    assert bool(list(injection.redirected(exchange))) is leads_away


def test_origins() -> None:
    asked = Request("GET", "/", (("Origin", "null"),))
    allowed = (("access-control-allow-origin", "null"), ("access-control-allow-credentials", "true"))
    assert [hit.rule for hit in injection.shared(Exchange(asked, 200, allowed))] == ["cors-credentials"]
    assert [hit.rule for hit in injection.shared(Exchange(asked, 200, allowed[:1]))] == ["cors-reflected"]
    anybody = (("access-control-allow-origin", "*"), ("access-control-allow-credentials", "true"))
    assert list(injection.shared(Exchange(asked, 200, anybody))) == []  # browsers refuse it


def test_markup_counts_only_unescaped_and_in_a_page() -> None:
    assert [hit.rule for hit in injection.reflected(page(f"a {injection.CANARY}"))] == ["reflected-xss"]
    assert list(injection.reflected(page("a &lt;x-pullet-canary&gt;"))) == []
    assert list(injection.reflected(page(injection.CANARY, content_type="application/json"))) == []


def test_a_host_is_believed_where_links_lead_there() -> None:
    asked = Request("GET", "/", (("Host", MARKER_HOST),))
    html = (("content-type", "text/html"),)
    link = f"<a href='https://{MARKER_HOST}/reset'>".encode()
    assert [hit.identity for hit in injection.host_believed(Exchange(asked, 200, html, link))] == ["host"]
    assert list(injection.host_believed(Exchange(asked, 400, html, link))) == []
    assert list(injection.host_believed(Exchange(asked, 200, html, f"unknown host {MARKER_HOST}".encode()))) == []


def test_only_files_that_lie_outside_prove_climbing() -> None:
    assert list(exposure.climbed(page("root:x:0:0:root:/root:/bin/sh", target="/static/..%2fetc/passwd")))
    assert list(exposure.climbed(page("see the manual on root:x"))) == []


@pytest.mark.parametrize(
    ("statuses", "seconds", "text", "guesses"),
    [
        ([200] * 12, 0.1, "wrong", True),
        ([200] * 11 + [429], 0.1, "wrong", False),
        ([200] * 12, 2.0, "wrong", False),
        ([200] * 12, 0.1, "too many tries", False),
        ([403] * 12, 0.1, "csrf", False),
        ([200] * 5, 0.1, "wrong", False),
    ],
)
def test_logins_that_get_tired(statuses: list[int], seconds: float, text: str, guesses: bool) -> None:
    asked = Request("POST", "/login")
    tries = [Exchange(asked, status, body=b"wrong", seconds=0.1) for status in statuses]
    tries[-1] = Exchange(asked, statuses[-1], body=text.encode(), seconds=seconds)
    assert bool(list(guessing.guessed(tries))) is guesses
    assert bool(guessing.inconclusive(tries)) is (statuses[0] == 403 or len(statuses) < 12)


_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_BAD = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "raw", "rule"),
    [
        ("CL.TE", _OK, ""),
        ("CL.TE", _OK + _OK, "framing-kept-open"),
        ("CL.TE", _OK + _BAD, ""),
        ("two lengths", _OK, "framing-tolerated"),
        ("two lengths", _OK + _OK, "smuggling"),
        ("two lengths", _BAD, ""),
        ("two lengths", b"", ""),
        ("unknown coding", _OK + _OK, "smuggling"),
    ],
)
def test_ambiguous_requests(name: str, raw: bytes, rule: str) -> None:
    kind = next(each for each in smuggling.AMBIGUITIES if each.name == name)
    assert [hit.rule for hit in smuggling.smuggled(kind, "/", raw)] == ([rule] if rule else [])


@pytest.mark.parametrize(
    ("raw", "statuses"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n" + _OK, (200,)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n" + _OK, (200, 200)),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", (200,)),
        (b"HTTP/1.1 204 No Content\r\n\r\n" + _BAD, (204, 400)),
        (b"SSH-2.0-OpenSSH\r\n", ()),
        (_OK * 30, (200,) * 10),
    ],
)
def test_answers_on_one_connection(raw: bytes, statuses: tuple[int, ...]) -> None:
    assert answers(raw) == statuses


def test_an_answer_is_whole_once_its_length_is_there() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"
    head = read_head(raw)
    assert head is not None
    assert not is_whole(raw, head, "GET")
    assert is_whole(raw + b"cde", head, "GET")
    assert read_body(raw + b"cdefg", head) == b"abcde"
    assert read_head(b"HTTP/1.1 200 OK\r\nContent-Len") is None


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("/a?b=c#d", "/a?b=c"),
        ("b", "/x/b"),
        ("http://shop.example.org:80/a", ""),
        ("//elsewhere.example.org/a", ""),
        ("\\\\elsewhere.example.org", ""),
        ("http://shop.example.org@elsewhere.example.org/", ""),
        ("javascript:alert(1)", ""),
        ("http://[", ""),
        ("/a\r\nHost: b", ""),
    ],
)
def test_links_stay_on_the_site(link: str, target: str) -> None:
    assert inside("/x/y", link, "shop.example.org") == target


def test_forms_are_read_and_capped() -> None:
    form = "<form method=POST action=/in><input type=hidden name=c value=d><input type=password name=p></form>"
    read = read_page(page(form + "<a href=/a>" * 1000 + "<b" * 100_000), "shop.example.org")
    assert read.forms[0].is_login
    assert [(each.name, each.value) for each in read.forms[0].fields] == [("c", "d"), ("p", "")]
    assert read.links == ["/a"]
    registration = read_page(page(form.replace("/in", "/register")), "shop.example.org")
    assert not registration.forms[0].is_login


def test_routes_count_the_visit_of_the_narrowest_that_takes_it() -> None:
    declared = (
        Route("/{rest:path}"),
        Route("/orders/{id:int}"),
        Route("/orders/new"),
        Route("/orders", ("GET", "POST")),
        Route("/logout"),
        Route("/account"),
    )
    visits = [
        page(target="/orders/new"),
        page(target="/orders/7"),
        page(target="/orders?page=2"),
        page(target="/account", status=302, location="/login?next=/account"),
    ]
    counted = routes.coverage(declared, visits, throw_away=False)
    assert (counted.done, counted.there) == (3, 5)
    assert dict(counted.missed) == {
        "GET /{rest:path}": "not asked: the scan's limit was reached",
        "GET /account": "redirects to a login",
    }
    assert [name for name, _ in counted.excused] == ["POST /orders", "GET /logout"]


def test_what_is_missing_from_a_copy_that_began_empty_is_excused() -> None:
    declared = (Route("/orders/{id:int}"), Route("/help"))
    visits = [page(target="/orders/1", status=404), page(target="/help", status=404)]
    copied, kept = (routes.coverage(declared, visits, throw_away=each) for each in (True, False))
    assert [name for name, _ in copied.excused] == ["GET /orders/{id:int}"]
    assert [name for name, _ in copied.missed] == ["GET /help"]
    assert len(kept.missed) == 2


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("/b", ""),
        ("/accounts/login/?next=/a", "redirects to a login"),
        ("https://shop.example.org/a", "redirects to https://shop.example.org"),
        ("https://elsewhere.example.org/b", ""),
        ("http://[", ""),
    ],
)
def test_a_redirect_reaches_its_route_unless_it_asks_to_come_back_otherwise(location: str, why: str) -> None:
    assert routes.why_not_reached(page(target="/a", status=302, location=location)) == why


def test_samples_fit_their_templates() -> None:
    for kind in ("int", "float", "uuid", "path", "str", "any:a|b", "date"):
        route = Route(f"/a/{{x:{kind}}}/b.c")
        assert route.takes(route.sample()), kind
        assert not route.takes("/a/x/bxc")


def test_what_is_named_for_a_change_is_not_asked_unless_it_is_a_throw_away() -> None:
    assert routes.excuse(Route("/orders/{id:int}/delete"), throw_away=False)
    assert not routes.excuse(Route("/orders/{id:int}/delete"), throw_away=True)
    assert not routes.excuse(Route("/drops"), throw_away=False)
    assert routes.excuse(Route("/logout"), throw_away=True)


def test_a_description_that_is_hostile_declares_what_can_be_read_of_it() -> None:
    get = {"parameters": [{"in": "path", "name": "id", "schema": {"type": "integer"}}, {"in": "query", "name": "q"}, 7]}
    paths = {"/a/{id}": {"get": get, "post": {}, "summary": "x"}, "b": {}, "/c": None, "/d": {}}
    found = routes.routes_of_description({"paths": paths})
    assert found == (Route("/a/{id:int}", ("GET", "POST"), ("q",)), Route("/d"))
    assert routes.routes_of_description({"paths": 3}) == ()


@pytest.mark.parametrize(
    "document",
    [
        {"path": "/login", "check": "/a", "fields": {}},
        {"path": "https://elsewhere.example.org", "check": "/a", "fields": {"u": "U"}},
        {"path": "/login", "check": "/a b", "fields": {"u": "U"}},
        {"path": "/login", "check": "/a", "fields": {"u": 1}},
        {"path": "/login", "check": "/a", "fields": {"u": "U"}, "password": "secret"},
    ],
)
def test_a_login_that_cannot_be_meant_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"login\.toml"):
        read_login(document)


def test_pages_that_share_a_defect_are_one_finding() -> None:
    hits = [Hit("csp", page(target=target)) for target in ("/", "/a", "/b?c=d", "/b")]
    (finding,) = findings(hits, ("django",))
    assert str(finding.spot) == "GET /"
    assert finding.reason.endswith("Seen on 3 pages.")
    assert "SECURE_CSP" in finding.fix
    (generic,) = findings(hits[:1], ())
    assert generic.fix.startswith("Send")
    assert {rule.cwe for rule in RULES.values()} == set(CWES)


def test_what_a_hostile_page_says_is_repeated_on_one_line() -> None:
    (finding,) = findings([Hit("listing", page(), "a\x1b[31m\nb" + "c" * 1000)], ())
    assert finding.code.startswith("a [31m b")
    assert len(finding.code) == 300


def test_the_report_of_schemathesis_as_it_is() -> None:
    text = (
        "ST101, ST103\n1. Test Case ID: IqfERG\n\n- ST101 Server error\n\n- ST103 Undocumented status code\n\n"
        "    Received: 500\n    Documented: 200, 422\n"
    )
    cases = [{"name": "GET /orders/{number}", "text": text}, {"name": "Stateful tests", "text": text}]
    found = findings(junit.hits(cases), ("fastapi",))
    assert [(each.rule, str(each.spot), each.blocks) for each in found] == [
        ("live/server-error", "GET /orders/{number}", True),
        ("live/schema", "GET /orders/{number}", False),
    ]
