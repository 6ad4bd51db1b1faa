from app import app


def test_an_order_is_added_up():
    answer = app.test_client().post("/api/orders", json={"prices": [250, 100]})
    assert (answer.status_code, answer.json) == (201, {"total": 350})
