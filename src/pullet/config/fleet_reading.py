"""The files of a target's directory -> FleetState. A file with a mistake in it never takes an app away."""

from __future__ import annotations

from collections.abc import Mapping

from pullet.config.fleet_file import parse_fleet_file
from pullet.domain.errors import ConfigError, PulletError, UsageError
from pullet.domain.fleet import AppFleetSpec, FleetState
from pullet.domain.identity import PRODUCTION, EnvironmentKey

FILE_LIMIT = 256 << 10  # bytes; the longest sensible file is a hundredth of it


def target_folder(target: str) -> str:
    """The target's directory in the fleet repository. Raises UsageError for what is no name."""
    EnvironmentKey(target, PRODUCTION)
    return f"targets/{target}"


def app_path(target: str, app: str) -> str:
    EnvironmentKey(app, PRODUCTION)
    return f"{target_folder(target)}/apps/{app}.toml"


class FleetReader:
    """Reads every file once per content, and remembers how each app was last read well."""

    def __init__(self, target: str) -> None:
        self._folder = f"{target_folder(target)}/apps"
        self._good: dict[str, AppFleetSpec] = {}
        self._seen: dict[str, tuple[bytes, AppFleetSpec | ConfigError]] = {}

    def state(self, commit: str, files: Mapping[str, bytes | None]) -> FleetState:
        """`files`: name within `apps/` -> content; None for what is no regular file of at most FILE_LIMIT bytes."""
        named = {name.removesuffix(".toml"): data for name, data in files.items() if name.endswith(".toml")}
        read = {app: self._read(app, data) for app, data in sorted(named.items())}
        self._good = {
            app: result if isinstance(result, AppFleetSpec) else self._good[app]
            for app, result in read.items()
            if isinstance(result, AppFleetSpec) or app in self._good
        }
        broken = {app: result for app, result in read.items() if isinstance(result, ConfigError)}
        return FleetState(
            commit=commit,
            apps=tuple(self._good.values()),
            errors=tuple((f"{self._folder}/{app}.toml", str(error)) for app, error in broken.items()),
            unreadable=frozenset(broken),
        )

    def _read(self, app: str, data: bytes | None) -> AppFleetSpec | ConfigError:
        path = f"{self._folder}/{app}.toml"
        if data is None:
            return ConfigError(f"{path} is no regular file of at most {FILE_LIMIT >> 10} KiB")
        seen = self._seen.get(app)
        if seen is None or seen[0] != data:
            seen = self._seen[app] = (data, _parse(app, data, path))
        return seen[1]


def _parse(app: str, data: bytes, path: str) -> AppFleetSpec | ConfigError:
    try:
        EnvironmentKey(app, PRODUCTION)
        return parse_fleet_file(app, data.decode(), path)
    except UnicodeDecodeError as err:
        return ConfigError(f"{path} is not UTF-8", context=str(err), hint="Save it as UTF-8 and commit it.")
    except ConfigError as err:
        return err
    except UsageError as err:
        return ConfigError(f"{path}: {err.message}", hint=err.hint)


def no_such_target(target: str, where: str) -> PulletError:
    """A missing directory is a mistake (a wrong name, a wrong branch), not the wish to remove every app."""
    return ConfigError(
        f"The fleet at {where} has no directory {target_folder(target)}",
        hint=f"See that --target {target} is right. To run no app there, commit {target_folder(target)}/README.md"
        " and nothing else. What runs stays as it is.",
    )
