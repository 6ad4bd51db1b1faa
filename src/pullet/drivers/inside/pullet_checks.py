"""Writes down what Django's own checks say: `python pullet_checks.py`, in the app's own interpreter.

All that are registered, those for deployment too, and those that the settings silence; what needs a database is left
out. Standard input is a token, read before anything of the app is loaded, that the answer has to bear: JSON, on a
descriptor of its own. What the app prints goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any, List, Tuple  # noqa: UP035 - Python 3.8 too

_MOST = 2000  # messages
_TOKEN = 200  # bytes


def checks() -> Any:
    """{version, ran, failed, messages, more, key_given, why}: `why` where the app could not be loaded."""
    answer = {"version": "", "ran": [], "failed": [], "messages": [], "more": 0, "key_given": False, "why": ""}
    try:
        answer.update(_checked(_loaded()))
    except BaseException as err:  # what settings raise, SystemExit too
        answer["why"] = _told_error(err)
    return answer


def _loaded() -> Any:
    settings = importlib.import_module("django.conf").settings
    settings.LOGGING_CONFIG = None  # files of a log cannot be opened where nothing may be written, nor matter here
    importlib.import_module("django").setup()
    return settings


def _checked(settings: Any) -> Any:
    registry = importlib.import_module("django.core.checks.registry").registry
    ran: List[str] = []  # noqa: UP006
    failed: List[Tuple[str, str]] = []  # noqa: UP006
    messages: List[Any] = []  # noqa: UP006
    for check in registry.get_checks(include_deployment_checks=True):
        if "database" in getattr(check, "tags", ()):
            continue
        try:
            messages += list(check(app_configs=None, databases=None) or ())
            ran.append(_name(check))
        except BaseException as err:  # one that fails keeps none of the others from being told
            failed.append((_name(check), _told_error(err)))
    messages.sort(key=_is_minor)
    return {
        "version": str(importlib.import_module("django").get_version())[:40],
        "ran": ran,
        "failed": failed,
        "messages": [_told(each) for each in messages[:_MOST]],
        "more": max(0, len(messages) - _MOST),
        "key_given": settings.SECRET_KEY in os.environ.values(),
    }


def _is_minor(message: Any) -> bool:
    """A thousand hints on models shall not crowd out what matters."""
    return str(message.id or "").split(".")[0] not in ("security", "auth", "caches")


def _name(check: Any) -> str:
    return f"{getattr(check, '__module__', '')}.{getattr(check, '__name__', type(check).__name__)}"[:200]


def _told(message: Any) -> Any:
    return {
        "id": str(message.id or "")[:100],
        "level": int(message.level),
        "message": str(message.msg)[:500],
        "hint": str(message.hint or "")[:500],
        "object": _told_object(message.obj),
    }


def _told_object(thing: Any) -> str:
    """As it is written in code: no address in memory."""
    if thing is None or isinstance(thing, str):
        return (thing or "")[:200]
    label = getattr(getattr(thing, "_meta", None), "label", None)
    return str(label or getattr(thing, "__qualname__", None) or type(thing).__qualname__)[:200]


def _told_error(err: BaseException) -> str:
    try:
        return f"{type(err).__name__}: {str(err)[:500]}"
    except Exception:  # of a class whose text fails as well
        return type(err).__name__


def main() -> None:
    token = os.read(0, _TOKEN).decode("ascii")
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.path[0] = os.getcwd()  # noqa: PTH109 - a path of Python's own
    json.dump({**checks(), "token": token}, answer)
    answer.flush()
    os._exit(0)  # threads that an app has started do not hold it up


if __name__ == "__main__":
    main()
