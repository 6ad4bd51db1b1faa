"""ASGI and nothing else: no framework, no dependencies. Pullet brings the server."""

MESSAGE = "Hello from plain ASGI"


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])  # how ASGI says that an app has no lifespan and no websockets
    body = f"{MESSAGE}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
