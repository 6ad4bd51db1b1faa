"""Bytes of text files as people commit them."""

from __future__ import annotations

import codecs

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decoded(data: bytes, errors: str = "strict") -> str:
    """The text, without its byte order mark: UTF-8, or UTF-16 as PowerShell's `>` writes it.

    Raises UnicodeDecodeError, unless `errors` is one of Python's other words.
    """
    return data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig", errors)
