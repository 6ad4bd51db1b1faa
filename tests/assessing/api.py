"""A sound API with a description, for the live checks."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

app = FastAPI()


@app.get("/")
def front() -> dict[str, str]:
    return {"hello": "you"}


@app.get("/items/{number}")
def item(number: int, verbose: bool = False) -> dict[str, int]:
    return {"number": number, "verbose": int(verbose)}


@app.post("/items")
def make(name: str) -> str:
    return name


@app.delete("/items/{number}")
def drop(number: int) -> int:
    return number


@app.get("/text/{words:path}")
def text(words: str) -> PlainTextResponse:
    return PlainTextResponse(words)
