"""One vendor's file while it is read: what it says becomes evidence, what nobody looked at is listed as not carried."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from pullet.analysis.detection.detectors import dependencies
from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.vendors.documents import Node, read_yaml
from pullet.analysis.detection.vendors.mining import Found, Mined, is_seed, mine
from pullet.analysis.detection.vendors.values import is_for_development, is_secret, python_series, unusable
from pullet.domain.app import CRON_SHORTHANDS, Confidence, Evidence, Place
from pullet.domain.personality import VARIABLES

WISH, ADDRESS = "fact.wish", "fact.address"
"""Subjects: `fact.wish.postgresql`, a service that the vendor gives; `fact.address.BROKER_URL`, the variable that it
hands its address over in (the value is the type of the service)."""
CHANGED, LOST = "fact.changed", "fact.lost"
"""Subjects, for `pullet import`: what became something else, and what could not be carried. Values are what it was."""
MOUNT = "fact.mount"
VENDORS_VARIABLE, RELATIONSHIP = "fact.vendor.variable", "fact.vendor.relationship"
"""Subjects, followed by a name: `fact.vendor.variable.DJANGO_ALLOWED_HOSTS` holds what the vendor calls APP_DOMAIN;
`fact.vendor.relationship.database` is a PostgreSQL."""

_LIMIT = 300  # pieces of evidence of one file
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_CRON = re.compile(r"([0-9A-Za-z*/,-]{1,200} +){4}[0-9A-Za-z*/,-]{1,200}")
_MIGRATES = re.compile(r"\b(migrate|upgrade|syncdb)\b")
_SOME_YEAR = datetime(2024, 1, 1, tzinfo=UTC)
_OWN = re.compile(r"\$?\{{0,2} ?([A-Z][A-Z_]*) ?\}{0,2}")
_VALUE_LIMIT = 4000  # characters


@dataclass
class Reading:
    """Of one file of one vendor."""

    repository: Repository
    """The app's own folder."""
    vendor: str
    path: str
    document: Node
    confidence: Confidence = Confidence.LIKELY
    found: list[Evidence] = field(default_factory=list)
    _release: list[Found] = field(default_factory=list)
    _build: list[Found] = field(default_factory=list)
    _once: list[Found] = field(default_factory=list)
    _at_start: list[Found] = field(default_factory=list)
    _generated: list[Found] = field(default_factory=list)

    def evidence(self) -> list[Evidence]:
        """Call it once, at the end."""
        # What a release is said to run stays that; a seed that ran at every start is for new data only.
        seeds = [each for each in self._at_start if is_seed(each.command)]
        release = [*self._release, *(each for each in self._at_start if each not in seeds)]
        for subject, lines, because in (
            ("build.commands", self._build, "says what a build does"),
            ("release.first", [*self._once, *seeds], "makes data that a new database needs"),
            ("release.commands", release, "says what a deployment does first"),
            ("secrets.generated", self._generated, "has it generated"),
        ):
            if lines:
                value = "\n".join(dict.fromkeys(each.command for each in lines))
                self._add(subject, value, lines[0].place, because)
        self.report_unseen()
        return self.found[:_LIMIT]

    def report_unseen(self) -> None:
        for path, node in self.document.unseen():
            self.lost(node, "Pullet has nothing like it", path)

    def include(self, path: str) -> Reading:
        """Another file that is part of this one: what it says is evidence of this reading."""
        return replace(self, path=path, document=read_yaml(self.repository.top.text(path)))

    def say(self, subject: str, value: str, node: Node, because: str, confidence: Confidence | None = None) -> None:
        self._add(subject, value, self.place(node), because, confidence)

    def place(self, node: Node) -> Place:
        return Place(self.path, node.line)

    def lost(self, node: Node, why: str, what: str = "") -> None:
        self._add(LOST, (what or node.key or node.text)[:200], self.place(node), why)

    def changed(self, node: Node, what: str, how: str) -> None:
        self._add(CHANGED, what[:200], self.place(node), how)

    def web(self, node: Node, folder: str = ".", weaker: bool = False) -> bool:
        """A start command. Whether anything in it serves."""
        mined = self._mine(node, folder)
        confidence = Confidence.POSSIBLE if weaker else None
        best = mined.serve[-1:] or mined.develop[-1:] or mined.unknown[-1:]
        for each in best:
            sure = confidence if mined.serve else Confidence.POSSIBLE
            self._add("processes.web.command", each.command, each.place, "names the start command", sure)
            mined.unknown = [other for other in mined.unknown if other is not each]
        for each in mined.work:
            self.process("worker", each)
        # What runs before the server, and is none of the kinds known, is part of getting ready.
        before = mined.develop if mined.serve else mined.develop[:-1]
        self._at_start += [*mined.release, *before]
        self._build += mined.build
        if mined.release or mined.build or before:
            what = ", ".join(each.command for each in (*mined.release, *mined.build, *before))
            self.changed(node, what, "runs once a deployment instead of at every start")
        self._leave(mined)
        return bool(best)

    def worker(self, name: str, node: Node, folder: str = ".") -> None:
        mined = self._mine(node, folder)
        for each in (mined.work or mined.serve or mined.develop or mined.release or mined.unknown)[-1:]:
            self.process(name, each)
            mined.unknown = [other for other in mined.unknown if other is not each]
        self._leave(mined)

    def process(self, name: str, found: Found) -> None:
        wanted = _process_name(name)
        wanted = f"{wanted}-worker" if wanted in ("web", "release") else wanted
        self._add(f"processes.{wanted}.command", found.command, found.place, f"names the process {wanted}")

    def release(self, node: Node, folder: str = ".") -> None:
        mined = self._mine(node, folder)
        self._build += mined.build
        self._release += [*mined.release, *mined.develop]
        self._leave(mined)

    def once(self, node: Node, folder: str = ".") -> None:
        """What the vendor runs on a new app only: of that, migrations may run at every release."""
        mined = self._mine(node, folder)
        self._release += [each for each in mined.release if _MIGRATES.search(each.command)]
        for each in (*mined.release, *mined.develop):
            if is_seed(each.command):
                self._once.append(each)
            elif not _MIGRATES.search(each.command):
                self._add(LOST, each.command, each.place, "ran once on a new app: do it with `pullet run`")
        self._leave(mined)

    def build(self, node: Node, folder: str = ".", *, strict: bool = False) -> None:
        """`strict`: nothing but what is known to be a build's, as an image is made of other things, too."""
        mined = self._mine(node, folder)
        self._build += mined.build if strict else [*mined.build, *mined.develop]
        self._release += mined.release
        for each in mined.release:
            self._add(CHANGED, each.command, each.place, "runs at release: a build has no database")
        self._leave(mined)

    def cron(self, name: str, when: Node, command: Node, folder: str = ".") -> None:
        mined = self._mine(command, folder)
        doing = (*mined.release, *mined.develop, *mined.work, *mined.serve, *mined.build)
        text = re.sub(r"\s+", " ", when.text)
        if not doing or not is_cron(text):
            return self.lost(when if doing else command, "is no schedule that Pullet can keep", name)
        subject = f"schedule.{_process_name(name)}"
        self._add(f"{subject}.cron", text, self.place(when), "names when it runs")
        line = " && ".join(each.command for each in doing)
        self._add(f"{subject}.command", line, doing[0].place, "names a scheduled command")
        return None

    def variable(self, name: str, node: Node) -> None:
        """A literal value; one that is dangerous or useless here is left out, a secret is made anew."""
        value = node.text
        if not _VARIABLE.fullmatch(name) or not value or len(value) > _VALUE_LIMIT:
            return
        if name in ("PYTHON_VERSION", "NIXPACKS_PYTHON_VERSION"):
            self.python(node)
        elif (own := _OWN.fullmatch(value)) and own[1] in VARIABLES.get(self.vendor, ()):
            self.say(f"{VENDORS_VARIABLE}.{name}", own[1], node, f"puts ${own[1]} into ${name}")
        elif why := unusable(name, value):
            self.lost(node, why, f"{name}={value}")
        elif is_for_development(name, value):
            self.lost(node, "shows visitors what only developers should see", f"{name}={value}")
        elif is_secret(name):
            self.generated(name, node)
            self.changed(node, name, "is made anew: a value in a repository is no secret")
        else:
            self.say(f"variables.{name}", value, node, f"sets ${name}")

    def generated(self, name: str, node: Node) -> None:
        if _VARIABLE.fullmatch(name) and not unusable(name, ""):
            self._generated.append(Found(name, self.place(node)))

    def address(self, name: str, kind: str, node: Node) -> None:
        """A variable that holds the address of a service."""
        if kind and _VARIABLE.fullmatch(name):
            self.say(f"{ADDRESS}.{name}", kind, node, f"puts the address of {kind} into ${name}")

    def wish(self, kind: str, node: Node) -> None:
        self.say(f"{WISH}.{kind}", kind, node, f"has {kind}")

    def relationship(self, name: str, kind: str, node: Node) -> None:
        """Upsun's name for a service."""
        if kind and _VARIABLE.fullmatch(name.replace("-", "_")):
            self.say(f"{RELATIONSHIP}.{name}", kind, node, f"relates {name} to {kind}")

    def mount(self, folder: str, node: Node) -> None:
        """A folder of the app that outlives releases."""
        self.say(MOUNT, folder, node, "keeps this folder")

    def python(self, node: Node) -> None:
        if version := python_series(node.text):
            self.say("app.python", version, node, f"asks for Python {node.text}")

    def instances(self, node: Node) -> None:
        if node.text.isascii() and node.text.isdigit() and 1 <= int(node.text[:6]) <= 20:
            self.say("processes.web.instances", str(int(node.text)), node, "says how many", Confidence.POSSIBLE)

    def health(self, node: Node) -> None:
        """Said aloud only: a declared path is judged more strictly than what answers on a vendor's platform."""
        if re.fullmatch(r"/[!-~]{0,200}", node.text):
            self.changed(node, node.text, "is not declared: any answer under 500 at / is alive until you say otherwise")

    def _mine(self, node: Node, folder: str) -> Mined:
        return mine(self.repository.top, node.lines, self.path, max(node.line, 1), folder or ".", self.repository.root)

    def _leave(self, mined: Mined) -> None:
        for folder in mined.editable[:1]:
            self._add("variables.PYTHONPATH", folder.command, folder.place, "installs the code of that folder in place")
            if (project := f"{folder.command}/pyproject.toml") in self.repository.paths:
                self._add(dependencies.SUBJECT, project, folder.place, "installs that project, with what it depends on")
        for each in mined.left:
            self._add(CHANGED if each.done_here else LOST, each.command[:200], each.place, each.why)
        for other in mined.unknown:
            self._add(LOST, other.command[:200], other.place, "is not known: where it matters, put it into pullet.toml")

    def _add(self, subject: str, value: str, place: Place, because: str, confidence: Confidence | None = None) -> None:
        said = because if subject in (CHANGED, LOST) else f"{place.path} {because}"
        self.found.append(Evidence(subject, value, place, confidence or self.confidence, self.vendor, said))


def is_cron(text: str) -> bool:
    if text in CRON_SHORTHANDS:
        return True
    if not _CRON.fullmatch(text):
        return False
    try:
        next(CronSim(text, _SOME_YEAR))
    except (CronSimError, StopIteration):
        return False
    return True


def _process_name(name: str) -> str:
    clean = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:39]
    return clean if _NAME.fullmatch(clean) else "worker"
