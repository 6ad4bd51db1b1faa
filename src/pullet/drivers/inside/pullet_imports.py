"""Something to do once a module of somebody else's was imported, whenever that is."""

import importlib.abc
import importlib.util
import sys


class after_import(importlib.abc.MetaPathFinder):
    """`@after_import("json")`: the decorated function is called with the module, if it is imported at all."""

    def __init__(self, name):  # type: ignore[no-untyped-def]
        self._name = name

    def __call__(self, act):  # type: ignore[no-untyped-def]
        self._act = act
        sys.meta_path.insert(0, self)
        return act

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def] # noqa: ARG002
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_act(module):  # type: ignore[no-untyped-def]
                execute(module)
                self._act(module)

            spec.loader.exec_module = execute_and_act  # type: ignore[method-assign]
        return spec
