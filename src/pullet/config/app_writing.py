"""An app as a commented pullet.toml: every line with why it is so and where that was read, the runners-up beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import tomlkit

from pullet.domain.app import AppSpec, Decision, Process
from pullet.domain.healing import ChangeKind
from pullet.domain.services import ServiceSpec

Wanted: TypeAlias = Callable[[Decision], bool]

_COMMENT = 160  # characters
_HEAD = """\
# What Pullet infers about this app. Each line could be left out: it would be inferred again.
# Change what is wrong, delete what is right. `pullet explain .` shows the same as a list.
"""
_TESTED = """\
# The tests as they were found (`pullet test` runs them now); these two lines also hold back what newly fails.
"""
_PROPOSED = """\
# Every release is assessed for security (`pullet assess` does it now); these two lines also hold back new holes.
# [gates.security]
# fail_on = "high"
"""


def write_app_file(spec: AppSpec, wanted: Wanted = lambda _: True) -> str:
    """The text of a pullet.toml that says the same as `spec`, of what the `wanted` decisions settled, and proposes what
    an owner may want besides."""
    sections = _Writer(spec, wanted).sections()
    written = ("\n".join(section) + "\n" for section in sections if len(section) > 1)
    return "\n".join((_HEAD, *written, *_tests(spec), _PROPOSED))


def _tests(spec: AppSpec) -> Iterator[str]:
    """A gate for the tests that there are."""
    decision = next((each for each in spec.decisions if each.subject == "gates.tests.command"), None)
    if decision is not None:
        reasons = "".join(f"{line}\n" for line in _reasons(decision))
        others = "".join(f"{line}\n" for line in _runners_up(decision, "# command"))
        command = _comment(f"command = {_text(decision.value)}")
        yield f"{_TESTED}{reasons}# [gates.tests]\n{command}\n{others}"


class _Writer:
    def __init__(self, spec: AppSpec, wanted: Wanted) -> None:
        self._spec = spec
        self._decisions = {each.subject: each for each in spec.decisions if wanted(each)}

    def sections(self) -> Iterator[list[str]]:
        spec = self._spec
        yield ["[app]", *self._app()]
        moment = [change.value for change in spec.changes if change.kind is ChangeKind.EXCLUDE_NEWER][-1:]
        newest = [f"exclude_newer = {_text(value)}  # versions as of the commit: none are given" for value in moment]
        yield ["[build]", *newest, *self._assets(), *self._list("build.commands", spec.build_commands)]
        release = self._list("release.commands", spec.release_commands)
        yield ["[release]", *release, *self._list("release.first", spec.first_commands)]
        for process in spec.processes:
            yield [f"[processes.{process.name}]", *self._process(process)]
        for schedule in spec.schedules:
            subject = f"schedule.{schedule.name}"
            cron = self._line(f"{subject}.cron", "cron", _text(schedule.cron))
            command = self._line(f"{subject}.command", "command", _text(schedule.command))
            yield [f"[{subject}]", *cron, *command]
        for service in spec.services:
            yield [f"[services.{service.name}]", *self._service(service)]
        yield ["[static]", *self._static()]
        yield ["[variables]", *self._variables()]
        yield ["[secrets]", *self._list("secrets.generated", spec.secrets_generated)]

    def _app(self) -> Iterator[str]:
        if self._spec.root != ".":
            yield from self._line("app.root", "root", _text(self._spec.root), always=True)
        if self._spec.python:
            yield from self._line("app.python", "python", _text(self._spec.python))
        if "app.personality" in self._decisions:
            value = self._decisions["app.personality"].value
            yield from self._line("app.personality", "personality", _text(value.lower()))

    def _assets(self) -> Iterator[str]:
        """Of one folder: for several there are no keys, and they are found again."""
        sites = [site for site in self._spec.assets if site.commands]
        if len(sites) == 1:
            yield from self._list("build.assets", sites[0].commands)
            if sites[0].folder != ".":
                yield from self._line("build.assets_folder", "assets_folder", _text(sites[0].folder))

    def _process(self, process: Process) -> Iterator[str]:
        subject = f"processes.{process.name}"
        yield from self._line(f"{subject}.command", "command", _text(process.command))
        yield from self._line(f"{subject}.instances", "instances", str(process.instances))

    def _service(self, service: ServiceSpec) -> Iterator[str]:
        subject = f"services.{service.name}"
        yield from self._line(f"{subject}.type", "type", _text(service.type.value))
        if service.path:
            yield from self._line(f"{subject}.path", "path", _text(service.path))

    def _static(self) -> Iterator[str]:
        for mount in self._spec.static:
            yield from self._line(f'static."{mount.url}"', _text(mount.url), _text(mount.path))

    def _variables(self) -> Iterator[str]:
        for name, value in self._spec.variables:
            yield from self._line(f"variables.{name}", name, _text(value))

    def _list(self, subject: str, values: tuple[str, ...]) -> Iterator[str]:
        key = subject.rpartition(".")[2]
        if values:
            inner = [f"    {_text(value)}," for value in values]
            yield from self._line(subject, key, "\n".join(("[", *inner, "]")))

    def _line(self, subject: str, key: str, value: str, *, always: bool = False) -> Iterator[str]:
        decision = self._decisions.get(subject)
        if decision is not None:
            yield from _reasons(decision)
        if decision is not None or always:
            yield f"{key} = {value}"
            yield from _runners_up(decision, key) if decision is not None else ()


def _reasons(decision: Decision) -> Iterator[str]:
    for found in decision.evidence[:3]:
        yield _comment(f"{found.place}: {found.because}")


def _runners_up(decision: Decision, key: str) -> Iterator[str]:
    for found in decision.runners_up[:3]:
        lines = found.value.split("\n")
        shown = (
            f"[{', '.join(map(_text, lines))}]"
            if key in ("commands", "assets", "first", "generated")
            else _text(found.value)
        )
        yield _comment(f"{key} = {shown}  # {found.place}")


def _comment(text: str) -> str:
    printable = "".join(char if char.isprintable() else "?" for char in text)
    return f"# {printable if len(printable) <= _COMMENT else printable[: _COMMENT - 1] + '…'}"


def _text(value: str) -> str:
    return tomlkit.string(value).as_string()
