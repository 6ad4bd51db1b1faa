"""Somebody who looks at an attached command: types what a test says, keeps what is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pullet.domain.frames import CREDIT, Frame, Kind


class FakeTerminal:
    """`say` types; `leave` is gone; `slow` seconds pass with every piece that is shown."""

    def __init__(self, *said: Frame | bytes, slow: float = 0.0) -> None:
        self.size: tuple[int, int] | None = None
        self.out = bytearray()
        self.err = bytearray()
        self.taken = 0
        self._room = asyncio.Event()
        self._given = 0
        self._slow = slow
        self._said: asyncio.Queue[Frame | None] = asyncio.Queue()
        for each in said:
            self.say(each)

    def say(self, sent: Frame | bytes) -> None:
        self._said.put_nowait(Frame(Kind.INPUT, sent) if isinstance(sent, bytes) else sent)

    def leave(self) -> None:
        self._said.put_nowait(None)

    async def frames(self) -> AsyncIterator[Frame]:
        while (sent := await self._said.get()) is not None:
            self._given += len(sent.content) if sent.kind is Kind.INPUT else 0
            while self._given - self.taken > CREDIT:
                self._room.clear()
                await self._room.wait()
            yield sent

    async def send(self, frame: Frame) -> None:
        if frame.kind is Kind.TAKEN:
            self.taken += int(frame.content)
            self._room.set()
            return
        (self.err if frame.kind is Kind.ERROR_OUTPUT else self.out).extend(frame.content)
        if self._slow:
            await asyncio.sleep(self._slow)
