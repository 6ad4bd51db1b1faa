"""From the files of a repository to an AppSpec: gather evidence, decide, assemble."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath

from pullet.analysis.detection.age import is_from_before
from pullet.analysis.detection.application import Application
from pullet.analysis.detection.assemble import assemble
from pullet.analysis.detection.assets import assets_of, decide_assets
from pullet.analysis.detection.backing import decide_services, decide_workers, declared_types, is_fact
from pullet.analysis.detection.decide import Rank, Tie, decide, decide_all
from pullet.analysis.detection.detectors import DETECTORS, dependencies, django, entry_points, programs
from pullet.analysis.detection.frameworks import OBJECT_NAMES
from pullet.analysis.detection.hints import settle
from pullet.analysis.detection.needs import address_guesses, decide_demanded, decide_generated
from pullet.analysis.detection.own_scripts import started_through_python
from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.roots import folders_with_dependencies, root_evidence, roots_below
from pullet.analysis.detection.selection import is_template
from pullet.analysis.detection.servers import PREFERENCE, choose_server, serve
from pullet.analysis.detection.tables import decide_schema
from pullet.analysis.detection.vendors.personality import personality_of
from pullet.domain.app import AppSpec, Confidence, Decision, Evidence, Place
from pullet.domain.declared import Declared
from pullet.domain.errors import AmbiguousApp, NoAppFound

_COMMAND = "processes.web.command"
_PATH = "variables.PYTHONPATH"
_NAMED = 10  # candidates that a message names


def understand(paths: Collection[str], files: Mapping[str, bytes], declared: Declared | None, name: str) -> AppSpec:
    """What the app in a repository is, and why.

    `paths`: every file; `files`: contents of those that `files_to_read` asked for; `declared`: pullet.toml as evidence;
    `name`: what the app is called in messages. Pure, but worth a thread: a hostile repository can cost seconds.
    Raises NoAppFound, AmbiguousApp.
    """
    if declared is not None and (declared.root != "." or _declares_web(declared)):
        return _understand_root(Repository(paths, files, declared.root), declared, name, ())
    declared = declared or Declared(".")
    top = Repository(paths, files)
    if "cookiecutter.json" in top.paths and any(map(is_template, top.paths)):
        raise _nothing_found(top, name)
    if folders := roots_below(top):
        return _of_folders(top, folders, declared, name) or _understand_root(top, declared, name, ())
    try:
        return _understand_root(top, declared, name, ())
    except _NothingHere:
        found = _of_folders(top, folders_with_dependencies(top), declared, name)
        if found is None:
            raise
        return found


def _of_folders(top: Repository, folders: Iterable[str], declared: Declared, name: str) -> AppSpec | None:
    """The one app among the folders; where there are several, the one that serves. A part of an app is none itself."""
    found: list[AppSpec] = []
    for folder in folders:
        if not any(folder.startswith(f"{spec.root}/") for spec in found):
            found += _try_folder(top.below(folder), declared, name)
    chosen = [spec for spec in found if spec.process("web")] or found
    if len(chosen) > 1:
        raise _several_roots(name, [spec.root for spec in chosen])
    return chosen[0] if chosen else None


def _try_folder(repository: Repository, declared: Declared, name: str) -> Iterator[AppSpec]:
    with suppress(_NothingHere):
        yield _understand_root(repository, declared, name, (root_evidence(repository),))


class _NothingHere(NoAppFound):
    """Distinct from AmbiguousApp, which is a NoAppFound too."""


def _declares_web(declared: Declared) -> bool:
    return any(found.subject == _COMMAND for found in declared.evidence)


def _understand_root(repository: Repository, declared: Declared, name: str, more: Iterable[Evidence]) -> AppSpec:
    evidence = [*more, *declared.evidence, *(found for detector in DETECTORS for found in detector(repository))]
    apart = (entry_points.SUBJECT, programs.SUBJECT)
    settings = [found for found in evidence if found.subject not in apart and not is_fact(found.subject)]
    decisions = decide_all(settings)
    _decide_command(repository, evidence, decisions, name)
    _decide_import_root(evidence, decisions)
    if _COMMAND not in decisions:
        _decide_program(repository, evidence, decisions, name)
    if not any(_is_command(subject) for subject in decisions):
        raise _nothing_found(repository, name)
    _decide_services(evidence, decisions)
    decisions |= decide_workers(evidence, decisions) | decide_generated(decisions)
    decisions |= decide_demanded(evidence, decisions)
    decisions |= decide_schema(evidence, decisions)
    decisions |= dict(started_through_python(repository, decisions))
    decisions |= dict(_decide_lists(decisions))
    decisions |= decide_assets(evidence, decisions)
    personality, assets = personality_of(decisions, evidence), assets_of(evidence, decisions)
    return replace(assemble(repository.root, decisions), personality=personality, assets=assets)


def _decide_lists(decisions: Mapping[str, Decision]) -> Iterator[tuple[str, Decision]]:
    """Dependencies that no file lists: all that were found, each with its place."""
    for subject in (dependencies.LISTED, dependencies.UNKNOWN):
        if found := decisions.get(subject):
            every = (*found.evidence[:1], *found.runners_up)
            value = "\n".join(each.value for each in every)
            yield subject, Decision(subject, value, tuple(replace(each, value=value) for each in every))


def _decide_services(evidence: Sequence[Evidence], decisions: dict[str, Decision]) -> None:
    """With them goes what leads to services of another platform."""
    guesses = address_guesses(decisions)
    decisions |= decide_services(evidence, {each: found for each, found in decisions.items() if each not in guesses})
    for subject, kind in guesses.items():
        if kind in declared_types(decisions).values():
            del decisions[subject]


def _is_command(subject: str) -> bool:
    return subject.startswith("processes.") and subject.endswith(".command")


def _decide_command(
    repository: Repository, evidence: Sequence[Evidence], decisions: dict[str, Decision], name: str
) -> None:
    """The web command, from the application found and the servers among the dependencies.

    A hint such as a Dockerfile's counts where there is no application that is better than a hint, or several.
    """
    hint = decisions.get(_COMMAND)
    if hint is not None and hint.evidence[0].confidence is not Confidence.POSSIBLE:
        return
    available = {found.value for found in evidence if found.subject == dependencies.SERVER_SUBJECT}
    interfaces = _wanted_interfaces(decisions, available)
    try:
        chosen = decide(entry_points.SUBJECT, evidence, _rank(interfaces))
    except Tie as tie:
        if hint is not None:
            return
        chosen = _settled(repository, tie.tied, _targets)
        if chosen is None:
            raise _ambiguous(name, tie.tied, available) from None
    if chosen is None or (hint is not None and chosen.evidence[0].confidence is Confidence.POSSIBLE):
        return
    application = Application.parse(chosen.value)
    python = decisions["app.python"].value if "app.python" in decisions else ""
    server = choose_server(application, available, from_before=is_from_before(repository, python))
    place = chosen.evidence[0].place
    reasons = (*chosen.evidence, _server_evidence(application, server, evidence, place))
    decisions[entry_points.SUBJECT] = chosen
    others = (*hint.evidence[:1], *hint.runners_up) if hint is not None else ()
    command = serve(server, application, entry_points.patched_by(repository, chosen.evidence[0].place.path))
    decisions[_COMMAND] = Decision(_COMMAND, command, reasons, others)
    if application.import_root != ".":
        because = f"{application.module} is imported from there"
        root = Evidence(_PATH, application.import_root, place, Confidence.LIKELY, "entry points", because)
        decisions.setdefault(_PATH, Decision(_PATH, root.value, (root,)))


def _decide_import_root(evidence: Sequence[Evidence], decisions: dict[str, Decision]) -> None:
    """Where a command that somebody wrote down names a module that lies in a folder of its own, such as `src`."""
    command = decisions.get(_COMMAND)
    if command is None or _PATH in decisions or _SETS_PATH.search(command.value):
        return
    named = {word.partition(":")[0].partition(".")[0] for word in command.value.split() if _TARGET.fullmatch(word)}
    for found in evidence:
        if found.subject != entry_points.SUBJECT:
            continue
        application = Application.parse(found.value)
        if application.import_root != "." and application.module.partition(".")[0] in named:
            because = f"{application.module} is imported from there"
            root = Evidence(_PATH, application.import_root, found.place, Confidence.LIKELY, "entry points", because)
            decisions[_PATH] = Decision(_PATH, root.value, (root,))
            return


_SETS_PATH = re.compile(r"--(chdir|app-dir|pythonpath)\b(?!=\.( |$))|\bcd ")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(\(\))?")


def _settled(
    repository: Repository, tied: Sequence[Evidence], names: Callable[[Evidence], Sequence[str]]
) -> Decision | None:
    found = settle(tied, names, repository)
    if found is None:
        return None
    others = tuple(each for each in tied if each.value != found.value)
    return Decision(found.subject, found.value, (found,), others)


def _targets(evidence: Evidence) -> Sequence[str]:
    """`shop.main:app`, `shop/main.py`, `shop.main`."""
    application = Application.parse(evidence.value)
    return (f"{application.module}:{application.name}", evidence.place.path, application.module)


def _words(evidence: Evidence) -> Sequence[str]:
    return (evidence.place.path, evidence.value.split()[-1])


def _decide_program(
    repository: Repository, evidence: Sequence[Evidence], decisions: dict[str, Decision], name: str
) -> None:
    """The web command of an app that serves by itself."""
    try:
        chosen = decide(programs.SUBJECT, evidence, programs.rank)
    except Tie as tie:
        chosen = _settled(repository, tie.tied, _words)
        if chosen is None:
            raise _ambiguous_programs(name, tie.tied) from None
    if chosen is not None:
        decisions[_COMMAND] = Decision(_COMMAND, chosen.value, chosen.evidence, chosen.runners_up)


def _wanted_interfaces(decisions: Mapping[str, Decision], available: Collection[str]) -> Collection[str]:
    """What the settings ask for, else what the app's own servers can serve, else anything."""
    if told := decisions.get(django.INTERFACE_SUBJECT):
        return (told.value,)
    served = [interface for interface, servers in PREFERENCE.items() if any(server in available for server in servers)]
    return served or tuple(PREFERENCE)


