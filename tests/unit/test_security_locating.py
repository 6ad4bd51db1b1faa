"""The function and the statement around a line."""

from __future__ import annotations

import pytest

from pullet.analysis.security.locating import locate

CODE = b"""\
import os

class Cart:
    @cached(
        key=1,
    )
    def total(self, cursor):
        for line in self:
            cursor.execute(
                "SELECT %s"
                  %   line,
            )
        try:
            pass
        except ValueError:
            eval( "x" )
        return inner()

    async def other(self):
        def inner():
            eval("y")
        match self:
            case 1:
                eval("z")

exec( 'a' )
"""


@pytest.mark.parametrize(
    ("line", "function", "code", "end"),
    [
        (1, "", "import os", 1),
        (3, "", "class Cart:", 3),
        (5, "Cart", "key=1,", 7),
        (7, "Cart", "def total(self, cursor):", 7),
        (8, "Cart.total", "for line in self:", 8),
        (10, "Cart.total", "cursor.execute('SELECT %s' % line)", 12),
        (16, "Cart.total", "eval('x')", 16),
        (21, "Cart.other.inner", "eval('y')", 21),
        (24, "Cart.other", "eval('z')", 24),
        (26, "", "exec('a')", 26),
        (2, "", "", 2),
        (0, "", "", 0),
        (9999, "", "", 9999),
    ],
)
def test_a_line_is_in_a_function_and_a_statement(line: int, function: str, code: str, end: int) -> None:
    (found,) = locate(CODE, [line])
    assert (found.function, found.code, found.end_line) == (function, code, end)


def test_layout_does_not_change_the_statement() -> None:
    one = locate(b"def f():\n    eval('a' +  b)\n", [2])[0].code
    other = locate(b'# moved\n\ndef f():\n    eval(\n        "a"\n        + b)\n', [4])[0].code
    assert one == other == "eval('a' + b)"


def test_what_is_no_python_gives_the_line() -> None:
    assert locate(b"FROM  python\n  USER\troot\n", [2])[0].code == "USER root"


def test_lines_are_counted_as_python_counts_them() -> None:
    """A form feed and Unicode's line separators end no line of code; a lone carriage return does."""
    text = "a = '\u2028'\x0c\reval('b')\r\neval('c')\n"
    assert [each.code for each in locate(text.encode(), [1, 2, 3])] == ["a = '\\u2028'", "eval('b')", "eval('c')"]


def test_a_declared_encoding_is_heeded() -> None:
    assert locate(b"# coding: latin-1\na = '\xe9'\n", [2])[0].code == "a = 'é'"


@pytest.mark.parametrize(
    "data",
    [
        b"a = " + b"(" * 5000,
        b"a = " + b"-" * 50_000 + b"1",
        b"a = " + b"+".join([b"b"] * 5_000),
        b"\x00\xff\xfe",
        b"# coding: rot13\nx\n",
        b"# coding: nothing-like-it\nx\n",
        b"if 1:\n" * 200,
    ],
)
def test_hostile_text_gives_at_most_the_line(data: bytes) -> None:
    (found,) = locate(data, [1])
    assert len(found.code) <= 400
