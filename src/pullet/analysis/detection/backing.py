"""From facts to backing services and the processes that come with them: pure rules over evidence.

A service is given only where a driver for it is among the dependencies. A type that the owner declares is not detected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from pullet.analysis.detection.detectors import celery, django, services, sqlite
from pullet.analysis.detection.drivers import POSTGRESQL, VALKEY
from pullet.analysis.detection.names import CANONICAL, address_in, field_of
from pullet.analysis.detection.vendors import reading
from pullet.domain.app import AppSpec, Confidence, Decision, Evidence
from pullet.domain.services import ServiceSpec

SWITCH = "app.detect_services"
_FACT = "fact."
_NAMES = {"postgresql": "db", "valkey": "redis", "sqlite": "sqlite", "volume": "media"}
_FILES = 5  # SQLite files of one app
_INSISTED_ON = "db.sqlite3"
_WORKER = "worker --loglevel=info --concurrency=1"
_BEAT = "beat --loglevel=info --schedule /tmp/celerybeat-schedule"
_BEATS = frozenset({"beat", "-B", "--beat"})
_ALIASES = {"redis": VALKEY}

_Because: TypeAlias = tuple[Evidence, ...]


def is_fact(subject: str) -> bool:
    """Whether evidence only supports other decisions and is no setting by itself."""
    return subject.startswith(_FACT)


def decide_services(evidence: Sequence[Evidence], decisions: Mapping[str, Decision]) -> dict[str, Decision]:
    """Decisions on services that nobody declared, by subject: `services.db.type`, `services.sqlite.path`.

    An empty type is a service that is not given; its evidence says why.
    """
    declared = declared_types(decisions)
    if SWITCH in decisions and decisions[SWITCH].value == "false":
        return {}
    facts = _Facts(evidence)
    postgresql = _postgresql(facts)
    found: dict[str, list[tuple[str, _Because]]] = {
        POSTGRESQL: [("", postgresql)] if postgresql else [],
        VALKEY: [("", valkey)] if (valkey := _valkey(facts)) else [],
        "sqlite": _files(facts, instead=bool(postgresql) or POSTGRESQL in declared.values()),
        "volume": _volumes(facts),
    }
    settled = {*declared.values(), *_own(_variables(decisions))}
    wanted = {kind: each for kind, each in found.items() if kind not in settled}
    chosen = dict(_decisions(wanted, taken=set(declared)))
    return chosen | _asked_for(facts, {**declared, **declared_types(chosen)})


def _asked_for(facts: _Facts, there: Mapping[str, str]) -> dict[str, Decision]:
    """Under which names, and with which URL scheme, the app wants the address of each service that is there."""
    found: dict[str, Decision] = {}
    firsts = {
        kind: name for name, kind in reversed(list(there.items()))
    }  # names say nothing about a second of its type
    for kind, name in firsts.items():
        for read in facts.reads(kind):
            field = field_of(read.value)
            if field and field[0] == kind and read.value not in CANONICAL.get(kind, ()):
                subject = f"services.{name}.variables.{read.value}"
                found[subject] = _decision(subject, field[1], (read,))
        if kind == POSTGRESQL and (scheme := facts.of(services.SCHEME)):
            found[f"services.{name}.scheme"] = _decision(f"services.{name}.scheme", scheme[0].value, scheme[:1])
    return found


def services_beside(spec: AppSpec, variables: Iterable[str]) -> tuple[ServiceSpec, ...]:
    """The services of an app in an environment that sets `variables`: nothing detected whose address is among them."""
    own = _own(variables)
    detected = {
        decision.subject.split(".")[1]
        for decision in spec.decisions
        if decision.subject.startswith("services.") and decision.evidence[0].confidence is not Confidence.CERTAIN
    }
    return tuple(each for each in spec.services if not (each.name in detected and each.type in own))


def _variables(decisions: Mapping[str, Decision]) -> Iterator[str]:
    """Names of the variables that pullet.toml sets, or demands of the fleet file."""
    yield from (subject.removeprefix("variables.") for subject in decisions if subject.startswith("variables."))
    if "secrets.required" in decisions:
        yield from decisions["secrets.required"].value.split("\n")


def _own(variables: Iterable[str]) -> set[str]:
    """Types of services that the owner brings along, told by the addresses that are set."""
    return {kind for name in variables if (kind := address_in(name))}


def decide_workers(evidence: Sequence[Evidence], decisions: Mapping[str, Decision]) -> dict[str, Decision]:
    """Celery's worker and beat, where no process that is written down does their work."""
    facts = _Facts(evidence)
    apps = facts.of(celery.APP)
    if not apps or not facts.of(services.CELERY):
        return {}
    written = [found.value.split() for subject, found in decisions.items() if _is_command(subject)]
    celeries = [set(words) for words in written if any("celery" in word for word in words)]
    proposed: dict[str, tuple[str, _Because]] = {}
    if not any("worker" in words for words in celeries):
        proposed["worker"] = (_WORKER, apps)
    if not any(_BEATS & words for words in celeries) and (timetables := facts.of(celery.TIMETABLE)):
        proposed["beat"] = (_BEAT, (*apps[:1], *timetables[:1]))
    subjects = {f"processes.{name}.command": found for name, found in proposed.items()}
    return {
        subject: _process(subject, options, because)
        for subject, (options, because) in subjects.items()
        if subject not in decisions
    }


