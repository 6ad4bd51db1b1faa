"""Traces: found where input reaches harm, and nothing where anything may have looked at it."""

from __future__ import annotations

import ast
import contextlib

import pytest

from pullet.analysis.security.flow import Trace, traces
from pullet.analysis.security.flow.following import TooMuch
from pullet.analysis.security.flow.kinds import KINDS
from tests.assessing.pairs import Pair, pairs

FLASK = "from flask import Flask, request, redirect, abort, render_template_string\nimport os, subprocess\n"
DJANGO = "from django.http import HttpResponse\nfrom django.shortcuts import redirect\n"
FASTAPI = (
    "from typing import Annotated\nfrom fastapi import Depends, FastAPI, Query, Request\n"
    "from fastapi.responses import HTMLResponse, RedirectResponse\napp = FastAPI()\n"
)
FOLLOWED = {kind.cwe for kind in KINDS.values()}
_ELSEWHERE = {
    "fastapi/archive-unpacked": "an archive is no input of a kind that is followed",
    "django/sql-number-in-path": "which converter a path has is written in another file",
}


def found(code: str) -> list[str]:
    return [each.kind for each in traces(ast.parse(code))]


def view(*lines: str) -> str:
    return FLASK + "def view():\n" + "".join(f"    {line}\n" for line in lines)


def sides(pair: Pair) -> tuple[list[Trace], list[Trace]]:
    both = (pair.vulnerable, pair.fixed)
    vulnerable, fixed = (
        [trace for path, text in side.items() if path.endswith(".py") for trace in traces(ast.parse(text))]
        for side in both
    )
    return vulnerable, fixed


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: pair.title)
def test_of_a_pair_only_the_defect_has_a_trace(pair: Pair) -> None:
    vulnerable, fixed = sides(pair)
    assert fixed == []
    assert {KINDS[each.kind].cwe for each in vulnerable} <= pair.cwes
    by_pattern = pair.cwes & {611} or pair.title in _ELSEWHERE
    if pair.cwes & FOLLOWED and not by_pattern:
        assert vulnerable


def test_a_trace_tells_the_way() -> None:
    code = view("name = request.args['n']", "sql = f'SELECT a FROM b WHERE c = {name}'", "cursor.execute(", " sql)")
    (trace,) = traces(ast.parse(code))
    assert trace == Trace("sql", "request.args['n']", "cursor.execute", "view", (4, 5, 6), 7)


@pytest.mark.parametrize(
    "lines",
    [
        ("os.system(request.args.get('a'))",),
        ("a = request.form['a'].strip().lower()", "os.system('ls ' + a)"),
        ("a, b = request.args['a'], 'x'", "os.system('ls ' + a)"),
        ("parts = ['ls']", "parts.append(request.args['a'])", "os.system(' '.join(parts))"),
        ("a = 'x'", "if wanted:", "    a = request.args['a']", "os.system(a)"),
        ("a = request.args['a']", "if not a:", "    abort(400)", "os.system(a)"),
        ("a = request.args.get('a') or 'x'", "os.system('ls {}'.format(a))"),
        ("a = 'ls '", "a += request.args['a']", "os.system(a)"),
        ("for a in [request.args['a'], request.args['b']]:", "    os.system(a)"),
        ("try:", "    a = request.args['a']", "except KeyError:", "    return 'none'", "os.system(a)"),
        ("subprocess.run(args='ls ' + request.args['a'], shell=True)",),
        ("print(request.args['a'])", "os.system(request.args['a'])"),
        ("if 'a' in request.args:", "    os.system(request.args['a'])"),
        ("return [os.system(a) for a in (request.args['a'],)]",),
        ("with lock:", "    os.system(request.json['a'])"),
        ("a = request.args['a'] if wanted else 'x'", "os.system(a)"),
        ("def inner():", "    os.system(request.args['a'])", "return inner"),
        ("subprocess.run(['bash', '-c', 'ls ' + request.args['a']])",),
    ],
)
def test_input_is_followed(lines: tuple[str, ...]) -> None:
    assert found(view(*lines)) == ["shell"]


