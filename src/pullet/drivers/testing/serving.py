"""One session, from its first word to its last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from pullet.analysis.testing.ledger import Ledger
from pullet.domain.testing import Status
from pullet.ports import LogSink, Session, Word

_LAST_WORDS = 30.0  # seconds from `finish` to the end of a session
_TOO_LATE = 2.0  # times the limit of a test: then its interpreter is ended
_PLUGIN_FIRST = 1.05  # times the limit: the plugin's own alarm comes before ours


class Serving:
    """Deals tests of the ledger to one session and books what becomes of them."""

    def __init__(
        self,
        session: Session,
        ledger: Ledger,
        log: LogSink,
        told: asyncio.Event,
        *,
        limit: float,
        patience: float,
        only: Sequence[str] | None = None,
    ) -> None:
        """`told` is set once it has said what there is; `limit`: seconds for one test; `patience`: seconds until it
        must have said what there is; `only`: ids that are wanted, None: all."""
        self.collected = False
        self._told = told
        self.finished = False
        """Nothing was left to do when it asked for more."""
        self.fruitful = False
        """It brought a test to its end."""
        self.why = ""
        """What it said, or what is known, of an end that came too early."""
        self.first = 0.0
        """When its first test began, by the monotonic clock; 0: it ran none."""
        self._session = session
        self._ledger = ledger
        self._log = log
        self._limit = limit
        self._patience = patience
        self._only = only
        self._names: list[str] = []
        self._running = ""
        self._since = 0.0
        self._interrupted = False

    async def run(self) -> None:
        """Until it is done or gone; it is gone afterwards."""
        try:
            while word := await self._hear():
                await self._follow(word)
                if word.get("say") == "end":
                    break
            if not self.finished:
                await self._lost(Status.CRASH)
        except TimeoutError:
            await self._lost(Status.TIMEOUT)
        finally:
            await self._session.end()

    async def _hear(self) -> Word | None:
        """Raises TimeoutError where it has had its chances."""
        try:
            return await self._next()
        except TimeoutError:
            if not self._running or self._interrupted:
                raise
        self._interrupted = True
        await self._session.interrupt()
        return await self._next()

    async def _next(self) -> Word | None:
        async with asyncio.timeout(self._time_left()):
            return await self._session.hear()

    def _time_left(self) -> float:
        """Seconds until the next word has to come."""
        if self._running:
            times = _TOO_LATE if self._interrupted else _PLUGIN_FIRST
            return max(0.01, self._since + times * self._limit - time.monotonic())
        if not self.collected:
            return self._patience
        return _LAST_WORDS if self.finished else _TOO_LATE * self._limit

    async def _follow(self, word: Word) -> None:
        match word.get("say"):
            case "collected":
                self._ledger.collected(word, self._only)
                self.collected = True
                self._told.set()
            case "want":
                await self._deal()
            case "start":
                self._begun(str(word.get("id", "")))
            case "result":
                self._ended(word)
            case "end":
                self.why = str(word.get("message", "")) or f"pytest ended with {word.get('exit')}"

    async def _deal(self) -> None:
        names = self._ledger.deal()
        self._names += names
        self.finished = not names
        await self._session.say({"do": "run", "ids": list(names)} if names else {"do": "finish"})

    def _begun(self, name: str) -> None:
        self._running, self._since, self._interrupted = name, time.monotonic(), False
        self.first = self.first or self._since

    def _ended(self, word: Word) -> None:
        name = str(word.get("id", ""))
        self._running = ""
        if name in self._names:  # nobody speaks for a test that another session has
            message = str(word.get("message", ""))
            self._book(name, _status(word.get("status")), _seconds(word.get("duration")), message)

    def _book(self, name: str, status: Status, duration: float, message: str) -> None:
        self._names.remove(name)
        self.fruitful = True
        self._ledger.ended(name, status, duration, message)
        if not status.good:
            self._log(f"{status} {name}")

    async def _lost(self, how: Status) -> None:
        """It is no more. The test that it was running pays for that; the others are dealt again."""
        told = await self._session.end()
        late = how is Status.TIMEOUT
        what = "the interpreter took too long, and was ended" if late else "the interpreter ended"
        self.why = self.why or what + (f": {told}" if told else "")
        if self._running in self._names:
            message = f"The test took longer than {self._limit:g} s.\n" if late else ""
            self._book(self._running, how, time.monotonic() - self._since, f"{message}{self.why}")
        self._ledger.put_back(self._names)
        self.finished = False


def _status(value: object) -> Status:
    try:
        return Status(str(value))
    except ValueError:
        return Status.ERROR


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
