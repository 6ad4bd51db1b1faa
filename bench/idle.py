"""What Pullet costs while nothing happens: `python -m bench.idle [--apps 1,10,50] [--seconds 30]`.

Plain WSGI apps without a warm spare, each in a repository of its own that is polled every second. The daemon's resident
memory and processor time (of one core, with the children it started) over the seconds, once everything has settled.
"""

from __future__ import annotations

import argparse
import time

from bench.apps import Repository
from bench.box import Box, box, cpu_of, machine, memory_of, until

_FILES = {
    "app.py": "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'hello']\n",
    "requirements.txt": "gunicorn==23.0.0\n",
    "Procfile": "web: gunicorn --threads 1 app:app\n",
    "pullet.toml": "[processes.web]\nspares = 0\n",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apps", default="1,10,50")
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    print(machine())
    with box() as pullet:
        deployed = 0
        for count in sorted(map(int, options.apps.split(","))):
            for number in range(deployed, count):
                deploy(pullet, f"app{number}")
            deployed = count
            until(lambda: settled(pullet), "every app proved itself", 120)
            show(pullet, count, options.seconds)


def deploy(pullet: Box, name: str) -> None:
    pullet.up(Repository(pullet.home.root.parent / name, _FILES).folder, name)


def settled(pullet: Box) -> bool:
    """No new release is still being watched: the daemon looks at such a one every second."""
    environments = pullet.ask("/v1/status")["environments"]
    return all(time.time() - each["deployment"]["finished"] > 45 for each in environments)


def show(pullet: Box, count: int, seconds: float) -> None:
    daemon = pullet.daemon()
    before = cpu_of(daemon)
    time.sleep(seconds)
    share = (cpu_of(daemon) - before) / seconds
    print(f"{count} apps: {memory_of(daemon) >> 20} MB, {100 * share:.2f} % of a core over {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
