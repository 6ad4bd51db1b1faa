"""An app with every hole that the live checks look for. Served to tests on loopback only."""

from __future__ import annotations

import sqlite3

from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as Answer

app = Flask(__name__, static_folder=None)
_PASSWD = "root:x:0:0:root:/root:/bin/sh\n"
_FORM = "<form method=post action=/login><input name=user><input type=password name=password></form>"


@app.get("/")
def front() -> str:
    host = request.headers.get("X-Forwarded-Host", request.host)
    return (
        f"<a href='http://{host}/orders/7'>order</a> <a href=/search?q=x>search</a> <a href=/login>log in</a>"
        "<script src=/static/site.js></script>"
    )


@app.get("/search")
def search() -> str:
    return f"<p>Nothing found for {request.args.get('q', '')}</p>"


@app.get("/orders/<int:number>")
def order(number: int) -> Response:
    if number != 7:
        return Response("no such order", 404)
    answer = Response("<p>order</p>", mimetype="text/html")
    answer.set_cookie("sessionid", "abc")
    return answer


@app.get("/find")
def find() -> str:
    try:
        sqlite3.connect(":memory:").execute(f"SELECT '{request.args.get('id', '')}'")
    except sqlite3.Error as err:
        return f"sqlite3.OperationalError: {err}"
    return "found"


@app.get("/go")
def go() -> Answer:
    return redirect(request.args.get("next", "/"))


@app.get("/elsewhere")
def elsewhere() -> Answer:
    return redirect("http://elsewhere.example.org/")


@app.get("/data")
def data() -> Response:
    origin = request.headers.get("Origin", "")
    headers = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"} if origin else {}
    return Response("{}", mimetype="application/json", headers=headers)


@app.get("/files/<path:name>")
def file(name: str) -> Response:
    return Response(_PASSWD if name.endswith("../etc/passwd") else "text", mimetype="text/plain")


@app.get("/broken")
def broken() -> Response:
    return Response("<pre>Traceback (most recent call last):\n  File ...</pre>", 500, mimetype="text/html")


@app.route("/login", methods=["GET", "POST"])
def login() -> str:
    return _FORM


@app.post("/orders")
def make_order() -> str:
    return "made"


@app.before_request
def trace() -> Response | None:
    return Response(str(request.headers), mimetype="message/http") if request.method == "TRACE" else None


@app.get("/<path:name>")
def anything(name: str) -> Response:
    files = {
        ".git/HEAD": b"ref: refs/heads/main\n",
        ".env": b"SECRET_KEY=abc\n",
        "settings.py": b"import os\nDEBUG = True\n",
        "db.sqlite3": b"SQLite format 3\x00",
        "backup.zip": b"PK\x03\x04",
        ".DS_Store": b"\x00\x00\x00\x01Bud1",
        "static/site.js": b"1",
        "static/site.js.map": b'{"version": 3, "sources": ["a.ts"], "mappings": "AAAA"}',
    }
    if name in files:
        return Response(files[name], mimetype="application/octet-stream")
    pages = {
        "static/": "<title>Directory listing for /static/</title>",
        "admin/": "<title>Site administration</title>",
        "docs": "<div id=swagger-ui></div>",
        "__debug__/": "<div id=djDebug class=djdt></div>",
    }
    if name in pages:
        return Response(pages[name], mimetype="text/html")
    return Response("<code>x</code> you have <code>DEBUG = True</code>", 404, mimetype="text/html")