@pytest.mark.parametrize(
    "lines",
    [
        ("os.system('ls')",),
        ("a = int(request.args['a'])", "os.system(f'ls {a}')"),
        ("a = request.args['a']", "if a not in ('x', 'y'):", "    abort(400)", "os.system(a)"),
        ("a = request.args['a']", "if a in KNOWN:", "    os.system(a)"),
        ("a = request.args['a']", "check(a)", "os.system(a)"),
        ("a = request.args['a']", "if not a or urlsplit(a).netloc != '':", "    a = '/'", "return redirect(a)"),
        ("check(request.args['a'])", "os.system(request.args['a'])"),
        ("if request.args.get('a') == 'x':", "    os.system(request.args['a'])"),
        ("a = request.args['a']", "fine = valid(a)", "if not fine:", "    return 'no'", "os.system(a)"),
        ("a = request.args['a']", "b = 'ls ' + a", "if ';' in a:", "    abort(400)", "os.system(b)"),
        ("a = request.args['a']", "assert a.isalnum()", "os.system(a)"),
        ("a = request.args['a']", "a = clean(a)", "os.system(a)"),
        ("a = request.args['a']", "a = 'x'", "os.system(a)"),
        ("a = request.args['a'].replace(';', '')", "os.system(a)"),
        ("a = {'x': 'ls'}[request.args['a']]", "os.system(a)"),
        ("a = {'cmd': 'ls', 'note': request.args['a']}", "os.system(a['cmd'])"),
        ("a = ['ls', request.args['a']]", "subprocess.run(a)"),
        ("subprocess.run(['sh', '-c', 'ls \"$1\"', '_', request.args['a']])",),
        ("subprocess.run(['git', '-c', request.args['a']])",),
        ("os = Fake()", "os.system(request.args['a'])"),
        ("request = Fake()", "os.system(request.args['a'])"),
        ("os.system(request.method + request.remote_addr)",),
        ("a = request.args['a']", "match a:", "    case 'x':", "        os.system(a)"),
        ("a = request.args['a']", "while not good(a):", "    a = 'x'", "os.system(a)"),
        ("a = request.args['a']", "os.system('ls' if a in KNOWN and a else 'pwd')"),
        ("a = f'{request.args[\"a\"]:05}'", "os.system(a)"),
        ("return redirect('/home/' + request.args['a'])",),
        ("return redirect(BASE + request.args['a'])",),
        ("return redirect(request.headers['Referer'])",),
        ("pool.execute(request.args['a'])",),
        ("Color.from_string(request.args['a'])",),
    ],
)
def test_nothing_is_said_of_what_may_be_harmless(lines: tuple[str, ...]) -> None:
    assert found(view(*lines)) == []


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        (DJANGO + "def v(request):\n    return HttpResponse(request.GET['a'])\n", ["xss"]),
        (DJANGO + "def v(request):\n    return HttpResponse(request.GET['a'], content_type='text/plain')\n", []),
        (DJANGO + "def v(request):\n    return HttpResponse(request.user.name)\n", []),
        (DJANGO + "def v(request):\n    a = HttpResponse(request.GET['a'])\n    plain(a)\n    return a\n", []),
        (DJANGO + "def v(request):\n    return HttpResponse(request.GET['a'], **plain)\n", []),
        (
            DJANGO + "class V:\n    def get(self, request):\n        return redirect(self.request.GET['a'])\n",
            ["redirect"],
        ),
        (DJANGO + "def v(request):\n    Item.objects.raw('SELECT a FROM b WHERE c = %s', [request.GET['a']])\n", []),
        (DJANGO + "def helper(other):\n    return HttpResponse(other.GET['a'])\n", []),
        (FASTAPI + "@app.get('/')\ndef v(a: str):\n    return RedirectResponse(a)\n", ["redirect"]),
        (FASTAPI + "@app.get('/{a}')\ndef v(a: str):\n    return RedirectResponse(a)\n", []),
        (FASTAPI + "@app.get('/')\ndef v(a: int):\n    return HTMLResponse(f'{a}')\n", []),
        (FASTAPI + "@app.get('/')\ndef v(a: str = Depends(b)):\n    return HTMLResponse(a)\n", []),
        (FASTAPI + "@app.get('/')\ndef v(a: str = Query(pattern='a')):\n    return HTMLResponse(a)\n", []),
        (FASTAPI + "@app.get('/')\ndef v(a: Annotated[str, Query()]):\n    return HTMLResponse(a)\n", ["xss"]),
        (FASTAPI + "@app.get('/')\ndef v(a: str | None = None):\n    return HTMLResponse(a)\n", ["xss"]),
        (FASTAPI + "def v(a: str):\n    return HTMLResponse(a)\n", []),
        (FASTAPI + "@app.get('/')\nasync def v(request: Request):\n    return eval(await request.body())\n", ["code"]),
        ("import os\ndef v(request):\n    os.system(request.args['a'])\n", []),
        (FLASK + "@app.get('/<a>')\ndef v(a):\n    return f'<p>{a}'\n", ["xss"]),
        (FLASK + "@app.get('/<a>')\n@as_json\ndef v(a):\n    return f'<p>{a}'\n", []),
        (FLASK + "@app.get('/<a>')\n@login_required\ndef v(a):\n    return f'<p>{a}'\n", ["xss"]),
        (FLASK + "import yaml\ndef v():\n    yaml.load(request.data, Loader=Mine)\n", []),
        (FLASK + "def v():\n    return flask.make_response(request.get_json())\n", []),
        (FLASK + "def v():\n    return flask.make_response(request.args['a'], 200)\n", []),
        (FLASK + "def v():\n    return flask.Response(request.args['a'], mimetype='text/plain')\n", []),
        (FLASK + "def v():\n    return flask.Response(request.args['a'])\n", ["xss"]),
        (FLASK + "def v():\n    os.rename('a', request.args['a'])\n", ["path"]),
        (FLASK + "def v():\n    requests.request(request.args['a'], 'https://example.org/')\n", []),
        (FLASK + "from sqlalchemy import text\ndef v():\n    q.filter(text(request.args['a']))\n", ["sql"]),
        (FLASK + "from sqlalchemy import text\ndef v():\n    q.filter(text('a = :a'), request.args['a'])\n", []),
        (FLASK + "def v():\n    q.filter(request.args['a'])\n", []),
        (FLASK + "@app.get('/<int:a>')\ndef v(a):\n    return f'<p>{a}'\n", []),
        (FLASK + "@app.get('/')\ndef v():\n    return request.get_json()\n", []),
        (FLASK + "def f(a):\n    os.system(a)\ndef v():\n    f(request.args['a'])\n", ["shell"]),
        (
            FLASK
            + "def f(a):\n    if bad(a): abort(4)\ndef v():\n    a = request.args['a']\n    f(a)\n    os.system(a)\n",
            [],
        ),
        (FLASK + "def f(a):\n    return f(a)\ndef v():\n    os.system(f(request.args['a']))\n", []),
        (FLASK + "@cached\ndef f(a):\n    return a\ndef v():\n    os.system(f(request.args['a']))\n", []),
        (FLASK + "from .mine import open\ndef v():\n    open(request.args['a'])\n", []),
        (FLASK + "def open(a):\n    pass\ndef v():\n    open(request.args['a'])\n", []),
    ],
)
def test_each_framework_has_sources_and_sinks_of_its_own(code: str, kinds: list[str]) -> None:
    assert found(code) == kinds


@pytest.mark.parametrize(
    "body",
    [
        "    a = " + "+".join(["b"] * 150),
        "".join(f"{' ' * 4 * (n + 1)}for a{n} in b:\n" for n in range(18)) + " " * 76 + "c(d)",
        "    return g(a)\n" + "".join(f"def g{n}(a):\n    return g{n + 1}(a)\n" for n in range(900)),
    ],
)
def test_code_made_to_take_for_ever_ends(body: str) -> None:
    """With the answer that it was too much, or with none."""
    with contextlib.suppress(TooMuch):
        assert found(FLASK + "def v(a):\n" + body + "\n") == []
