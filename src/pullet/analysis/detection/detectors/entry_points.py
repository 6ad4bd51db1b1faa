"""Application objects and factories in Python modules, found by reading syntax trees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pullet.analysis.detection.application import ASGI, WSGI, Application, import_root, module_name
from pullet.analysis.detection.frameworks import CONSTRUCTORS, METHODS, OBJECT_NAMES, Made
from pullet.analysis.detection.modules import Link, ModuleFacts, Offer, read_module
from pullet.analysis.detection.repository import Repository, folder_of
from pullet.domain.app import Confidence, Evidence

SUBJECT = "application"
_DETECTOR = "entry points"

STEMS = {
    # how likely a file of this name is what a server should load: `wsgi.py` exists for nothing else
    "wsgi": 0,
    "asgi": 1,
    "app": 2,
    "main": 2,
    "application": 3,
    "server": 3,
    "__init__": 3,
    "run": 4,
    "api": 4,
    "index": 4,
}
UNUSUAL = 5
_RE_EXPORTERS = frozenset({"wsgi", "asgi", "main", "application", "server", "run"})
_NEAR = 1  # folders above a file of a usual name that is read whatever it imports: `app = create_app({...})`
_DEPTH = 4  # folders above a module that may be an entry point
_LINKS = 4  # modules between a name and the place where the application is made

# Parsing is what costs, so a file is parsed only if what it imports, or a word in it, could make it an entry point.
# All three patterns are linear in the text, whatever the text is.
_IMPORT = re.compile(r"\n[ \t]*(?:from|import)[ \t](?:[^\n(]*\([^)]{0,2000}|[^\n]*)")
_MAKERS = re.compile(
    rf"\b(?:{'|'.join(sorted({name for _, name in CONSTRUCTORS} | {'Dash'}))})\b"
    rf"|\bimport[ \t]+(?:{'|'.join(sorted({package.partition('.')[0] for package, _ in CONSTRUCTORS} | {'dash'}))})\b"
)
_PATCHES = re.compile(r"^[ \t]{0,8}(?:gevent\.monkey\.|monkey\.|eventlet\.)(?:patch_all|monkey_patch)\(", re.MULTILINE)
_WORDS = (*METHODS, "start_response", "(scope,", "self, scope,", "fast_app(", "FastHTML(")


def detect(repository: Repository) -> Iterable[Evidence]:
    reader = _Reader(repository)
    candidates = [candidate for path in reader.likely_files() for candidate in reader.candidates(path)]
    importers: dict[str, str] = {}
    for path in dict.fromkeys(candidate.path for candidate in candidates):
        for target in reader.files_imported_by(path):
            importers.setdefault(target, path)
    for candidate in candidates:
        yield candidate.evidence(repository, importers.get(candidate.path))


def patched_by(repository: Repository, path: str) -> str:
    """`gevent` or `eventlet` where the module patches the standard library with it: only its own workers go with that.

    `path`: from the top of the repository.
    """
    text = repository.top.text(path)
    return next((name for name in ("gevent", "eventlet") if name in text and _PATCHES.search(text)), "")


@dataclass(frozen=True)
class _Candidate:
    path: str
    application: Application
    line: int
    because: str

    def evidence(self, repository: Repository, importer: str | None) -> Evidence:
        usual = PurePosixPath(self.path).stem in STEMS and (
            self.application.name in OBJECT_NAMES or self.application.factory
        )
        return Evidence(
            SUBJECT,
            str(self.application),
            repository.place(self.path, self.line),
            Confidence.LIKELY if usual and importer is None else Confidence.POSSIBLE,
            _DETECTOR,
            self.because + (f", which {importer} imports" if importer else ""),
        )


@dataclass
class _Reader:
    repository: Repository
    _facts: dict[str, ModuleFacts | None] = field(default_factory=dict)

    def likely_files(self) -> Iterator[str]:
        for path in self.repository.python_files:
            if path.count("/") <= _DEPTH and (
                PurePosixPath(path).stem in _RE_EXPORTERS
                or (path.count("/") <= _NEAR and PurePosixPath(path).stem in STEMS)
                or _is_telling(self.repository.text(path))
            ):
                yield path

    def facts(self, path: str) -> ModuleFacts | None:
        if path not in self._facts:
            tree = self.repository.module(path)
            self._facts[path] = read_module(tree, _package(path)) if tree else None
        return self._facts[path]

    def candidates(self, path: str) -> Iterator[_Candidate]:
        facts = self.facts(path)
        offers = self.offers(path, facts) if facts else {}
        if not facts or not offers:
            return
        root = import_root(self.repository, path, facts.absolute)
        module = module_name(path, root)
        if module is None:
            return
        for name, offer in offers.items():
            around = offers.get(facts.wrapped.get(name, ""))
            if around and around is not offer and around.made.interface == offer.made.interface:
                continue
            yield _Candidate(
                path, Application(offer.made.interface, module, name, offer.factory, root), offer.line, offer.because
            )

    def offers(self, path: str, facts: ModuleFacts) -> dict[str, Offer]:
        """What the module offers by itself, and through what it imports."""
        found = dict(facts.offers)
        re_exports = PurePosixPath(path).stem in _RE_EXPORTERS
        for name, link in facts.links.items():
            if name not in found and (link.called or re_exports) and (made := self.follow(path, link)):
                verb = "is made by" if link.called else "comes from"
                because = f"{name}, a {made.framework} application, {verb} {link.source}"
                found[name] = Offer(made, link.line, because)
        return dict(_of_its_name(path, facts)) | found

    def follow(self, path: str, link: Link, steps: int = _LINKS) -> Made | None:
        """The application that a link leads to in another module of the repository."""
        module, _, name = link.source.rpartition(".")
        target = self.file_of(module, path)
        facts = self.facts(target) if target and target != path and steps else None
        if not target or not facts:
            return None
        if link.called:
            made = facts.factories.get(name) or facts.classes.get(name)
        else:
            made = facts.offers[name].made if name in facts.offers else None
        onward = facts.links.get(name) or _re_exported(facts, name, called=link.called)
        return made or (self.follow(target, onward, steps - 1) if onward else None)

    def files_imported_by(self, path: str) -> Iterator[str]:
        facts = self.facts(path)
        for module in facts.imported if facts else ():
            target = self.file_of(module, path)
            if target and target != path:
                yield target

    def file_of(self, module: str, importer: str) -> str | None:
        """The file of a module as the importing file could find it."""
        inside = module.replace(".", "/")
        for base in dict.fromkeys((".", "src", folder_of(importer), *self.added_to_path(importer))):
            stem = inside if base == "." else f"{base}/{inside}"
            for path in (f"{stem}.py", f"{stem}/__init__.py"):
                if module and path in self.repository.paths:
                    return path
        return None

    def added_to_path(self, path: str) -> list[str]:
        """Folders that a module names and may well put on sys.path."""
        text = self.repository.text(path)
        if "sys.path" not in text:
            return []
        return [folder for folder in sorted(self.repository.folders) if f'"{folder}"' in text or f"'{folder}'" in text]


def _of_its_name(path: str, facts: ModuleFacts) -> Iterator[tuple[str, Offer]]:
    """What wsgi.py and asgi.py make by calls that say nothing: those files are there for servers alone."""
    stem = PurePosixPath(path).stem
    for name, line in facts.made.items() if stem in (WSGI, ASGI) else ():
        yield name, Offer(Made(stem.upper(), stem), line, f"{name} is made by {path}")


def _is_telling(text: str) -> bool:
    imports = "".join(_IMPORT.findall(f"\n{text}"))
    return bool(_MAKERS.search(imports)) or any(word in text for word in _WORDS)


def _re_exported(facts: ModuleFacts, name: str, *, called: bool) -> Link | None:
    source = facts.imports.get(name, "")
    return Link(source, 0, called) if "." in source else None


def _package(path: str) -> str:
    """The package that relative imports in the file start from, by folders below the root."""
    folder = folder_of(path)
    return "" if folder == "." else folder.replace("/", ".")
