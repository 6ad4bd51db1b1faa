"""PEP 3333 and nothing else: no framework, no dependencies. Pullet brings the server."""

MESSAGE = "Hello from plain WSGI"


def application(environ, start_response):
    body = f"{MESSAGE}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
