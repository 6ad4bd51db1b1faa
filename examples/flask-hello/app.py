"""A page, a health check, and a text to change: edit MESSAGE, commit, and watch the page."""

import os
import platform

from flask import Flask, jsonify, render_template

MESSAGE = "Hello from Flask"

app = Flask(__name__)


@app.get("/")
def index():
    return render_template("index.html", message=MESSAGE, python=platform.python_version(), pid=os.getpid())


@app.get("/healthz")
def health():
    return jsonify(status="ok")