def _rank(interfaces: Collection[str]) -> Rank:
    def rank(evidence: Evidence) -> tuple[int, ...]:
        application = Application.parse(evidence.value)
        path = evidence.place.path
        named = OBJECT_NAMES.index(application.name) if application.name in OBJECT_NAMES else len(OBJECT_NAMES)
        return (
            application.interface not in interfaces,
            path.count("/"),
            entry_points.STEMS.get(PurePosixPath(path).stem, entry_points.UNUSUAL),
            named,
        )

    return rank


def _server_evidence(application: Application, server: str, evidence: Sequence[Evidence], place: Place) -> Evidence:
    """Why this server."""
    for found in evidence:
        if found.subject == dependencies.SERVER_SUBJECT and found.value == server:
            return found
    because = f"no dependency serves {application.interface.upper()}, so {server} is added"
    return Evidence(dependencies.SERVER_SUBJECT, server, place, Confidence.LIKELY, "servers", because)


def _ambiguous(name: str, tied: Sequence[Evidence], available: Collection[str]) -> AmbiguousApp:
    lines, commands = [], []
    for found in tied[:_NAMED]:
        application = Application.parse(found.value)
        commands.append(serve(choose_server(application, available), application))
        lines.append(f"{found.place}: {application.target} ({found.because})")
    targets = " and ".join(Application.parse(found.value).target for found in tied[:_NAMED])
    return AmbiguousApp(
        f"Found {len(tied)} web apps in {name}, equally likely: {targets}",
        context="\n".join(lines),
        hint=f'Say which in pullet.toml:\n[processes.web]\ncommand = "{commands[0]}"',
    )


