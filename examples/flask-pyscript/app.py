"""A till: the page adds up prices in the browser, in Python, by the same module that the server uses."""

from flask import Flask, jsonify, render_template, request
from prices import Cart

app = Flask(__name__)


@app.get("/")
def page():
    return render_template("till.html")


@app.get("/static/prices.py")
def prices():
    return app.response_class(open("prices.py").read(), mimetype="text/x-python")


@app.post("/api/orders")
def order():
    cart = Cart(request.get_json()["prices"])
    return jsonify(total=cart.total()), 201
