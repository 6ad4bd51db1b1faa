"""JSON, a slow answer to watch draining with, and a websocket that echoes."""

import asyncio

from fastapi import FastAPI, Query, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse

MESSAGE = "Hello from FastAPI"

app = FastAPI(title="fastapi-hello")

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Echo</title>
<style>
  :root { color-scheme: light dark; }
  body { max-width: 32rem; margin: 12vh auto; padding: 0 1.5rem; font: 1.05rem/1.6 system-ui, sans-serif; }
  form { display: flex; gap: .5rem; } input { flex: 1; } input, button { font: inherit; padding: .5rem .8rem; }
  ul { list-style: none; padding: 0; } li { padding: .3rem 0; border-bottom: 1px solid #8884; }
  #state::before { content: "●"; color: #c33; margin-right: .4em; } #state.open::before { color: #2a7; }
</style>
<h1>Echo</h1>
<p id="state">connecting</p>
<form><input name="text" autocomplete="off" placeholder="Say something" autofocus><button>Send</button></form>
<ul></ul>
<script>
  const state = document.querySelector("#state"), list = document.querySelector("ul"), form = document.forms[0];
  let socket;
  function connect() {
    socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/echo$/, "ws"));
    socket.onopen = () => { state.textContent = "connected"; state.className = "open"; };
    socket.onmessage = event => list.prepend(Object.assign(document.createElement("li"), { textContent: event.data }));
    socket.onclose = event => {
      state.textContent = `closed (${event.code}), connecting again`; state.className = ""; setTimeout(connect, 500);
    };
  }
  form.onsubmit = event => { event.preventDefault(); socket.send(form.text.value); form.reset(); };
  connect();
</script>
</html>
"""


@app.get("/")
async def index() -> dict[str, str]:
    return {"message": MESSAGE}


@app.get("/slow")
async def slow(seconds: float = Query(2.0, ge=0, le=60)) -> dict[str, float]:
    await asyncio.sleep(seconds)
    return {"slept": seconds}


@app.get("/echo", response_class=HTMLResponse)
async def echo_page() -> str:
    return PAGE


@app.websocket("/ws")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass
