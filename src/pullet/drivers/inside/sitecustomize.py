"""Imports the hooks that this interpreter was started with."""

import importlib
import os

for _name in os.environ.get("PULLET_HOOKS", "").split():
    importlib.import_module(_name)
