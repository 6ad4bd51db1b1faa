"""`Secrets` on this box: values sealed in the fleet, and values made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey
from pullet.domain.secrets import SecretPlace
from pullet.drivers.generated import GeneratedSecrets, new_value
from pullet.drivers.sealing import TargetKey, seal


class TargetSecrets:
    def __init__(self, home: Home) -> None:
        self._generated = GeneratedSecrets(home)
        self._key = TargetKey(home.target_key)

    def values(self, environment: EnvironmentKey, names: Sequence[str]) -> Mapping[str, str]:
        return self._generated.values(environment, names)

    def forget(self, environment: EnvironmentKey) -> None:
        self._generated.forget(environment)

    def fresh(self) -> str:
        return new_value()

    def recipient(self) -> str:
        return self._key.recipient

    def seal(self, place: SecretPlace, value: str) -> str:
        return seal(self._key.recipient, place, value)

    def open(self, environment: EnvironmentKey, sealed: Sequence[tuple[str, str]]) -> Mapping[str, str]:
        return {
            name: self._key.open(SecretPlace(environment.app, environment.name, name), text) for name, text in sealed
        }
