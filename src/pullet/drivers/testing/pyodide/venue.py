"""The talk with a host: one program in the sandbox that holds all sessions of a run, on its standard streams."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pullet.domain.command import Command
from pullet.domain.errors import TestsFailed
from pullet.drivers.process import end_group, open_process, redact
from pullet.ports import Session, Word

Keep = Callable[[Word], None]

_WORD_LIMIT = 66 << 20  # bytes of one line
_WAITING = 2048  # words that nobody has heard yet; then the host has to wait
_KEPT = 16_000  # bytes of the end of what a host prints
_CHUNK = 1 << 16
_LAST_WORDS = 4.0  # seconds for a session to be ended; then its host is, with all that it holds


class Host:
    """One running program, whose lines are told apart by session."""

    def __init__(self, process: asyncio.subprocess.Process, secrets: Sequence[str], *, chatty: bool) -> None:
        """`chatty`: it tells much that means nothing, as browsers do; it counts where it did not even begin."""
        self.runtime = ""
        """What it says of itself."""
        self._process = process
        self._secrets = tuple(secrets)
        self._chatty = chatty
        self._sessions: dict[int, PyodideSession] = {}
        self._printed = bytearray()
        self._why = ""
        self._ending = asyncio.Lock()
        self._tasks = [
            asyncio.create_task(self._listen(), name="tests:host"),
            asyncio.create_task(self._drain(), name="tests:stderr"),
        ]

    @classmethod
    async def start(cls, command: Command, first: Mapping[str, Any] | None, secrets: Sequence[str]) -> Host:
        """`first`: the line that a browser's server waits for; None: it is Node. Raises RuntimeFailed."""
        pipe = asyncio.subprocess.PIPE
        process = await open_process(command, stdin=pipe, stdout=pipe, stderr=pipe, limit=_WORD_LIMIT)
        host = cls(process, secrets, chatty=first is not None)
        if first is not None:
            await host.tell(first)
        return host

    @property
    def there(self) -> bool:
        return not self._tasks[0].done()

    def add(self, session: PyodideSession) -> None:
        self._sessions[session.number] = session

    async def tell(self, line: Mapping[str, Any]) -> None:
        """Without effect where it is gone."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(json.dumps(line).encode() + b"\n")
            await self._process.stdin.drain()

    async def end(self) -> None:
        """At once, and whatever it started with it."""
        async with self._ending:
            await asyncio.shield(end_group(self._process, grace=0))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await asyncio.shield(asyncio.gather(*self._tasks))
            for task in self._tasks:
                task.cancel()
            self._bury()

    def shown(self, text: str) -> str:
        return redact(text, self._secrets)

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            while line := await self._process.stdout.readline():
                await self._follow(json.loads(line))
        except (ValueError, OSError, RecursionError):  # ValueError: also a line over the limit
            self._why = "the host said what is no word"
        finally:
            self._bury()

    async def _follow(self, told: Any) -> None:
        if not isinstance(told, dict):
            return
        if "runtime" in told:
            self.runtime = str(told["runtime"])[:300]
        elif "ended" in told:
            self._why = str(told["ended"])[:_KEPT]
        elif isinstance(number := told.get("session"), int) and number in self._sessions:
            await self._sessions[number].take(told)

    def _bury(self) -> None:
        printed = self.shown(self._printed.decode("utf-8", "replace")).strip()
        printed = "" if self._chatty and self.runtime else printed
        for session in self._sessions.values():
            session.gone("\n".join(filter(None, (self._why or "the runtime ended", printed[-2000:]))))
        self._sessions.clear()

    async def _drain(self) -> None:
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(_CHUNK):
            self._printed += chunk
            del self._printed[:-_KEPT]


class PyodideSession:
    """One Pyodide, in which pytest runs once."""

    def __init__(
        self, number: int, line: Mapping[str, Any], find: Callable[[], Awaitable[Host]], keep: Keep | None = None
    ) -> None:
        """`line` opens it on the host that `find` finds; `keep` takes the bytecode that it was asked for."""
        self.number = number
        self._line = line
        self._find = find
        self._keep = keep
        self._host: Host | None = None
        self._heard = False
        self._moves = 1
        self._words: asyncio.Queue[Word | None] = asyncio.Queue(_WAITING)
        self._gone = asyncio.Event()
        self._why = ""

    async def settle(self) -> None:
        """Open it on a host."""
        self._gone.clear()
        self._host = await self._find()
        self._host.add(self)
        await self._host.tell(self._line)

    async def take(self, told: Mapping[str, Any]) -> None:
        """What the host says of it."""
        word = told.get("word")
        if "gone" in told:
            self._moves = 0  # it ended by itself
            self.gone(str(told["gone"])[:_KEPT])
        elif isinstance(word, dict):
            keep, self._keep = self._keep, None  # only the first word is from before any test's code ran
            if word.get("say") != "bytecode":
                await self._put(word)
            elif keep is not None:
                keep(word)

    async def _put(self, word: Word) -> None:
        """Nobody listens any more to one that is gone."""
        waiting = asyncio.ensure_future(self._words.put(word))
        over = asyncio.ensure_future(self._gone.wait())
        await asyncio.wait({waiting, over}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        over.cancel()

    def gone(self, why: str) -> None:
        if not self._gone.is_set():
            self._why = self._host.shown(why) if self._host else why
            self._gone.set()

    async def hear(self) -> Word | None:
        """One whose host went down before its first word, with what another session did, begins again on a new host."""
        word = await self._next()
        self._heard = self._heard or word is not None
        if word is None and not self._heard and self._moves:
            self._moves -= 1
            await self.settle()
            return await self._next()
        return word

    async def _next(self) -> Word | None:
        if not self._words.empty():
            return self._words.get_nowait()
        getting = asyncio.ensure_future(self._words.get())
        over = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait({getting, over}, return_when=asyncio.FIRST_COMPLETED)
            return getting.result() if getting.done() else None
        finally:
            getting.cancel()
            over.cancel()

    async def say(self, word: Word) -> None:
        await self._tell("tell", {"word": dict(word)})

    async def interrupt(self) -> None:
        """An alarm beside it has told it already."""

    async def _tell(self, what: str, more: Mapping[str, Any] | None = None) -> None:
        if self._host is not None:
            await self._host.tell({"session": self.number, "do": what, **(more or {})})

    async def end(self) -> str:
        """The others of its host go on, unless the host itself does not hear any more."""
        self._moves = 0
        if self._host is not None and not self._gone.is_set():
            await self._tell("end")
            try:
                async with asyncio.timeout(_LAST_WORDS):
                    await self._gone.wait()
            except TimeoutError:
                await self._host.end()
        return self._why


@dataclass(frozen=True)
class Plan:
    """What the sessions of a run are told."""

    told: Mapping[str, Any]
    base: Mapping[str, str]
    """Where they find what they read."""
    pages: bool
    """Whether there is a page, on whose main thread tests can run."""
    uncompiled: Sequence[str]
    """What the first session compiles."""
    keep: Keep
    """Gets what it says of that."""


class PyodideVenue:
    """The `Venue`; `start` starts a host, `describe` makes what it says of itself a version for people."""

    patience = 120.0

    def __init__(
        self, plan: Plan, start: Callable[[], Awaitable[Host]], describe: Callable[[str], str], *, sessions: int
    ) -> None:
        self.sessions = sessions
        self._plan = plan
        self._start = start
        self._describe = describe
        self._host: Host | None = None
        self._opened = 0
        self._lock = asyncio.Lock()

    @property
    def version(self) -> str:
        return self._describe(self._host.runtime if self._host else "")

    async def begin(self) -> Host:
        """The host; a new one where there is none any more."""
        async with self._lock:
            if self._host is None or not self._host.there:
                await self.close()
                self._host = await self._start()
            return self._host

    async def close(self) -> None:
        if self._host is not None:
            await self._host.end()

    async def open(self, paths: Sequence[str] = (), *, main: bool = False) -> Session:
        plan = self._plan
        if main and not plan.pages:
            raise TestsFailed("There is no page in Node")
        self._opened += 1
        compiled = list(plan.uncompiled) if self._opened == 1 else []
        own = {"paths": list(paths), "page": main if plan.pages else None, "compile": compiled}
        told = {**plan.told, **own}
        line = {"session": self._opened, "do": "open", "main": main, "plan": told, "base": plan.base}
        session = PyodideSession(self._opened, line, self.begin, plan.keep if compiled else None)
        await session.settle()
        return session
