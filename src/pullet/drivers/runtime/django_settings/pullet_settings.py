"""An app's own Django settings, which also answer to the names that the router leads to it.

Put in front of settings whose ALLOWED_HOSTS is written in code and knows other hosts only: Django would refuse every
visitor with 400. Nothing else is changed. Any Python from 3.8 on, any Django.
"""

import importlib
import os

_own = importlib.import_module(os.environ["PULLET_SETTINGS_MODULE"])
globals().update({name: getattr(_own, name) for name in dir(_own) if name.isupper()})

_known = getattr(_own, "ALLOWED_HOSTS", [])
if isinstance(_known, (list, tuple, set)) and "*" not in _known:
    ALLOWED_HOSTS = list(dict.fromkeys([*_known, *os.environ.get("PULLET_ALLOWED_HOSTS", "").split(",")]))
