"""Secrets that are made once per environment and kept on the box, such as Django's SECRET_KEY."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from pullet.domain.errors import DiskFull, StoreError
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey

_BYTES = 48  # of entropy; as text 64 characters that no quoting rule minds


def new_value() -> str:
    return secrets.token_urlsafe(_BYTES)


class GeneratedSecrets:
    """One file an environment, readable by Pullet alone. They never enter git, a log or an answer of the API."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def values(self, environment: EnvironmentKey, names: Sequence[str]) -> Mapping[str, str]:
        """The values of `names`; those that are new are made and kept before they are handed out."""
        if not names:
            return {}
        path = self._path(environment)
        try:
            kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
            missing = [name for name in names if name not in kept]
            if missing:
                kept |= {name: new_value() for name in missing}
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                temporary = path.with_suffix(".new")
                with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123
                    json.dump(kept, file)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(path)
        except ValueError as err:
            raise StoreError(
                f"{path} is damaged",
                context=str(err),
                hint="Remove it to have new secrets made; sessions end with that.",
            ) from err
        except OSError as err:
            raise DiskFull(f"Could not keep the secrets of {environment}", context=str(err)) from err
        return {name: kept[name] for name in names}

    def forget(self, environment: EnvironmentKey) -> None:
        try:
            self._path(environment).unlink(missing_ok=True)
        except OSError as err:
            raise StoreError(f"The secrets of {environment} could not be removed", context=str(err)) from err

    def _path(self, environment: EnvironmentKey) -> Path:
        return self._home.secrets / environment.app / f"{environment.name}.json"
