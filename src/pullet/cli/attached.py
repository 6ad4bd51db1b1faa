"""The command line's end of an attached command: the person's own terminal, or pipes. Imports little."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import termios
import tty
from collections.abc import Iterator

from pullet.cli.client import ApiError, NotRunning
from pullet.domain.codec import dumps
from pullet.domain.errors import UsageError
from pullet.domain.frames import CREDIT, AttachRequest, Decoder, Frame, Kind, encode_signal, encode_size
from pullet.domain.home import Home

_CHUNK = 1 << 14
_DAEMON_GONE = 125
_ENDING = (signal.SIGTERM, signal.SIGHUP)
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)


def run_attached(home: Home, request: AttachRequest) -> int:
    """The exit code of the command. Raises ApiError with what the daemon says, NotRunning."""
    has_terminal = request.terminal is not None
    with _connected(home) as connection, _heard_signals(has_terminal) as signals, _raw(has_terminal):
        connection.sendall(Frame(Kind.REQUEST, dumps(request).encode()).encode())
        return _Relay(connection, signals, has_terminal=has_terminal).run()


def terminal_size() -> tuple[int, int] | None:
    """(rows, columns) where both ends of this command are a terminal."""
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    size = shutil.get_terminal_size()
    return size.lines, size.columns


class _Relay:
    """One loop for all: what is typed, what the daemon says, and signals, so that no frame is cut by another."""

    def __init__(self, connection: socket.socket, signals: int, *, has_terminal: bool) -> None:
        self._connection = connection
        self._signals = signals
        self._has_terminal = has_terminal
        self._stdin = 0 if sys.stdin is not None else os.open(os.devnull, os.O_RDONLY)
        self._decoder = Decoder()
        self._selector = selectors.DefaultSelector()
        self._selector.register(connection, selectors.EVENT_READ)
        self._selector.register(signals, selectors.EVENT_READ)
        self._credit = CREDIT
        self._input_over = False
        self._is_file = not self._watch_stdin()

    def run(self) -> int:
        while True:
            if self._is_file and not self._input_over and self._credit > 0:
                self._pass_input()
            waits = self._is_file and not self._input_over and self._credit > 0
            for key, _ in self._selector.select(0 if waits else None):
                code = self._handle(key.fileobj)
                if code is not None:
                    return code

    def _handle(self, ready: object) -> int | None:
        if ready is self._connection:
            return self._take(self._receive())
        if ready == self._signals:
            return self._pass_signals(os.read(self._signals, 64))
        self._pass_input()
        return None

    def _receive(self) -> bytes:
        """Empty: the daemon is gone."""
        with contextlib.suppress(ConnectionResetError):
            return self._connection.recv(1 << 16)
        return b""

    def _watch_stdin(self) -> bool:
        """False for a file, which is always readable and which select does not take."""
        try:
            self._selector.register(self._stdin, selectors.EVENT_READ)
        except PermissionError:
            return False
        return True

    def _pass_input(self) -> None:
        data = b""
        with contextlib.suppress(OSError):  # the person's terminal is gone
            data = os.read(self._stdin, min(_CHUNK, self._credit))
        self._credit -= len(data)
        self._input_over = not data
        self._send(Frame(Kind.INPUT, data) if data else Frame(Kind.END_OF_INPUT))
        if not self._is_file and (self._input_over or not self._credit):
            self._selector.unregister(self._stdin)

    def _pass_signals(self, numbers: bytes) -> int | None:
        for number in numbers:
            if number == signal.SIGWINCH:
                if (size := terminal_size()) is not None:
                    self._send(Frame(Kind.SIZE, encode_size(*size)))
            elif self._has_terminal:
                return 128 + number  # the person's terminal is put right on the way out
            else:
                self._send(Frame(Kind.SIGNAL, encode_signal(number)))
        return None

    def _take(self, data: bytes) -> int | None:
        if not data:
            _write(2, b"pullet: the daemon is gone, and the command with it\r\n")
            return _DAEMON_GONE
        for frame in self._decoder.feed(data):
            code = self._take_frame(frame)
            if code is not None:
                return code
        return None

    def _take_frame(self, frame: Frame) -> int | None:
        match frame.kind:
            case Kind.OUTPUT:
                _write(1, frame.content)
            case Kind.ERROR_OUTPUT:
                _write(2, frame.content)
            case Kind.TAKEN:
                self._give_credit(int(frame.content))
            case Kind.EXIT:
                return int(frame.content)
            case Kind.FAILED:
                told = json.loads(frame.content)
                raise ApiError(told["code"], told["message"], told["context"], told["hint"])
        return None

    def _give_credit(self, count: int) -> None:
        had_none, self._credit = not self._credit, self._credit + count
        if had_none and not self._is_file and not self._input_over:
            self._selector.register(self._stdin, selectors.EVENT_READ)

    def _send(self, frame: Frame) -> None:
        with contextlib.suppress(OSError):  # the command has ended: what it left unread is nobody's
            self._connection.sendall(frame.encode())


@contextlib.contextmanager
def _connected(home: Home) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(home.attach_socket))
        except PermissionError as err:
            raise UsageError(f"{home.root} is another user's Pullet", hint="Use sudo, or a PULLET_HOME.") from err
        except OSError as err:
            raise NotRunning(f"No daemon runs for {home.root}", hint="Start one with `pullet serve`.") from err
        yield connection


@contextlib.contextmanager
def _raw(wanted: bool) -> Iterator[None]:
    """Every key goes to the command; whatever happens, the terminal is as before in the end."""
    if not wanted:
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _heard_signals(has_terminal: bool) -> Iterator[int]:
    """A descriptor from which the numbers of signals can be read, a byte each."""
    wanted = (signal.SIGWINCH, *_ENDING) if has_terminal else _PASSED_ON
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    former = signal.set_wakeup_fd(writing)
    before = {number: signal.signal(number, lambda *_: None) for number in wanted}
    try:
        yield reading
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(former)
        os.close(reading)
        os.close(writing)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
