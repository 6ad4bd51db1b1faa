import json

from prices import Cart
from pyscript import document, fetch, when

cart = Cart()


def show():
    document.querySelector("#total").innerText = cart.shown()


@when("click", "#add")
def add(event):
    cart.add(250)
    show()


@when("click", "#order")
async def order(event):
    answer = await fetch("/api/orders", method="POST", headers={"Content-Type": "application/json"},
                         body=json.dumps({"prices": cart.prices})).json()
    document.querySelector("#ordered").innerText = f"ordered for {answer['total']}"


show()
