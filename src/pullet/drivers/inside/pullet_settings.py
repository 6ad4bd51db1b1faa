"""An app's own Django settings, fitted to the place where they are loaded.

Put in front of settings that were written for one other place. Their ALLOWED_HOSTS gets the names that the router leads
here, or Django would refuse every visitor with 400. TLS is not demanded of a database on this box, to which no network
leads, and who leads visitors to HTTPS is the router. Nothing else is changed. Any Python from 3.8 on, any Django.
"""

import importlib
import os

_own = importlib.import_module(os.environ["PULLET_SETTINGS_MODULE"])
globals().update({name: getattr(_own, name) for name in dir(_own) if name.isupper()})

SECURE_SSL_REDIRECT = False

_known, _added = getattr(_own, "ALLOWED_HOSTS", []), os.environ.get("PULLET_ALLOWED_HOSTS")
if _added and isinstance(_known, (list, tuple, set)) and "*" not in _known:
    ALLOWED_HOSTS = list(dict.fromkeys([*_known, *_added.split(",")]))

for _database in getattr(_own, "DATABASES", {}).values():
    _options = _database.get("OPTIONS")
    if isinstance(_options, dict) and _options.get("sslmode") in ("require", "verify-ca", "verify-full"):
        if "sqlite" in str(_database.get("ENGINE")):
            del _options["sslmode"]
        elif _database.get("HOST") in ("127.0.0.1", "localhost", "", None):
            _options["sslmode"] = "prefer"
