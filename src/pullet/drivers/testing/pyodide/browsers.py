"""The browsers that a column can have: plain programs that are given a page's address."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pullet.domain.errors import TestsFailed

_PATH = "/usr/local/bin:/usr/bin:/bin:/snap/bin"
_CHROMIUM_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-crash-reporter",
    "--disable-extensions",
    "--disable-default-apps",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-hang-monitor",
    "--disk-cache-size=268435456",
    "--window-size=1280,800",
)
# What a browser would ask others for, or do beside showing one page.
_FIREFOX_SETTINGS: Mapping[str, bool | int | str] = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutConfig.showWarning": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.ipc.processPrelaunch.enabled": False,
    "dom.max_script_run_time": 0,
    "extensions.enabledScopes": 0,
    "extensions.update.enabled": False,
    "javascript.options.wasm_js_promise_integration": True,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "privacy.reduceTimerPrecision": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


@dataclass(frozen=True)
class Browser:
    """How one is started. In `argv`, {url} stands for the page's address."""

    name: str
    """The column's."""
    title: str
    programs: tuple[str, ...]
    package: str
    """Debian's."""
    kept: tuple[str, ...]
    """Of a profile, the folders with nothing but caches."""
    files: Mapping[str, str] = field(default_factory=dict)
    """What a profile is to have at its start."""

    def program(self) -> Path:
        """Raises TestsFailed."""
        for name in self.programs:
            if found := shutil.which(name, path=_PATH):
                return Path(found)
        raise TestsFailed(f"There is no {self.title} on this box", hint=f"Install it: apt install {self.package}")

    def argv(self, program: Path, profile: Path) -> tuple[str, ...]:
        if self.name == "firefox":
            return (str(program), "--headless", "--no-remote", "--profile", str(profile), "{url}")
        own = ("--no-sandbox",) if os.geteuid() == 0 else ()  # as root, ours leaves no room for one of its own
        return (str(program), *_CHROMIUM_FLAGS, *own, f"--user-data-dir={profile}", "{url}")

    def version(self, agent: str) -> str:
        """For people, from what the browser says of itself: `Chromium 156.0`."""
        found = re.search(r"(?:Firefox|Chrome|Chromium)/(\d+\.\d+)", agent)
        return f"{self.title} {found[1]}" if found else self.title


def _settings() -> str:
    def written(value: bool | int | str) -> str:
        return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')

    return "".join(f'user_pref("{name}", {written(value)});\n' for name, value in _FIREFOX_SETTINGS.items())


CHROMIUM = Browser(
    "chromium",
    "Chromium",
    ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chromium-headless-shell"),
    "chromium",
    ("Default/Cache", "Default/Code Cache"),
)
FIREFOX = Browser(
    "firefox",
    "Firefox",
    ("firefox-esr", "firefox"),
    "firefox-esr",
    ("cache2", "startupCache"),
    {"user.js": _settings()},
)
