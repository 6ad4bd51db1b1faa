"""An app that does what the live checks ask for, with a login."""

from __future__ import annotations

from flask import Flask, Response, abort, request, session
from markupsafe import escape

app = Flask(__name__)
app.secret_key = "for tests"
app.config.update(SESSION_COOKIE_SAMESITE="Lax")
_failures: list[str] = []


@app.get("/")
def front() -> str:
    return "<a href=/orders/7>order</a> <a href=/search?q=x>search</a> <a href=/account>account</a>"


@app.get("/search")
def search() -> str:
    return f"<p>Nothing found for {escape(request.args.get('q', ''))}</p>"


@app.get("/orders/<int:number>")
def order(number: int) -> str:
    return "<p>order</p>" if number == 7 else abort(404)


@app.get("/account")
def account() -> str:
    return "<a href=/logout>Log out</a>" if "user" in session else abort(401)


@app.route("/login", methods=["GET", "POST"])
def login() -> str:
    if request.method == "GET":
        session["csrf"] = "token"
        return (
            "<form method=post><input type=hidden name=csrf value=token><input name=user>"
            "<input type=password name=password></form>"
        )
    if request.form["csrf"] != session.get("csrf"):
        abort(400)
    if (request.form["user"], request.form["password"]) == ("scan", "right"):
        session["user"] = "scan"
        return "welcome"
    _failures.append(request.form["user"])
    return abort(429) if _failures.count(request.form["user"]) > 5 else "wrong"


@app.get("/logout")
def logout() -> str:
    session.clear()
    return "bye"


@app.post("/orders")
def make_order() -> str:
    return "made"


@app.after_request
def headers(answer: Response) -> Response:
    answer.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "same-origin"
    answer.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return answer
