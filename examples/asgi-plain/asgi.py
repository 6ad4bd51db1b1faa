"""ASGI without a framework and without a dependency: Pullet adds the server."""

GREETING = "Hello from Pullet"


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": f"{GREETING}\n".encode()})