def _ambiguous_programs(name: str, tied: Sequence[Evidence]) -> AmbiguousApp:
    return AmbiguousApp(
        f"Found {len(tied)} programs in {name} that serve, equally likely: "
        + " and ".join(found.value for found in tied[:_NAMED]),
        context="\n".join(f"{found.place}: {found.because}" for found in tied[:_NAMED]),
        hint=f'Say which in pullet.toml:\n[processes.web]\ncommand = "{tied[0].value}"',
    )


def _several_roots(name: str, roots: Sequence[str]) -> AmbiguousApp:
    return AmbiguousApp(
        f"Found {len(roots)} web apps in {name}, in the folders {' and '.join(roots[:_NAMED])}",
        hint=f'Say which in pullet.toml:\n[app]\nroot = "{roots[0]}"',
    )


def _nothing_found(repository: Repository, name: str) -> NoAppFound:
    broken = [path for path in repository.python_files if _is_broken(repository, path)][:3]
    where = "" if repository.root == "." else f", folder {repository.root}"
    if template := min(filter(is_template, repository.paths), default=""):
        return _NothingHere(
            f"{name} is a template for repositories and no app",
            context=f"{template}: the names in braces are to be filled in",
            hint="Make a repository from it, with cookiecutter or copier, and deploy that.",
        )
    return _NothingHere(
        f"Found no web app in {name}{where}",
        context="Looked for: a Procfile with a web process, Django's manage.py, and in "
        f"{len(repository.python_files)} Python files for an application object (app = Flask(__name__); FastAPI, "
        "Starlette, Litestar, Quart and other frameworks too), a factory (create_app()), and plain WSGI or ASGI "
        "callables (application(environ, start_response))."
        + (f" Could not parse {', '.join(broken)}." if broken else ""),
        hint='Say what to start in pullet.toml:\n[processes.web]\ncommand = "gunicorn shop:app"',
    )


def _is_broken(repository: Repository, path: str) -> bool:
    """Of the files at the top only: those that the owner will look at first."""
    return "/" not in path and bool(repository.text(path).strip()) and repository.module(path) is None
