"""Lets Django's collectstatic pass over references to files that are not there.

Python imports this by its name in each interpreter of a build command, where healing asked for it. Storages that put a
digest into names refuse a style sheet that refers to a missing file; a browser only does without that file. Here such
a reference stays as it is written. Any Python from 3.8 on, any Django from 2.2 on.
"""

import importlib.abc
import importlib.util
import sys

_TARGET = "django.contrib.staticfiles.storage"


def _make_lenient(module):  # type: ignore[no-untyped-def]
    hashed_name = module.HashedFilesMixin.hashed_name

    def hashed_name_or_own(self, name, *args, **kwargs):  # type: ignore[no-untyped-def]
        try:
            return hashed_name(self, name, *args, **kwargs)
        except ValueError:
            sys.stderr.write(f"pullet: {name} is referred to and is not there\n")
            return name

    module.HashedFilesMixin.hashed_name = hashed_name_or_own


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def] # noqa: ARG002
        if name != _TARGET:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_change(module):  # type: ignore[no-untyped-def]
                execute(module)
                _make_lenient(module)  # type: ignore[no-untyped-call]

            spec.loader.exec_module = execute_and_change  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Finder())
