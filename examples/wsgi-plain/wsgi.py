"""WSGI without a framework and without a dependency: Pullet adds the server."""

GREETING = "Hello from Pullet"


def application(environ, start_response):
    body = f"{GREETING}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
