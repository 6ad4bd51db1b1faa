"""Entry point of the `pullet` command. Each noun is a file; nothing here is imported that a command does not need."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from pullet import __version__
from pullet.cli.show import exit_code, show_error
from pullet.domain.errors import PulletError

_COMMANDS = {
    "up": ("pullet.cli.deploy", "Deploy a repository, and keep it deployed."),
    "status": ("pullet.cli.status", "Show what runs here."),
    "deployments": ("pullet.cli.status", "Show what became of each attempt."),
    "explain": ("pullet.cli.status", "Show why an app runs as it does."),
    "assess": ("pullet.cli.assess", "Assess the security of a folder or a release."),
    "test": ("pullet.cli.test", "Run a folder's tests, also in a browser."),
    "tests": ("pullet.cli.tests", "Show what the tests of a release said."),
    "heal": ("pullet.cli.heal", "Print what healing changed, as a patch."),
    "init": ("pullet.cli.configure", "Write what Pullet infers into pullet.toml."),
    "import": ("pullet.cli.configure", "Carry another platform's files over into pullet.toml."),
    "logs": ("pullet.cli.logs", "Show what an app wrote."),
    "secrets": ("pullet.cli.secrets", "Set, list and rotate secrets."),
    "key": ("pullet.cli.secrets", "Print the target's public key."),
    "run": ("pullet.cli.run", "Run a command once, as the app."),
    "previews": ("pullet.cli.previews", "Show or switch on an environment a branch."),
    "services": ("pullet.cli.data", "List databases, servers and volumes."),
    "schedules": ("pullet.cli.schedules", "Show what runs at set times."),
    "db": ("pullet.cli.data", "Dump, restore and copy data."),
    "backup": ("pullet.cli.data", "Back up now."),
    "backups": ("pullet.cli.data", "List the backups."),
    "restore": ("pullet.cli.data", "Put data back from a backup."),
    "sync": ("pullet.cli.deploy", "Poll now; try a failed revision once more."),
    "rollback": ("pullet.cli.deploy", "Go back to an earlier release."),
    "suspend": ("pullet.cli.deploy", "Stop an app, keep everything."),
    "resume": ("pullet.cli.deploy", "Start a suspended app."),
    "down": ("pullet.cli.deploy", "Remove an app from this target."),
    "stop": ("pullet.cli.daemon", "Stop the daemon and all it runs."),
    "serve": ("pullet.cli.daemon", "Run the daemon in the foreground."),
    "doctor": ("pullet.cli.daemon", "Say what this box allows."),
    "completion": ("pullet.cli.completion", "Print shell completion."),
}


_ATTRIBUTES = {"import": "import_"}  # a word of Python's


class _Commands(click.Group):
    """Loads a command's module when it is called, so that `pullet status` does not pay for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, _ATTRIBUTES.get(cmd_name, cmd_name))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PulletError as err:
            show_error(err)
            sys.exit(exit_code(err.code))
        except BrokenPipeError:
            sys.exit(141)  # as a program that died of SIGPIPE: `pullet logs app | head`
        except KeyboardInterrupt:
            click.echo("", err=True)
            sys.exit(130)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 it failed and says why, 2 the request makes no sense, 130 interrupted.",
)
@click.version_option(__version__)
def main() -> None:
    """Push to git; Pullet does the rest.

    \b
      pullet up .                 deploy the repository you are in, print its URL
      git commit -am …            and the new commit is live, with no failed request
      pullet rollback shop        go back
    """


if __name__ == "__main__":
    main()