def _is_command(subject: str) -> bool:
    return subject.startswith("processes.") and subject.endswith(".command")


def _process(subject: str, options: str, because: _Because) -> Decision:
    """The first Celery app's; others are what else it could have been."""
    first = because[0].value
    chosen: list[Evidence] = []
    others: list[Evidence] = []
    for each in because:
        is_app = each.subject == celery.APP
        (others if is_app and each.value != first else chosen).append(
            replace(each, subject=subject, value=f"{each.value if is_app else first} {options}")
        )
    return Decision(subject, f"{first} {options}", tuple(chosen), tuple(others))


class _Facts:
    def __init__(self, evidence: Iterable[Evidence]) -> None:
        self._by_subject: dict[str, list[Evidence]] = {}
        for found in evidence:
            if is_fact(found.subject):
                self._by_subject.setdefault(found.subject, []).append(found)

    def of(self, subject: str) -> tuple[Evidence, ...]:
        return tuple(self._by_subject.get(subject, ()))

    def drivers(self, kind: str) -> tuple[Evidence, ...]:
        return self.of(f"{services.DRIVER}.{kind}")

    def wishes(self, kind: str) -> tuple[Evidence, ...]:
        return self.of(f"{reading.WISH}.{kind}")

    def reads(self, kind: str) -> tuple[Evidence, ...]:
        return self.of(f"{services.READ}.{kind}")


def _volumes(facts: _Facts) -> list[tuple[str, _Because]]:
    """The folder of uploads, and those that another platform kept; none that holds what is kept by itself."""
    own = facts.of(django.VOLUME)[:1]
    taken = [each.value for each in (*own, *facts.of(sqlite.DEFAULT), *facts.of(sqlite.OWN)) if each.value]
    mounts: dict[str, Evidence] = {}
    for each in facts.of(reading.MOUNT):
        if not any(_overlap(each.value, other) for other in (*taken, *mounts)):
            mounts[each.value] = each
    return [(each.value, (each,)) for each in (*own, *list(mounts.values())[:_FILES])]


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def declared_types(decisions: Mapping[str, Decision]) -> dict[str, str]:
    """Types of services, by name."""
    parts = ((subject.split("."), decision) for subject, decision in decisions.items())
    return {
        keys[1]: _ALIASES.get(decision.value, decision.value)
        for keys, decision in parts
        if len(keys) == 3 and keys[0] == "services" and keys[2] == "type"
    }


def _postgresql(facts: _Facts) -> _Because | None:
    """A driver and a variable that is read; a driver alone only where the app has no database yet."""
    drivers, reads = facts.drivers(POSTGRESQL), facts.reads(POSTGRESQL)
    wishes = facts.wishes(POSTGRESQL)
    if drivers and (reads or wishes):
        return (*drivers[:1], *(reads[:1] or wishes[:1]))
    if drivers and not facts.of(sqlite.DEFAULT) and not facts.of(sqlite.OWN):
        return tuple(replace(driver, confidence=Confidence.POSSIBLE) for driver in drivers[:1])
    return None


def _valkey(facts: _Facts) -> _Because | None:
    drivers, reads = facts.drivers(VALKEY), facts.reads(VALKEY) or facts.wishes(VALKEY)
    if not drivers and reads:
        drivers = facts.of(services.CELERY)
    return (*drivers[:1], *reads[:1]) if drivers else None


def _files(facts: _Facts, *, instead: bool) -> list[tuple[str, _Because]]:
    """The app's SQLite files, each with its evidence. `instead`: PostgreSQL takes the place of the default one."""
    found = (*(() if instead else facts.of(sqlite.DEFAULT)), *facts.of(sqlite.OWN))
    if not found and not instead:
        found = _insisted_on(facts)
    files: dict[str, _Because] = {}
    for each in found:
        files[each.value] = (*files.get(each.value, ()), each)
    lost = files.pop("", ())
    kept = list(files.items())[:_FILES]
    return [*kept, ("", lost)] if lost else kept


def _insisted_on(facts: _Facts) -> _Because:
    """Code that does not start without an address of a database, and has no driver for any: SQLite needs none."""
    if facts.drivers(POSTGRESQL) or facts.drivers("other"):
        return ()
    return tuple(replace(each, value=_INSISTED_ON) for each in facts.of(services.INSISTED)[:1])


def _decisions(wanted: Mapping[str, Sequence[tuple[str, _Because]]], taken: set[str]) -> Iterator[tuple[str, Decision]]:
    for kind, found in wanted.items():
        for path, because in found:
            name = _free_name(kind, taken)
            taken.add(name)
            given = kind if path or kind in (POSTGRESQL, VALKEY) else ""
            subject = f"services.{name}.type"
            yield subject, _decision(subject, given, because)
            if path:
                yield f"services.{name}.path", _decision(f"services.{name}.path", path, because)


def _free_name(kind: str, taken: set[str]) -> str:
    wanted = _NAMES[kind]
    numbered = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (wanted, *numbered) if name not in taken)


def _decision(subject: str, value: str, because: _Because) -> Decision:
    return Decision(subject, value, tuple(replace(each, subject=subject, value=value) for each in because))
