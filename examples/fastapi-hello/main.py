"""A JSON greeting, a slow answer and a websocket that echoes. Change GREETING, commit, and ask again."""

import asyncio

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

GREETING = "Hello from Pullet"

app = FastAPI(title="Hello")


@app.get("/")
async def home() -> dict[str, str]:
    return {"greeting": GREETING}


@app.post("/echo")
async def echo(body: dict[str, str]) -> dict[str, str]:
    return body


@app.get("/slow")
async def slow(seconds: float = 2.0) -> dict[str, float]:
    await asyncio.sleep(min(seconds, 30.0))
    return {"slept": seconds}


@app.websocket("/ws")
async def talk(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass
