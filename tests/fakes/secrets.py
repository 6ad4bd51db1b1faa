"""Secrets in memory. What it seals can be read by anybody who looks twice."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

from pullet.domain.errors import SecretUnreadable
from pullet.domain.identity import EnvironmentKey
from pullet.domain.secrets import SecretPlace, check_value


class FakeSecrets:
    def __init__(self, key: str = "age1fake") -> None:
        self._key = key
        self._made: dict[tuple[EnvironmentKey, str], str] = {}
        self._count = 0

    def values(self, environment: EnvironmentKey, names: Sequence[str]) -> Mapping[str, str]:
        return {name: self._made.setdefault((environment, name), self.fresh()) for name in names}

    def forget(self, environment: EnvironmentKey) -> None:
        self._made = {key: value for key, value in self._made.items() if key[0] != environment}

    def fresh(self) -> str:
        self._count += 1
        return f"made-{self._count}"

    def recipient(self) -> str:
        return self._key

    def seal(self, place: SecretPlace, value: str) -> str:
        check_value(place.name, value)
        self._count += 1
        said = json.dumps([self._key, place.app, place.environment, place.name, value, self._count])
        return "age:" + base64.urlsafe_b64encode(said.encode()).decode()

    def open(self, environment: EnvironmentKey, sealed: Sequence[tuple[str, str]]) -> Mapping[str, str]:
        return {name: self._open(SecretPlace(environment.app, environment.name, name), text) for name, text in sealed}

    def _open(self, place: SecretPlace, sealed: str) -> str:
        try:
            key, app, environment, name, value, _ = json.loads(base64.urlsafe_b64decode(sealed.removeprefix("age:")))
        except ValueError:
            key, app, environment, name, value = "", "", "", "", ""
        if key != self._key or not SecretPlace(app, environment, name).covers(place):
            raise SecretUnreadable(f"The secret {place} cannot be opened", context=self._key)
        return str(value)
