"""A page that greets. Change GREETING, commit, and watch the page change."""

import os

from flask import Flask, render_template

GREETING = "Hello from Pullet"

app = Flask(__name__)


@app.get("/")
def home():
    return render_template("home.html", greeting=GREETING, pid=os.getpid())


@app.get("/healthz")
def health():
    return {"ok": True}
