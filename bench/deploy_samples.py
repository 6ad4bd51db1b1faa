"""Public repositories as they are: `python -m bench.deploy_samples [--sources FOLDER] [--only TEXT] [--json FILE]`.
Any other: `--repository OWNER/NAME[@COMMIT][:FOLDER]`, as often as you like; any answer under 500 at / is good.

Each is pushed to a Pullet with no configuration, and its pages are asked for. A repository comes from GitHub, or from
`FOLDER/owner+name/repo` (bare) where it is there. Seconds: the build step, and from the push to the first right answer.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.box import Box, box, machine, until
from bench.samples import SAMPLES, Page, Sample

PERSON = ("-c", "user.name=Sample", "-c", "user.email=sample@example.invalid")
ANY = 0  # status of a page that only has to be alive


@dataclass
class Result:
    sample: str
    good: bool
    said: str
    """What went wrong, or why nothing runs."""
    what: str = ""
    guesses: int = 0
    """Settings that were inferred and that nobody declared."""
    heals: tuple[str, ...] = ()
    build: float = 0.0
    """Seconds of the build steps, with nothing in any cache of this home's."""
    answer: float = 0.0
    """Seconds from the push to the first right answer."""
    warm: float = 0.0
    """Seconds of the build step for a second commit that changes no dependency."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--only", default="", help="repositories whose name contains this, or one of these, by commas")
    parser.add_argument("--repository", action="append", default=[], type=other, help="one that is not in the list")
    parser.add_argument("--keep", action="store_true", help="leave each app running until the end")
    parser.add_argument("--json", type=Path, help="write the results there")
    options = parser.parse_args()
    print(machine())
    listed = [sample for sample in SAMPLES if any(part in sample.repository for part in options.only.split(","))]
    chosen = options.repository or listed
    results = []
    with box() as pullet, tempfile.TemporaryDirectory() as folder:
        for sample in chosen:
            results.append(attempt(pullet, sample, Path(folder), options.sources))
            show(results[-1])
            if not options.keep:
                pullet.pullet("down", sample.name)
    print(f"{sum(result.good for result in results)} of {len(results)}")
    print("\n".join(table(results)))
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1))


def attempt(pullet: Box, sample: Sample, folder: Path, sources: Path | None) -> Result:
    tree = check_out(sample, folder / sample.name, sources)
    began = time.monotonic()
    said = ""
    try:
        pullet.up(tree, sample.name)
    except (RuntimeError, subprocess.TimeoutExpired) as err:
        said = str(err)
    if sample.diagnosis:
        return Result(sample.name, bool(re.search(sample.diagnosis, said)), said, sample.what)
    if said:
        return Result(sample.name, False, said, sample.what)
    seen = [(page, ask(pullet.port, f"{sample.name}.localhost", page)) for page in sample.pages]
    answer = time.monotonic() - began
    wrong = [f"{page.path}: {status}, {body[:200]!r}" for page, (status, body) in seen if not fits(page, status, body)]
    deployment = pullet.deployment(sample.name)
    return Result(
        sample.name,
        not wrong,
        "; ".join(wrong),
        sample.what,
        guesses=len(json.loads(pullet.pullet("explain", sample.name, "--json"))),
        heals=tuple(step["message"].partition(": ")[0] for step in deployment["steps"] if step["name"] == "heal"),
        build=build_time(deployment),
        answer=answer,
        warm=again(pullet, sample.name, tree),
    )


def build_time(deployment: dict[str, Any]) -> float:
    """A healed release is built more than once."""
    builds = [each for each in deployment["steps"] if each["name"] == "build" and each["finished"] is not None]
    return float(sum(each["finished"] - each["started"] for each in builds))


def again(pullet: Box, name: str, tree: Path) -> float:
    before = pullet.deployment(name)["number"]
    git("-C", str(tree), *PERSON, "commit", "--quiet", "--allow-empty", "-m", "Once more")
    ended = ("succeeded", "failed", "rolled-back")

    def done() -> bool:
        newest = pullet.deployment(name)
        return bool(newest["number"] > before and newest["outcome"] in ended)

    until(done, f"the second deployment of {name}", 300)
    return build_time(pullet.deployment(name))


def other(text: str) -> Sample:
    """`owner/name@commit:folder` of the command line."""
    place, _, folder = text.partition(":")
    repository, _, commit = place.partition("@")
    return Sample(repository, commit or "HEAD", "", (Page("/", ANY),), folder or ".")


def check_out(sample: Sample, tree: Path, sources: Path | None) -> Path:
    mirror = sources / sample.repository.replace("/", "+") / "repo" if sources else None
    origin = str(mirror) if mirror and mirror.exists() else f"https://github.com/{sample.repository}"
    git("clone", "--quiet", "--no-checkout", origin, str(tree))
    git("-C", str(tree), "checkout", "--quiet", "-B", "main", *(() if sample.commit == "HEAD" else (sample.commit,)))
    return tree if sample.folder == "." else part_of(tree, sample.folder)


def part_of(tree: Path, folder: str) -> Path:
    """A repository of its own, with the commit's date."""
    date = git("-C", str(tree), "log", "-1", "--format=%cI").strip()
    part = tree / folder
    git("-C", str(part), "init", "--quiet", "-b", "main")
    git("-C", str(part), "add", "--all")
    git("-C", str(part), *PERSON, "commit", "--quiet", "-m", "Part of it", GIT_COMMITTER_DATE=date)
    return part


def git(*arguments: str, **environment: str) -> str:
    command = ["git", "-c", "safe.directory=*", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    return done.stdout


def ask(port: int, host: str, page: Page) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", page.path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def fits(page: Page, status: int, body: str) -> bool:
    return (status == page.status or (page.status == ANY and status < 500)) and page.text in body


def show(result: Result) -> None:
    mark = "ok " if result.good else "NO "
    times = f"build {result.build:.1f} s, answer {result.answer:.1f} s, warm {result.warm:.1f} s"
    print(f"{mark} {result.sample:45} {times if result.answer else ''} {result.said.strip()[-3000:]}", flush=True)


def table(results: list[Result]) -> Iterator[str]:
    """As docs/compatibility.md has it."""
    yield "| repository | what it is | as it is | inferred | healed | build cold | warm | first answer |"
    yield "|---|---|---|---|---|---|---|---|"
    for each in results:
        times = f"{each.build:.1f} s | {each.warm:.1f} s | {each.answer:.1f} s" if each.answer else "| |"
        verdict = "answers" if each.good and each.answer else "stops, cause named" if each.good else "no"
        heals = "; ".join(each.heals) or "-"
        yield f"| {each.sample} | {each.what} | {verdict} | {each.guesses or '-'} | {heals} | {times} |"


if __name__ == "__main__":
    main()
